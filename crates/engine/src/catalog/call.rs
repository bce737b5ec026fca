//! `spark.catalog.*`: calls that Connect sends as relations.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Fields, Schema};
use firesteel_protocol::connect::{self as pb, catalog::CatType};
use firesteel_protocol::types::{json, name, proto};
use firesteel_protocol::{Result, SparkError};

use super::rows::{self, Column, Rows, cells, flag, maybe, text, texts};
use super::table::Kind;
use super::{CATALOG, Database, Found, GLOBAL_TEMP, Place, Search, Table, matches, quote_parts, resolve, uri};
use crate::Session;
use crate::command::create_table::{self, NewTable};
use crate::command::{cached, database, describe, drop, function, partition, show, statistics};

const DATABASE: [Column; 4] = [text("name"), maybe("catalog"), maybe("description"), text("locationUri")];
const TABLE: [Column; 6] =
    [text("name"), maybe("catalog"), texts("namespace"), maybe("description"), text("tableType"), flag("isTemporary")];
const COLUMN: [Column; 7] = [
    text("name"),
    maybe("description"),
    text("dataType"),
    flag("nullable"),
    flag("isPartition"),
    flag("isBucket"),
    flag("isCluster"),
];
const FUNCTION: [Column; 6] =
    [text("name"), maybe("catalog"), texts("namespace"), maybe("description"), text("className"), flag("isTemporary")];

/// Answers a call.
pub async fn answer(session: &Session, call: &CatType) -> Result<Rows> {
    match call {
        CatType::CurrentDatabase(_) => value(session.views.current_database()),
        CatType::CurrentCatalog(_) => value(CATALOG.into()),
        CatType::SetCurrentDatabase(message) => {
            database::use_database(session, &names(&message.db_name)?)?;
            rows::nothing()
        }
        CatType::SetCurrentCatalog(message) => {
            set_catalog(&message.catalog_name)?;
            rows::nothing()
        }
        CatType::ListCatalogs(message) => {
            let found = [CATALOG].into_iter().filter(|own| matches(own, message.pattern.as_deref()));
            rows::rows(&[text("name"), maybe("description")], found.map(|own| cells![own, None::<String>]))
        }
        CatType::ListDatabases(message) => {
            let mut found = session.store()?.databases()?;
            found.retain(|own| matches(&own.name, message.pattern.as_deref()));
            rows::rows(&DATABASE, found.iter().map(database_row))
        }
        CatType::GetDatabase(message) => {
            let parts = names(&message.db_name)?;
            let mut row = database_row(&session.database_of(&parts)?);
            row[0] = parts.last().into();
            rows::rows(&DATABASE, [row])
        }
        CatType::DatabaseExists(message) => yes(database_exists(session, &message.db_name)?),
        CatType::ListTables(message) => tables(session, message.db_name.as_deref(), message.pattern.as_deref()),
        CatType::ListViews(message) => {
            let (schema, batches) = tables(session, message.db_name.as_deref(), message.pattern.as_deref())?;
            views_only(schema, &batches)
        }
        CatType::GetTable(message) => {
            let parts = parts(&message.table_name, message.db_name.as_deref())?;
            let (place, found) = session.find(&parts, Search::Session)?;
            let mut row = table_row(&place, &found);
            // Under the name by which it was asked for.
            row[0] = parts.last().into();
            rows::rows(&TABLE, [row])
        }
        CatType::TableExists(message) => {
            let parts = parts(&message.table_name, message.db_name.as_deref())?;
            // A catalog that is not there has no tables either.
            yes(match session.place(&parts) {
                Ok(place) => session.at(&place)?.is_some(),
                Err(_) => false,
            })
        }
        CatType::ListColumns(message) => {
            let parts = parts(&message.table_name, message.db_name.as_deref())?;
            columns(session, &parts)
        }
        CatType::ListPartitions(message) => partition::show(session, &names(&message.table_name)?, None).await,
        CatType::ListFunctions(message) => {
            let database = match &message.db_name {
                Some(name) => session.database_of(&names(name)?)?.name,
                None => session.views.current_database(),
            };
            let fits = |own: &String| matches(own, message.pattern.as_deref());
            let mut session_names = function::builtin_names();
            session_names.extend(session.functions.names());
            session_names.sort_unstable();
            let mut found: Vec<_> = session_names.into_iter().filter(fits).map(|own| function_row(&own)).collect();
            let own = session.store()?.functions(&database)?.into_iter().filter(|(own, _)| fits(own));
            found.extend(own.map(|(own, class)| permanent_function_row(&database, &own, class_of(&class))));
            rows::rows(&FUNCTION, found)
        }
        CatType::GetFunction(message) => {
            let parts = parts(&message.function_name, message.db_name.as_deref())?;
            if let Some(own) = function::temporary(session, &parts) {
                return rows::rows(&FUNCTION, [function_row(&own)]);
            }
            match function::find(session, &parts)? {
                Some((database, own, class)) => {
                    rows::rows(&FUNCTION, [permanent_function_row(&database, &own, class_of(&class))])
                }
                None => Err(describe::routine_not_found(session, &parts)),
            }
        }
        CatType::FunctionExists(message) => {
            let parts = parts(&message.function_name, message.db_name.as_deref())?;
            yes(function::temporary(session, &parts).is_some()
                || function::find(session, &parts).is_ok_and(|own| own.is_some()))
        }
        CatType::DropTempView(message) => yes(drop::temp_view(session, &Place::Temp(message.view_name.to_lowercase()))),
        CatType::DropGlobalTempView(message) => {
            yes(drop::temp_view(session, &Place::Global(message.view_name.to_lowercase())))
        }
        CatType::IsCached(message) => {
            let parts = names(&message.table_name)?;
            session.find(&parts, Search::Everywhere)?;
            let named = session.canonical(&resolve::named(&quote_parts(&parts)));
            yes(session.cache.level(&named).is_some())
        }
        CatType::CacheTable(message) => {
            let parts = names(&message.table_name)?;
            session.find(&parts, Search::Everywhere)?;
            let level = message.storage_level.unwrap_or_else(crate::cache::default_level);
            session.cache.persist(&session.canonical(&resolve::named(&quote_parts(&parts))), level);
            rows::nothing()
        }
        CatType::UncacheTable(message) => {
            cached::uncache(session, &names(&message.table_name)?, false)?;
            rows::nothing()
        }
        CatType::ClearCache(_) => {
            session.cache.clear();
            rows::nothing()
        }
        CatType::RefreshTable(message) => {
            let table = names(&message.table_name)?;
            session.find(&table, Search::Everywhere)?;
            cached::refresh(session, &table)?;
            rows::nothing()
        }
        CatType::RefreshByPath(message) => {
            cached::refresh_path(session, &message.path)?;
            rows::nothing()
        }
        CatType::RecoverPartitions(message) => {
            partition::repair(session, &names(&message.table_name)?, "ALTER TABLE RECOVER PARTITIONS", true, false)?;
            rows::nothing()
        }
        CatType::GetTableProperties(message) => show::properties(session, &names(&message.table_name)?, None),
        CatType::GetCreateTableString(message) => {
            show::create_table(session, &names(&message.table_name)?, message.as_serde)
        }
        CatType::TruncateTable(message) => {
            partition::truncate(session, &names(&message.table_name)?, &vec![]).await?;
            rows::nothing()
        }
        CatType::AnalyzeTable(message) => {
            let noscan = message.no_scan;
            let analyze = statistics::Analyze { partition: vec![], noscan, columns: None };
            Box::pin(statistics::table(session, &names(&message.table_name)?, analyze)).await?;
            rows::nothing()
        }
        CatType::CreateTable(message) => {
            let new = NewTable { comment: message.description.clone(), ..NewTable::default() };
            let path = message.path.as_ref();
            let (source, schema) = (message.source.clone(), message.schema.as_ref());
            create(session, &message.table_name, new, path, source, schema, &message.options).await
        }
        CatType::CreateExternalTable(message) => {
            let path = message.path.as_ref();
            let (source, schema) = (message.source.clone(), message.schema.as_ref());
            create(session, &message.table_name, NewTable::default(), path, source, schema, &message.options).await
        }
        other => more(session, other),
    }
}

/// The calls that PySpark 4.2 has and earlier ones had not.
fn more(session: &Session, call: &CatType) -> Result<Rows> {
    match call {
        CatType::DropTable(message) => drop::table(session, &names(&message.table_name)?, message.if_exists)?,
        CatType::DropView(message) => drop::view(session, &names(&message.view_name)?, message.if_exists)?,
        CatType::CreateDatabase(message) => {
            let mut properties = message.properties.clone();
            let comment = properties.remove("comment");
            let location = properties.remove("location");
            let properties = properties.into_iter().collect();
            let parts = names(&message.db_name)?;
            database::create(session, &parts, comment, location, properties, message.if_not_exists)?;
        }
        CatType::DropDatabase(message) => {
            database::drop(session, &names(&message.db_name)?, message.if_exists, message.cascade)?;
        }
        other => {
            let kind = format!("{other:?}");
            return Err(SparkError::unsupported(
                format!("this call of spark.catalog ({})", kind.split('(').next().unwrap_or_default()),
                "Use the SQL statement for it.",
            ));
        }
    }
    rows::nothing()
}

fn value(value: String) -> Result<Rows> {
    rows::names("value", [value])
}

fn yes(value: bool) -> Result<Rows> {
    rows::rows(&[flag("value")], [cells![value]])
}

fn names(text: &str) -> Result<Vec<String>> {
    firesteel_plan::sql::parse_table_name(text)
}

/// A name, perhaps with its database apart. Then the name itself has one part, dots or not.
fn parts(text: &str, database: Option<&str>) -> Result<Vec<String>> {
    match database {
        Some(database) => {
            let mut parts = names(database)?;
            parts.push(text.trim_matches('`').to_string());
            Ok(parts)
        }
        None => names(text),
    }
}

/// `spark_catalog` is the only one.
pub fn set_catalog(given: &str) -> Result<()> {
    if given.eq_ignore_ascii_case(CATALOG) {
        return Ok(());
    }
    Err(SparkError::new("CATALOG_NOT_FOUND")
        .with("catalogName", name::quote(given))
        .with("config", format!("\"spark.sql.catalog.{given}\"")))
}

fn database_exists(session: &Session, name: &str) -> Result<bool> {
    match session.database_of(&names(name)?) {
        Ok(_) => Ok(true),
        Err(error) if error.condition() == "SCHEMA_NOT_FOUND" => Ok(false),
        Err(error) => Err(error),
    }
}

fn database_row(database: &Database) -> [rows::Cell; 4] {
    cells![&database.name, CATALOG, &database.comment, uri(&database.location)]
}

/// How `spark.catalog` describes what is at a place.
fn table_row(place: &Place, found: &Found) -> [rows::Cell; 6] {
    match (found, place) {
        (Found::Temp(view), Place::Global(own)) => {
            cells![own, None::<String>, vec![GLOBAL_TEMP.to_string()], view.comment.clone(), "TEMPORARY", true]
        }
        (Found::Temp(view), Place::Temp(own) | Place::Table(_, own)) => {
            cells![own, None::<String>, Vec::<String>::new(), view.comment.clone(), "TEMPORARY", true]
        }
        (Found::Table(table), _) => {
            let namespace = vec![table.database.clone()];
            // The API knows no metric views.
            let kind = if table.is_view() { Kind::View } else { table.kind };
            cells![&table.name, CATALOG, namespace, table.comment.clone(), kind.word(), false]
        }
    }
}

fn tables(session: &Session, database: Option<&str>, pattern: Option<&str>) -> Result<Rows> {
    let parts = database.map(names).transpose()?;
    let mut found = vec![];
    let mut add = |place: Place| -> Result<()> {
        let (Place::Temp(own) | Place::Global(own) | Place::Table(_, own)) = &place;
        if matches(own, pattern) {
            if let Some(what) = session.at(&place)? {
                found.push(table_row(&place, &what));
            }
        }
        Ok(())
    };
    match parts.as_deref() {
        Some([own]) if own.eq_ignore_ascii_case(GLOBAL_TEMP) => {
            session.temp_view_names(true).into_iter().try_for_each(|view| add(Place::Global(view)))?;
        }
        parts => {
            let database = match parts {
                Some(parts) => session.database_of(parts)?.name,
                None => session.views.current_database(),
            };
            for table in session.store()?.tables(&database)? {
                add(Place::Table(table.database.clone(), table.name.clone()))?;
            }
        }
    }
    session.temp_view_names(false).into_iter().try_for_each(|view| add(Place::Temp(view)))?;
    rows::rows(&TABLE, found)
}

/// Views among tables.
fn views_only(schema: arrow::datatypes::SchemaRef, batches: &[arrow::record_batch::RecordBatch]) -> Result<Rows> {
    use arrow::array::{Array, AsArray, BooleanArray};
    let mut kept = vec![];
    for batch in batches {
        let kinds = batch.column(4).as_string::<i32>();
        let views: BooleanArray =
            (0..kinds.len()).map(|row| Some(matches!(kinds.value(row), "VIEW" | "TEMPORARY"))).collect();
        let views = arrow::compute::filter_record_batch(batch, &views);
        kept.push(views.map_err(firesteel_functions::kernel::from_arrow)?);
    }
    Ok((schema, kept))
}

fn columns(session: &Session, parts: &[String]) -> Result<Rows> {
    let found = session.find(parts, Search::Session)?.1;
    let (columns, table): (Fields, Option<Arc<Table>>) = match found {
        Found::Temp(view) => (view.columns, None),
        Found::Table(table) => (table.columns.clone(), Some(table)),
    };
    let is_partition = |own: &str| table.as_ref().is_some_and(|table| table.is_partition_column(own));
    let is_bucket = |own: &String| {
        let bucketing = table.as_ref().and_then(|table| table.bucketing.as_ref());
        bucketing.is_some_and(|bucketing| bucketing.columns.contains(own))
    };
    let clustering = table.as_ref().and_then(|table| table.clustering()).unwrap_or_default();
    let row = |field: &arrow::datatypes::FieldRef| {
        cells![
            field.name(),
            json::comment(field),
            name::simple_of_field(field),
            field.is_nullable(),
            is_partition(field.name()),
            is_bucket(field.name()),
            clustering.contains(field.name())
        ]
    };
    rows::rows(&COLUMN, columns.iter().map(row))
}

fn function_row(own: &str) -> [rows::Cell; 6] {
    cells![own, None::<String>, None::<Vec<String>>, None::<String>, format!("builtin.{own}"), true]
}

fn permanent_function_row(database: &str, own: &str, class: &str) -> [rows::Cell; 6] {
    cells![own, CATALOG, vec![database.to_string()], "N/A.", class, false]
}

async fn create(
    session: &Session,
    table_name: &str,
    new: NewTable,
    path: Option<&String>,
    source: Option<String>,
    schema: Option<&pb::DataType>,
    options: &HashMap<String, String>,
) -> Result<Rows> {
    let columns = schema.map(proto::decode_schema).transpose()?.filter(|fields| !fields.is_empty());
    let parts = names(table_name)?;
    let new = NewTable {
        format: source.filter(|source| !source.is_empty()),
        columns,
        location: path.cloned(),
        options: options.clone().into_iter().collect(),
        comment: new.comment.filter(|comment| !comment.is_empty()),
        ..new
    };
    create_table::create(session, &parts, new).await?;
    let fields = match session.find(&parts, Search::Everywhere)?.1 {
        Found::Table(table) => table.columns.clone(),
        Found::Temp(view) => view.columns,
    };
    Ok((Arc::new(Schema::new(fields)), vec![]))
}

/// The class of a function; one in SQL has none.
fn class_of(class: &str) -> &str {
    if class.starts_with('{') { "" } else { class }
}
