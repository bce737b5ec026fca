//! Spark's SQL functions, casts and type coercion, without a session.
//!
//! A function is one [`Entry`] in the table of its family's `mod.rs`: a name and a builder that
//! turns resolved arguments into a DataFusion expression. Reading order: [`typed`], [`call`],
//! [`kernel`], [`registry`], then the families.

pub mod aggregate;
pub mod arithmetic;
mod arity;
mod arity_table;
pub mod avro;
pub mod call;
pub mod cast;
pub mod coerce;
pub mod collation;
pub mod collection;
pub mod conditional;
pub mod constant;
pub mod csv;
pub mod datetime;
pub mod description;
mod description_table;
pub mod env;
pub mod generator;
pub mod hash;
pub mod json;
pub mod kernel;
pub mod math;
pub mod misc;
pub mod predicate;
pub mod random;
pub mod registry;
mod rowwise;
pub mod sketch;
pub mod string;
mod text_only;
pub mod typed;
pub mod units;
pub mod variant;
pub mod vector;
pub mod window;
mod wording;
pub mod xml;

pub use arity::check_arity;
pub use call::{Call, Generator, LambdaBody, Lambdas};
pub use env::{Env, Legacy, Place};
pub use firesteel_protocol::{Result, SparkError};
pub use generator::{COLLATION_COLUMNS, is_reserved_word};
pub use registry::{Entry, Kind, lookup};
pub use text_only::check_text;
pub use typed::Typed;
pub use wording::in_words;
