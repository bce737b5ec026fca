//! What the formats of text records (CSV, JSON) share: columns that grow row by row, numbers, dates
//! and times in text, lines of a byte stream, and what is done with malformed records.

pub mod blocks;
pub mod column;
pub mod lines;
pub mod mode;
pub mod number;
pub mod sample;
pub mod temporal;

pub use column::Column;
pub use lines::Lines;
pub use mode::ParseMode;
pub use temporal::Temporal;
