//! Strings as bytes and back: base64, hexadecimal, character sets.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder};
use arrow::datatypes::DataType::{self, Binary, Utf8};
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use datafusion::logical_expr::{Case, Expr};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::KernelArgs;
use crate::predicate;
use crate::rowwise::{complete, string_at, strings, text, write_strings};
use crate::{Call, Typed};

pub(super) fn base64(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let values = args.array(0)?;
    let values = values.as_binary::<i32>();
    write_strings(args.rows, |row, out| {
        if values.is_valid(row) {
            STANDARD.encode_string(values.value(row), out);
        }
        Ok(values.is_valid(row))
    })
}

/// As Java's MIME decoder: other characters are skipped.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let known: Vec<u8> = text.bytes().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).collect();
    LENIENT.decode(known).ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len().div_ceil(2));
    let (first, rest) = bytes.split_at(bytes.len() % 2);
    if let [odd] = first {
        out.push(digit(*odd)?);
    }
    for pair in rest.chunks_exact(2) {
        out.push(digit(pair[0])? << 4 | digit(pair[1])?);
    }
    Some(out)
}

fn invalid(text: &str, format: &str) -> SparkError {
    SparkError::new("CONVERSION_INVALID_INPUT")
        .with("str", format!("'{text}'"))
        .with("fmt", format!("'{format}'"))
        .with("targetType", "\"BINARY\"")
        .with("suggestion", "`try_to_binary`")
}

pub(super) fn unbase64(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let mut builder = BinaryBuilder::new();
    for value in &strings(args, 0)? {
        match value {
            None => builder.append_null(),
            Some(text) => builder.append_value(from_base64(text).ok_or_else(|| invalid(text, "BASE64"))?),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// `to_binary(text[, 'hex' | 'utf-8' | 'utf8' | 'base64'])` and `try_to_binary`.
pub(super) fn to_binary(call: &Call) -> Result<Typed> {
    let tried = call.name.eq_ignore_ascii_case("try_to_binary");
    call.arity(1..=2)?;
    let label = call.display();
    let call = complete(call, 2, &[(text("hex"), "hex")])?.coerced_pair()?;
    if let Some(value) = call.args[1].as_literal() {
        let format = value.try_as_str().flatten().unwrap_or("hex").to_ascii_lowercase();
        let known = matches!(format.as_str(), "hex" | "utf-8" | "utf8" | "base64");
        if !known && tried {
            return Ok(Typed::literal(datafusion::scalar::ScalarValue::Binary(None), label));
        }
        if !known {
            return Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ARG_VALUE")
                .with("sqlExpr", format!("\"{label}\""))
                .with("inputName", "fmt")
                .with("requireType", "case-insensitive \"STRING\"")
                .with("validValues", "'hex', 'utf-8', 'utf8', or 'base64'")
                .with("inputValue", format!("'{format}'")));
        }
    }
    let mode = if tried { "try" } else { "ansi" };
    let format = call.args[1].as_literal().and_then(|value| value.try_as_str().flatten());
    let decodes = format.is_some_and(|format| format.eq_ignore_ascii_case("base64"));
    let nullable = tried || !decodes || call.any_nullable();
    Ok(call.kernel_with("ansi_to_binary", Binary, nullable, mode.into(), to_binary_kernel).named(label))
}

fn to_binary_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, formats) = (strings(args, 0)?, strings(args, 1)?);
    let mut builder = BinaryBuilder::new();
    for row in 0..args.rows {
        let (Some(text), Some(format)) = (string_at(&texts, row), string_at(&formats, row)) else {
            builder.append_null();
            continue;
        };
        let format = format.to_ascii_lowercase();
        let decoded = match format.as_str() {
            "base64" => strict_base64(text),
            "hex" => from_hex(text),
            _ => Some(text.as_bytes().to_vec()),
        };
        match decoded {
            Some(bytes) => builder.append_value(bytes),
            None if args.param == "try" => builder.append_null(),
            None => return Err(invalid(text, &format.to_ascii_uppercase())),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// Base64 with nothing but white space beside it.
fn strict_base64(text: &str) -> Option<Vec<u8>> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(plain).ok()
}

impl<'a> Call<'a> {
    /// Both arguments as strings.
    fn coerced_pair(self) -> Result<Call<'a>> {
        let args = vec![self.coerce(0, &Utf8)?, self.coerce(1, &Utf8)?];
        Ok(Call { name: self.name, args, distinct: self.distinct, ignore_nulls: self.ignore_nulls, env: self.env })
    }
}

/// A character set that Spark takes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Charset {
    Ascii,
    Latin1,
    Utf8,
    Utf16Be,
    Utf16Le,
    Utf16,
    Utf32,
}

fn charset(text: &str, function: &str) -> Result<Charset> {
    Ok(match text.to_ascii_uppercase().as_str() {
        "US-ASCII" => Charset::Ascii,
        "ISO-8859-1" => Charset::Latin1,
        "UTF-8" => Charset::Utf8,
        "UTF-16BE" => Charset::Utf16Be,
        "UTF-16LE" => Charset::Utf16Le,
        "UTF-16" => Charset::Utf16,
        "UTF-32" => Charset::Utf32,
        _ => {
            return Err(SparkError::new("INVALID_PARAMETER_VALUE.CHARSET")
                .with("functionName", name::quote(function))
                .with("parameter", name::quote("charset"))
                .with("charset", text)
                .with("charsets", "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8"));
        }
    })
}

fn malformed(function: &str, charset: &str) -> SparkError {
    SparkError::new("MALFORMED_CHARACTER_CODING").with("function", name::quote(function)).with("charset", charset)
}

/// `encode(text, charset)`.
pub(super) fn encode(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let typed = call.coerced(&[Utf8, Utf8])?;
    Ok(typed.kernel("ansi_encode", Binary, true, encode_kernel).named(call.display()))
}

fn encode_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, sets) = (strings(args, 0)?, strings(args, 1)?);
    let mut builder = BinaryBuilder::new();
    for row in 0..args.rows {
        let (Some(text), Some(set)) = (string_at(&texts, row), string_at(&sets, row)) else {
            builder.append_null();
            continue;
        };
        let narrow = |limit: u32| -> Result<Vec<u8>> {
            text.chars()
                .map(|c| if (c as u32) < limit { Ok(c as u32 as u8) } else { Err(malformed("encode", set)) })
                .collect()
        };
        let bytes = match charset(set, "encode")? {
            Charset::Utf8 => text.as_bytes().to_vec(),
            Charset::Ascii => narrow(128)?,
            Charset::Latin1 => narrow(256)?,
            Charset::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Charset::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            // Java writes a byte order mark, unless there is nothing to write.
            Charset::Utf16 if text.is_empty() => vec![],
            Charset::Utf16 => [0xFE, 0xFF].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
            Charset::Utf32 => text.chars().flat_map(|c| (c as u32).to_be_bytes()).collect(),
        };
        builder.append_value(bytes);
    }
    Ok(Arc::new(builder.finish()))
}

/// `decode(bytes, charset)`, or `decode(value, search, result, ..., [default])`.
pub(super) fn decode(call: &Call) -> Result<Typed> {
    call.arity(2..)?;
    if call.args.len() > 2 {
        return choose(call);
    }
    let typed = call.coerced(&[Binary, Utf8])?;
    Ok(typed.kernel("ansi_decode", Utf8, true, decode_kernel).named(call.display()))
}

fn decode_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let values = args.array(0)?;
    let values: &BinaryArray = values.as_binary::<i32>();
    let sets = strings(args, 1)?;
    let bytes: Vec<Option<&[u8]>> = values.iter().collect();
    write_strings(args.rows, |row, out| {
        let (Some(bytes), Some(set)) = (bytes[row], string_at(&sets, row)) else { return Ok(false) };
        let error = || malformed("decode", set);
        let wide = |bytes: &[u8], big: bool| -> Result<String> {
            let units = bytes.chunks(2).map(|pair| match pair {
                [a, b] if big => Ok(u16::from_be_bytes([*a, *b])),
                [a, b] => Ok(u16::from_le_bytes([*a, *b])),
                _ => Err(error()),
            });
            String::from_utf16(&units.collect::<Result<Vec<_>>>()?).map_err(|_| error())
        };
        match charset(set, "decode")? {
            Charset::Utf8 => out.push_str(std::str::from_utf8(bytes).map_err(|_| error())?),
            Charset::Ascii if !bytes.is_ascii() => return Err(error()),
            Charset::Ascii | Charset::Latin1 => out.extend(bytes.iter().map(|byte| char::from(*byte))),
            Charset::Utf16Be => out.push_str(&wide(bytes, true)?),
            Charset::Utf16Le => out.push_str(&wide(bytes, false)?),
            Charset::Utf16 => out.push_str(&match bytes {
                [0xFE, 0xFF, rest @ ..] => wide(rest, true)?,
                [0xFF, 0xFE, rest @ ..] => wide(rest, false)?,
                rest => wide(rest, true)?,
            }),
            Charset::Utf32 => {
                for unit in bytes.chunks(4) {
                    let unit: [u8; 4] = unit.try_into().map_err(|_| error())?;
                    out.push(char::from_u32(u32::from_be_bytes(unit)).ok_or_else(error)?);
                }
            }
        }
        Ok(true)
    })
}

/// Oracle's `decode`: the result beside the first search value that is equal, NULL to NULL as well.
fn choose(call: &Call) -> Result<Typed> {
    let value = &call.args[0];
    let mut pairs = call.args[1..].chunks_exact(2);
    let mut results: Vec<Typed> = vec![];
    let mut tests = vec![];
    for pair in pairs.by_ref() {
        let equal = Call { name: "<=>", ..call.with_args(vec![value.clone(), pair[0].clone()]) };
        tests.push(predicate::null_safe_equality(&equal)?);
        results.push(pair[1].clone());
    }
    results.extend(pairs.remainder().first().cloned());
    let results = call.with_args(results).coerce_all_to_common()?;
    let to: DataType = results[0].data_type.clone();
    let otherwise = results.get(tests.len());
    let nullable = otherwise.is_none() || results.iter().any(|result| result.nullable);
    let branches =
        tests.into_iter().zip(&results).map(|(test, result)| (Box::new(test.expr), Box::new(result.expr.clone())));
    let case = Case::new(None, branches.collect(), otherwise.map(|result| Box::new(result.expr.clone())));
    Ok(Typed::new(Expr::Case(case), call.display(), to, nullable))
}
