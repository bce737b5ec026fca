//! CASE, IF and the functions that choose among their arguments.

mod case;
mod extremum;
mod null;

use crate::{Entry, Kind};

/// The functions of this family.
pub const TABLE: &[Entry] = &[
    Entry { name: "when", kind: Kind::Scalar(case::when) },
    Entry { name: "if", kind: Kind::Scalar(case::if_else) },
    Entry { name: "coalesce", kind: Kind::Scalar(null::coalesce) },
    Entry { name: "ifnull", kind: Kind::Scalar(null::if_null) },
    Entry { name: "nvl", kind: Kind::Scalar(null::if_null) },
    Entry { name: "nvl2", kind: Kind::Scalar(null::nvl2) },
    Entry { name: "nullif", kind: Kind::Scalar(null::null_if) },
    Entry { name: "nullifzero", kind: Kind::Scalar(null::null_if_zero) },
    Entry { name: "zeroifnull", kind: Kind::Scalar(null::zero_if_null) },
    Entry { name: "nanvl", kind: Kind::Scalar(null::nanvl) },
    Entry { name: "greatest", kind: Kind::Scalar(extremum::greatest) },
    Entry { name: "least", kind: Kind::Scalar(extremum::least) },
];
