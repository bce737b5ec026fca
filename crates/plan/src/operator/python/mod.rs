//! User functions in Python: what they are in plans, and the operators that send rows to Python workers.
//!
//! Reading order: [`function`] (a user function and how its call stands in an expression), [`call`] (functions and
//! settings as a worker's program), [`convert`] (rows as PySpark expects them and back), [`extract`] (calls leave
//! expressions for plan nodes), then one operator a file: [`eval`] (columns), [`map`] (whole batches).

pub mod call;
pub mod convert;
pub mod eval;
pub mod extract;
pub mod function;
pub mod map;

pub use call::{PythonCall, WorkerSettings};
