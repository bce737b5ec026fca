//! What a file has becomes what a table wants: nested columns by name, values by Spark's casts, NULL for a value that
//! does not fit, as ORC's own schema evolution has it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StringArray, StructArray, new_null_array};
use arrow::datatypes::{DataType, DurationMicrosecondType, FieldRef, IntervalYearMonthType};
use firesteel_functions::Env;
use firesteel_functions::cast::{EvalMode, cast_array};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, SparkError};

use crate::parquet::nested::child;

/// An array as another type.
pub fn fit(array: &ArrayRef, to: &DataType, case_sensitive: bool) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    Ok(match (array.data_type(), to) {
        (DataType::Struct(found), DataType::Struct(wanted)) => {
            let from = array.as_struct();
            let children = wanted
                .iter()
                .map(|field| match child(found, field.name(), case_sensitive) {
                    Some(at) => fit(from.column(at), field.data_type(), case_sensitive),
                    None => Ok(new_null_array(field.data_type(), array.len())),
                })
                .collect::<Result<Vec<_>>>()?;
            let fitted = StructArray::try_new_with_length(wanted.clone(), children, from.nulls().cloned(), array.len());
            Arc::new(fitted.map_err(from_arrow)?)
        }
        (DataType::List(_), DataType::List(element)) => {
            let from = array.as_list::<i32>();
            let values = fit(from.values(), element.data_type(), case_sensitive)?;
            let fitted =
                ListArray::try_new(FieldRef::clone(element), from.offsets().clone(), values, from.nulls().cloned());
            Arc::new(fitted.map_err(from_arrow)?)
        }
        (DataType::Map(..), DataType::Map(entries, sorted)) => {
            let from = array.as_map();
            let DataType::Struct(pair) = entries.data_type() else { return Err(misfit(array.data_type(), to)) };
            let keys = fit(from.keys(), pair[0].data_type(), case_sensitive)?;
            let values = fit(from.values(), pair[1].data_type(), case_sensitive)?;
            let pairs = StructArray::try_new(pair.clone(), vec![keys, values], None).map_err(from_arrow)?;
            let (entries, offsets) = (FieldRef::clone(entries), from.offsets().clone());
            Arc::new(MapArray::try_new(entries, offsets, pairs, from.nulls().cloned(), *sorted).map_err(from_arrow)?)
        }
        (found, to) => leaf(array, found, to)?,
    })
}

fn leaf(array: &ArrayRef, found: &DataType, to: &DataType) -> Result<ArrayRef> {
    use DataType::{Boolean, Date32, Decimal128, Duration, Int32, Int64, Interval, Time64, Timestamp};
    // What is stored alike.
    let alike = matches!(
        (found, to),
        (Int32, Interval(_))
            | (Interval(_), Int32)
            | (Int64, Duration(_))
            | (Duration(_), Int64)
            | (Int64, Time64(_))
            | (Time64(_), Int64)
            | (Timestamp(..), Timestamp(..))
    );
    if alike {
        let data = array.to_data().into_builder().data_type(to.clone()).build().map_err(from_arrow)?;
        return Ok(arrow::array::make_array(data));
    }
    if to == &DataType::Utf8
        && let Some(texts) = texts(array, found)?
    {
        return Ok(texts);
    }
    if found.is_floating() && to == &Boolean {
        let whole = cast_array(array, &Int64, EvalMode::Try, &Env::default())?;
        return cast_array(&whole, to, EvalMode::Try, &Env::default());
    }
    let impossible = found.is_nested()
        || to.is_nested()
        || matches!(
            (found, to),
            (Boolean | Decimal128(..), Date32) | (Date32, Boolean | Decimal128(..)) | (_, Interval(_) | Duration(_))
        )
        || (found.is_primitive() && !matches!(found, Timestamp(..)) && to == &Date32)
        || (found == &Date32 && to.is_numeric());
    if impossible {
        return Err(misfit(found, to));
    }
    cast_array(array, to, EvalMode::Try, &Env::default()).map_err(|_| misfit(found, to))
}

/// Texts that ORC writes otherwise than Spark.
fn texts(array: &ArrayRef, found: &DataType) -> Result<Option<ArrayRef>> {
    let plain = |to: &DataType| cast_array(array, to, EvalMode::Try, &Env::default());
    let built: StringArray = match found {
        DataType::Boolean => {
            array.as_boolean().iter().map(|value| value.map(|value| if value { "TRUE" } else { "FALSE" })).collect()
        }
        DataType::Float32 => {
            return cast_array(&plain(&DataType::Float64)?, &DataType::Utf8, EvalMode::Try, &Env::default()).map(Some);
        }
        DataType::Decimal128(_, scale) if *scale > 0 => {
            let digits = plain(&DataType::Utf8)?;
            let cut = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_string();
            digits.as_string::<i32>().iter().map(|text| text.map(cut)).collect()
        }
        DataType::Binary => {
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
            array.as_binary::<i32>().iter().map(|bytes| bytes.map(hex)).collect()
        }
        DataType::Interval(_) => {
            array.as_primitive::<IntervalYearMonthType>().iter().map(|value| value.map(|n| n.to_string())).collect()
        }
        DataType::Duration(_) => {
            array.as_primitive::<DurationMicrosecondType>().iter().map(|value| value.map(|n| n.to_string())).collect()
        }
        _ => return Ok(None),
    };
    Ok(Some(Arc::new(built)))
}

fn misfit(found: &DataType, to: &DataType) -> SparkError {
    SparkError::new("FAILED_READ_FILE.NO_HINT").with_source(format!("ORC does not convert {found} to {to}"))
}
