//! Mathematical functions: elementary functions, rounding, bits, number systems, random numbers.

mod bits;
mod bucket;
mod elementary;
mod radix;
pub mod random;
mod round;
pub mod stream;
mod strict;

pub(crate) use strict::ln;

use arrow::datatypes::DataType::{Int32, Int64};

use crate::rowwise::typed;
use crate::{Entry, Kind};

/// The functions of this family.
pub const TABLE: &[Entry] = &[
    Entry { name: "acos", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "acosh", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "asin", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "asinh", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "atan", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "atan2", kind: Kind::Scalar(elementary::binary) },
    Entry { name: "atanh", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "bin", kind: Kind::Scalar(radix::bin) },
    Entry { name: "bit_count", kind: Kind::Scalar(bits::count) },
    Entry { name: "bit_get", kind: Kind::Scalar(bits::get) },
    Entry { name: "getbit", kind: Kind::Scalar(bits::get) },
    Entry { name: "bround", kind: Kind::Scalar(round::bround) },
    Entry { name: "cbrt", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "ceil", kind: Kind::Scalar(round::ceil) },
    Entry { name: "ceiling", kind: Kind::Scalar(round::ceil) },
    Entry { name: "conv", kind: Kind::Scalar(radix::conv) },
    Entry { name: "cos", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "cosh", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "cot", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "csc", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "degrees", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "e", kind: Kind::Scalar(elementary::constant) },
    Entry { name: "exp", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "expm1", kind: Kind::Scalar(elementary::unary) },
    Entry {
        name: "factorial",
        kind: Kind::Scalar(|c| typed(c, "spark_factorial", &[Int32], Int64, elementary::factorial).map(nullable)),
    },
    Entry { name: "floor", kind: Kind::Scalar(round::floor) },
    Entry { name: "hex", kind: Kind::Scalar(radix::hex) },
    Entry { name: "hypot", kind: Kind::Scalar(elementary::binary) },
    Entry { name: "ln", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "log", kind: Kind::Scalar(elementary::log) },
    Entry { name: "log10", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "log1p", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "log2", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "pi", kind: Kind::Scalar(elementary::constant) },
    Entry { name: "pow", kind: Kind::Scalar(elementary::binary) },
    Entry { name: "power", kind: Kind::Scalar(elementary::binary) },
    Entry { name: "radians", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "rand", kind: Kind::Scalar(crate::misc::placement::rand) },
    Entry { name: "randn", kind: Kind::Scalar(crate::misc::placement::randn) },
    Entry { name: "random", kind: Kind::Scalar(crate::misc::placement::rand) },
    Entry { name: "rint", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "round", kind: Kind::Scalar(round::round) },
    Entry { name: "sec", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "shiftleft", kind: Kind::Scalar(bits::shift) },
    Entry { name: "shiftright", kind: Kind::Scalar(bits::shift) },
    Entry { name: "shiftrightunsigned", kind: Kind::Scalar(bits::shift) },
    Entry { name: "<<", kind: Kind::Scalar(bits::shift) },
    Entry { name: ">>", kind: Kind::Scalar(bits::shift) },
    Entry { name: ">>>", kind: Kind::Scalar(bits::shift) },
    Entry { name: "&", kind: Kind::Scalar(bits::bitwise) },
    Entry { name: "|", kind: Kind::Scalar(bits::bitwise) },
    Entry { name: "^", kind: Kind::Scalar(bits::bitwise) },
    Entry { name: "~", kind: Kind::Scalar(bits::not) },
    Entry { name: "sign", kind: Kind::Scalar(elementary::sign) },
    Entry { name: "signum", kind: Kind::Scalar(elementary::sign) },
    Entry { name: "sin", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "sinh", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "sqrt", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "tan", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "tanh", kind: Kind::Scalar(elementary::unary) },
    Entry { name: "unhex", kind: Kind::Scalar(radix::unhex) },
    Entry { name: "uniform", kind: Kind::Scalar(random::uniform) },
    Entry { name: "width_bucket", kind: Kind::Scalar(bucket::width_bucket) },
];

fn nullable(typed: crate::Typed) -> crate::Typed {
    crate::Typed { nullable: true, ..typed }
}
