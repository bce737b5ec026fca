//! User functions in Python: what they are in plans, and the operators that send rows to Python workers.
//!
//! Reading order: [`function`] (a user function and how its call stands in an expression), [`call`] (functions and
//! settings as a worker's program), [`convert`] (rows as PySpark expects them and back), [`extract`] (calls leave
//! expressions for plan nodes), then one operator a file: [`eval`] (columns), [`map`] (whole batches), [`group`] (groups,
//! windows), [`cogroup`] (groups of two relations), [`stateful`] with [`batch_state`], [`group_state`], [`processor`] and [`variables`]
//! (groups that remember), [`table`] (table functions), [`pickles`] (values that PySpark pickled); [`grouping`], [`grouping_sets`], [`bucket`] and [`window`] serve those.

pub mod aggregate;
mod batch_state;
pub mod bucket;
pub mod call;
pub mod cogroup;
pub mod convert;
pub mod eval;
pub mod extract;
pub mod function;
pub mod group;
pub mod group_state;
mod group_state_rows;
pub mod grouping;
pub mod grouping_sets;
pub mod map;
pub mod over;
pub mod pickles;
pub mod processor;
mod processor_input;
pub mod stateful;
pub mod table;
pub mod variables;
pub mod window;

pub use call::{PythonCall, WorkerSettings};
