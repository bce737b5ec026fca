//! From an unresolved plan (Connect's messages, SQL text lowered to them) to DataFusion's logical plan.
//!
//! Reading order: [`attribute`] (columns with unique ids), [`context`] (what a session lends), [`routine`] (functions in SQL),
//! [`resolver`] (one query's state), [`scope`] (names in sight), [`relation`] and [`expression`]
//! (one file a kind), [`metric_view`] (what YAML says of metric views), [`operator`] (plan nodes of our own), `sql` (text to
//! messages).

pub mod attribute;
pub mod context;
pub mod expression;
pub mod metric_view;
pub mod operator;
pub mod optimizer;
pub mod relation;
pub mod resolver;
pub mod routine;
pub mod scope;
pub mod sql;

pub use attribute::Attribute;
pub use context::{Catalog, ResolveContext, TableEntry};
pub use firesteel_protocol::{Result, SparkError};
pub use relation::Relation;
pub use resolver::Resolver;
