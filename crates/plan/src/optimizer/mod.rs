//! Rules of our own for DataFusion's logical optimizer.

pub mod distinct_aggregate;
pub mod null_keys;
pub mod unused_python;
