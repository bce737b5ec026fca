//! A query's checkpoint directory, as Spark writes it: `metadata`, `offsets/N`, `commits/N`, `sources/S/N`.
//!
//! [`metadata`] is the query's id, [`offset_log`] says before a batch what it reads, [`commit_log`] says after it
//! that it is done, [`inspect`] shows all of it. State is in [`crate::state`].

pub mod commit_log;
pub mod inspect;
pub mod metadata;
pub mod offset_log;
