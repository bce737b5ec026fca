//! The web UI: [`serve`] listens, [`route`] finds the page ([`page`]) or the answer of [`rest`]; [`view`] is what pages
//! share, [`svg`] draws, [`advice`] says what numbers mean; [`openapi`] describes REST, [`prometheus`] is for machines.

pub mod advice;
pub mod conf;
pub mod openapi;
pub mod page;
pub mod prometheus;
pub mod rest;
pub mod route;
pub mod serve;
pub mod svg;
pub mod view;

pub use conf::UiConf;

use crate::model::Measured;

/// A metric as Spark's REST writes it: with its spread, where tasks measured it.
fn page_sql_value(kind: &str, total: i64, measured: Option<&Measured>) -> String {
    let shown = |value: i64| match kind {
        "size" if value < 1024 => format!("{value}.0 B"),
        "nsTiming" => view::duration(value / 1_000_000),
        _ => page::value_text(kind, value),
    };
    let spread = measured.filter(|own| own.count > 1 && matches!(kind, "size" | "timing" | "nsTiming" | "average"));
    match spread {
        Some(own) => {
            let median = if own.values.is_empty() { own.median } else { crate::store::median(&own.values) };
            let at = own.max_at.map(|(stage, task)| format!(" (stage {stage}.0: task {task})")).unwrap_or_default();
            let (min, median, max) = (shown(own.min), shown(median), shown(own.max));
            if kind == "average" {
                format!("(min, med, max (stageId: taskId)):\n({min}, {median}, {max}{at})")
            } else {
                format!("total (min, med, max (stageId: taskId))\n{} ({min}, {median}, {max}{at})", shown(total))
            }
        }
        None => shown(total),
    }
}
