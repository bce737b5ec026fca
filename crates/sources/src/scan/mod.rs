//! The scan of files: a DataFusion table over listed files.
//!
//! [`table`] is the table, [`group`] spreads files over partitions, [`stream`] reads formats that are a
//! stream of bytes, [`guard`] deals with files that cannot be read.

pub mod group;
pub mod guard;
pub mod stream;
pub mod table;
