//! Avro's schemas and values as Spark's: what files of Avro and the functions of Avro share. [`schema`] is types,
//! [`array`](mod@array) values.

pub mod array;
pub mod schema;
