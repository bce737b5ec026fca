//! Formats that more than one crate speaks: Spark Connect messages, Spark's errors and Spark's types; and folders
//! that end with the process.

pub mod condition;
mod condition_table;
mod context;
pub mod error;
pub mod extension;
pub mod temporary;
pub mod types;

pub use error::{QueryContext, Result, SparkError};

/// Messages and service of the protobuf package `spark.connect`, generated from the published files.
pub mod connect {
    #![allow(clippy::all, clippy::pedantic, missing_docs, rustdoc::all)]
    tonic::include_proto!("spark.connect");
}
