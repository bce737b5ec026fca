//! Fits a file's columns to the table's: found by name as Spark does, widened where Spark's reader can,
//! NULL where missing, else Spark's error.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, Schema, SchemaRef, TimeUnit};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use datafusion::physical_plan::PhysicalExpr;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::default;
use super::nested::{self, Fit};
use crate::scan::guard::external;

type DfResult<T> = datafusion::common::Result<T>;

/// Makes an adapter for each file.
#[derive(Debug, Clone, Copy)]
pub struct AdapterFactory {
    /// Names match by case.
    pub case_sensitive: bool,
}

impl PhysicalExprAdapterFactory for AdapterFactory {
    fn create(&self, logical: SchemaRef, physical: SchemaRef) -> DfResult<Arc<dyn PhysicalExprAdapter>> {
        // DataFusion's adapter does the work on a file schema with the table's names; where types agree,
        // fields are made equal so that it adds no casts for nullability and metadata.
        let mut aligned: Vec<Arc<Field>> = physical
            .fields()
            .iter()
            .map(|field| Arc::new(Field::new(format!("\0{}", field.name()), field.data_type().clone(), true)))
            .collect();
        let mut fitted = HashMap::new();
        for wanted in logical.fields() {
            let Some(at) = find(&physical, wanted.name(), self.case_sensitive).map_err(external)? else { continue };
            let data_type = physical.field(at).data_type();
            let needs_fit = nested::needs_fit(data_type, wanted.data_type());
            if needs_fit {
                fitted.insert(at, Arc::clone(wanted));
            }
            aligned[at] = if data_type == wanted.data_type() || needs_fit {
                Arc::clone(wanted)
            } else {
                Arc::new(Field::new(wanted.name(), data_type.clone(), true))
            };
        }
        let aligned = Arc::new(Schema::new(aligned));
        let inner = DefaultPhysicalExprAdapterFactory.create(Arc::clone(&logical), Arc::clone(&aligned))?;
        Ok(Arc::new(Adapter { inner, logical, aligned, fitted, physical, case_sensitive: self.case_sensitive }))
    }
}

/// The position of a column in a file; several that differ by case only are an error.
pub fn find(physical: &Schema, wanted: &str, case_sensitive: bool) -> Result<Option<usize>> {
    if case_sensitive {
        return Ok(physical.index_of(wanted).ok());
    }
    let lower = wanted.to_lowercase();
    let mut found = physical.fields().iter().enumerate().filter(|(_, field)| {
        field.name().len() == wanted.len() && (field.name() == wanted || field.name().to_lowercase() == lower)
    });
    let first = found.next().map(|(at, _)| at);
    if found.next().is_none() {
        return Ok(first);
    }
    let names: Vec<&str> = physical
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .filter(|name| name.to_lowercase() == lower)
        .collect();
    let duplicate = SparkError::new("_LEGACY_ERROR_TEMP_2093")
        .with("requiredFieldName", wanted)
        .with("matchedOrcFields", format!("[{}]", names.join(", ")));
    Err(SparkError::new("FAILED_READ_FILE.NO_HINT").with_source(duplicate))
}

#[derive(Debug)]
struct Adapter {
    inner: Arc<dyn PhysicalExprAdapter>,
    logical: SchemaRef,
    /// The file's columns under the table's names.
    aligned: SchemaRef,
    /// Columns of the file that [`nested::Fit`] fits, with the table's fields.
    fitted: HashMap<usize, FieldRef>,
    physical: SchemaRef,
    case_sensitive: bool,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> DfResult<Arc<dyn PhysicalExpr>> {
        self.check(&expr)?;
        let rewritten = self.inner.rewrite(self.with_defaults(expr)?)?;
        // Pruning looks columns up by the names that the file has.
        rewritten
            .transform(|expr| match expr.downcast_ref::<Column>() {
                Some(column) => Ok(Transformed::yes(self.in_file(column.index()))),
                None => Ok(Transformed::no(expr)),
            })
            .data()
    }
}

impl Adapter {
    /// Columns that the file has not, and that have a default for rows older than they are, as that value.
    fn with_defaults(&self, expr: Arc<dyn PhysicalExpr>) -> DfResult<Arc<dyn PhysicalExpr>> {
        if !self.logical.fields().iter().any(|field| default::exists(field)) {
            return Ok(expr);
        }
        expr.transform(|expr| {
            let Some(column) = expr.downcast_ref::<Column>() else { return Ok(Transformed::no(expr)) };
            let missing = self.aligned.index_of(column.name()).is_err();
            match self.logical.field_with_name(column.name()) {
                Ok(field) if missing => match default::value(field) {
                    Some(value) => Ok(Transformed::yes(Arc::new(Literal::new(value)) as Arc<dyn PhysicalExpr>)),
                    None => Ok(Transformed::no(expr)),
                },
                _ => Ok(Transformed::no(expr)),
            }
        })
        .data()
    }

    /// A column of the file under its own name.
    fn in_file(&self, at: usize) -> Arc<dyn PhysicalExpr> {
        let column = Arc::new(Column::new(self.physical.field(at).name(), at));
        match self.fitted.get(&at) {
            Some(field) => Arc::new(Fit { column, field: Arc::clone(field), case_sensitive: self.case_sensitive }),
            None => column,
        }
    }

    /// Refuses columns whose type in the file Spark's reader cannot give as the table's.
    fn check(&self, expr: &Arc<dyn PhysicalExpr>) -> DfResult<()> {
        for column in datafusion::physical_expr::utils::collect_columns(expr) {
            let (Ok(wanted), Ok(at)) =
                (self.logical.field_with_name(column.name()), self.aligned.index_of(column.name()))
            else {
                continue;
            };
            let found = self.physical.field(at).data_type();
            if let Err((wanted, found)) = readable(found, wanted.data_type(), self.case_sensitive) {
                return Err(external(
                    SparkError::new("FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH")
                        .with("column", format!("[{}]", column.name()))
                        .with("expectedType", name::simple(&wanted))
                        .with("actualType", parquet_type(&found)),
                ));
            }
        }
        Ok(())
    }
}

/// Whether Spark's `ParquetVectorUpdaterFactory` reads one type as the other; else the pair that it cannot,
/// which may lie inside. Beyond it, nested columns are widened too.
fn readable(
    found: &DataType,
    wanted: &DataType,
    case_sensitive: bool,
) -> std::result::Result<(), (DataType, DataType)> {
    use DataType::*;
    let yes = match (found, wanted) {
        (a, b) if a == b => true,
        (Dictionary(_, value), wanted) => return readable(value, wanted, case_sensitive),
        (Struct(found), Struct(wanted)) => {
            for field in wanted {
                if let Some(at) = nested::child(found, field.name(), case_sensitive) {
                    readable(found[at].data_type(), field.data_type(), case_sensitive)?;
                }
            }
            true
        }
        (List(a) | LargeList(a) | FixedSizeList(a, _), List(b)) | (Map(a, _), Map(b, _)) => {
            // A map's entries are compared by position: their names differ from writer to writer.
            match (a.data_type(), b.data_type()) {
                (Struct(x), Struct(y)) if matches!(found, Map(..)) && x.len() == 2 && y.len() == 2 => {
                    readable(x[0].data_type(), y[0].data_type(), case_sensitive)?;
                    return readable(x[1].data_type(), y[1].data_type(), case_sensitive);
                }
                (x, y) => return readable(x, y, case_sensitive),
            }
        }
        (Null, _) => true,
        (Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32, Int8 | Int16 | Int32 | Int64 | Float64) => true,
        (Int32, Date32 | Interval(IntervalUnit::YearMonth)) => true,
        (Int8 | Int16 | Int32 | UInt8 | UInt16, Decimal128(precision, scale)) => whole_digits(*precision, *scale) >= 10,
        (UInt32, Decimal128(precision, scale)) => whole_digits(*precision, *scale) >= 10,
        (Int64, Duration(TimeUnit::Microsecond)) => true,
        (Int64, Decimal128(precision, scale)) => whole_digits(*precision, *scale) >= 20,
        (UInt64, Decimal128(precision, scale)) => whole_digits(*precision, *scale) >= 20,
        (UInt64, Int64) | (Duration(_) | Timestamp(TimeUnit::Nanosecond, _) | Time64(_), Int64) => true,
        (Time64(_), Time64(_)) => true,
        (Float32, Float64) | (Float16, Float32) => true,
        (Decimal128(p, s) | Decimal32(p, s) | Decimal64(p, s), Decimal128(precision, scale)) => {
            scale >= s && whole_digits(*precision, *scale) >= whole_digits(*p, *s)
        }
        (Date32, Int32 | Int64 | Timestamp(_, None)) => true,
        (Date64, Date32) => true,
        (Timestamp(..), Timestamp(..)) => !matches!(found, Timestamp(TimeUnit::Nanosecond, _)),
        (Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView | FixedSizeBinary(_), Utf8 | Binary) => true,
        _ => false,
    };
    if yes { Ok(()) } else { Err((wanted.clone(), found.clone())) }
}

fn whole_digits(precision: u8, scale: i8) -> i16 {
    i16::from(precision) - i16::from(scale)
}

/// The physical Parquet type that an Arrow type was read from.
fn parquet_type(data_type: &DataType) -> &'static str {
    use DataType::*;
    match data_type {
        Boolean => "BOOLEAN",
        Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32 | Date32 | Time32(_) | Decimal32(..) => "INT32",
        Decimal128(precision, _) if *precision <= 9 => "INT32",
        Int64 | UInt64 | Date64 | Time64(_) | Timestamp(..) | Duration(_) | Decimal64(..) => "INT64",
        Decimal128(precision, _) if *precision <= 18 => "INT64",
        Float32 => "FLOAT",
        Float64 => "DOUBLE",
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => "BINARY",
        List(_) | LargeList(_) | FixedSizeList(..) => "LIST",
        Map(..) => "MAP",
        Struct(_) => "GROUP",
        _ => "FIXED_LEN_BYTE_ARRAY",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_widen_as_in_sparks_reader() {
        use DataType::*;
        let reads = |found: DataType, wanted: DataType| readable(&found, &wanted, false).is_ok();
        assert!(reads(Int32, Int64) && !reads(Int64, Int32));
        assert!(reads(Int32, Decimal128(12, 2)) && !reads(Int32, Decimal128(10, 2)));
        assert!(reads(Decimal128(5, 2), Decimal128(20, 4)) && !reads(Decimal128(15, 2), Decimal128(5, 2)));
        assert!(reads(Float32, Float64) && !reads(Float64, Float32) && !reads(Int64, Utf8));
        assert!(reads(Date32, firesteel_protocol::types::timestamp_ntz()));
    }
}
