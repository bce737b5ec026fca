//! Functions with lambdas. `function` makes DataFusion functions of them.

mod arrays;
mod fold;
mod function;
mod maps;
mod sort;

pub use arrays::{exists, filter, forall, transform, zip_with};
pub use fold::aggregate;
pub use maps::{map_filter, map_zip_with, transform_keys, transform_values};
pub use sort::array_sort;

/// How many values come before the lambdas of a function.
pub fn values_before_lambdas(function: &str) -> usize {
    if matches!(function, "zip_with" | "map_zip_with" | "aggregate" | "reduce") { 2 } else { 1 }
}
