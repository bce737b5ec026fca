//! Event logs: [`mod@write`] makes them, [`find`] finds them in a folder, [`head`] and [`replay`] read them, [`compact`] makes
//! rolling ones smaller, [`zip`] sends them. A [`folder`] is of this machine or in a [`bucket`], which a [`mirror`] fills. [`pack`] knows how files are packed: [`lz4`], [`lzf`] and [`snappy`] are [`block`]s.

pub mod block;
pub mod bucket;
pub mod compact;
pub mod find;
pub mod folder;
pub mod head;
pub mod lz4;
pub mod lzf;
pub mod mirror;
pub mod pack;
pub mod replay;
pub mod snappy;
pub mod write;
pub mod zip;

/// Who may read and write a log, as Spark has it: its owner and group.
const LOG_MODE: u32 = 0o660;
