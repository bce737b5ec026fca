//! The Spark Connect service over gRPC: the only crate that knows the network.
//!
//! In reading order: [`serve`] listens and stops, [`service`] is one short method for each call,
//! [`session`] finds the session of a call, [`operation`] is one execution with its [`buffer`] of
//! responses, [`execute`] fills that buffer, [`batch`] turns record batches into messages, [`error`]
//! turns errors into what clients read. What a plan means is the engine's business.

mod artifact;
mod batch;
mod buffer;
mod compression;
mod config;
mod error;
mod events;
mod execute;
mod operation;
mod serve;
mod service;
mod session;
mod settings;

pub use serve::{Bound, ServeError, ServerConf, bind, runtime, serve};
