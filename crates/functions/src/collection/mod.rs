//! Arrays, maps and structs.

mod array;
mod binary_search;
pub mod by_name;
mod extract;
pub mod higher_order;
pub mod list;
mod map;
mod map_key;
mod order;
mod search;
mod sequence;
mod size;
mod structs;

pub use array::concat;
pub use extract::{extract_value, find_field, struct_field};
pub use map::{MapBuilder, new_map, str_to_map_by};
pub use map_key::{has_map, is_map_key, map_key};
pub use order::reverse;
pub use structs::own_name;

use firesteel_protocol::Result;

use crate::registry::{Entry, Kind};
use crate::{Call, Lambdas, Typed};

const fn scalar(name: &'static str, build: fn(&Call) -> Result<Typed>) -> Entry {
    Entry { name, kind: Kind::Scalar(build) }
}

const fn higher(name: &'static str, build: fn(&Call, &dyn Lambdas) -> Result<Typed>) -> Entry {
    Entry { name, kind: Kind::HigherOrder(build) }
}

/// This family's functions. `concat` and `reverse` are here too, but their entries are those of strings.
pub const TABLE: &[Entry] = &[
    scalar("array", array::array),
    scalar("array_append", array::array_append),
    scalar("array_prepend", array::array_prepend),
    scalar("array_insert", array::array_insert),
    scalar("array_compact", array::array_compact),
    scalar("array_repeat", array::array_repeat),
    scalar("flatten", array::flatten),
    scalar("arrays_zip", array::arrays_zip),
    scalar("array_binary_search", binary_search::array_binary_search),
    scalar("array_contains", search::array_contains),
    scalar("array_position", search::array_position),
    scalar("array_remove", search::array_remove),
    scalar("arrays_overlap", search::arrays_overlap),
    scalar("element_at", search::element_at),
    scalar("try_element_at", search::try_element_at),
    scalar("get", search::get),
    scalar("array_distinct", search::array_distinct),
    scalar("array_union", search::array_union),
    scalar("array_intersect", search::array_intersect),
    scalar("array_except", search::array_except),
    scalar("sort_array", order::sort_array),
    scalar("array_min", order::array_min),
    scalar("array_max", order::array_max),
    scalar("shuffle", order::shuffle),
    scalar("slice", order::slice),
    scalar("size", size::size),
    scalar("cardinality", size::size),
    scalar("array_size", size::array_size),
    scalar("array_join", size::array_join),
    scalar("sequence", sequence::sequence),
    scalar("struct", structs::structure),
    scalar("named_struct", structs::named_struct),
    scalar("map", map::map),
    scalar("create_map", map::map),
    scalar("map_concat", map::map_concat),
    scalar("map_contains_key", search::map_contains_key),
    scalar("map_entries", map::map_entries),
    scalar("map_from_arrays", map::map_from_arrays),
    scalar("map_from_entries", map::map_from_entries),
    scalar("map_keys", map::map_keys),
    scalar("map_values", map::map_values),
    scalar("str_to_map", map::str_to_map),
    higher("transform", higher_order::transform),
    higher("filter", higher_order::filter),
    higher("exists", higher_order::exists),
    higher("forall", higher_order::forall),
    higher("zip_with", higher_order::zip_with),
    higher("aggregate", higher_order::aggregate),
    higher("reduce", higher_order::aggregate),
    higher("array_sort", higher_order::array_sort),
    higher("map_filter", higher_order::map_filter),
    higher("transform_keys", higher_order::transform_keys),
    higher("transform_values", higher_order::transform_values),
    higher("map_zip_with", higher_order::map_zip_with),
];
