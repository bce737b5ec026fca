//! SHOW TABLES, VIEWS, DATABASES, COLUMNS, CREATE TABLE, TBLPROPERTIES, TABLE EXTENDED.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use firesteel_functions::COLLATION_COLUMNS;
use firesteel_plan::sql::command::PartitionSpec;
use firesteel_protocol::types::collation::COLLATION_KEY;
use firesteel_protocol::types::{self, json, name};
use firesteel_protocol::types::{is_shape, is_variant};
use firesteel_protocol::{Result, SparkError};

use super::{column, describe, partition};
use crate::Session;
use crate::catalog::hive::{self, Storage};
use crate::catalog::rows::{self, Cell, Rows, cells, flag, maybe, text};
use crate::catalog::table::Table;
use crate::catalog::{self, CATALOG, Found, GLOBAL_TEMP, Search, matches, quote_parts, schema_not_found};

/// The database of an IN clause, or the current one. Global temporary views have a database of their own.
fn database(session: &Session, parts: Option<&[String]>) -> Result<String> {
    match parts {
        Some([own]) if own.eq_ignore_ascii_case(GLOBAL_TEMP) => Ok(GLOBAL_TEMP.into()),
        Some([catalog, _]) if !catalog.eq_ignore_ascii_case(CATALOG) => {
            Err(SparkError::new("_LEGACY_ERROR_TEMP_1126")
                .with("catalog", catalog::unquoted(parts.unwrap_or_default())))
        }
        Some(parts) if parts.len() > 2 => {
            Err(SparkError::new("_LEGACY_ERROR_TEMP_1126").with("catalog", catalog::unquoted(parts)))
        }
        Some(parts) => session.database_of(parts).map(|database| database.name),
        None => Ok(session.views.current_database()),
    }
}

/// SHOW TABLES and SHOW VIEWS: `(database, name, is temporary)`.
fn listed(
    session: &Session,
    parts: Option<&[String]>,
    pattern: Option<&str>,
    views_only: bool,
) -> Result<Vec<(String, String, bool)>> {
    let database = database(session, parts)?;
    let mut found: Vec<(String, String, bool)> = vec![];
    if database == GLOBAL_TEMP {
        found.extend(session.temp_view_names(true).into_iter().map(|view| (database.clone(), view, true)));
    } else {
        let tables = session.store()?.tables(&database)?;
        let wanted = tables.iter().filter(|table| !views_only || table.is_view());
        found.extend(wanted.map(|table| (database.clone(), table.name.clone(), false)));
    }
    found.extend(session.temp_view_names(false).into_iter().map(|view| (String::new(), view, true)));
    found.retain(|(_, own, _)| matches(own, pattern));
    Ok(found)
}

/// What the column of a table's database is called.
fn database_column(session: &Session) -> &'static str {
    if session.conf().flag("spark.sql.legacy.keepCommandOutputSchema") { "database" } else { "namespace" }
}

/// SHOW TABLES.
pub fn tables(session: &Session, parts: Option<&[String]>, pattern: Option<&str>) -> Result<Rows> {
    let found = listed(session, parts, pattern, false)?;
    let found = found.into_iter().map(|(database, own, temporary)| cells![database, own, temporary]);
    rows::rows(&[text(database_column(session)), text("tableName"), flag("isTemporary")], found)
}

/// SHOW VIEWS.
pub fn views(session: &Session, parts: Option<&[String]>, pattern: Option<&str>) -> Result<Rows> {
    let found = listed(session, parts, pattern, true)?;
    let found = found.into_iter().map(|(database, own, temporary)| cells![database, own, temporary]);
    rows::rows(&[text("namespace"), text("viewName"), flag("isTemporary")], found)
}

/// SHOW TABLE EXTENDED.
pub async fn table_extended(
    session: &Session,
    parts: Option<&[String]>,
    pattern: &str,
    spec: Option<&PartitionSpec>,
) -> Result<Rows> {
    let columns = [text(database_column(session)), text("tableName"), flag("isTemporary"), text("information")];
    let database = database(session, parts)?;
    if let Some(spec) = spec {
        let named = match parts {
            Some(_) => vec![database, pattern.to_string()],
            None => vec![pattern.to_string()],
        };
        let Found::Table(table) = session.find(&named, Search::Session)?.1 else {
            return Err(catalog::expect_table("SHOW TABLE EXTENDED", &quote_parts(&named)));
        };
        if table.is_view() {
            return Err(catalog::expect_table("SHOW TABLE EXTENDED ... PARTITION ...", &table.quoted()));
        }
        let own = partition::find(session, &table, spec).await?;
        let information = lines(&describe::partition_facts(session, &table, &own));
        return rows::rows(&columns, [cells![&table.database, &table.name, false, information]]);
    }
    let mut found = vec![];
    for (database, own, temporary) in listed(session, parts, Some(pattern), false)? {
        let information = if temporary {
            let Some(view) = session.temp_view(&own, !database.is_empty()) else { continue };
            let facts = describe::view_facts(&database, &own, &view);
            format!("{}Schema: {}", lines(&facts), name::tree(&view.columns, None))
        } else {
            let Some(table) = session.store()?.table(&database, &own)? else { continue };
            let mut facts = describe::facts(session, &table);
            if !table.partition_columns.is_empty() {
                let columns: Vec<String> = table.partition_columns.iter().map(|own| name::quote(own)).collect();
                facts.push(("Partition Columns", format!("[{}]", columns.join(", "))));
            }
            format!("{}Schema: {}", lines(&facts), name::tree(&table.columns, None))
        };
        found.push(cells![database, own, temporary, information + "\n"]);
    }
    rows::rows(&columns, found)
}

fn lines(facts: &[(&'static str, String)]) -> String {
    facts.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
}

/// SHOW DATABASES.
pub fn databases(session: &Session, parent: Option<&[String]>, pattern: Option<&str>) -> Result<Rows> {
    if let Some(parent) = parent {
        if !matches!(parent, [own] if own.eq_ignore_ascii_case(CATALOG)) {
            return Err(schema_not_found(parent));
        }
    }
    let names = session.store()?.databases()?.into_iter().map(|database| database.name);
    let column = if database_column(session) == "database" { "databaseName" } else { "namespace" };
    rows::names(column, names.filter(|own| matches(own, pattern)))
}

/// SHOW COLLATIONS.
pub fn collations(pattern: &str) -> Result<Rows> {
    // The catalog and the schema are not told.
    let own: [_; 7] = std::array::from_fn(|at| COLLATION_COLUMNS[at + 2]);
    let columns = own.map(|(name, nullable, _)| if nullable { maybe(name) } else { text(name) });
    let mut known: Vec<_> = types::collation::all().iter().filter(|own| matches(&own.name, Some(pattern))).collect();
    known.sort_by(|a, b| a.name.cmp(&b.name));
    let line = |collation: &types::collation::Collation| own.map(|(_, _, text)| Cell::from(text(collation)));
    rows::rows(&columns, known.into_iter().map(line))
}

/// SHOW CATALOGS.
pub fn catalogs(pattern: Option<&str>) -> Result<Rows> {
    rows::names("catalog", [CATALOG.to_string()].into_iter().filter(|own| matches(own, pattern)))
}

/// SHOW COLUMNS.
pub fn columns(session: &Session, table: &[String], database: Option<&[String]>) -> Result<Rows> {
    let mut parts = table.to_vec();
    if let (Some(given), [.., own]) = (database, table) {
        if let [named, _] = table {
            if given.last().is_some_and(|last| !last.eq_ignore_ascii_case(named)) {
                return Err(SparkError::new("SHOW_COLUMNS_WITH_CONFLICT_NAMESPACE")
                    .with("namespaceA", quote_parts(given))
                    .with("namespaceB", name::quote(named)));
            }
        }
        parts = given.iter().chain([own]).cloned().collect();
    }
    let fields = match session.find(&parts, Search::Session)?.1 {
        Found::Temp(view) => view.columns,
        Found::Table(table) => table.columns.clone(),
    };
    rows::names("col_name", fields.iter().map(|field| field.name().clone()))
}

/// SHOW TBLPROPERTIES.
pub fn properties(session: &Session, parts: &[String], key: Option<&str>) -> Result<Rows> {
    let (properties, shown) = match session.find(parts, Search::Session)?.1 {
        Found::Temp(view) => (view.properties, parts.join(".")),
        Found::Table(table) => {
            let options = table.options.iter().map(|(key, value)| (format!("option.{key}"), value.clone()));
            let properties = options.chain(table.properties.clone()).collect();
            (properties, format!("{CATALOG}.{}.{}", table.database, table.name))
        }
    };
    let columns = [text("key"), text("value")];
    if let Some(key) = key {
        let missing = || format!("Table {shown} does not have property: {key}");
        let properties = super::describe::without_secrets(&properties);
        return rows::rows(&columns, [cells![key, properties.get(key).cloned().unwrap_or_else(missing)]]);
    }
    let properties = super::describe::without_secrets(&properties);
    rows::rows(&columns, properties.into_iter().map(|(key, value)| cells![key, value]))
}

/// SHOW CREATE TABLE.
pub fn create_table(session: &Session, parts: &[String], as_serde: bool) -> Result<Rows> {
    let table = match session.find(parts, Search::Session)?.1 {
        Found::Table(table) => table,
        Found::Temp(_) => {
            return Err(SparkError::new("EXPECT_PERMANENT_VIEW_NOT_TEMP")
                .with("viewName", quote_parts(parts))
                .with("operation", "SHOW CREATE TABLE"));
        }
    };
    if let Some(storage) = &table.storage {
        let text = if as_serde { serde_text(&table, storage) } else { hive_text(&table, storage)? };
        return rows::names("createtab_stmt", [text]);
    }
    if as_serde && !table.is_view() {
        return Err(SparkError::new("UNSUPPORTED_SHOW_CREATE_TABLE.ON_DATA_SOURCE_TABLE_WITH_AS_SERDE")
            .with("tableName", table.quoted()));
    }
    if table.is_metric_view() {
        return Err(
            SparkError::new("UNSUPPORTED_SHOW_CREATE_TABLE.ON_METRIC_VIEW").with("tableName", name::quote(&table.name))
        );
    }
    rows::names("createtab_stmt", [if table.is_view() { view_text(&table) } else { table_text(&table) }])
}

fn view_text(table: &Table) -> String {
    let column = |field: &Arc<Field>| {
        let comment = json::comment(field).map(|text| format!(" COMMENT '{}'", escaped(&text))).unwrap_or_default();
        format!("{}{comment}", name::quote_if_needed(field.name()))
    };
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    let named = format!("{}.{}", name::quote_if_needed(&table.database), name::quote_if_needed(&table.name));
    let mut text = format!("CREATE VIEW {named} (\n  {})\n", columns.join(",\n  "));
    text.push_str(&comment_clause(table));
    text.push_str(&table.default_collation().map(|own| format!("DEFAULT COLLATION {own}\n")).unwrap_or_default());
    text.push_str(&pairs_clause("TBLPROPERTIES", &super::describe::without_secrets(&table.properties)));
    let query = table.view.as_ref().map(|view| view.text.as_str()).unwrap_or_default();
    let mode = table.view.as_ref().map_or("COMPENSATION", |view| view.schema_mode.as_str());
    text + "WITH SCHEMA " + mode + "\nAS " + query + "\n"
}

fn table_text(table: &Table) -> String {
    let named = [CATALOG, &table.database, &table.name].map(name::quote_if_needed).join(".");
    format!("CREATE TABLE {named} {}", definition(table, &table.format, &table.options))
}

/// A table of Hive's as one of Spark's own, where there is such a source.
fn hive_text(table: &Table, storage: &Storage) -> Result<String> {
    let Some(format) = hive::using(storage) else {
        let Storage { serde, input_format, output_format } = storage;
        let configs = format!(" SERDE: {serde} INPUTFORMAT: {input_format} OUTPUTFORMAT: {output_format}");
        return Err(SparkError::new("UNSUPPORTED_SHOW_CREATE_TABLE.WITH_UNSUPPORTED_SERDE_CONFIGURATION")
            .with("tableName", table.quoted())
            .with("configs", configs));
    };
    let named = [&table.database, &table.name].map(|own| name::quote_if_needed(own)).join(".");
    Ok(format!("CREATE TABLE {named} {}", definition(table, format, &BTreeMap::new())))
}

/// A table of Hive's in Hive's words.
fn serde_text(table: &Table, storage: &Storage) -> String {
    // Only quotes are escaped here.
    let escaped = |text: &str| text.replace('\'', "\\'");
    let column = |field: &Arc<Field>| {
        let comment = json::comment(field).map(|text| format!(" COMMENT '{}'", escaped(&text))).unwrap_or_default();
        format!("{} {}{comment}", name::quote_if_needed(field.name()), name::sql_of_field(field))
    };
    let is_data = |field: &&Arc<Field>| !table.is_partition_column(field.name());
    let data: Vec<String> = table.columns.iter().filter(is_data).map(column).collect();
    let own: Vec<String> = table.columns.iter().filter(|field| !is_data(field)).map(column).collect();
    let named = [&table.database, &table.name].map(|own| name::quote_if_needed(own)).join(".");
    let external = if table.kind == catalog::table::Kind::External { "EXTERNAL " } else { "" };
    let mut text = format!("CREATE {external}TABLE {named} (\n  {})\n", data.join(",\n  "));
    text.push_str(&comment_clause(table));
    if !own.is_empty() {
        text.push_str(&format!("PARTITIONED BY ({})\n", own.join(", ")));
    }
    text.push_str(&bucketing_clause(table));
    text.push_str(&format!("ROW FORMAT SERDE '{}'\n", escaped(&storage.serde)));
    let pairs: Vec<String> =
        table.options.iter().map(|(key, value)| format!("  '{}' = '{}'", escaped(key), escaped(value))).collect();
    if !pairs.is_empty() {
        text.push_str(&format!("WITH SERDEPROPERTIES (\n{})\n", pairs.join(",\n")));
    }
    text.push_str(&format!(
        "STORED AS\n  INPUTFORMAT '{}'\n  OUTPUTFORMAT '{}'\n",
        escaped(&storage.input_format),
        escaped(&storage.output_format)
    ));
    if table.kind == catalog::table::Kind::External {
        text.push_str(&format!("LOCATION '{}'\n", escaped(&catalog::uri(&table.location))));
    }
    text + &pairs_clause("TBLPROPERTIES", &super::describe::without_secrets(&table.properties))
}

/// `CLUSTERED BY .. SORTED BY .. INTO n BUCKETS`.
fn bucketing_clause(table: &Table) -> String {
    let list = |names: &[String]| names.iter().map(|own| name::quote_if_needed(own)).collect::<Vec<_>>().join(", ");
    let Some(bucketing) = &table.bucketing else { return String::new() };
    let mut text = format!("CLUSTERED BY ({})\n", list(&bucketing.columns));
    if !bucketing.sort_columns.is_empty() {
        text.push_str(&format!("SORTED BY ({})\n", list(&bucketing.sort_columns)));
    }
    text + &format!("INTO {} BUCKETS\n", bucketing.buckets)
}

/// What stands behind a table's name, of one that a source of Spark's reads.
fn definition(table: &Table, format: &str, options: &BTreeMap<String, String>) -> String {
    let columns: Vec<String> = table.columns.iter().map(|field| column_text(field)).collect();
    let mut text = format!("(\n  {})\nUSING {format}\n", columns.join(",\n  "));
    let list = |names: &[String]| names.iter().map(|own| name::quote_if_needed(own)).collect::<Vec<_>>().join(", ");
    text.push_str(&pairs_clause("OPTIONS", options));
    if !table.partition_columns.is_empty() {
        text.push_str(&format!("PARTITIONED BY ({})\n", list(&table.partition_columns)));
    }
    if let Some(clustering) = table.clustering() {
        text.push_str(&format!("PARTITIONED BY (cluster_by({}))\n", list(&clustering)));
    }
    text.push_str(&bucketing_clause(table));
    text.push_str(&comment_clause(table));
    if table.kind == catalog::table::Kind::External && !table.location.is_empty() {
        text.push_str(&format!("LOCATION '{}'\n", escaped(&catalog::uri(&table.location))));
    }
    text.push_str(&table.default_collation().map(|own| format!("DEFAULT COLLATION {own}\n")).unwrap_or_default());
    text + &pairs_clause("TBLPROPERTIES", &super::describe::without_secrets(&table.properties))
}

/// `name TYPE [COLLATE ..] [DEFAULT ..] [COMMENT ..]`.
fn column_text(field: &Field) -> String {
    let mut text = format!("{} {}", name::quote_if_needed(field.name()), type_text(field));
    if let Some(default) = column::default_text(field) {
        text.push_str(&format!(" DEFAULT {default}"));
    }
    if let Some(comment) = json::comment(field) {
        text.push_str(&format!(" COMMENT '{}'", escaped(&comment)));
    }
    text
}

/// A type as it is declared: texts with their collation.
fn type_text(field: &Field) -> String {
    match field.data_type() {
        DataType::Utf8 if field.metadata().contains_key(COLLATION_KEY) => name::sql_of_field(field),
        DataType::Utf8 => format!("{} COLLATE UTF8_BINARY", name::simple_of_field(field).to_uppercase()),
        DataType::List(element) => format!("ARRAY<{}>", type_text(element)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) => format!("MAP<{}, {}>", type_text(&kv[0]), type_text(&kv[1])),
            other => name::sql(other),
        },
        own if is_variant(own) || is_shape(own) => name::sql(own),
        DataType::Struct(fields) => format!("STRUCT<{}>", struct_text(fields)),
        _ => name::sql_of_field(field),
    }
}

fn struct_text(fields: &Fields) -> String {
    let one = |field: &Arc<Field>| {
        let not_null = if field.is_nullable() { "" } else { " NOT NULL" };
        let comment = json::comment(field).map(|text| format!(" COMMENT '{}'", escaped(&text))).unwrap_or_default();
        format!("{}: {}{not_null}{comment}", name::quote_if_needed(field.name()), type_text(field))
    };
    fields.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

fn comment_clause(table: &Table) -> String {
    table.comment.as_ref().map(|comment| format!("COMMENT '{}'\n", escaped(comment))).unwrap_or_default()
}

fn pairs_clause(word: &str, pairs: &BTreeMap<String, String>) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> =
        pairs.iter().map(|(key, value)| format!("  '{}' = '{}'", escaped(key), escaped(value))).collect();
    format!("{word} (\n{})\n", pairs.join(",\n"))
}
