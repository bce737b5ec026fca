//! Window functions: ranks, neighbours, time windows. The resolver adds OVER.

mod neighbor;
mod rank;
mod time;

use crate::registry::{Entry, Kind};

pub use time::{SESSION_WINDOW, SLIDING_WINDOW, TimeWindow, WINDOW, parse_duration_us, session_time, sliding_windows};

const fn window(name: &'static str, build: fn(&crate::Call) -> crate::Result<crate::Typed>) -> Entry {
    Entry { name, kind: Kind::Window(build) }
}

/// This family's functions.
pub const TABLE: &[Entry] = &[
    window("row_number", rank::row_number),
    window("rank", rank::rank),
    window("dense_rank", rank::dense_rank),
    window("percent_rank", rank::percent_rank),
    window("cume_dist", rank::cume_dist),
    window("ntile", rank::ntile),
    window("lag", neighbor::lag),
    window("lead", neighbor::lead),
    window("nth_value", neighbor::nth_value),
    Entry { name: "window", kind: Kind::Scalar(time::window) },
    Entry { name: "window_time", kind: Kind::Scalar(time::window_time) },
    Entry { name: "session_window", kind: Kind::Scalar(time::session_window) },
];
