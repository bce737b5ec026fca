//! A resolved expression: DataFusion's expression with Spark's type, nullability and output name.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, IntervalRange, name};

/// A resolved expression. `data_type` is always canonical (see `firesteel_protocol::types`).
#[derive(Debug, Clone)]
pub struct Typed {
    /// What DataFusion evaluates; it yields exactly `data_type`.
    pub expr: Expr,
    /// Spark's name for it: `(a + 1)`, `count(1)`, or an alias.
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
    /// The name before an alias was given: a struct is named by `1 AS a`.
    pub unaliased_name: Option<String>,
    /// Field metadata: Spark's own column metadata, CHAR/VARCHAR, user-defined types.
    pub metadata: HashMap<String, String>,
}

impl Typed {
    pub fn new(expr: Expr, name: impl Into<String>, data_type: DataType, nullable: bool) -> Self {
        Self { expr, name: name.into(), data_type, nullable, unaliased_name: None, metadata: HashMap::new() }
    }

    /// A literal under a given name.
    pub fn literal(value: ScalarValue, name: impl Into<String>) -> Self {
        let (data_type, nullable) = (value.data_type(), value.is_null());
        Self::new(Expr::Literal(value, None), name, data_type, nullable)
    }

    /// The literal that this expression is, if it is one (aliases looked through).
    pub fn as_literal(&self) -> Option<&ScalarValue> {
        let mut expr = &self.expr;
        while let Expr::Alias(alias) = expr {
            expr = &alias.expr;
        }
        match expr {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        }
    }

    /// [`Self::as_literal`] where a literal was written: one that a cast became is none to Spark's analyzer.
    pub fn written_literal(&self) -> Option<&ScalarValue> {
        self.as_literal().filter(|_| !self.name.starts_with("CAST("))
    }

    /// The same expression under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The units of an ANSI interval; None for other types.
    pub fn units(&self) -> Option<IntervalRange> {
        IntervalRange::of(&self.data_type, &self.metadata)
    }

    /// The same expression as interval of these units.
    #[must_use]
    pub fn with_units(mut self, range: IntervalRange) -> Self {
        range.record(&mut self.metadata);
        self
    }

    /// The digits of a second of a TIME; None for other types.
    pub fn time_precision(&self) -> Option<u8> {
        types::time_precision(&self.data_type, &self.metadata)
    }

    /// The same expression as TIME with these digits of a second.
    #[must_use]
    pub fn with_time_precision(mut self, digits: u8) -> Self {
        types::record_time_precision(digits, &mut self.metadata);
        self
    }

    /// The type as error messages show it.
    pub fn sql_type(&self) -> String {
        name::sql_of_field(&self.field())
    }

    /// The field that this expression gives a relation.
    pub fn field(&self) -> FieldRef {
        let mut metadata = self.metadata.clone();
        metadata.remove(crate::collation::EXPLICIT_KEY);
        Arc::new(Field::new(&self.name, self.data_type.clone(), self.nullable).with_metadata(metadata))
    }
}
