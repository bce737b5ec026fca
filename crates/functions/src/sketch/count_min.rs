//! `count_min_sketch(x, eps, confidence, seed)`: the sketch and the format of Spark's own `CountMinSketch`.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int8Type, Int16Type, Int32Type, Int64Type};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use super::fold::{Sketched, aggregate};
use crate::random::JavaRandom;
use crate::{Call, Typed, constant};

/// Hashes are taken modulo this prime.
const PRIME: i64 = (1 << 31) - 1;

/// `count_min_sketch(x, eps, confidence[, seed])`.
pub(super) fn count_min_sketch(call: &Call) -> Result<Typed> {
    call.arity(3..=4)?;
    crate::collation::refuse_collated(call, "(\"INTEGRAL\" or \"STRING\" or \"BINARY\")")?;
    let value = super::one_of(
        call,
        0,
        &[DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64, DataType::Utf8, DataType::Binary],
    )?;
    let double = |index: usize| {
        if call.args[index].data_type != DataType::Float64 {
            return Err(call.unexpected_type(index, "\"DOUBLE\""));
        }
        match constant::evaluate(&call.args[index].expr) {
            Some(ScalarValue::Float64(Some(value))) => Ok(value),
            _ => {
                call.constant(index)?;
                Err(call.unexpected_type(index, "\"DOUBLE\""))
            }
        }
    };
    let (eps, confidence) = (double(1)?, double(2)?);
    let seed = match call.args.get(3).map(|arg| constant::evaluate(&arg.expr)) {
        None => 0,
        Some(Some(ScalarValue::Int32(Some(seed)))) => i64::from(seed),
        // Java hashes with the low half of it.
        Some(Some(ScalarValue::Int64(Some(seed)))) => i64::from(seed as i32),
        Some(_) => {
            call.constant(3)?;
            return Err(call.unexpected_type(3, "(\"INT\" or \"BIGINT\")"));
        }
    };
    let check = |name: &str, range: &str, value: f64, fits: bool| {
        if fits {
            return Ok(());
        }
        Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
            .with("exprName", name)
            .with("valueRange", range)
            .with("currentValue", crate::cast::text::format_f64(value))
            .with("sqlExpr", format!("\"{}\"", call.display())))
    };
    check("eps", "(0.0, 2147483647]", eps, eps > 0.0)?;
    check("confidence", "(0.0, 1.0]", confidence, confidence > 0.0 && confidence < 1.0)?;
    let width = (2.0 / eps).ceil() as usize;
    let depth = (-(1.0 - confidence).ln() / 2.0_f64.ln()).ceil() as usize;
    Ok(aggregate::<CountMin>(call, "count_min_sketch", vec![value], format!("{depth}:{width}:{seed}")))
}

#[derive(Debug, Clone)]
struct Table {
    total: i64,
    rows: Vec<i64>,
}

#[derive(Debug)]
struct CountMin {
    width: usize,
    factors: Vec<i64>,
}

impl CountMin {
    fn add_long(&self, table: &mut Table, value: i64) {
        for (row, factor) in self.factors.iter().enumerate() {
            let mut hash = factor.wrapping_mul(value);
            hash = hash.wrapping_add(hash >> 32) & PRIME;
            table.rows[row * self.width + hash as usize % self.width] += 1;
        }
        table.total += 1;
    }

    fn add_bytes(&self, table: &mut Table, bytes: &[u8]) {
        let first = crate::hash::row::murmur3_bytes(bytes, 0);
        let second = crate::hash::row::murmur3_bytes(bytes, first);
        for row in 0..self.factors.len() {
            let bucket = first.wrapping_add((row as i32).wrapping_mul(second)) % self.width as i32;
            table.rows[row * self.width + bucket.unsigned_abs() as usize] += 1;
        }
        table.total += 1;
    }
}

impl Sketched for CountMin {
    type State = Table;

    fn new(param: &str) -> Result<Self> {
        let numbers: Vec<i64> = param.split(':').filter_map(|number| number.parse().ok()).collect();
        let [depth, width, seed] = numbers[..] else {
            return Err(SparkError::internal("settings of count_min_sketch"));
        };
        let mut random = JavaRandom::new(seed);
        let factors = (0..depth).map(|_| i64::from(random.next_below_max())).collect();
        Ok(Self { width: width as usize, factors })
    }

    fn empty(&self) -> Result<Table> {
        Ok(Table { total: 0, rows: vec![0; self.width * self.factors.len()] })
    }

    fn update(&self, state: &mut Option<Table>, columns: &[ArrayRef], row: usize) -> Result<()> {
        let column = &columns[0];
        if column.is_null(row) {
            return Ok(());
        }
        let table = match state {
            Some(table) => table,
            None => state.insert(self.empty()?),
        };
        match column.data_type() {
            DataType::Int8 => self.add_long(table, column.as_primitive::<Int8Type>().value(row).into()),
            DataType::Int16 => self.add_long(table, column.as_primitive::<Int16Type>().value(row).into()),
            DataType::Int32 => self.add_long(table, column.as_primitive::<Int32Type>().value(row).into()),
            DataType::Int64 => self.add_long(table, column.as_primitive::<Int64Type>().value(row)),
            DataType::Utf8 => self.add_bytes(table, column.as_string::<i32>().value(row).as_bytes()),
            _ => self.add_bytes(table, column.as_binary::<i32>().value(row)),
        }
        Ok(())
    }

    fn merge(&self, state: &mut Option<Table>, bytes: &[u8]) -> Result<()> {
        let table = match state {
            Some(table) => table,
            None => state.insert(self.empty()?),
        };
        let long = |at: usize| bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, i64::from_be_bytes);
        table.total += long(4);
        let start = 20 + 8 * self.factors.len();
        for (index, count) in table.rows.iter_mut().enumerate() {
            *count += long(start + 8 * index);
        }
        Ok(())
    }

    fn bytes(&self, table: &Table) -> Result<Vec<u8>> {
        let mut out = vec![];
        out.extend(1_i32.to_be_bytes());
        out.extend(table.total.to_be_bytes());
        out.extend((self.factors.len() as i32).to_be_bytes());
        out.extend((self.width as i32).to_be_bytes());
        self.factors.iter().chain(&table.rows).for_each(|number| out.extend(number.to_be_bytes()));
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_those_of_java() {
        let sketch = CountMin::new("2:2:2120704260").unwrap();
        assert_eq!(sketch.factors, [0x5ADE_CCEE, 0x153E_BE09]);
    }
}
