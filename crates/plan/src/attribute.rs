//! Columns of resolved relations: Spark's name beside a unique id.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Column;
use datafusion::logical_expr::Expr;
use firesteel_functions::Typed;
use firesteel_protocol::types::name;

/// A column of a resolved relation. Inside DataFusion's plan it is called `name#id`, so that two
/// columns of one name never meet; Spark's `AttributeReference` with its `ExprId`.
#[derive(Debug, Clone)]
pub struct Attribute {
    pub id: u64,
    /// Spark's name, canonical type, nullability and metadata.
    pub field: FieldRef,
    /// Names by which the column can be qualified: `[spark_catalog, default, t]` or `[alias]`.
    pub qualifier: Vec<String>,
    /// The column's name inside the plan.
    pub column: Arc<str>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// An id that no other attribute or plan node of this process has.
pub fn next_id() -> u64 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

impl Attribute {
    /// A new column.
    pub fn new(field: FieldRef) -> Self {
        let id = next_id();
        let column = format!("{}#{id}", field.name()).into();
        Self { id, field, qualifier: vec![], column }
    }

    /// Spark's name.
    pub fn name(&self) -> &str {
        self.field.name()
    }

    pub fn data_type(&self) -> &DataType {
        self.field.data_type()
    }

    /// The column as DataFusion expression.
    pub fn expr(&self) -> Expr {
        Expr::Column(Column::new_unqualified(self.column.as_ref()))
    }

    /// The column as resolved expression.
    pub fn typed(&self) -> Typed {
        Typed {
            unaliased_name: None,
            expr: self.expr(),
            name: self.name().to_string(),
            data_type: self.data_type().clone(),
            nullable: self.field.is_nullable(),
            metadata: self.field.metadata().clone(),
        }
    }

    /// The same column, qualified by other names.
    #[must_use]
    pub fn qualified(mut self, qualifier: Vec<String>) -> Self {
        self.qualifier = qualifier;
        self
    }

    /// The same column with another nullability, as outer joins give it.
    #[must_use]
    pub fn with_nullable(mut self, nullable: bool) -> Self {
        if self.field.is_nullable() != nullable {
            self.field = Arc::new(self.field.as_ref().clone().with_nullable(nullable));
        }
        self
    }

    /// All names, quoted: `` `t`.`a` ``.
    pub fn quoted(&self) -> String {
        let parts = self.qualifier.iter().map(String::as_str).chain([self.name()]);
        parts.map(name::quote).collect::<Vec<_>>().join(".")
    }
}
