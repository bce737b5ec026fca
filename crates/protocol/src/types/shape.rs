//! GEOMETRY and GEOGRAPHY: shapes in their well-known binary form, with the number of their reference system.
//!
//! The Arrow form is that of Spark's clients: a struct of `srid` and `wkb`, the latter marked by its field's metadata.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Fields};

use super::srid_table::{ESRI, GLOBE, NAMES, PLANE};

/// Field metadata of the second field: the number of the system of all values, [`MIXED`] where each has its own.
const SRID_KEY: &str = "srid";
const GEOMETRY_KEY: &str = "geometry";
const GEOGRAPHY_KEY: &str = "geography";

/// Spark's number for values of several systems.
const MIXED: i32 = -1;

/// The reference system of GEOGRAPHY.
pub const WORLD: i32 = 4326;

/// A type of shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// On the globe, not on a plane.
    pub geography: bool,
    /// The reference system of all values; None: ANY.
    pub srid: Option<i32>,
}

impl Shape {
    /// The type that Arrow has for it.
    pub fn data_type(self) -> DataType {
        let kind = if self.geography { GEOGRAPHY_KEY } else { GEOMETRY_KEY };
        let marks = [(kind, "true".to_string()), (SRID_KEY, self.srid.unwrap_or(MIXED).to_string())];
        let marks: HashMap<String, String> = marks.into_iter().map(|(key, text)| (key.to_string(), text)).collect();
        DataType::Struct(Fields::from(vec![
            Field::new("srid", DataType::Int32, false),
            Field::new("wkb", DataType::Binary, false).with_metadata(marks),
        ]))
    }

    /// None for every other type.
    pub fn of(data_type: &DataType) -> Option<Self> {
        let DataType::Struct(fields) = data_type else { return None };
        let [_, wkb] = fields.as_ref() else { return None };
        let is = |key: &str| wkb.metadata().get(key).is_some_and(|mark| mark == "true");
        let geography = is(GEOGRAPHY_KEY);
        if !geography && !is(GEOMETRY_KEY) {
            return None;
        }
        let srid = wkb.metadata().get(SRID_KEY).and_then(|text| text.parse().ok()).unwrap_or(MIXED);
        Some(Self::numbered(geography, srid))
    }

    /// The type of a number, -1 for ANY.
    pub fn numbered(geography: bool, srid: i32) -> Self {
        Self { geography, srid: (srid != MIXED).then_some(srid) }
    }

    /// The number that Spark's messages have for it.
    pub fn number(self) -> i32 {
        self.srid.unwrap_or(MIXED)
    }

    /// `geometry(4326)`, `geography(any)`.
    pub fn name(self) -> String {
        match self.srid {
            Some(srid) => format!("{}({srid})", self.word()),
            None => format!("{}(any)", self.word()),
        }
    }

    /// `geometry`.
    pub fn word(self) -> &'static str {
        if self.geography { GEOGRAPHY_KEY } else { GEOMETRY_KEY }
    }

    /// As in a schema's JSON: `geometry(OGC:CRS84)`.
    pub fn json(self) -> String {
        let system = self.system();
        if self.geography { format!("geography({system}, SPHERICAL)") } else { format!("geometry({system})") }
    }

    /// The name of the reference system: `OGC:CRS84`.
    pub fn system(self) -> String {
        let Some(srid) = self.srid else { return "SRID:ANY".into() };
        match NAMES.iter().find(|(own, _)| *own == srid) {
            Some((_, name)) => (*name).into(),
            None if is_in(ESRI, srid) => format!("ESRI:{srid}"),
            None => format!("EPSG:{srid}"),
        }
    }

    /// The type of a name in a schema's JSON, or of one of its shorter forms.
    pub fn of_json(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once('(')?;
        let geography = word.eq_ignore_ascii_case(GEOGRAPHY_KEY);
        if !geography && !word.eq_ignore_ascii_case(GEOMETRY_KEY) {
            return None;
        }
        let system = rest.strip_suffix(')')?.split(',').next()?.trim();
        let own = system.rsplit_once(':').map_or(system, |(_, own)| own);
        let named = NAMES.iter().find(|(_, name)| name.rsplit_once(':').is_some_and(|(_, name)| name == own));
        let srid = match named {
            Some((srid, _)) => *srid,
            None if own.eq_ignore_ascii_case("ANY") => MIXED,
            None => own.parse().ok()?,
        };
        Some(Self::numbered(geography, srid))
    }

    /// The type that values of both are of.
    pub fn common(self, other: Self) -> Option<Self> {
        let srid = if self.srid == other.srid { self.srid } else { None };
        (self.geography == other.geography).then_some(Self { srid, ..self })
    }

    /// Whether Spark's types of shapes know the system of a number.
    pub fn is_known(geography: bool, srid: i32) -> bool {
        is_in(if geography { GLOBE } else { PLANE }, srid)
    }
}

/// Whether a number is in one of these runs, which are in order.
fn is_in(runs: &[(i32, i32)], number: i32) -> bool {
    let behind = runs.partition_point(|(first, _)| *first <= number);
    behind > 0 && number <= runs[behind - 1].1
}

/// Whether a type is GEOMETRY or GEOGRAPHY.
pub fn is_shape(data_type: &DataType) -> bool {
    Shape::of(data_type).is_some()
}
