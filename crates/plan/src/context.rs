//! What a session lends to the resolver: settings, catalog, a way to run a plan.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Fields, SchemaRef};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use firesteel_functions::Env;
use firesteel_protocol::{Result, connect as pb};
use firesteel_python::PythonSession;
use firesteel_sources::{OpenedSource, ReadRequest, SourceContext};

use crate::metric_view::MetricView;
use crate::operator::python::function::{PythonDataSource, PythonFunction, PythonTableFunction};
use crate::routine::UserFunction;

/// What a name in FROM stands for.
#[derive(Debug, Clone)]
pub enum TableEntry {
    /// A view: its plan, resolved anew at each use, and the names that qualify its columns.
    /// `scope` is what a permanent view is resolved in, whoever uses it.
    View {
        plan: Arc<pb::Relation>,
        columns: Option<Vec<FieldRef>>,
        qualifier: Vec<String>,
        scope: Option<Arc<ResolveContext>>,
    },
    /// A metric view: what its text says, and its columns as they were when it was made. Its source's name is looked up where the
    /// view is used, and only an alias qualifies its columns, as in Spark.
    MetricView { view: Arc<MetricView>, columns: Fields },
    /// A table in files or behind JDBC.
    Table { request: Arc<ReadRequest>, qualifier: Vec<String> },
}

/// A relation whose rows are kept: `cache()`, `checkpoint()`, a client's cached remote relation.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Scans the rows; columns are in order of `fields`, by any names.
    pub provider: Arc<dyn datafusion::catalog::TableProvider>,
    /// Spark's names and types.
    pub fields: SchemaRef,
}

/// A variable's value in a query.
#[derive(Debug, Clone)]
pub struct Variable {
    /// All parts of its name, as Spark prints them.
    pub name: String,
    /// Of the canonical type.
    pub value: ScalarValue,
    /// What metadata says of the type.
    pub metadata: std::collections::HashMap<String, String>,
}

/// Names, kept rows and execution: the session as the resolver sees it.
pub trait Catalog: std::fmt::Debug + Send + Sync {
    /// The table or view of that name (1 to 3 parts); None where there is none.
    fn table(&self, parts: &[String]) -> Result<Option<TableEntry>>;
    /// A blob the client uploaded, by its hash.
    fn cached_blob(&self, hash: &str) -> Result<Bytes>;
    /// The relation that the server keeps for the client under this id.
    fn remote_relation(&self, id: &str) -> Result<Stored>;
    /// The variable of that name: of a script, or of the session.
    fn variable(&self, parts: &[String]) -> Option<Variable>;
    /// The function that the user wrote in SQL under that name.
    fn routine(&self, parts: &[String]) -> Option<Arc<UserFunction>>;
    /// The full name and the class of a function that is kept by its Java class.
    fn function_class(&self, _parts: &[String]) -> Option<(String, String)> {
        None
    }
    /// The kept rows of this very relation, where it was cached; makes them on the first use.
    fn cached(&self, relation: &pb::Relation) -> Result<Option<Stored>>;
    /// Whether any relation was cached.
    fn keeps_relations(&self) -> bool;
    /// A registered Python function of that name, of one value a row or a group.
    fn python_function(&self, name: &str) -> Option<Arc<PythonFunction>>;
    /// A registered Python table function.
    fn python_table_function(&self, name: &str) -> Option<Arc<PythonTableFunction>>;
    /// A registered data source in Python.
    fn python_data_source(&self, name: &str) -> Option<Arc<PythonDataSource>>;
    /// `spark.catalog.*` calls that yield rows.
    fn catalog_relation(&self, call: &pb::Catalog) -> Result<(SchemaRef, Vec<RecordBatch>)>;
    /// What a reader asks for in a format that is none of the sources'.
    fn source(&self, _request: &ReadRequest, _source: &SourceContext) -> Result<Option<OpenedSource>> {
        Ok(None)
    }
    /// The stream that a reader asks for; in a running query the rows of its batch.
    fn stream(&self, request: &ReadRequest, source: &SourceContext) -> Result<OpenedSource>;
    /// Runs a plan to its end and keeps the rows; for small results needed while resolving.
    fn collect(&self, plan: LogicalPlan) -> Result<Vec<RecordBatch>>;
}

/// Everything that one resolution needs.
#[derive(Debug, Clone)]
pub struct ResolveContext {
    pub env: Env,
    pub source: SourceContext,
    pub catalog: Arc<dyn Catalog>,
    /// For user functions in Python.
    pub python: PythonSession,
}

impl ResolveContext {
    /// A configuration value of the session.
    pub fn conf(&self, key: &str) -> Option<String> {
        (self.source.conf)(key)
    }

    /// A boolean configuration value.
    pub fn conf_bool(&self, key: &str, default: bool) -> bool {
        self.conf(key).map_or(default, |value| value.trim().eq_ignore_ascii_case("true"))
    }
}
