//! Spark's implicit type coercion: the common type of operands and implicit casts.
//! Spark's `TypeCoercion` (`spark.sql.ansi.enabled=false`) and `AnsiTypeCoercion`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Cast, Expr};

/// A cast that changes the Arrow form only (`Utf8View` to `Utf8`) or widens without loss. Spark's own
/// casts are in `cast`.
pub fn plain_cast(expr: Expr, to: &DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), to.clone()))
}
