//! Comparisons, logic, tests for NULL and NaN, IN, BETWEEN, LIKE and regular expressions.
//!
//! Wherever Spark and DataFusion agree these are DataFusion's own expressions, so that its optimizer can
//! push them into scans and prune with them.

mod comparison;
mod fixed_length;
pub mod guard;
mod like;
mod logic;
mod matching;
mod membership;
pub mod order;

pub(crate) use fixed_length::padded_arguments;

use crate::{Entry, Kind};

/// The functions of this family.
pub const TABLE: &[Entry] = &[
    Entry { name: "=", kind: Kind::Scalar(comparison::equal) },
    Entry { name: "==", kind: Kind::Scalar(comparison::equal) },
    Entry { name: "<=>", kind: Kind::Scalar(comparison::null_safe_equal) },
    Entry { name: "equal_null", kind: Kind::Scalar(comparison::equal_null) },
    Entry { name: "!=", kind: Kind::Scalar(comparison::not_equal) },
    Entry { name: "<>", kind: Kind::Scalar(comparison::not_equal) },
    Entry { name: "<", kind: Kind::Scalar(comparison::less) },
    Entry { name: "<=", kind: Kind::Scalar(comparison::less_or_equal) },
    Entry { name: ">", kind: Kind::Scalar(comparison::greater) },
    Entry { name: ">=", kind: Kind::Scalar(comparison::greater_or_equal) },
    Entry { name: "between", kind: Kind::Scalar(comparison::between) },
    Entry { name: "and", kind: Kind::Scalar(logic::and) },
    Entry { name: "or", kind: Kind::Scalar(logic::or) },
    Entry { name: "not", kind: Kind::Scalar(logic::not) },
    Entry { name: "!", kind: Kind::Scalar(logic::not) },
    Entry { name: "isnull", kind: Kind::Scalar(logic::is_null) },
    Entry { name: "isnotnull", kind: Kind::Scalar(logic::is_not_null) },
    Entry { name: "__is_unknown", kind: Kind::Scalar(logic::is_unknown) },
    Entry { name: "__is_not_unknown", kind: Kind::Scalar(logic::is_not_unknown) },
    Entry { name: "isnan", kind: Kind::Scalar(logic::is_nan) },
    Entry { name: "in", kind: Kind::Scalar(membership::is_in) },
    Entry { name: "like", kind: Kind::Scalar(like::like) },
    Entry { name: "ilike", kind: Kind::Scalar(like::ilike) },
    Entry { name: "likeall", kind: Kind::Scalar(|call| like::quantified(call, true, false)) },
    Entry { name: "likeany", kind: Kind::Scalar(|call| like::quantified(call, false, false)) },
    Entry { name: "notlikeall", kind: Kind::Scalar(|call| like::quantified(call, true, true)) },
    Entry { name: "notlikeany", kind: Kind::Scalar(|call| like::quantified(call, false, true)) },
    Entry { name: "rlike", kind: Kind::Scalar(like::rlike) },
    Entry { name: "regexp", kind: Kind::Scalar(like::rlike) },
    Entry { name: "regexp_like", kind: Kind::Scalar(like::rlike) },
    Entry { name: "contains", kind: Kind::Scalar(matching::contains) },
    Entry { name: "startswith", kind: Kind::Scalar(matching::starts_with) },
    Entry { name: "endswith", kind: Kind::Scalar(matching::ends_with) },
];

pub use comparison::{NESTED_EQUAL, equality, of_common_operand};

/// `a <=> b`, for functions that are built on it.
pub(crate) fn null_safe_equality(call: &crate::Call) -> firesteel_protocol::Result<crate::Typed> {
    comparison::null_safe_equal(call)
}
