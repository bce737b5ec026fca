//! Tables: made, filled, inserted into.

use std::sync::Arc;

use arrow::datatypes::{Fields, Schema};
use firesteel_plan::relation::to_schema::all_nullable;
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::sink::{SaveMode, WriteRequest};
use firesteel_sources::{Options, ReadRequest};

use crate::catalog::{self, Place, Table};
use crate::{OperationHandle, Session};

/// How a DataFrame becomes a table.
#[derive(Debug, Clone)]
pub struct SaveAs {
    pub format: Option<String>,
    pub mode: SaveMode,
    pub options: Vec<(String, String)>,
    pub partition_by: Vec<String>,
}

/// The table of that name, which must be there.
pub fn existing(session: &Session, parts: &[String]) -> Result<(String, String, Table)> {
    let place = session.place(parts)?;
    match (session.table(&place), place) {
        (Some(table), Place::Table(database, own)) => Ok((database, own, table)),
        (_, place) => Err(catalog::not_found(&place)),
    }
}

fn target(session: &Session, parts: &[String]) -> Result<(String, String)> {
    let table = |database: &str, own: &String| {
        session.database(database)?;
        Ok((database.to_lowercase(), own.to_lowercase()))
    };
    match parts {
        [own] => table(&session.views.current_database(), own),
        [database, own] => table(database, own),
        [_, database, own] => table(database, own),
        _ => Err(SparkError::internal("a table name without parts")),
    }
}

fn already_exists(parts: &[String]) -> SparkError {
    let quoted: Vec<String> = parts.iter().map(|part| name::quote(part)).collect();
    SparkError::new("TABLE_OR_VIEW_ALREADY_EXISTS").with("relationName", quoted.join("."))
}

fn options_of(pairs: &[(String, String)]) -> Options {
    let mut options = Options::default();
    for (key, value) in pairs {
        options.set(key, value);
    }
    options
}

fn default_format(session: &Session) -> String {
    session.conf().lookup("spark.sql.sources.default").unwrap_or_else(|| "parquet".into())
}

/// CREATE TABLE without a query.
pub async fn create(
    session: &Session,
    parts: &[String],
    format: Option<String>,
    columns: Option<Fields>,
    location: Option<String>,
    partition_by: Vec<String>,
    options: Vec<(String, String)>,
    if_not_exists: bool,
) -> Result<()> {
    // Files cannot promise NOT NULL: Spark takes it off the columns of file tables too.
    let nullable = |fields: Fields| fields.iter().map(|f| Arc::new(all_nullable(f))).collect::<Fields>();
    let columns = columns.map(nullable);
    let (database, own) = target(session, parts)?;
    let place = Place::Table(database.clone(), own.clone());
    if session.table(&place).is_some() || session.view(&place).is_some() {
        return if if_not_exists { Ok(()) } else { Err(already_exists(&["spark_catalog".into(), database, own])) };
    }
    let format = format.unwrap_or_else(|| default_format(session));
    let managed = location.is_none();
    let location = location.map_or_else(|| table_folder(session, &database, &own), Ok)?;
    let mut request = ReadRequest {
        format: Some(format.clone()),
        schema: columns.as_ref().map(|fields| Arc::new(Schema::new(fields.clone()))),
        options: options_of(&options),
        paths: if format.eq_ignore_ascii_case("jdbc") { vec![] } else { vec![location.clone()] },
        ..Default::default()
    };
    let columns = match columns {
        Some(columns) => {
            if managed {
                std::fs::create_dir_all(&location)
                    .map_err(|e| SparkError::internal(format!("cannot make {location}: {e}")).with_source(e))?;
            }
            columns
        }
        None => {
            let (ctx, asked) = (session.source_context(session.env()), request.clone());
            let opened = tokio::task::spawn_blocking(move || firesteel_sources::open(&asked, &ctx));
            let opened = opened.await.map_err(|e| SparkError::internal(e.to_string()))??;
            request.schema = Some(Arc::clone(&opened.schema));
            opened.schema.fields().clone()
        }
    };
    let table = Table {
        request: Arc::new(request),
        format,
        columns,
        partition_columns: partition_by,
        location,
        managed,
        comment: None,
        properties: vec![],
    };
    session.put_table(&database, &own, table)
}

fn table_folder(session: &Session, database: &str, table: &str) -> Result<String> {
    Ok(std::path::Path::new(&session.database(database)?.location).join(table).to_string_lossy().into_owned())
}

/// `saveAsTable` and CREATE TABLE AS SELECT.
pub async fn save_as(
    session: &Session,
    parts: &[String],
    relation: pb::Relation,
    save: SaveAs,
    operation: OperationHandle,
) -> Result<()> {
    let (database, own) = target(session, parts)?;
    let place = Place::Table(database.clone(), own.clone());
    let known = session.table(&place);
    match (save.mode, &known) {
        (SaveMode::ErrorIfExists, Some(_)) => return Err(already_exists(&["spark_catalog".into(), database, own])),
        (SaveMode::Ignore, Some(_)) => return Ok(()),
        (SaveMode::Append, Some(_)) => return insert_by_name(session, parts, relation, operation).await,
        _ => {}
    }
    let fields = session.fields(relation.clone()).await?;
    let format = save.format.unwrap_or_else(|| default_format(session));
    let given = save.options.iter().find(|(key, _)| key.eq_ignore_ascii_case("path")).map(|(_, path)| path.clone());
    let managed = given.is_none();
    let location = given.map_or_else(|| table_folder(session, &database, &own), Ok)?;
    let options: Vec<(String, String)> =
        save.options.into_iter().filter(|(key, _)| !key.eq_ignore_ascii_case("path")).collect();
    let request = WriteRequest {
        format: Some(format.clone()),
        mode: if save.mode == SaveMode::Append { SaveMode::Append } else { SaveMode::Overwrite },
        options: options_of(&options),
        path: location.clone(),
        partition_by: save.partition_by.clone(),
        bucket_by: vec![],
        sort_by: vec![],
        static_partitions: vec![],
    };
    super::write::save(session, request, relation, operation).await?;
    // Partition columns come last in a table.
    let is_partition =
        |field: &arrow::datatypes::FieldRef| save.partition_by.iter().any(|own| own.eq_ignore_ascii_case(field.name()));
    let ordered =
        fields.iter().filter(|field| !is_partition(field)).chain(fields.iter().filter(|field| is_partition(field)));
    let columns: Fields = ordered.map(|field| Arc::new(field.as_ref().clone().with_nullable(true))).collect();
    let read = ReadRequest {
        format: Some(format.clone()),
        schema: Some(Arc::new(Schema::new(columns.clone()))),
        options: options_of(&options),
        paths: vec![location.clone()],
        ..Default::default()
    };
    let table = Table {
        request: Arc::new(read),
        format,
        columns,
        partition_columns: save.partition_by,
        location,
        managed,
        comment: None,
        properties: vec![],
    };
    session.put_table(&database, &own, table)
}

/// INSERT INTO/OVERWRITE: columns by position.
pub async fn insert(
    session: &Session,
    parts: &[String],
    relation: pb::Relation,
    overwrite: bool,
    operation: OperationHandle,
) -> Result<()> {
    let (database, own, table) = existing(session, parts)?;
    let fields = session.fields(relation.clone()).await?;
    if fields.len() != table.columns.len() {
        let kind = if fields.len() > table.columns.len() {
            "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"
        } else {
            "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS"
        };
        let list = |fields: &Fields| fields.iter().map(|f| name::quote(f.name())).collect::<Vec<_>>().join(", ");
        return Err(SparkError::new(kind)
            .with("tableName", format!("`spark_catalog`.{}.{}", name::quote(&database), name::quote(&own)))
            .with("tableColumns", list(&table.columns))
            .with("dataColumns", list(&fields)));
    }
    let names = table.columns.iter().map(|field| field.name().clone()).collect();
    let renamed = pb::ToDf { input: Some(Box::new(relation)), column_names: names };
    let renamed = pb::Relation { common: None, rel_type: Some(pb::relation::RelType::ToDf(Box::new(renamed))) };
    store(session, &table, renamed, overwrite, vec![], operation).await
}

async fn insert_by_name(
    session: &Session,
    parts: &[String],
    relation: pb::Relation,
    operation: OperationHandle,
) -> Result<()> {
    let (_, _, table) = existing(session, parts)?;
    store(session, &table, relation, false, vec![], operation).await
}

/// Casts to the table's types and writes.
pub async fn store(
    session: &Session,
    table: &Table,
    relation: pb::Relation,
    overwrite: bool,
    static_partitions: Vec<(String, Option<String>)>,
    operation: OperationHandle,
) -> Result<()> {
    let schema = firesteel_protocol::types::proto::encode_schema(&table.columns);
    let cast = pb::ToSchema { input: Some(Box::new(relation)), schema: Some(schema) };
    let relation = pb::Relation { common: None, rel_type: Some(pb::relation::RelType::ToSchema(Box::new(cast))) };
    let request = WriteRequest {
        format: Some(table.format.clone()),
        mode: if overwrite { SaveMode::Overwrite } else { SaveMode::Append },
        options: table.request.options.clone(),
        path: table.location.clone(),
        partition_by: table.partition_columns.clone(),
        bucket_by: vec![],
        sort_by: vec![],
        static_partitions,
    };
    super::write::save(session, request, relation, operation).await
}
