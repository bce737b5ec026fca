//! What the catalog keeps of a table, a view and a partition.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{Field, Fields, Schema};
use firesteel_protocol::types::{
    CHAR_VARCHAR_KEY, METADATA_KEY, collation, ddl, declared_text, has_lengths, name, with_lengths,
};
use firesteel_sources::{Options, ReadRequest, TablePartition};

use super::CATALOG;
use super::hive::Storage;

/// Who owns the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The catalog: DROP TABLE deletes them.
    Managed,
    /// The user.
    External,
    /// There are none: a view.
    View,
    /// A view that is a description in YAML, with measures.
    MetricView,
}

impl Kind {
    /// Spark's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Managed => "MANAGED",
            Self::External => "EXTERNAL",
            Self::View => "VIEW",
            Self::MetricView => "METRIC_VIEW",
        }
    }

    /// The kind of a word.
    pub fn of(word: &str) -> Self {
        match word {
            "MANAGED" => Self::Managed,
            "VIEW" => Self::View,
            "METRIC_VIEW" => Self::MetricView,
            _ => Self::External,
        }
    }
}

/// `CLUSTERED BY (columns) SORTED BY (sort_columns) INTO buckets BUCKETS`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bucketing {
    pub columns: Vec<String>,
    pub sort_columns: Vec<String>,
    pub buckets: u32,
}

/// What a view is besides its columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ViewText {
    /// The query as it was written; of a metric view its YAML.
    pub text: String,
    /// The database in which its names are looked up.
    pub database: String,
    /// Names of the query's own columns when the view was made; the view's may differ.
    pub query_columns: Vec<String>,
    /// Settings under which the text is read, whoever uses the view.
    pub conf: BTreeMap<String, String>,
    /// What a change of the query's columns does: `BINDING`, `COMPENSATION`, `TYPE EVOLUTION`, `EVOLUTION`.
    pub schema_mode: String,
}

/// Numbers that ANALYZE TABLE found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    pub size_bytes: u64,
    pub rows: Option<u64>,
    /// Column name to what is known of it: `min`, `max`, `distinct_count`, ...
    pub columns: BTreeMap<String, BTreeMap<String, String>>,
}

/// A table or a permanent view.
#[derive(Debug, Clone)]
pub struct Table {
    /// In lower case.
    pub database: String,
    /// In lower case.
    pub name: String,
    pub kind: Kind,
    /// `parquet`, `csv`, ...; empty for views.
    pub format: String,
    /// Data columns, then partition columns.
    pub columns: Fields,
    pub partition_columns: Vec<String>,
    pub bucketing: Option<Bucketing>,
    /// An absolute path; empty for views and sources without files.
    pub location: String,
    pub options: BTreeMap<String, String>,
    pub properties: BTreeMap<String, String>,
    pub comment: Option<String>,
    pub created_ms: i64,
    pub view: Option<ViewText>,
    pub statistics: Option<Statistics>,
    /// A table of Hive's: the classes that Hive would read it with. `format` is what reads it here.
    pub storage: Option<Storage>,
}

impl Table {
    /// What USING named: `hive` whatever the files of Hive's tables are.
    pub fn provider(&self) -> &str {
        if self.storage.is_some() { super::hive::PROVIDER } else { &self.format }
    }

    /// A table of Hive's whose files only Hive's own serdes write: Spark writes those of Parquet and ORC itself.
    pub fn is_written_by_hive(&self) -> bool {
        self.storage.is_some() && !matches!(self.format.as_str(), "parquet" | "orc")
    }

    /// `` `spark_catalog`.`db`.`t` ``, as errors name it.
    pub fn quoted(&self) -> String {
        quoted(&self.database, &self.name)
    }

    /// `` `db`.`t` ``, as some errors name it.
    pub fn quoted_short(&self) -> String {
        format!("{}.{}", name::quote(&self.database), name::quote(&self.name))
    }

    /// The collation that new columns of strings take, if one was given.
    pub fn default_collation(&self) -> Option<&str> {
        self.properties.get(collation::DEFAULT_PROPERTY).map(String::as_str)
    }

    pub fn is_view(&self) -> bool {
        matches!(self.kind, Kind::View | Kind::MetricView)
    }

    pub fn is_metric_view(&self) -> bool {
        self.kind == Kind::MetricView
    }

    /// Whether the source has no files: JDBC.
    pub fn is_jdbc(&self) -> bool {
        self.format.eq_ignore_ascii_case("jdbc")
    }

    /// The files' options as sources take them.
    pub fn source_options(&self) -> Options {
        let mut options = Options::default();
        for (key, value) in &self.options {
            options.set(key, value);
        }
        options
    }

    /// What the sources are asked for to read it. The folder of a table without partitions is its only one.
    pub fn request(&self, partitions: &[Partition]) -> ReadRequest {
        let own = |partition: &Partition| TablePartition {
            values: partition.values(),
            path: partition.folder(&self.location),
        };
        let folders = if self.partition_columns.is_empty() {
            vec![TablePartition { values: vec![], path: self.location.clone() }]
        } else {
            partitions.iter().map(own).collect()
        };
        let options = self.source_options();
        let listed = !self.is_jdbc() && !options.contains("recursiveFileLookup");
        ReadRequest {
            format: Some(self.format.clone()),
            // CHAR and VARCHAR are read as the texts that they hold.
            schema: Some(Arc::new(Schema::new(self.columns.iter().map(|field| plain(field)).collect::<Vec<_>>()))),
            options,
            paths: if self.is_jdbc() { vec![] } else { vec![self.location.clone()] },
            partitions: listed.then_some(folders),
            ..Default::default()
        }
    }

    /// Columns of CLUSTER BY, which Spark keeps as a property; they change nothing in files. None: not clustered.
    pub fn clustering(&self) -> Option<Vec<String>> {
        let text = self.properties.get(CLUSTERING)?;
        let columns: Vec<Vec<String>> = match serde_json::from_str(text).ok()? {
            serde_json::Value::Array(columns) => columns
                .iter()
                .map(|parts| {
                    parts.as_array().into_iter().flatten().filter_map(|p| p.as_str().map(str::to_string)).collect()
                })
                .collect(),
            _ => return None,
        };
        Some(columns.into_iter().map(|parts| parts.join(".")).collect())
    }

    /// Whether a column is one of the partition columns.
    pub fn is_partition_column(&self, column: &str) -> bool {
        self.partition_columns.iter().any(|own| own.eq_ignore_ascii_case(column))
    }
}

/// A column as it is read: CHAR and VARCHAR are texts, whose declared type is told in Spark's metadata.
pub fn plain(field: &Field) -> Field {
    if !has_lengths(field) {
        return field.clone();
    }
    let mut own = crate::command::column::metadata(field);
    own.insert(CHAR_VARCHAR_KEY.into(), serde_json::Value::String(name::simple_of_field(field)));
    let texts = with_lengths(field, &|_| None);
    let mut metadata = texts.metadata().clone();
    metadata.insert(METADATA_KEY.into(), serde_json::Value::Object(own).to_string());
    texts.with_metadata(metadata)
}

/// A column that was read as [`plain`] with the type that its table declares.
pub fn declared(field: &Field) -> Field {
    let Some(text) = declared_text(field.metadata()) else { return field.clone() };
    let mut own = crate::command::column::metadata(field);
    own.remove(CHAR_VARCHAR_KEY);
    let declared = ddl::parse_type(&text).ok().and_then(|declared| {
        let plain = crate::command::column::with_metadata(field, own).ok()?;
        let mut metadata = plain.metadata().clone();
        metadata.extend(declared.metadata().clone());
        Some(plain.with_data_type(declared.data_type().clone()).with_metadata(metadata))
    });
    declared.unwrap_or_else(|| field.clone())
}

/// Spark's property with the columns of CLUSTER BY.
pub const CLUSTERING: &str = "clusteringColumns";

/// The value of [`CLUSTERING`].
pub fn clustering_text(columns: &[String]) -> String {
    serde_json::json!(columns.iter().map(|column| [column]).collect::<Vec<_>>()).to_string()
}

/// `` `spark_catalog`.`db`.`t` ``.
pub fn quoted(database: &str, table: &str) -> String {
    format!("`{CATALOG}`.{}.{}", name::quote(database), name::quote(table))
}

/// One partition of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// `day=2024-01-01/region=eu`, escaped as in folder names.
    pub spec: String,
    /// Where its files are, if not in the table's own folder.
    pub location: Option<String>,
    pub created_ms: i64,
    pub statistics: Option<Statistics>,
}

impl Partition {
    /// Column and value as it stands in the folder's name.
    pub fn values(&self) -> Vec<(String, String)> {
        let pairs = self.spec.split('/').filter_map(|part| part.split_once('='));
        pairs
            .map(|(column, value)| (firesteel_sources::listing::partition::unescape(column), value.to_string()))
            .collect()
    }

    /// The folder of its files.
    pub fn folder(&self, table: &str) -> String {
        match &self.location {
            Some(location) => location.clone(),
            None => Path::new(table).join(&self.spec).to_string_lossy().into_owned(),
        }
    }
}
