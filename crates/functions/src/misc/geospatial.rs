//! `st_*`: shapes out of their well-known binary form (WKB) and back, with the number of their reference system.
//!
//! The types are in `firesteel_protocol::types::shape`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Int32Array, StructArray};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::shape::{Shape, WORLD};
use firesteel_protocol::{Result, SparkError};

use crate::kernel::{KernelArgs, from_arrow};
use crate::rowwise::complete;
use crate::{Call, Typed, constant};

/// The first argument's type; of NULL that of any geometry.
fn shape_argument(call: &Call) -> Result<Shape> {
    let own = &call.args[0].data_type;
    if own.is_null() {
        return Ok(Shape { geography: false, srid: None });
    }
    Shape::of(own).ok_or_else(|| call.unexpected_type(0, "(\"GEOGRAPHY\" or \"GEOMETRY\")"))
}

/// The type of shapes with the number that an argument gives: known if it is constant.
fn numbered(geography: bool, number: &Typed) -> Result<Shape> {
    let srid = match constant::evaluate(&number.expr) {
        Some(ScalarValue::Int32(srid)) => srid,
        _ => None,
    };
    match srid {
        Some(srid) if !Shape::is_known(geography, srid) => {
            Err(SparkError::new("ST_INVALID_SRID_VALUE").with("srid", srid.to_string()).placeless())
        }
        srid => Ok(Shape { geography, srid }),
    }
}

fn binary_argument(call: &Call) -> Result<Typed> {
    call.coerce(0, &DataType::Binary)
}

/// `st_geogfromwkb(wkb)`.
pub(super) fn geography(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let world = Typed::literal(ScalarValue::Int32(Some(WORLD)), "4326");
    let inner = call.with_args(vec![binary_argument(call)?, world]);
    let nullable = call.args[0].nullable;
    let data_type = Shape { geography: true, srid: Some(WORLD) }.data_type();
    Ok(inner.kernel("st_geogfromwkb", data_type, nullable, read).named(call.display()))
}

/// `st_geomfromwkb(wkb[, srid])`.
pub(super) fn geometry(call: &Call) -> Result<Typed> {
    let call = &complete(call, 2, &[(ScalarValue::Int32(Some(0)), "0")])?;
    let inner = call.with_args(vec![binary_argument(call)?, call.coerce(1, &DataType::Int32)?]);
    let nullable = call.any_nullable();
    let data_type = numbered(false, &inner.args[1])?.data_type();
    Ok(inner.kernel("st_geomfromwkb", data_type, nullable, read).named(call.display()))
}

/// `st_srid(shape)`.
pub(super) fn srid(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    shape_argument(call)?;
    let srid = call.kernel("st_srid", DataType::Int32, call.args[0].nullable, |args| {
        let shapes = args.array(0)?;
        if shapes.data_type().is_null() {
            return Ok(arrow::array::new_null_array(&DataType::Int32, args.rows));
        }
        let (shapes, ids) = (shapes.as_struct(), shapes.as_struct().column(0).as_primitive::<Int32Type>());
        Ok(Arc::new((0..shapes.len()).map(|row| shapes.is_valid(row).then(|| ids.value(row))).collect::<Int32Array>()))
    });
    Ok(srid.named(call.display()))
}

/// `st_setsrid(shape, srid)`.
pub(super) fn with_srid(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let own = shape_argument(call)?;
    let inner = call.with_args(vec![call.args[0].clone(), call.coerce(1, &DataType::Int32)?]);
    let data_type = numbered(own.geography, &inner.args[1])?.data_type();
    let changed = inner.kernel("st_setsrid", data_type, call.any_nullable(), |args| {
        let shapes = args.array(0)?;
        if shapes.data_type().is_null() {
            return Ok(arrow::array::new_null_array(args.return_type, args.rows));
        }
        let shapes = shapes.as_struct();
        let own: Vec<Option<&[u8]>> = {
            let bytes = shapes.column(1).as_binary::<i32>();
            (0..shapes.len()).map(|row| shapes.is_valid(row).then(|| bytes.value(row))).collect()
        };
        built(&own, args)
    });
    Ok(changed.named(call.display()))
}

/// `st_asbinary(shape[, endianness])`.
pub(super) fn as_binary(call: &Call) -> Result<Typed> {
    let call = &complete(call, 2, &[(ScalarValue::from("NDR"), "NDR")])?;
    shape_argument(call)?;
    let inner = call.with_args(vec![call.args[0].clone(), call.coerce(1, &DataType::Utf8)?]);
    let binary = inner.kernel("st_asbinary", DataType::Binary, call.any_nullable(), |args| {
        let (shapes, orders) = (args.array(0)?, args.array(1)?);
        if shapes.data_type().is_null() {
            return Ok(arrow::array::new_null_array(&DataType::Binary, args.rows));
        }
        let (shapes, orders) = (shapes.as_struct(), orders.as_string::<i32>());
        let bytes = shapes.column(1).as_binary::<i32>();
        let mut builder = BinaryBuilder::new();
        for row in 0..args.rows {
            if shapes.is_null(row) || orders.is_null(row) {
                builder.append_null();
                continue;
            }
            let little = match orders.value(row).to_ascii_uppercase().as_str() {
                "NDR" => true,
                "XDR" => false,
                _ => {
                    return Err(SparkError::new("ST_INVALID_ENDIANNESS_VALUE").with("endianness", orders.value(row)));
                }
            };
            let mut out = vec![];
            let bytes = bytes.value(row);
            Reader { bytes, at: 0, little: true, to_little: little, world: false, out: &mut out }.geometry(0)?;
            builder.append_value(out);
        }
        Ok(Arc::new(builder.finish()))
    });
    Ok(binary.named(call.display()))
}

fn read(args: &KernelArgs) -> Result<ArrayRef> {
    let values = args.array(0)?;
    let values = values.as_binary::<i32>();
    let own: Vec<Option<&[u8]>> = values.iter().collect();
    let world = Shape::of(args.return_type).is_some_and(|own| own.geography);
    for bytes in own.iter().flatten() {
        let mut out = vec![];
        Reader { bytes, at: 0, little: true, to_little: true, world, out: &mut out }.geometry(0)?;
    }
    built(&own, args)
}

/// Shapes with the numbers of the second argument.
fn built(shapes: &[Option<&[u8]>], args: &KernelArgs) -> Result<ArrayRef> {
    let ids = args.array(1)?;
    let ids = ids.as_primitive::<Int32Type>();
    let DataType::Struct(fields) = args.return_type else { return Err(SparkError::internal("a shape is a struct")) };
    let world = Shape::of(args.return_type).is_some_and(|own| own.geography);
    let valid: Vec<bool> = shapes.iter().enumerate().map(|(row, own)| own.is_some() && ids.is_valid(row)).collect();
    for row in (0..ids.len()).filter(|row| ids.is_valid(*row)) {
        let id = ids.value(row);
        if !Shape::is_known(world, id) {
            return Err(SparkError::new("ST_INVALID_SRID_VALUE").with("srid", id.to_string()));
        }
    }
    let numbers: Int32Array = (0..shapes.len()).map(|row| Some(if valid[row] { ids.value(row) } else { 0 })).collect();
    let bytes: BinaryArray = shapes.iter().map(|own| Some(own.unwrap_or_default())).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(numbers), Arc::new(bytes)];
    let built = StructArray::try_new_with_length(fields.clone(), columns, Some(valid.into()), shapes.len());
    Ok(Arc::new(built.map_err(from_arrow)?))
}

/// Reads the well-known binary form and writes it in an order of bytes.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    little: bool,
    to_little: bool,
    /// Coordinates are longitude and latitude.
    world: bool,
    out: &'a mut Vec<u8>,
}

impl Reader<'_> {
    fn fail(text: &str, at: usize) -> SparkError {
        SparkError::new("WKB_PARSE_ERROR").with("parseError", text).with("pos", at.to_string())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let part = self.bytes.get(self.at..self.at + N).and_then(|part| <[u8; N]>::try_from(part).ok());
        let part = part.ok_or_else(|| Self::fail("Unexpected end of WKB buffer", self.at))?;
        self.at += N;
        Ok(part)
    }

    fn number(&mut self) -> Result<u32> {
        let part = self.take::<4>()?;
        let value = if self.little { u32::from_le_bytes(part) } else { u32::from_be_bytes(part) };
        self.out.extend(if self.to_little { value.to_le_bytes() } else { value.to_be_bytes() });
        Ok(value)
    }

    fn points(&mut self, count: u32, dimensions: u32) -> Result<()> {
        for at in 0..u64::from(count) * u64::from(dimensions) {
            let (start, mut part) = (self.at, self.take::<8>()?);
            let value = if self.little { f64::from_le_bytes(part) } else { f64::from_be_bytes(part) };
            let limit = [180.0, 90.0].get((at % u64::from(dimensions)) as usize).copied().filter(|_| self.world);
            if limit.is_some_and(|limit| value.abs() > limit) {
                // Spark tells where the point begins.
                let point = start - 8 * (at % u64::from(dimensions)) as usize;
                return Err(Self::fail("Invalid coordinate value found", point));
            }
            if self.little != self.to_little {
                part.reverse();
            }
            self.out.extend(part);
        }
        Ok(())
    }

    fn geometry(&mut self, depth: usize) -> Result<()> {
        let start = self.at;
        // The mark and the kind of a shape are five bytes.
        if self.bytes.len() < start + 5 || depth > 64 {
            return Err(Self::fail("Unexpected end of WKB buffer", start));
        }
        self.little = match self.take::<1>()? {
            [0] => false,
            [1] => true,
            [mark] => return Err(Self::fail(&format!("Invalid byte order {mark}"), start)),
        };
        self.out.push(u8::from(self.to_little));
        let kind = self.number()?;
        let dimensions = [2, 3, 3, 4].get((kind / 1000) as usize).copied();
        let dimensions = dimensions.ok_or_else(|| Self::fail(&format!("Invalid or unsupported type {kind}"), start))?;
        match kind % 1000 {
            1 => self.points(1, dimensions),
            2 => {
                let count = self.number()?;
                self.points(count, dimensions)
            }
            3 => {
                for _ in 0..self.number()? {
                    let count = self.number()?;
                    self.points(count, dimensions)?;
                }
                Ok(())
            }
            4..=7 => {
                for _ in 0..self.number()? {
                    let little = self.little;
                    self.geometry(depth + 1)?;
                    self.little = little;
                }
                Ok(())
            }
            _ => Err(Self::fail(&format!("Invalid or unsupported type {kind}"), start)),
        }
    }
}
