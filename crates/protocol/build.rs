//! Generates the Spark Connect messages and service from the `.proto` files of the published
//! package `apache-spark-connect-proto`. `protox` is a protobuf compiler in Rust, so that nobody
//! needs `protoc` to build Firesteel.

use std::error::Error;
use std::path::PathBuf;

const PACKAGE: &str = "apache-spark-connect-proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=Cargo.toml");
    let root = proto_root()?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("spark/connect"))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ext| ext == "proto"))
        .collect();
    files.sort();
    let descriptors = protox::compile(&files, [&root])?;
    // In order: cached relations are known by their bytes.
    let ordered =
        ["Read.DataSource.options", "Read.NamedTable.options", "Parse.options", "SQL.args", "SQL.named_arguments"];
    let config = tonic_prost_build::configure().build_server(true).build_client(false).bytes(".");
    let config = ordered.iter().fold(config, |config, field| config.btree_map(format!(".spark.connect.{field}")));
    config.compile_fds(descriptors)?;
    Ok(())
}

/// The folder `proto/` of the package, wherever cargo has unpacked it.
fn proto_root() -> Result<PathBuf, Box<dyn Error>> {
    let metadata = cargo_metadata::MetadataCommand::new().other_options(vec!["--locked".into()]).exec()?;
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == PACKAGE)
        .ok_or_else(|| format!("package `{PACKAGE}` is not in Cargo.lock"))?;
    let manifest = package.manifest_path.as_std_path();
    Ok(manifest.parent().expect("a manifest lies in a folder").join("proto"))
}
