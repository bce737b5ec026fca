//! Runs one statement after the other in a session of its own, and tells how each went.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, AsArray};
use firesteel_engine::{Engine, Execution, Rows, Session};
use firesteel_functions::Env;
use firesteel_ui::Recorder;
use futures::StreamExt;
use tokio::runtime::Runtime;

use super::output::{Failure, Format, Printer};
use super::special::Special;
use super::statement;
use super::variables::Variables;
use crate::host::engine_conf;
use crate::settings::Settings;

/// Exit status after Ctrl-C.
const INTERRUPTED: u8 = 130;

/// How statements and rows are shown.
#[derive(Debug, Clone, Copy)]
pub struct How {
    pub format: Format,
    /// Column names above the rows.
    pub header: bool,
    /// Rows and errors only.
    pub silent: bool,
    /// Each statement before it runs.
    pub echo: bool,
}

/// A session, and what is needed to run statements in it.
pub struct Runner {
    runtime: Runtime,
    session: Arc<Session>,
    /// Event log and web UI.
    recorder: Arc<Recorder>,
    how: How,
    variables: Variables,
    /// Set when nothing more is to run: the exit status.
    ended: Option<u8>,
}

impl Runner {
    /// Start an engine with one session.
    ///
    /// # Errors
    /// Where the engine cannot start.
    pub fn start(settings: &Settings, how: How, variables: Variables) -> std::result::Result<Self, String> {
        let runtime = firesteel_server::runtime().map_err(|error| format!("cannot start: {error}"))?;
        let user = std::env::var("USER").unwrap_or_default();
        let engine = Engine::new(engine_conf(settings));
        let recorder = Recorder::attach(&engine);
        let session = engine.new_session(&user, "sql");
        Ok(Self { runtime, session, recorder, how, variables, ended: None })
    }

    /// The current database, for the prompt.
    pub fn database(&self) -> String {
        let name = self.runtime.block_on(async {
            let Execution::Rows(mut rows) = self.session.sql_text("SELECT current_database()").await.ok()? else {
                return None;
            };
            let batch = rows.batches.next().await?.ok()?;
            let column = batch.columns().first()?.as_string_opt::<i32>()?;
            (!column.is_empty()).then(|| column.value(0).to_owned())
        });
        name.unwrap_or_else(|| "default".to_owned())
    }

    /// The exit status, once Ctrl-C or a closed pipe has ended everything.
    pub fn ended(&self) -> Option<u8> {
        self.ended
    }

    /// Run all statements of a text; stops at the first that fails.
    pub fn run_script(&mut self, text: &str) -> bool {
        statement::split(text).into_iter().all(|statement| self.run(statement))
    }

    /// Run a statement, print its rows, and tell its time. False if it failed, after telling why.
    pub fn run(&mut self, statement: &str) -> bool {
        let statement = self.variables.substitute(statement);
        if self.how.echo {
            eprintln!("{statement}");
        }
        let started = Instant::now();
        match self.answer(&statement, true) {
            Ok(rows) => {
                if !self.how.silent {
                    let fetched = if rows > 0 { format!(", Fetched {rows} row(s)") } else { String::new() };
                    eprintln!("Time taken: {:.3} seconds{fetched}", started.elapsed().as_secs_f64());
                }
                true
            }
            Err(failure) => self.fail(failure),
        }
    }

    /// Run a statement for its effect.
    pub fn run_quietly(&mut self, statement: &str) -> bool {
        match self.answer(statement, false) {
            Ok(_) => true,
            Err(failure) => self.fail(failure),
        }
    }

    fn fail(&mut self, failure: Failure) -> bool {
        match failure {
            Failure::Statement(error) => eprintln!("{error}"),
            Failure::Interrupted => self.ended = Some(INTERRUPTED),
            // As other commands in a pipe, this one ends quietly.
            Failure::OutputClosed => self.ended = Some(0),
        }
        false
    }

    /// What the text of values depends on.
    fn env(&self) -> Env {
        let time_zone = self.session.conf().lookup("spark.sql.session.timeZone");
        let default = Env::default();
        Env { time_zone: time_zone.map_or_else(|| default.time_zone.clone(), Into::into), ..default }
    }

    /// The number of rows. Ctrl-C ends the program, as it ends spark-sql.
    fn answer(&self, statement: &str, print: bool) -> Result<usize, Failure> {
        let session = Arc::clone(&self.session);
        let text = statement.to_owned();
        self.runtime.block_on(async {
            let work = async {
                // Resolving a statement needs the large stack of the runtime's threads.
                let running = tokio::spawn(async move { session.sql_text(&text).await });
                let execution = match running.await {
                    Ok(execution) => execution?,
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                };
                let env = self.env();
                match execution {
                    Execution::Rows(rows) => show(rows, statement, print.then_some(self.how), &env).await,
                    Execution::Response(_) => Ok(0),
                }
            };
            tokio::select! {
                rows = work => rows,
                _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
            }
        })
    }
}

async fn show(mut rows: Rows, statement: &str, how: Option<How>, env: &Env) -> Result<usize, Failure> {
    let special = Special::of(statement, how.map_or(Format::Tab, |how| how.format), &rows.arrow_schema);
    let mut printer = None;
    if let Some(how) = how {
        let names = special.names(&rows.arrow_schema);
        printer = Some(Printer::new(how.format, how.header, names, env)?);
    }
    let mut count = 0;
    while let Some(batch) = rows.batches.next().await {
        let batch = batch?;
        count += batch.num_rows();
        if let Some(printer) = &mut printer {
            printer.rows(&special.columns(&batch), batch.num_rows())?;
        }
    }
    printer.map_or(Ok(count), Printer::finish)
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.recorder.close();
    }
}
