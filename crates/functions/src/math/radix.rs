//! Numbers in other systems: `bin`, `hex`, `unhex`, `conv`.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryBuilder};
use arrow::datatypes::DataType::{Binary, Int32, Int64, Utf8};
use arrow::datatypes::Int64Type;
use firesteel_protocol::Result;

use crate::arithmetic::overflow;
use crate::rowwise::{int_at, ints, string_at, strings, typed, write_strings};
use crate::{Call, Typed};

/// The binary digits of a long; a negative one has 64.
pub(super) fn bin(call: &Call) -> Result<Typed> {
    typed(call, "spark_bin", &[Int64], Utf8, |args| {
        let values = args.array(0)?;
        let values = values.as_primitive::<Int64Type>();
        write_strings(args.rows, |row, out| {
            if values.is_valid(row) {
                out.push_str(&format!("{:b}", values.value(row)));
            }
            Ok(values.is_valid(row))
        })
    })
}

/// `hex` of a long, a string or bytes.
pub(super) fn hex(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let arg = call.coerce_any(0, &[Int64, Binary, Utf8])?;
    let nullable = arg.nullable;
    Ok(call
        .with_args(vec![arg])
        .kernel("spark_hex", Utf8, nullable, |args| {
            let array = args.array(0)?;
            let push = |out: &mut String, bytes: &[u8]| bytes.iter().for_each(|byte| out.push_str(HEX[*byte as usize]));
            write_strings(args.rows, |row, out| {
                if array.is_null(row) {
                    return Ok(false);
                }
                match array.data_type() {
                    Int64 => out.push_str(&format!("{:X}", array.as_primitive::<Int64Type>().value(row))),
                    Binary => push(out, array.as_binary::<i32>().value(row)),
                    _ => push(out, array.as_string::<i32>().value(row).as_bytes()),
                }
                Ok(true)
            })
        })
        .named(call.display()))
}

/// The two digits of each byte.
static HEX: std::sync::LazyLock<Vec<&'static str>> =
    std::sync::LazyLock::new(|| (0..=255_u8).map(|byte| &*Box::leak(format!("{byte:02X}").into_boxed_str())).collect());

/// The bytes that hexadecimal digits stand for; NULL for other text.
pub(super) fn unhex(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let coerced = call.coerced(&[Utf8])?;
    let unhexed = coerced.kernel("spark_unhex", Binary, true, |args| {
        let mut builder = BinaryBuilder::new();
        for value in &strings(args, 0)? {
            builder.append_option(value.and_then(bytes_of));
        }
        Ok(Arc::new(builder.finish()))
    });
    Ok(unhexed.named(call.display()))
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<Vec<u8>>>()?;
    let (first, rest) = digits.split_at(digits.len() % 2);
    Some(first.iter().copied().chain(rest.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1])).collect())
}

/// `conv(number, from, to)`: digits in one system as digits in another.
pub(super) fn conv(call: &Call) -> Result<Typed> {
    let typed = typed(call, "ansi_conv", &[Utf8, Int32, Int32], Utf8, |args| {
        let (texts, from, to) = (strings(args, 0)?, ints(args, 1)?, ints(args, 2)?);
        write_strings(args.rows, |row, out| match (string_at(&texts, row), int_at(&from, row), int_at(&to, row)) {
            (Some(text), Some(from), Some(to)) => convert(text, from, to, args.env.ansi, out),
            _ => Ok(false),
        })
    })?;
    Ok(Typed { nullable: true, ..typed })
}

fn convert(text: &str, from: i32, to: i32, ansi: bool, out: &mut String) -> Result<bool> {
    let text = text.trim_matches(' ');
    if !(2..=36).contains(&from) || !(2..=36).contains(&to.abs()) || text.is_empty() {
        return Ok(false);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let mut value: u64 = 0;
    for digit in digits.chars().map_while(|c| c.to_digit(from as u32)) {
        match value.checked_mul(from as u64).and_then(|value| value.checked_add(u64::from(digit))) {
            Some(next) => value = next,
            None if ansi => return Err(overflow("Overflow in function conv()", None)),
            None => {
                value = u64::MAX;
                break;
            }
        }
    }
    // A negative base shows the sign, a positive one the 64 bits.
    let mut minus = negative;
    if negative && to > 0 {
        value = if (value as i64) < 0 { u64::MAX } else { value.wrapping_neg() };
        minus = false;
    }
    if to < 0 && (value as i64) < 0 {
        value = value.wrapping_neg();
        minus = true;
    }
    if minus && to < 0 {
        out.push('-');
    }
    let base = u64::from(to.unsigned_abs());
    let mut reversed = vec![];
    loop {
        reversed.push(char::from_digit((value % base) as u32, base as u32).unwrap_or('0').to_ascii_uppercase());
        value /= base;
        if value == 0 {
            break;
        }
    }
    out.extend(reversed.into_iter().rev());
    Ok(true)
}
