//! Fits nested columns whose field names differ by case from the table's, or that share no field with it:
//! DataFusion's struct casts know exact names only. Puts together VARIANTs whose parts have columns of their own.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, StructArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, Fields, Schema};
use datafusion::physical_plan::{ColumnarValue, PhysicalExpr};
use firesteel_functions::variant::shredded::{is_shredded, unshred};
use firesteel_protocol::types::is_variant;

use crate::scan::guard::external;

type DfResult<T> = datafusion::common::Result<T>;

/// Whether casting needs [`Fit`]: a wanted field goes by another case in the file, or no field is there.
pub fn needs_fit(found: &DataType, wanted: &DataType) -> bool {
    match (found, wanted) {
        (found, wanted) if is_variant(wanted) => is_shredded(found),
        (DataType::Struct(found), DataType::Struct(wanted)) => {
            !wanted.iter().any(|field| found.iter().any(|other| other.name() == field.name()))
                || wanted.iter().any(|field| match child(found, field.name(), false) {
                    Some(other) => {
                        found[other].name() != field.name() || needs_fit(found[other].data_type(), field.data_type())
                    }
                    None => false,
                })
        }
        (DataType::List(a), DataType::List(b)) => needs_fit(a.data_type(), b.data_type()),
        (DataType::Map(a, _), DataType::Map(b, _)) => match (a.data_type(), b.data_type()) {
            // Arrow casts a map's values by position: structs in them need care whenever they differ.
            (DataType::Struct(a), DataType::Struct(b)) if a.len() == 2 && b.len() == 2 => {
                a[1].data_type() != b[1].data_type() && b[1].data_type().is_nested()
            }
            _ => false,
        },
        _ => false,
    }
}

/// The child of a name; names match by case only where `case_sensitive`.
pub fn child(fields: &Fields, name: &str, case_sensitive: bool) -> Option<usize> {
    fields.iter().position(|field| field.name() == name).or_else(|| {
        let lower = name.to_lowercase();
        (!case_sensitive).then(|| fields.iter().position(|field| field.name().to_lowercase() == lower)).flatten()
    })
}

/// A column fitted to a field of the table.
#[derive(Debug, Eq)]
pub struct Fit {
    pub column: Arc<dyn PhysicalExpr>,
    pub field: FieldRef,
    pub case_sensitive: bool,
}

impl PartialEq for Fit {
    fn eq(&self, other: &Self) -> bool {
        self.column.eq(&other.column) && self.field == other.field && self.case_sensitive == other.case_sensitive
    }
}

impl Hash for Fit {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.column.hash(state);
        self.field.hash(state);
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fit({})", self.column)
    }
}

impl PhysicalExpr for Fit {
    fn return_field(&self, _: &Schema) -> DfResult<FieldRef> {
        Ok(Arc::clone(&self.field))
    }

    fn evaluate(&self, batch: &RecordBatch) -> DfResult<ColumnarValue> {
        let array = self.column.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(fit(&array, self.field.data_type(), self.case_sensitive)?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.column]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> DfResult<Arc<dyn PhysicalExpr>> {
        let column = children.pop().unwrap_or_else(|| Arc::clone(&self.column));
        Ok(Arc::new(Self { column, field: Arc::clone(&self.field), case_sensitive: self.case_sensitive }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn fit(array: &ArrayRef, to: &DataType, case_sensitive: bool) -> DfResult<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    Ok(match (array.data_type(), to) {
        (found, DataType::Struct(fields)) if is_variant(to) && is_shredded(found) => {
            let (_, columns, nulls) = unshred(array.as_struct()).map_err(external)?.as_struct().clone().into_parts();
            Arc::new(StructArray::try_new(fields.clone(), columns, nulls)?)
        }
        (DataType::Struct(found), DataType::Struct(wanted)) => {
            let from = array.as_struct();
            let children = wanted
                .iter()
                .map(|field| match child(found, field.name(), case_sensitive) {
                    Some(at) => fit(from.column(at), field.data_type(), case_sensitive),
                    None => Ok(new_null_array(field.data_type(), array.len())),
                })
                .collect::<DfResult<Vec<_>>>()?;
            Arc::new(StructArray::try_new_with_length(wanted.clone(), children, from.nulls().cloned(), array.len())?)
        }
        (DataType::List(_), DataType::List(element)) => {
            let from = array.as_list::<i32>();
            let values = fit(from.values(), element.data_type(), case_sensitive)?;
            Arc::new(ListArray::try_new(Arc::clone(element), from.offsets().clone(), values, from.nulls().cloned())?)
        }
        (DataType::Map(..), DataType::Map(entries, sorted)) => {
            let from = array.as_map();
            let DataType::Struct(pair) = entries.data_type() else { return Ok(cast(array, to)?) };
            let keys = fit(from.keys(), pair[0].data_type(), case_sensitive)?;
            let values = fit(from.values(), pair[1].data_type(), case_sensitive)?;
            let fitted = StructArray::try_new(pair.clone(), vec![keys, values], None)?;
            let offsets = from.offsets().clone();
            Arc::new(MapArray::try_new(Arc::clone(entries), offsets, fitted, from.nulls().cloned(), *sorted)?)
        }
        _ => cast(array, to)?,
    })
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, arrow::error::ArrowError> {
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })
}
