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

/// As Spark writes times in REST.
fn milliseconds(value: i64) -> String {
    let number = value as f64;
    match value {
        ..1000 => format!("{value} ms"),
        1000..60_000 => format!("{:.1} s", half_up(number / 1000.0, 10.0)),
        60_000..3_600_000 => format!("{:.1} m", half_up(number / 60_000.0, 10.0)),
        _ => format!("{:.2} h", half_up(number / 3_600_000.0, 100.0)),
    }
}

/// Java's rounding, where Rust's goes to the even neighbour.
fn half_up(number: f64, places: f64) -> f64 {
    (number * places + 0.5).floor() / places
}

/// As Spark writes sizes in REST: of the next unit there are two at least.
fn bytes(value: i64) -> String {
    let units = [("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.into_iter().find(|(_, shift)| value >= 2 << shift);
    let (unit, shift) = unit.unwrap_or(("B", 0));
    format!("{:.1} {unit}", half_up(value as f64 / (1_i64 << shift) as f64, 10.0))
}

/// A metric as Spark's REST writes it: with its spread, where tasks measured it.
fn page_sql_value(kind: &str, total: i64, measured: Option<&Measured>) -> String {
    let shown = |value: i64| match kind {
        "size" => bytes(value),
        "timing" => milliseconds(value),
        // Spark's averages are counted in tenths.
        "average" if value % 10 == 0 => view::count(value / 10),
        "average" => format!("{}.{}", view::count(value / 10), value % 10),
        "nsTiming" => milliseconds(value / 1_000_000),
        _ => page::value_text(kind, value),
    };
    // Spark leaves tasks that told nothing out of averages alone.
    let spread =
        measured.filter(|own| matches!(kind, "size" | "timing" | "nsTiming") || kind == "average" && own.count > 1);
    match spread.and_then(|own| Some((own, own.spread()?))) {
        Some((own, [min, median, max])) => {
            let at = own.max_at.map(|(stage, task)| format!(" (stage {stage}.0: task {task})")).unwrap_or_default();
            let (min, median, max) = (shown(min), shown(median), shown(max));
            if kind == "average" {
                format!("(min, med, max (stageId: taskId)):\n({min}, {median}, {max}{at})")
            } else {
                format!("total (min, med, max (stageId: taskId))\n{} ({min}, {median}, {max}{at})", shown(total))
            }
        }
        None => shown(total),
    }
}
