//! Aggregate functions. `fold` and `gather` are the two ways to write one; the others use them.

mod approx_distinct;
mod avg;
mod collect;
mod count;
pub(crate) mod extremum;
mod first_last;
pub mod fold;
pub mod gather;
mod grouping;
mod histogram;
mod listagg;
mod logical;
mod measure;
mod mode;
mod moments;
mod pandas;
mod percentile;
mod percentile_approx;
mod quantile_summary;
mod running;
mod sum;
pub mod two_step;
mod within_group;

pub use extremum::orderable;
pub use percentile_approx::approx_quantile;
pub use within_group::{SortKey, within_group};

use crate::registry::{Entry, Kind};

const fn aggregate(name: &'static str, build: fn(&crate::Call) -> crate::Result<crate::Typed>) -> Entry {
    Entry { name, kind: Kind::Aggregate(build) }
}

/// This family's functions.
pub const TABLE: &[Entry] = &[
    aggregate("count", count::count),
    aggregate("count_if", count::count_if),
    aggregate("sum", sum::sum),
    aggregate("try_sum", sum::try_sum),
    aggregate("avg", avg::avg),
    aggregate("mean", avg::avg),
    aggregate("try_avg", avg::try_avg),
    aggregate("min", extremum::min),
    aggregate("max", extremum::max),
    aggregate("min_by", extremum::min_by),
    aggregate("max_by", extremum::max_by),
    aggregate("first", first_last::first),
    aggregate("first_value", first_last::first),
    aggregate("any_value", first_last::first),
    aggregate("last", first_last::last),
    aggregate("last_value", first_last::last),
    aggregate("any", logical::any),
    aggregate("some", logical::any),
    aggregate("bool_or", logical::any),
    aggregate("every", logical::every),
    aggregate("bool_and", logical::every),
    aggregate("bit_and", logical::bit_and),
    aggregate("bit_or", logical::bit_or),
    aggregate("bit_xor", logical::bit_xor),
    aggregate("stddev", moments::stddev_samp),
    aggregate("stddev_samp", moments::stddev_samp),
    aggregate("std", moments::stddev_samp),
    aggregate("stddev_pop", moments::stddev_pop),
    aggregate("variance", moments::var_samp),
    aggregate("var_samp", moments::var_samp),
    aggregate("var_pop", moments::var_pop),
    aggregate("skewness", moments::skewness),
    aggregate("kurtosis", moments::kurtosis),
    aggregate("covar_pop", moments::covar_pop),
    aggregate("covar_samp", moments::covar_samp),
    aggregate("corr", moments::corr),
    aggregate("regr_avgx", moments::regr_avgx),
    aggregate("regr_avgy", moments::regr_avgy),
    aggregate("regr_count", moments::regr_count),
    aggregate("regr_intercept", moments::regr_intercept),
    aggregate("regr_r2", moments::regr_r2),
    aggregate("regr_slope", moments::regr_slope),
    aggregate("regr_sxx", moments::regr_sxx),
    aggregate("regr_sxy", moments::regr_sxy),
    aggregate("regr_syy", moments::regr_syy),
    aggregate("product", moments::product),
    aggregate("collect_list", collect::collect_list),
    aggregate("array_agg", collect::collect_list),
    aggregate("collect_set", collect::collect_set),
    aggregate("listagg", listagg::listagg),
    aggregate("string_agg", listagg::listagg),
    aggregate("approx_count_distinct", approx_distinct::approx_count_distinct),
    aggregate("percentile", percentile::percentile),
    aggregate("median", percentile::median),
    aggregate("percentile_cont", percentile::needs_order),
    aggregate("percentile_disc", percentile::needs_order),
    aggregate("percentile_approx", percentile_approx::percentile_approx),
    aggregate("approx_percentile", percentile_approx::percentile_approx),
    aggregate("mode", mode::mode),
    aggregate("measure", measure::measure),
    aggregate("histogram_numeric", histogram::histogram_numeric),
    aggregate("pandas_product", pandas::product),
    aggregate("pandas_stddev", pandas::stddev),
    aggregate("pandas_var", pandas::var),
    aggregate("pandas_skew", pandas::skew),
    aggregate("pandas_kurt", pandas::kurt),
    aggregate("pandas_covar", pandas::covar),
    aggregate("pandas_mode", pandas::mode),
    aggregate("collect_top_k", pandas::collect_top_k),
    Entry { name: "null_index", kind: Kind::Window(running::null_index) },
    Entry { name: "ewm", kind: Kind::Window(running::ewm) },
    Entry { name: "grouping", kind: Kind::Scalar(grouping::grouping) },
    Entry { name: "grouping_id", kind: Kind::Scalar(grouping::grouping_id) },
];
