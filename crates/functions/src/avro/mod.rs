//! Avro's schemas and values as Spark's: what files of Avro and the functions of Avro share. [`schema`] is types,
//! [`array`](mod@array) values, `target` values for a schema
//! that is given, [`functions`] those of SQL.

pub mod array;
pub mod functions;
pub mod schema;
mod target;
