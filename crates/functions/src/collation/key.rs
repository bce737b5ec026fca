//! Keys: strings that stand for others, equal and ordered by their bytes as the collation has it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, Volatility};
use firesteel_protocol::Result;
use firesteel_protocol::types::collation::{self, BINARY, within};

use super::rules::Rules;
use crate::kernel::{from_arrow, kernel_expr};
use crate::rowwise::map_strings;
use crate::{Env, Typed};

/// What stands for a value where values are compared; the value itself where its bytes do.
pub fn key(typed: &Typed, env: &Env) -> Typed {
    key_as(typed, collation::of(&typed.metadata), env)
}

/// [`key`] by a collation that the value takes from others.
pub fn key_as(typed: &Typed, collation: &str, env: &Env) -> Typed {
    let own = super::plain(typed);
    let nested = matches!(own.data_type, DataType::List(_) | DataType::Struct(_));
    let is_text = own.data_type == DataType::Utf8;
    if is_text && collation == BINARY || !is_text && !nested {
        return own;
    }
    let texts = matches!(&own.data_type, DataType::List(element) if element.data_type() == &DataType::Utf8);
    if nested && !within(&own.data_type) && !(texts && collation != BINARY) {
        return own;
    }
    let data_type = own.data_type.clone();
    let expr = expr(own.expr, data_type, own.nullable, collation, env);
    Typed { expr, ..own }
}

/// [`key`] of a column of a plan.
pub fn key_of_column(expr: Expr, field: &arrow::datatypes::Field, env: &Env) -> Option<Expr> {
    let own = field.metadata().contains_key(collation::COLLATION_KEY) || within(field.data_type());
    own.then(|| self::expr(expr, field.data_type().clone(), field.is_nullable(), collation::of(field.metadata()), env))
}

/// Whether an expression is such a key.
pub fn is_key(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.name() == KEY)
}

/// The name of the function that makes keys.
const KEY: &str = "collation_key";

fn expr(expr: Expr, data_type: DataType, nullable: bool, collation: &str, env: &Env) -> Expr {
    let param = collation.to_string();
    kernel_expr(KEY, vec![expr], data_type, nullable, Volatility::Immutable, env, param, |args| {
        check(args.param)?;
        keys(&args.array(0)?, args.param)
    })
}

/// Strings of no collation cannot be compared.
fn check(collation: &str) -> Result<()> {
    match collation {
        collation::INDETERMINATE => Err(firesteel_protocol::SparkError::new("INDETERMINATE_COLLATION")),
        _ => Ok(()),
    }
}

/// The keys of an array of any type; strings inside of others have the collation that their field says.
pub fn keys(array: &ArrayRef, collation: &str) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Utf8 if collation != BINARY => {
            let rules = Rules::of(collation);
            map_strings(array.as_string(), |text, out| rules.write_key(text, out))
        }
        DataType::List(element) if element.data_type() == &DataType::Utf8 || within(array.data_type()) => {
            let list = array.as_list::<i32>();
            let own = collation::of(element.metadata());
            let values = keys(list.values(), if own == BINARY { collation } else { own })?;
            let nulls = list.nulls().cloned();
            Arc::new(
                ListArray::try_new(Arc::clone(element), list.offsets().clone(), values, nulls).map_err(from_arrow)?,
            )
        }
        DataType::Struct(fields) if within(array.data_type()) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let columns = columns.map(|(field, column)| keys(column, collation::of(field.metadata())));
            let columns = columns.collect::<Result<Vec<_>>>()?;
            Arc::new(StructArray::try_new(fields.clone(), columns, array.nulls().cloned()).map_err(from_arrow)?)
        }
        _ => Arc::clone(array),
    })
}
