//! `firesteel connect`: a Spark Connect server for any client.

use std::net::IpAddr;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::CommandResult;
use crate::host::Connection;
use crate::logging;
use crate::settings::{Settings, SettingsOptions};

#[derive(Debug, Args)]
pub struct ConnectOptions {
    #[command(flatten)]
    settings: SettingsOptions,
    /// The port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The address to listen on (default: 127.0.0.1, this machine only)
    #[arg(long, value_name = "ADDRESS")]
    host: Option<IpAddr>,
    /// A token that clients must show
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

pub fn run(options: ConnectOptions) -> CommandResult {
    logging::start();
    let settings = Settings::gather(&options.settings, "Spark Connect server")?;
    let address = Address::of(&options, &settings)?;
    let runtime = firesteel_server::runtime().map_err(|error| format!("cannot start: {error}"))?;
    let outcome = runtime.block_on(listen(&settings, address));
    runtime.shutdown_background();
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Where to listen, and for whom.
struct Address {
    host: IpAddr,
    port: u16,
    token: Option<String>,
}

impl Address {
    /// Flags first, then Spark's keys for the Connect server.
    fn of(options: &ConnectOptions, settings: &Settings) -> Result<Self, String> {
        let host = match (options.host, settings.get("spark.connect.grpc.binding.address")) {
            (Some(host), _) => host,
            (None, Some(text)) => text.parse().map_err(|_| format!("{text:?} is not an address to listen on"))?,
            (None, None) => IpAddr::from([127, 0, 0, 1]),
        };
        let port = match (options.port, settings.get("spark.connect.grpc.binding.port")) {
            (Some(port), _) => port,
            (None, Some(text)) => text.parse().map_err(|_| format!("{text:?} is not a port"))?,
            (None, None) => 15002,
        };
        let from_environment = || std::env::var("SPARK_CONNECT_AUTHENTICATE_TOKEN").ok();
        let token = options
            .token
            .clone()
            .or_else(|| settings.get("spark.connect.authenticate.token").map(str::to_owned))
            .or_else(from_environment)
            .filter(|token| !token.is_empty());
        Ok(Self { host, port, token })
    }
}

async fn listen(settings: &Settings, address: Address) -> Result<(), String> {
    let at_signals = |error: std::io::Error| format!("cannot listen to signals: {error}");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(at_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(at_signals)?;
    let connection = Connection::at(address.host, address.port, address.token, settings).await?;
    let url = connection.url().to_owned();
    let mut host = connection.host(settings);
    println!("Firesteel {} listens for Spark Connect clients on {url}", env!("CARGO_PKG_VERSION"));
    if let Some(url) = host.start_ui() {
        println!("The web UI is on {url}");
    }
    tokio::select! {
        failure = host.failed() => return Err(failure),
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    host.stop().await
}
