//! `array_sort(array[, comparator])`.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int32Type};
use firesteel_protocol::{Result, SparkError};

use super::super::list::{ListBuilder, bounds, require_array};
use super::function::{Args, Builder, lambda_name};
use crate::kernel::from_arrow;
use crate::{Call, Lambdas, Typed};

/// `array_sort(array)`: ascending, NULLs last; `array_sort(array, (a, b) -> ...)`: by a comparator's sign.
pub fn array_sort(call: &Call, lambdas: &dyn Lambdas) -> Result<Typed> {
    call.arity(1)?;
    let element = require_array(call, 0)?;
    if !lambdas.given(0) {
        let v = "namedlambdavariable()";
        let body = format!(
            "(IF((({v} IS NULL) AND ({v} IS NULL)), 0, (IF(({v} IS NULL), 1, (IF(({v} IS NULL), -1, \
             (IF(({v} < {v}), -1, (IF(({v} > {v}), 1, 0))))))))))"
        );
        let name = format!("{}({}, {})", call.name, call.args[0].name, lambda_name(&body, 2));
        let typed = super::super::order::array_sort(call, name).map_err(|error| match error.condition() {
            "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE" => error
                .with("functionName", "`<`")
                .with("dataType", super::super::list::sql(element.data_type()))
                .with("sqlExpr", format!("\"({v} < {v})\"")),
            _ => error,
        })?;
        return crate::collation::sorted(call, typed);
    }
    let mut builder = Builder::new(call, lambdas);
    let param = element.as_ref().clone();
    let body = builder.lambda(&[param.clone(), param])?;
    let (data_type, body_name) = (body.data_type.clone(), body.name.clone());
    let wrong = || {
        let lambda = lambda_name(&body_name, 2);
        SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_RETURN_TYPE")
            .with("sqlExpr", format!("\"{}({}, {lambda})\"", call.name, call.args[0].name))
            .with("functionName", "`lambdafunction`")
            .with("expectedType", "\"INT\"")
            .with("actualType", super::super::list::sql(&data_type))
    };
    if data_type != DataType::Int32 {
        return Err(wrong());
    }
    let output = call.args[0].data_type.clone();
    Ok(builder.finish("array_sort", output, call.args[0].nullable, sorted))
}

fn sorted(args: &Args) -> Result<ArrayRef> {
    let list = args.list(0)?;
    let mut builder = ListBuilder::with_capacity(args.rows);
    for row in 0..args.rows {
        if list.is_null(row) {
            builder.null_row();
            continue;
        }
        let bounds = bounds(&list, row);
        let (start, length) = (bounds.start, bounds.len());
        let signs = compare_all(args, list.values(), start, length, row)?;
        let mut order: Vec<usize> = (0..length).collect();
        order.sort_by(|a, b| match a.cmp(b) {
            Ordering::Equal => Ordering::Equal,
            Ordering::Less => signs[pair(*a, *b)].cmp(&0),
            Ordering::Greater => 0.cmp(&signs[pair(*b, *a)]),
        });
        builder.extend(order.into_iter().map(|at| start + at));
        builder.end_row();
    }
    builder.finish(list.values(), args.return_type)
}

/// Where the comparison of elements `a < b` is among all pairs.
fn pair(a: usize, b: usize) -> usize {
    b * (b - 1) / 2 + a
}

/// The comparator's sign for every pair of elements of one array, evaluated in runs.
fn compare_all(args: &Args, values: &ArrayRef, start: usize, length: usize, row: usize) -> Result<Vec<i32>> {
    const RUN: usize = 65_536;
    let mut signs = Vec::with_capacity(length * length.saturating_sub(1) / 2);
    let mut pairs: Vec<(u64, u64)> = vec![];
    let mut flush = |pairs: &mut Vec<(u64, u64)>| -> Result<()> {
        let side = |of: fn(&(u64, u64)) -> u64| {
            let places: UInt64Array = pairs.iter().map(of).collect::<Vec<_>>().into();
            take(values, &places, None).map_err(from_arrow)
        };
        let (a, b) = (side(|pair| pair.0)?, side(|pair| pair.1)?);
        let outer = UInt64Array::from(vec![row as u64; pairs.len()]);
        let result = args.evaluate(0, vec![a, b], &outer)?;
        let result = result.as_primitive::<Int32Type>();
        if result.null_count() > 0 {
            let show = |array: &ArrayRef, at: usize| {
                datafusion::scalar::ScalarValue::try_from_array(array, at).map(|v| v.to_string()).unwrap_or_default()
            };
            let at = (0..result.len()).find(|at| result.is_null(*at)).unwrap_or(0);
            let (first, second) = (show(values, pairs[at].0 as usize), show(values, pairs[at].1 as usize));
            return Err(SparkError::new("COMPARATOR_RETURNS_NULL")
                .with("firstValue", first)
                .with("secondValue", second));
        }
        signs.extend(result.values().iter().copied());
        pairs.clear();
        Ok(())
    };
    for b in 1..length {
        for a in 0..b {
            pairs.push(((start + a) as u64, (start + b) as u64));
        }
        if pairs.len() >= RUN {
            flush(&mut pairs)?;
        }
    }
    if !pairs.is_empty() {
        flush(&mut pairs)?;
    }
    Ok(signs)
}
