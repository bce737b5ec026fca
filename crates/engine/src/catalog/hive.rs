//! Hive's tables: the classes that Hive names for a format, and the source that reads and writes such files here.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use firesteel_plan::sql::build;
use firesteel_plan::sql::command::HiveClauses;
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::{self, name, proto};
use firesteel_protocol::{Result, SparkError};

use crate::Session;

/// What USING and `df.write.format` call them.
pub const PROVIDER: &str = "hive";

const LAZY: &str = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe";
const OPEN_CSV: &str = "org.apache.hadoop.hive.serde2.OpenCSVSerde";
const REGEX: &str = "org.apache.hadoop.hive.serde2.RegexSerDe";
const TEXT_INPUT: &str = "org.apache.hadoop.mapred.TextInputFormat";
const TEXT_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat";

/// The classes that read and write a table's files in Hive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Storage {
    pub serde: String,
    pub input_format: String,
    pub output_format: String,
}

/// A name behind STORED AS, its classes, and the source that stands for them.
struct Known {
    name: &'static str,
    input_format: &'static str,
    output_format: &'static str,
    /// None: LazySimpleSerDe, or what ROW FORMAT SERDE names.
    serde: Option<&'static str>,
    /// None: not read here.
    source: Option<&'static str>,
}

const KNOWN: [Known; 6] = [
    Known { name: "textfile", input_format: TEXT_INPUT, output_format: TEXT_OUTPUT, serde: None, source: None },
    Known {
        name: "parquet",
        input_format: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        output_format: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        serde: Some("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"),
        source: Some("parquet"),
    },
    Known {
        name: "orc",
        input_format: "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
        output_format: "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
        serde: Some("org.apache.hadoop.hive.ql.io.orc.OrcSerde"),
        source: Some("orc"),
    },
    Known {
        name: "avro",
        input_format: "org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat",
        output_format: "org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat",
        serde: Some("org.apache.hadoop.hive.serde2.avro.AvroSerDe"),
        source: Some("avro"),
    },
    Known {
        name: "sequencefile",
        input_format: "org.apache.hadoop.mapred.SequenceFileInputFormat",
        output_format: "org.apache.hadoop.mapred.SequenceFileOutputFormat",
        serde: None,
        source: None,
    },
    Known {
        name: "rcfile",
        input_format: "org.apache.hadoop.hive.ql.io.RCFileInputFormat",
        output_format: "org.apache.hadoop.hive.ql.io.RCFileOutputFormat",
        serde: Some("org.apache.hadoop.hive.serde2.columnar.LazyBinaryColumnarSerDe"),
        source: None,
    },
];

/// What a new table of Hive's is.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub storage: Storage,
    /// The source that reads and writes it.
    pub format: String,
    /// Properties of the serde, which are the source's options.
    pub properties: BTreeMap<String, String>,
}

/// Whether the catalog is Hive's: `enableHiveSupport()`.
pub fn enabled(session: &Session) -> bool {
    session.conf().lookup("spark.sql.catalogImplementation").is_some_and(|kind| kind == "hive")
}

/// Refuses what needs a catalog of Hive's.
pub fn check_enabled(session: &Session, command: &str) -> Result<()> {
    match enabled(session) {
        true => Ok(()),
        false => Err(SparkError::new("NOT_SUPPORTED_COMMAND_WITHOUT_HIVE_SUPPORT").with("cmd", command)),
    }
}

/// Refuses a property that is Hive's own.
pub fn check_properties(session: &Session, properties: &[(String, String)]) -> Result<()> {
    match enabled(session) && properties.iter().any(|(key, _)| key == "EXTERNAL") {
        true => Err(SparkError::new("_LEGACY_ERROR_TEMP_3087")),
        false => Ok(()),
    }
}

fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

/// What STORED AS and ROW FORMAT say.
pub fn of_clauses(session: &Session, clauses: &HiveClauses) -> Result<Resolved> {
    let named = match &clauses.stored_as {
        Some(name) => {
            Some(known(name).ok_or_else(|| SparkError::new("_LEGACY_ERROR_TEMP_1059").with("serdeInfo", name))?)
        }
        None => None,
    };
    resolve(session, named, clauses.classes.clone(), clauses.serde.clone(), clauses.properties.clone())
}

/// What the options of `USING hive` and `df.write.format("hive")` say; the other options are the serde's.
pub fn of_options(session: &Session, options: Vec<(String, String)>) -> Result<Resolved> {
    const DELIMITERS: [(&str, &str); 5] = [
        ("fieldDelim", "field.delim"),
        ("escapeDelim", "escape.delim"),
        ("collectionDelim", "colelction.delim"),
        ("mapkeyDelim", "mapkey.delim"),
        ("lineDelim", "line.delim"),
    ];
    let wrong = |message: String| SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(message);
    let (mut file_format, mut input, mut output, mut serde) = (None, None, None, None);
    let (mut properties, mut delimited) = (vec![], false);
    for (key, value) in options {
        let is = |own: &str| key.eq_ignore_ascii_case(own);
        if is("fileFormat") {
            file_format = Some(value);
        } else if is("inputFormat") {
            input = Some(value);
        } else if is("outputFormat") {
            output = Some(value);
        } else if is("serde") {
            serde = Some(value);
        } else if let Some((_, own)) = DELIMITERS.iter().find(|(given, _)| is(given)) {
            delimited = true;
            if *own == "field.delim" {
                properties.push(("serialization.format".to_string(), value.clone()));
            }
            if *own == "line.delim" && value != "\n" {
                return Err(wrong(format!(
                    "Hive data source only support newline '\\n' as line delimiter, but given: {value}."
                )));
            }
            properties.push(((*own).to_string(), value));
        } else {
            properties.push((key, value));
        }
    }
    let classes = match (input, output) {
        (Some(input), Some(output)) => Some((input, output)),
        (None, None) => None,
        _ => {
            return Err(wrong(
                "Cannot specify only inputFormat or outputFormat, you have to specify both of them.".into(),
            ));
        }
    };
    if let (Some(format), true) = (&file_format, classes.is_some()) {
        return Err(wrong(format!(
            "Cannot specify fileFormat and inputFormat/outputFormat together for Hive data source: {format}."
        )));
    }
    let named = match &file_format {
        Some(format) => {
            let found =
                known(format).ok_or_else(|| wrong(format!("invalid fileFormat: '{}'", format.to_lowercase())))?;
            if delimited && found.name != "textfile" {
                return Err(wrong(format!(
                    "Cannot specify delimiters as they are only compatible with fileFormat 'textfile', not {}.",
                    found.name
                )));
            }
            if serde.is_some() && !["sequencefile", "textfile", "rcfile"].contains(&found.name) {
                return Err(wrong(format!("fileFormat '{}' already specifies a serde.", found.name)));
            }
            Some(found)
        }
        None => None,
    };
    if serde.is_some() && delimited {
        return Err(wrong("Cannot specify delimiters with a custom serde.".into()));
    }
    resolve(session, named, classes, serde, properties)
}

fn resolve(
    session: &Session,
    named: Option<&'static Known>,
    classes: Option<(String, String)>,
    serde: Option<String>,
    properties: Vec<(String, String)>,
) -> Result<Resolved> {
    let default = || {
        let given = session.conf().lookup("hive.default.fileformat");
        given.and_then(|name| known(&name)).unwrap_or(&KNOWN[0])
    };
    let own = named.or_else(|| classes.is_none().then(default));
    let (input_format, output_format) = match classes {
        Some(classes) => classes,
        None => own.map(|own| (own.input_format.into(), own.output_format.into())).unwrap_or_default(),
    };
    let serde = serde.or_else(|| own.and_then(|own| own.serde).map(str::to_string)).unwrap_or_else(|| LAZY.into());
    let storage = Storage { serde, input_format, output_format };
    let format = source(&storage)?;
    let mut properties: BTreeMap<String, String> = properties.into_iter().collect();
    properties.entry("serialization.format".into()).or_insert_with(|| "1".into());
    Ok(Resolved { storage, format, properties })
}

/// The source that reads such files.
///
/// # Errors
/// For a class that Spark would not find, as it words it; for formats that are not read here.
pub fn source(storage: &Storage) -> Result<String> {
    if let Some(own) = KNOWN.iter().find(|own| own.serde == Some(&storage.serde)) {
        if let Some(source) = own.source {
            return Ok(source.into());
        }
    }
    let lines = [LAZY, OPEN_CSV, REGEX].contains(&storage.serde.as_str());
    if lines && storage.input_format == TEXT_INPUT {
        return Ok(storage.serde.clone());
    }
    match KNOWN.iter().find(|own| own.input_format == storage.input_format) {
        Some(own) if lines || own.serde == Some(&storage.serde) => Err(SparkError::unsupported(
            format!("Hive's tables STORED AS {}", own.name.to_uppercase()),
            "Store it AS TEXTFILE, PARQUET, ORC or AVRO.",
        )),
        _ => Err(failed(format!(
            "java.lang.RuntimeException: MetaException(message:java.lang.ClassNotFoundException Class {} not found)",
            storage.serde
        ))),
    }
}

/// What Hive's metastore refuses.
fn failed(message: String) -> SparkError {
    SparkError::new("_LEGACY_ERROR_TEMP_3065")
        .with("clazz", "org.apache.hadoop.hive.ql.metadata.HiveException")
        .with("msg", message)
}

/// The columns of a new table of Hive's: those that its serde gives it.
///
/// # Errors
/// For types that Hive does not have.
pub fn columns(storage: &Storage, fields: &Fields, partition_by: &[String], table: &str) -> Result<Fields> {
    let is_data = |field: &Field| !partition_by.iter().any(|own| own.eq_ignore_ascii_case(field.name()));
    let is_interval = |own: &DataType| matches!(own, DataType::Duration(_) | DataType::Interval(_));
    if fields.iter().any(|field| is_interval(field.data_type())) {
        return Err(SparkError::new("UNSUPPORTED_FEATURE.HIVE_WITH_ANSI_INTERVALS").with("tableName", table));
    }
    let mut before = 0;
    for field in fields {
        let own = field.data_type();
        let text = name::simple_of_field(field);
        if types::is_variant(own) || matches!(own, DataType::Timestamp(_, None) | DataType::Time64(_)) {
            let all: Vec<String> = fields.iter().map(|field| name::simple_of_field(field)).collect();
            return Err(failed(format!(
                "java.lang.IllegalArgumentException: Error: type expected at the position {before} of '{}' but '{}' is \
                 found.",
                all.join(":"),
                text.split('(').next().unwrap_or_default()
            )));
        }
        before += text.len() + 1;
    }
    if storage.serde != OPEN_CSV {
        return Ok(fields.clone());
    }
    // Its columns are texts, whatever the statement says.
    let one = |field: &FieldRef| {
        if !is_data(field) {
            return Ok(field.as_ref().clone());
        }
        let own = Field::new(field.name(), DataType::Utf8, true);
        let mut metadata = crate::command::column::metadata(&own);
        metadata.insert("comment".into(), serde_json::Value::String("from deserializer".into()));
        crate::command::column::with_metadata(&own, metadata)
    };
    fields.iter().map(|field| one(field).map(std::sync::Arc::new)).collect()
}

/// Rows with the columns that [`columns`] gave: those that became texts are cast.
pub fn as_columns(rows: pb::Relation, from: &Fields, to: &Fields) -> pb::Relation {
    if from.iter().zip(to).all(|(from, to)| from.data_type() == to.data_type()) {
        return rows;
    }
    let one = |(from, to): (&FieldRef, &FieldRef)| {
        let own = build::attribute(std::slice::from_ref(from.name()));
        let cast = build::cast(own, proto::encode(to.data_type()), false);
        build::alias(cast, vec![to.name().clone()])
    };
    build::project(Some(rows), from.iter().zip(to).map(one).collect())
}

/// The classes under which Hive's metastore knows a table that Spark's own sources read.
pub fn of_source(format: &str) -> Storage {
    let own = known(format).filter(|own| own.source.is_some());
    let text = |own: &str| own.to_string();
    match own {
        Some(own) => Storage {
            serde: text(own.serde.unwrap_or(LAZY)),
            input_format: text(own.input_format),
            output_format: text(own.output_format),
        },
        None => Storage {
            serde: LAZY.into(),
            input_format: "org.apache.hadoop.mapred.SequenceFileInputFormat".into(),
            output_format: "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat".into(),
        },
    }
}

/// USING of the statement that would make such a table without Hive; None: there is none.
pub fn using(storage: &Storage) -> Option<&'static str> {
    let own = KNOWN
        .iter()
        .find(|own| own.input_format == storage.input_format && own.serde.unwrap_or(LAZY) == storage.serde)?;
    match own.name {
        "textfile" => Some("text"),
        _ => own.source,
    }
}

/// Hive's rule for rows that bring their partitions with them.
///
/// # Errors
/// In strict mode, where no partition column has a value.
pub fn check_dynamic(session: &Session, fixed: usize, all: usize) -> Result<()> {
    if fixed == all {
        return Ok(());
    }
    let lookup = |key: &str| {
        let own = session.conf().lookup(key);
        own.or_else(|| session.conf().lookup(&format!("spark.hadoop.{key}")))
    };
    let failed = |message: &str| SparkError::new("_LEGACY_SPARK").with_message(message);
    if lookup("hive.exec.dynamic.partition").is_some_and(|value| value.eq_ignore_ascii_case("false")) {
        return Err(failed(
            "Dynamic partition is disabled. Either enable it by setting hive.exec.dynamic.partition=true or specify \
             partition column values",
        ));
    }
    let strict = !lookup("hive.exec.dynamic.partition.mode").is_some_and(|mode| mode.eq_ignore_ascii_case("nonstrict"));
    if strict && fixed == 0 {
        return Err(failed(
            "Dynamic partition strict mode requires at least one static partition column. To turn this off set \
             hive.exec.dynamic.partition.mode=nonstrict",
        ));
    }
    Ok(())
}
