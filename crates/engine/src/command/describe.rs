//! DESCRIBE TABLE, of a column, a partition, a query; and what SHOW TABLE EXTENDED tells of a table.

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use chrono::{DateTime, SecondsFormat, Utc};
use firesteel_plan::sql::command::PartitionSpec;
use firesteel_protocol::types::{collation, json, length_limit, name};
use firesteel_protocol::{Result, SparkError};
use serde_json::{Map, Value, json};

use super::{column, partition};
use crate::catalog::rows::{self, Cell, Rows, cells, maybe, text};
use crate::catalog::table::{Bucketing, Partition, Statistics, Table, ViewText};
use crate::catalog::{self, CATALOG, Found, Search, View, hive, resolve};
use crate::{SPARK_VERSION, Session};

type Line = [Cell; 3];

fn line(name: impl Into<Cell>, value: impl Into<Cell>) -> Line {
    [name.into(), value.into(), "".into()]
}

fn heading(title: &str) -> [Line; 2] {
    [line("", ""), line(title, "")]
}

fn answer(lines: Vec<Line>) -> Result<Rows> {
    rows::rows(&[text("col_name"), text("data_type"), maybe("comment")], lines)
}

/// `DESCRIBE [EXTENDED] TABLE t [PARTITION (..)]`.
pub async fn table(session: &Session, parts: &[String], extended: bool, spec: &PartitionSpec) -> Result<Rows> {
    let place = session.place(parts)?;
    let Some(found) = session.at(&place)? else {
        // `parquet.`/path``, or an error that says where nothing was found.
        let fields = session.fields(resolve::named(&catalog::quote_parts(parts))).await?;
        return answer(columns(&fields));
    };
    let table = match found {
        Found::Temp(_) if !spec.is_empty() => {
            return Err(SparkError::new("FORBIDDEN_OPERATION")
                .with("statement", "DESC PARTITION")
                .with("objectType", "TEMPORARY VIEW")
                .with("objectName", catalog::quote_parts(parts)));
        }
        Found::Temp(view) => return answer(columns(&view.columns)),
        Found::Table(table) => table,
    };
    let mut lines = columns(&table.columns);
    if !table.partition_columns.is_empty() {
        lines.push(line("# Partition Information", ""));
        lines.push(cells!["# col_name", "data_type", "comment"]);
        let own: Fields = table.columns.iter().filter(|f| table.is_partition_column(f.name())).cloned().collect();
        lines.extend(columns(&own));
    }
    if let Some(clustering) = table.clustering() {
        lines.push(line("# Clustering Information", ""));
        lines.push(cells!["# col_name", "data_type", "comment"]);
        let own: Fields = table.columns.iter().filter(|f| clustering.contains(f.name())).cloned().collect();
        lines.extend(columns(&own));
    }
    if !spec.is_empty() {
        let partition = partition_of(session, &table, spec).await?;
        if extended {
            lines.extend(heading("# Detailed Partition Information"));
            lines.push(line("Database", &table.database));
            lines.push(line("Table", &table.name));
            lines.extend(partition_facts(session, &table, &partition).into_iter().map(|(key, value)| line(key, value)));
            lines.extend(heading("# Storage Information"));
            lines.extend(storage_facts(session, &table).into_iter().map(|(key, value)| line(key, value)));
        }
    } else if extended {
        lines.extend(heading("# Detailed Table Information"));
        lines.extend(facts(session, &table).into_iter().map(|(key, value)| line(key, value)));
    }
    let defaults: Vec<Line> = table
        .columns
        .iter()
        .filter_map(|field| Some(cells![field.name(), name::simple_of_field(field), column::default_text(field)?]))
        .collect();
    if !defaults.is_empty() {
        lines.extend(heading("# Column Default Values"));
        lines.extend(defaults);
    }
    answer(lines)
}

async fn partition_of(session: &Session, table: &Table, spec: &PartitionSpec) -> Result<Partition> {
    if table.is_view() {
        return Err(SparkError::new("FORBIDDEN_OPERATION")
            .with("statement", "DESC PARTITION")
            .with("objectType", "VIEW")
            .with("objectName", name::quote(&table.name)));
    }
    partition::check_partitioned(table, "DESC PARTITION")?;
    partition::find(session, table, spec).await
}

fn columns(fields: &Fields) -> Vec<Line> {
    fields.iter().map(|field| cells![field.name(), name::simple_of_field(field), json::comment(field)]).collect()
}

/// DESCRIBE QUERY.
pub fn query(fields: &Fields) -> Result<Rows> {
    answer(columns(fields))
}

/// `DESCRIBE [EXTENDED] t column`.
pub fn column(session: &Session, parts: &[String], column: &[String], extended: bool) -> Result<Rows> {
    let (fields, statistics) = match session.find(parts, Search::Everywhere)?.1 {
        Found::Temp(view) => (view.columns, None),
        Found::Table(table) => (table.columns.clone(), table.statistics.clone()),
    };
    let missing = || {
        SparkError::new("COLUMN_NOT_FOUND")
            .with("colName", name::quote(&column.join(".")))
            .with("caseSensitiveConfig", "\"spark.sql.caseSensitive\"")
    };
    let Some((wanted, nested)) = column.split_first() else { return Err(missing()) };
    let field = fields.iter().find(|field| field.name().eq_ignore_ascii_case(wanted)).ok_or_else(missing)?;
    if !nested.is_empty() {
        if !field.data_type().is_nested() {
            return Err(SparkError::new("INVALID_EXTRACT_BASE_FIELD_TYPE")
                .with("base", format!("\"{wanted}\""))
                .with("other", format!("\"{}\"", name::sql(field.data_type()))));
        }
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1060")
            .with("command", "DESC TABLE COLUMN")
            .with("column", column.join(".")));
    }
    let mut found = vec![
        cells!["col_name", field.name()],
        cells!["data_type", name::simple_of_field(field)],
        cells!["comment", json::comment(field).unwrap_or_else(|| "NULL".into())],
    ];
    if extended {
        let facts = statistics.and_then(|statistics| statistics.columns.get(field.name()).cloned()).unwrap_or_default();
        for key in ["min", "max", "num_nulls", "distinct_count", "avg_col_len", "max_col_len", "histogram"] {
            found.push(cells![key, facts.get(key).cloned().unwrap_or_else(|| "NULL".into())]);
        }
        found.extend(column::default_text(field).map(|default| cells!["default", default]));
    }
    rows::rows(&[text("info_name"), text("info_value")], found)
}

/// A time as Java's `Date.toString` prints it, in the machine's time zone.
fn java_date(millis: i64) -> String {
    let zone = firesteel_functions::datetime::zone::machine();
    let utc = DateTime::<Utc>::from_timestamp_millis(millis).unwrap_or_default();
    match zone.parse::<chrono_tz::Tz>() {
        Ok(zone) => utc.with_timezone(&zone).format("%a %b %d %H:%M:%S %Z %Y").to_string(),
        Err(_) => utc.format("%a %b %d %H:%M:%S UTC %Y").to_string(),
    }
}

fn bracketed(pairs: &std::collections::BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("[{}]", pairs.join(", "))
}

fn quoted_list(names: &[String]) -> String {
    format!("[{}]", names.iter().map(|own| name::quote(own)).collect::<Vec<_>>().join(", "))
}

fn statistics_text(statistics: &Statistics) -> String {
    match statistics.rows {
        Some(rows) => format!("{} bytes, {rows} rows", statistics.size_bytes),
        None => format!("{} bytes", statistics.size_bytes),
    }
}

fn bucket_facts(bucketing: &Bucketing) -> Vec<(&'static str, String)> {
    let mut facts =
        vec![("Num Buckets", bucketing.buckets.to_string()), ("Bucket Columns", quoted_list(&bucketing.columns))];
    facts.push(("Sort Columns", quoted_list(&bucketing.sort_columns)));
    facts
}

/// What Spark tells of a table, in its order.
pub fn facts(session: &Session, table: &Table) -> Vec<(&'static str, String)> {
    let mut facts =
        vec![("Catalog", CATALOG.to_string()), ("Database", table.database.clone()), ("Table", table.name.clone())];
    if hive::enabled(session) {
        facts.push(("Owner", session.env().user.to_string()));
    }
    facts.extend([
        ("Created Time", java_date(table.created_ms)),
        ("Last Access", "UNKNOWN".into()),
        ("Created By", format!("Spark {SPARK_VERSION}")),
        ("Type", table.kind.word().into()),
    ]);
    if !table.is_view() {
        facts.push(("Provider", table.provider().to_string()));
    }
    facts.extend(table.bucketing.as_ref().map(bucket_facts).unwrap_or_default());
    facts.extend(table.comment.clone().map(|comment| ("Comment", comment)));
    facts.extend(table.default_collation().map(|own| ("Collation", own.to_string())));
    if let Some(view) = &table.view {
        facts.push(("View Text", view.text.clone()));
        if table.is_metric_view() {
            facts.push(("Language", "YAML".into()));
        }
    }
    if let Some(view) = table.view.as_ref().filter(|_| !table.is_metric_view()) {
        facts.push(("View Original Text", view.text.clone()));
        facts.push(("View Schema Mode", view.schema_mode.clone()));
        facts.push(("View Catalog and Namespace", format!("{CATALOG}.{}", name::quote_if_needed(&view.database))));
        facts.push(("View Query Output Columns", quoted_list(&view.query_columns)));
    }
    let properties = without_secrets(&table.properties);
    if !properties.is_empty() {
        facts.push(("Table Properties", bracketed(&properties)));
    }
    facts.extend(table.statistics.as_ref().map(|statistics| ("Statistics", statistics_text(statistics))));
    if !table.location.is_empty() {
        facts.push(("Location", catalog::uri(&table.location)));
    }
    facts.extend(class_facts(session, table));
    if !table.options.is_empty() {
        facts.push(("Storage Properties", bracketed(&shown_options(table))));
    }
    if !table.partition_columns.is_empty() || table.storage.is_some() {
        facts.push(("Partition Provider", "Catalog".into()));
    }
    facts
}

/// The classes that Hive's metastore keeps of a table.
fn class_facts(session: &Session, table: &Table) -> Vec<(&'static str, String)> {
    let own = match &table.storage {
        Some(own) => own.clone(),
        None if table.is_view() || !hive::enabled(session) => return vec![],
        None => hive::of_source(&table.format),
    };
    vec![("Serde Library", own.serde), ("InputFormat", own.input_format), ("OutputFormat", own.output_format)]
}

/// What Spark tells of a temporary view; `database` is empty for one of the session.
pub fn view_facts(database: &str, name: &str, view: &View) -> Vec<(&'static str, String)> {
    let mut facts = vec![];
    if !database.is_empty() {
        facts.push(("Database", database.to_string()));
    }
    facts.push(("Table", name.to_string()));
    facts.push(("Created Time", java_date(view.created_ms)));
    facts.push(("Last Access", "UNKNOWN".into()));
    facts.push(("Created By", made_by(view)));
    facts.push(("Type", "VIEW".into()));
    facts.extend(view.written.as_ref().map(|own| ("View Text", own.text.clone())));
    facts.push(("View Schema Mode", "BINDING".into()));
    if let Some(own) = &view.written {
        facts.push(("View Catalog and Namespace", format!("{CATALOG}.{}", name::quote_if_needed(&own.database))));
        facts.push(("View Query Output Columns", quoted_list(&own.query_columns)));
    }
    facts
}

/// Spark forgets its version where a view has no text.
fn made_by(view: &View) -> String {
    format!("Spark {}", if view.written.is_some() { SPARK_VERSION } else { "" })
}

/// Options without secrets.
fn shown_options(table: &Table) -> std::collections::BTreeMap<String, String> {
    without_secrets(&table.options)
}

/// Properties or options as Spark shows them: what a key calls a secret is none of the reader's.
pub fn without_secrets(
    pairs: &std::collections::BTreeMap<String, String>,
) -> std::collections::BTreeMap<String, String> {
    const SECRET: [&str; 6] = ["password", "secret", "token", "access.key", "accesskey", "url"];
    let mut shown = pairs.clone();
    shown.remove(collation::DEFAULT_PROPERTY);
    for (key, value) in &mut shown {
        let lower = key.to_lowercase();
        if SECRET.iter().any(|word| lower.contains(word)) {
            *value = "*********(redacted)".into();
        }
    }
    shown
}

fn storage_facts(session: &Session, table: &Table) -> Vec<(&'static str, String)> {
    let mut facts = table.bucketing.as_ref().map(bucket_facts).unwrap_or_default();
    facts.push(("Location", catalog::uri(&table.location)));
    facts.extend(class_facts(session, table));
    if !table.options.is_empty() {
        facts.push(("Storage Properties", bracketed(&shown_options(table))));
    }
    facts
}

/// What Spark tells of a partition.
pub fn partition_facts(session: &Session, table: &Table, partition: &Partition) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Partition Values", partition::described(partition)),
        ("Location", catalog::uri(&partition.folder(&table.location))),
    ];
    facts.extend(class_facts(session, table));
    if !table.options.is_empty() {
        facts.push(("Storage Properties", bracketed(&shown_options(table))));
    }
    facts.push(("Created Time", java_date(partition.created_ms)));
    facts.push(("Last Access", "UNKNOWN".into()));
    facts.extend(partition.statistics.as_ref().map(|own| ("Partition Statistics", statistics_text(own))));
    facts
}

/// A type as DESCRIBE .. AS JSON writes it.
fn json_type(data_type: &DataType, field: &Field) -> Value {
    match data_type {
        DataType::Utf8 => match length_limit(field) {
            Some((length, padded)) => json!({"name": if padded { "char" } else { "varchar" }, "length": length}),
            None => json!({"name": "string", "collation": collation::of(field.metadata())}),
        },
        DataType::Decimal128(precision, scale) => json!({"name": "decimal", "precision": precision, "scale": scale}),
        DataType::List(element) => json!({
            "name": "array", "element_type": json_type(element.data_type(), element),
            "element_nullable": element.is_nullable()
        }),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) => json!({
                "name": "map", "key_type": json_type(kv[0].data_type(), &kv[0]),
                "value_type": json_type(kv[1].data_type(), &kv[1]), "value_nullable": kv[1].is_nullable()
            }),
            _ => Value::Null,
        },
        DataType::Struct(fields) => json!({"name": "struct", "fields": json_columns(fields)}),
        DataType::Timestamp(_, Some(_)) => json!({"name": "timestamp_ltz"}),
        other => json!({"name": name::simple(other)}),
    }
}

fn json_columns(fields: &Fields) -> Vec<Value> {
    let one = |field: &FieldRef| {
        let mut own = Map::new();
        own.insert("name".into(), json!(field.name()));
        own.insert("type".into(), json_type(field.data_type(), field));
        own.insert("nullable".into(), json!(field.is_nullable()));
        if let Some(comment) = json::comment(field) {
            own.insert("comment".into(), json!(comment));
        }
        if let Some(default) = column::default_text(field) {
            own.insert("default".into(), json!(default));
        }
        Value::Object(own)
    };
    fields.iter().map(one).collect()
}

fn json_time(millis: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(millis).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The settings under which a view was made. Spark names three that nobody set, too.
fn json_settings(view: &ViewText) -> Value {
    const ALWAYS: [&str; 4] = [
        "spark.sql.artifact.isolation.enabled",
        "spark.sql.session.timeZone",
        "spark.sql.ansi.enabled",
        "spark.sql.artifact.isolation.alwaysApplyClassloader",
    ];
    let mut own = Map::new();
    for key in ALWAYS {
        own.insert(key.into(), json!(view.conf.get(key).map_or("true", String::as_str)));
    }
    own.extend(view.conf.iter().map(|(key, value)| (key.clone(), json!(value))));
    Value::Object(own)
}

/// DESCRIBE EXTENDED t [PARTITION (..)] AS JSON.
pub async fn as_json(session: &Session, parts: &[String], spec: &PartitionSpec) -> Result<Rows> {
    let (place, found) = session.find(parts, Search::Everywhere)?;
    let mut own = Map::new();
    let table = match found {
        Found::Temp(view) => {
            let table = match place {
                catalog::Place::Temp(name) | catalog::Place::Global(name) | catalog::Place::Table(_, name) => name,
            };
            own.insert("table_name".into(), json!(table));
            own.insert("catalog_name".into(), json!("system"));
            own.insert("namespace".into(), json!(["session"]));
            own.insert("schema_name".into(), json!("session"));
            own.insert("columns".into(), Value::Array(json_columns(&view.columns)));
            own.insert("created_time".into(), json!(json_time(view.created_ms)));
            own.insert("last_access".into(), json!("UNKNOWN"));
            own.insert("created_by".into(), json!(made_by(&view)));
            own.insert("type".into(), json!("VIEW"));
            if let Some(written) = &view.written {
                own.insert("view_text".into(), json!(written.text));
            }
            own.insert("view_schema_mode".into(), json!("BINDING"));
            if let Some(written) = &view.written {
                let namespace = format!("{CATALOG}.{}", name::quote_if_needed(&written.database));
                own.insert("view_catalog_and_namespace".into(), json!(namespace));
                own.insert("view_query_output_columns".into(), json!(written.query_columns));
            }
            own.insert("collation".into(), json!(collation::BINARY));
            return rows::names("json_metadata", [Value::Object(own).to_string()]);
        }
        Found::Table(table) => table,
    };
    let partition = if spec.is_empty() { None } else { Some(partition_of(session, &table, spec).await?) };
    own.insert("table_name".into(), json!(table.name));
    own.insert("catalog_name".into(), json!(CATALOG));
    own.insert("namespace".into(), json!([table.database]));
    own.insert("schema_name".into(), json!(table.database));
    own.insert("columns".into(), Value::Array(json_columns(&table.columns)));
    if let Some(bucketing) = &table.bucketing {
        own.insert("num_buckets".into(), json!(bucketing.buckets));
        own.insert("bucket_columns".into(), json!(bucketing.columns));
        own.insert("sort_columns".into(), json!(bucketing.sort_columns));
    }
    if let Some(partition) = &partition {
        let values: Map<String, Value> =
            partition.values().into_iter().map(|(key, value)| (key, json!(value))).collect();
        own.insert("partition_values".into(), Value::Object(values));
    }
    let location = partition.as_ref().map_or_else(|| table.location.clone(), |own| own.folder(&table.location));
    if !location.is_empty() {
        own.insert("location".into(), json!(catalog::uri(&location)));
    }
    for (key, (_, value)) in ["serde_library", "input_format", "output_format"].iter().zip(class_facts(session, &table))
    {
        own.insert((*key).into(), json!(value));
    }
    if !table.options.is_empty() {
        own.insert("storage_properties".into(), json!(shown_options(&table)));
    }
    if hive::enabled(session) {
        own.insert("owner".into(), json!(session.env().user.to_string()));
    }
    own.insert(
        "created_time".into(),
        json!(json_time(partition.as_ref().map_or(table.created_ms, |own| own.created_ms))),
    );
    own.insert("last_access".into(), json!("UNKNOWN"));
    own.insert("created_by".into(), json!(format!("Spark {SPARK_VERSION}")));
    own.insert("type".into(), json!(table.kind.word()));
    if !table.is_view() {
        own.insert("provider".into(), json!(table.provider()));
    }
    if let Some(comment) = &table.comment {
        own.insert("comment".into(), json!(comment));
    }
    if let Some(view) = &table.view {
        own.insert("view_text".into(), json!(view.text));
        if table.is_metric_view() {
            own.insert("language".into(), json!("YAML"));
        }
    }
    if let Some(view) = table.view.as_ref().filter(|_| !table.is_metric_view()) {
        own.insert("view_original_text".into(), json!(view.text));
        own.insert("view_schema_mode".into(), json!(view.schema_mode));
        let namespace = format!("{CATALOG}.{}", name::quote_if_needed(&view.database));
        own.insert("view_catalog_and_namespace".into(), json!(namespace));
        own.insert("view_query_output_columns".into(), json!(view.query_columns));
    }
    if !table.properties.is_empty() {
        own.insert("table_properties".into(), json!(without_secrets(&table.properties)));
    }
    if let Some(view) = &table.view {
        own.insert("view_creation_spark_configuration".into(), json_settings(view));
    }
    if let Some(statistics) = &table.statistics {
        let mut known = Map::new();
        known.insert("size_in_bytes".into(), json!(statistics.size_bytes));
        if let Some(rows) = statistics.rows {
            known.insert("num_rows".into(), json!(rows));
        }
        own.insert("statistics".into(), Value::Object(known));
    }
    if !table.partition_columns.is_empty() {
        own.insert("partition_provider".into(), json!("Catalog"));
        own.insert("partition_columns".into(), json!(table.partition_columns));
    }
    own.insert("collation".into(), json!(table.default_collation().unwrap_or(collation::BINARY)));
    rows::names("json_metadata", [Value::Object(own).to_string()])
}

/// `UNRESOLVED_ROUTINE`.
pub fn routine_not_found(session: &Session, parts: &[String]) -> SparkError {
    let current = name::quote(&session.views.current_database());
    SparkError::new("UNRESOLVED_ROUTINE")
        .with("routineName", catalog::quote_parts(parts))
        .with("searchPath", format!("[`system`.`builtin`, `system`.`session`, `{CATALOG}`.{current}]"))
}
