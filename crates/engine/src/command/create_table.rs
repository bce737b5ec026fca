//! CREATE TABLE, CREATE TABLE LIKE, CREATE TABLE AS, `saveAsTable`, `spark.catalog.createTable`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Fields};
use firesteel_plan::relation::to_schema::all_nullable;
use firesteel_plan::sql::command::{Bucketing as BucketClause, HiveClauses, TableSpec};
use firesteel_protocol::connect as pb;
use firesteel_protocol::extension;
use firesteel_protocol::types::{self, collation, name, twins};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::sink::{SaveMode, WriteRequest, check_types};
use firesteel_sources::{Format, ReadRequest};

use super::insert::{self, Columns, Insert};
use super::write::{self, Store};
use super::{column, partition};
use crate::catalog::hive::{self, Resolved};
use crate::catalog::table::{Bucketing, CLUSTERING, Kind, Table, clustering_text, quoted};
use crate::catalog::{self, Database, Found, Place, Search, already_exists, leftover};
use crate::{OperationHandle, Session};

/// How a DataFrame or a query becomes a table.
#[derive(Debug, Clone, Default)]
pub struct SaveAs {
    pub format: Option<String>,
    pub mode: SaveMode,
    pub options: Vec<(String, String)>,
    pub partition_by: Vec<String>,
    pub bucketing: Option<Bucketing>,
    /// CLUSTER BY: kept, without an effect on files.
    pub cluster_by: Vec<String>,
    pub location: Option<String>,
    pub comment: Option<String>,
    pub properties: Vec<(String, String)>,
    /// A table of Hive's.
    pub hive: Option<Resolved>,
}

/// A table that is to be made, besides its name.
#[derive(Debug, Clone, Default)]
pub struct NewTable {
    pub format: Option<String>,
    /// None: as the files have it.
    pub columns: Option<Fields>,
    pub partition_by: Vec<String>,
    pub bucketing: Option<Bucketing>,
    pub location: Option<String>,
    pub options: Vec<(String, String)>,
    pub properties: Vec<(String, String)>,
    pub comment: Option<String>,
    pub if_not_exists: bool,
    /// CLUSTER BY: kept, without an effect on files.
    pub cluster_by: Vec<String>,
    /// A table of Hive's.
    pub hive: Option<Resolved>,
}

/// Where a new table goes.
struct Target {
    database: Database,
    /// In lower case.
    name: String,
    /// As the user wrote the table's own name.
    written: String,
    known: Option<Arc<Table>>,
}

impl Target {
    /// `` `spark_catalog`.`db`.`T` ``.
    fn quoted(&self) -> String {
        quoted(&self.database.name, &self.written)
    }
}

fn target(session: &Session, parts: &[String]) -> Result<Target> {
    let place = session.permanent_place(parts, &session.views.current_database())?;
    let Place::Table(database, name) = place else {
        return Err(catalog::schema_not_found(&[catalog::GLOBAL_TEMP.into()]));
    };
    let database = session.database(&database)?;
    let known = session.store()?.table(&database.name, &name)?;
    Ok(Target { database, name, written: parts.last().cloned().unwrap_or_default(), known })
}

/// The conf's format where none is named; a name nobody knows is an error.
fn format(session: &Session, given: Option<String>) -> Result<String> {
    let format = match given {
        Some(format) => format,
        None => session.conf().lookup("spark.sql.sources.default").unwrap_or_else(|| "parquet".into()),
    };
    Format::of(&format)?;
    Ok(format)
}

/// A count of buckets that Spark takes.
pub fn bucket_count(count: i32) -> Result<u32> {
    match u32::try_from(count) {
        Ok(buckets @ 1..=100_000) => Ok(buckets),
        _ => Err(SparkError::new("INVALID_BUCKET_COUNT")
            .with("bucketingMaxBuckets", "100000")
            .with("numBuckets", count.to_string())),
    }
}

fn bucketing(clause: Option<&BucketClause>) -> Result<Option<Bucketing>> {
    let Some(clause) = clause else { return Ok(None) };
    let buckets = bucket_count(clause.buckets)?;
    Ok(Some(Bucketing { columns: clause.columns.clone(), sort_columns: clause.sort_columns.clone(), buckets }))
}

/// `spark_catalog` has no such operation on tables in files.
pub fn refused(session: &Session, parts: &[String], operation: &str) -> Result<SparkError> {
    let target = target(session, parts)?;
    Ok(unsupported(&target.quoted(), operation))
}

/// `df.writeTo(t)` on a table that is there: Spark's session catalog refuses it, and has its own word for it.
pub fn not_v2(session: &Session, parts: &[String]) -> SparkError {
    match session.find(parts, Search::Everywhere) {
        Ok((_, Found::Table(table))) => SparkError::new("_LEGACY_ERROR_TEMP_1012").with("identifier", table.quoted()),
        Ok((_, Found::Temp(_))) => catalog::expect_table("INSERT", &catalog::quote_parts(parts)),
        Err(error) => error,
    }
}

/// `UNSUPPORTED_FEATURE.TABLE_OPERATION`.
pub fn unsupported(table: &str, operation: &str) -> SparkError {
    SparkError::new("UNSUPPORTED_FEATURE.TABLE_OPERATION").with("tableName", table).with("operation", operation)
}

/// The table that a stream writes to, made if it is not there.
pub async fn for_stream(session: &Session, parts: &[String], new: NewTable) -> Result<Arc<Table>> {
    let place = session.place(parts)?;
    let (Place::Temp(view) | Place::Global(view)) = &place else {
        if session.at(&place)?.is_none() {
            create(session, parts, new).await?;
        }
        return match session.at(&place)? {
            Some(Found::Table(table)) if table.is_view() => {
                Err(SparkError::new("_LEGACY_ERROR_TEMP_1191").with("viewName", table.quoted()))
            }
            Some(Found::Table(table)) => Ok(table),
            _ => Err(SparkError::internal("a table vanished while it was made")),
        };
    };
    Err(SparkError::new("_LEGACY_ERROR_TEMP_1190").with("viewName", view))
}

/// The path that an option or LOCATION gives, taken out of the options.
fn split_path(
    session: &Session,
    location: Option<String>,
    options: Vec<(String, String)>,
) -> Result<(Option<String>, BTreeMap<String, String>)> {
    let is_path = |key: &str| key.eq_ignore_ascii_case("path");
    let path = options.iter().find(|(key, _)| is_path(key)).map(|(_, path)| path.clone());
    if let (Some(one), Some(two)) = (&location, &path) {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_0032").with("pathOne", one).with("pathTwo", two));
    }
    let location = location.or(path).map(|path| session.absolute(&path)).transpose()?;
    Ok((location, options.into_iter().filter(|(key, _)| !is_path(key)).collect()))
}

/// CREATE TABLE of SQL, with or without a query.
pub async fn sql(
    session: &Session,
    parts: &[String],
    mut spec: TableSpec,
    query: Option<pb::Relation>,
    if_not_exists: bool,
    external: bool,
    operation: OperationHandle,
) -> Result<()> {
    let hive = hive_of_spec(session, &mut spec)?;
    if let Some(what) = spec.refused {
        return Err(refused(session, parts, what)?);
    }
    hive::check_properties(session, &spec.properties)?;
    if external && spec.location.is_none() && !spec.options.iter().any(|(key, _)| key.eq_ignore_ascii_case("path")) {
        if let Some(Found::Table(table)) = session.at(&session.place(parts)?)? {
            return Err(SparkError::new("TABLE_OR_VIEW_ALREADY_EXISTS").with("relationName", table.quoted()));
        }
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1069"));
    }
    if spec.collation.is_none()
        && let Ok(target) = target(session, parts)
        && let Some(own) = target.database.collation()
    {
        let columns = spec.columns.iter_mut().chain(&mut spec.partition_definitions);
        columns.for_each(|column| collation::fill(&mut column.data_type, own));
        spec.properties.push((collation::DEFAULT_PROPERTY.into(), own.into()));
        spec.collation = collation::parse(own).ok();
    }
    let bucketing = bucketing(spec.bucketing.as_ref())?;
    let mut partition_by = spec.partition_columns.clone();
    partition_by.extend(spec.partition_definitions.iter().map(|column| column.name.clone()));
    if let Some(query) = query {
        let save = SaveAs {
            format: spec.format,
            mode: if if_not_exists { SaveMode::Ignore } else { SaveMode::ErrorIfExists },
            options: spec.options,
            partition_by,
            bucketing,
            cluster_by: spec.cluster_by.unwrap_or_default(),
            location: spec.location,
            comment: spec.comment,
            properties: spec.properties,
            hive,
        };
        let query = extension::collated(query, spec.collation);
        return save_as(session, parts, query, save, operation).await;
    }
    let definitions: Vec<_> = spec.columns.iter().chain(&spec.partition_definitions).cloned().collect();
    let columns = if definitions.is_empty() {
        None
    } else {
        Some(column::definitions(session, &definitions, "CREATE TABLE").await?)
    };
    let new = NewTable {
        format: spec.format,
        columns,
        partition_by,
        bucketing,
        location: spec.location,
        options: spec.options,
        properties: spec.properties,
        comment: spec.comment,
        if_not_exists,
        cluster_by: spec.cluster_by.unwrap_or_default(),
        hive,
    };
    create(session, parts, new).await
}

/// What a statement says of Hive's formats; None: a table of Spark's own.
fn hive_of_spec(session: &Session, spec: &mut TableSpec) -> Result<Option<Resolved>> {
    const COMMAND: &str = "CREATE Hive TABLE (AS SELECT)";
    if let Some(clauses) = &spec.hive {
        hive::check_enabled(session, COMMAND)?;
        return hive::of_clauses(session, clauses).map(Some);
    }
    if spec.format.is_none() && hive::enabled(session) {
        let key = "spark.sql.legacy.createHiveTableByDefault";
        let by_default = session.conf().lookup(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        return if by_default { hive::of_clauses(session, &HiveClauses::default()).map(Some) } else { Ok(None) };
    }
    let unsupported = |error: SparkError| error.raised_as("UNRESOLVED_COLUMN").placeless();
    hive_of_options(session, spec.format.as_deref(), &mut spec.options).map_err(|error| {
        if error.condition() == "NOT_SUPPORTED_COMMAND_WITHOUT_HIVE_SUPPORT" { unsupported(error) } else { error }
    })
}

/// What `USING hive` and `format("hive")` say; the options are then Hive's. None: another format.
fn hive_of_options(
    session: &Session,
    format: Option<&str>,
    options: &mut Vec<(String, String)>,
) -> Result<Option<Resolved>> {
    if !format.is_some_and(|format| format.eq_ignore_ascii_case(hive::PROVIDER)) {
        return Ok(None);
    }
    hive::check_enabled(session, "CREATE Hive TABLE (AS SELECT)")?;
    let is_path = |key: &str| key.eq_ignore_ascii_case("path");
    let (path, own): (Vec<_>, Vec<_>) = std::mem::take(options).into_iter().partition(|(key, _)| is_path(key));
    *options = path;
    hive::of_options(session, own).map(Some)
}

/// When a table was changed last, in seconds, as Hive's metastore keeps it.
fn stamped(properties: &mut BTreeMap<String, String>) {
    properties.insert("transient_lastDdlTime".into(), chrono::Utc::now().timestamp().to_string());
}

fn column_list(fields: &Fields) -> String {
    fields.iter().map(|field| name::quote(field.name())).collect::<Vec<_>>().join(", ")
}

/// The table's spelling of columns that PARTITIONED BY or CLUSTERED BY names.
fn named(fields: &Fields, names: &[String], kind: &str, table: &str) -> Result<Vec<String>> {
    let mut found: Vec<String> = vec![];
    for given in names {
        let exact = fields.iter().find(|field| field.name() == given);
        let Some(field) = exact.or_else(|| fields.iter().find(|field| field.name().eq_ignore_ascii_case(given))) else {
            return Err(SparkError::new("COLUMN_NOT_DEFINED_IN_TABLE")
                .with("colType", kind)
                .with("colName", name::quote(given))
                .with("tableName", table)
                .with("tableCols", column_list(fields)));
        };
        if found.contains(field.name()) {
            return Err(SparkError::new("COLUMN_ALREADY_EXISTS").with("columnName", name::quote(&given.to_lowercase())));
        }
        found.push(field.name().clone());
    }
    Ok(found)
}

/// Refuses columns whose strings have no one collation, and maps with collated keys.
pub fn collations(fields: &Fields) -> Result<()> {
    use firesteel_protocol::types::collation::COLLATION_KEY;
    fn keyed(data_type: &DataType) -> bool {
        match data_type {
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(kv) => {
                    kv[0].metadata().contains_key(COLLATION_KEY) || kv.iter().any(|field| keyed(field.data_type()))
                }
                _ => false,
            },
            DataType::List(element) => keyed(element.data_type()),
            DataType::Struct(fields) => fields.iter().any(|field| keyed(field.data_type())),
            _ => false,
        }
    }
    clear_collations(fields)?;
    match fields.iter().any(|field| keyed(field.data_type())) {
        true => Err(SparkError::new("UNSUPPORTED_FEATURE.COLLATIONS_IN_MAP_KEYS")),
        false => Ok(()),
    }
}

/// Refuses columns whose strings have no one collation.
pub fn clear_collations(fields: &Fields) -> Result<()> {
    let unclear = fields.iter().filter(|own| collation::of(own.metadata()) == collation::INDETERMINATE);
    let unclear: Vec<&str> = unclear.map(|own| own.name().as_str()).collect();
    match unclear.is_empty() {
        true => Ok(()),
        false => Err(SparkError::new("INDETERMINATE_COLLATION_IN_SCHEMA").with("columnPaths", unclear.join(", "))),
    }
}

/// Columns checked and in the table's order: data, then partition columns.
fn arranged(
    session: &Session,
    fields: &Fields,
    partition_by: &[String],
    bucketing: Option<Bucketing>,
    table: &str,
) -> Result<(Fields, Vec<String>, Option<Bucketing>)> {
    collations(fields)?;
    twins::refuse(fields.iter().map(|field| field.name().as_str()), session.env().case_sensitive)?;
    let partition_by = named(fields, partition_by, "partition", table)?;
    if !partition_by.is_empty() && partition_by.len() == fields.len() {
        return Err(SparkError::new("ALL_PARTITION_COLUMNS_NOT_ALLOWED"));
    }
    if let Some(field) =
        fields.iter().find(|field| partition_by.contains(field.name()) && field.data_type().is_nested())
    {
        return Err(SparkError::new("INVALID_PARTITION_COLUMN_DATA_TYPE")
            .with("type", format!("\"{}\"", name::sql(field.data_type()))));
    }
    let collated = |field: &FieldRef| {
        let within = types::collation::within(field.data_type());
        within || types::collation::of(field.metadata()) != types::collation::BINARY
    };
    if let Some(field) = fields.iter().find(|field| partition_by.contains(field.name()) && collated(field)) {
        return Err(SparkError::new("INVALID_PARTITION_COLUMN_DATA_TYPE")
            .with("type", format!("\"{}\"", name::sql_of_field(field))));
    }
    let within = |names: &[String]| {
        names.iter().find(|own| partition_by.iter().any(|column| column.eq_ignore_ascii_case(own))).cloned()
    };
    if let Some(column) = bucketing.as_ref().and_then(|own| within(&own.columns)) {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1166")
            .with("bucketCol", column)
            .with("normalizedPartCols", partition_by.join(", ")));
    }
    let bucketing = match bucketing {
        Some(own) => Some(Bucketing {
            columns: named(fields, &own.columns, "bucket", table)?,
            sort_columns: named(fields, &own.sort_columns, "sort", table)?,
            buckets: own.buckets,
        }),
        None => None,
    };
    let in_buckets = |field: &&FieldRef| bucketing.as_ref().is_some_and(|own| own.columns.contains(field.name()));
    if let Some(field) = fields.iter().find(|field| in_buckets(field) && collated(field)) {
        return Err(SparkError::new("INVALID_BUCKET_COLUMN_DATA_TYPE")
            .with("type", format!("\"{}\"", name::sql_of_field(field))));
    }
    // Files cannot promise NOT NULL: Spark takes it off the columns of file tables too.
    let nullable = |field: &FieldRef| Arc::new(all_nullable(field));
    let find = |name: &String| fields.iter().find(|field| field.name() == name).map(nullable);
    let data = fields.iter().filter(|field| !partition_by.contains(field.name())).map(nullable);
    let columns: Fields = data.chain(partition_by.iter().filter_map(find)).collect();
    Ok((columns, partition_by, bucketing))
}

/// Properties, with the columns of CLUSTER BY among them.
fn properties(
    fields: &Fields,
    properties: Vec<(String, String)>,
    cluster_by: &[String],
) -> Result<BTreeMap<String, String>> {
    let mut all: BTreeMap<String, String> = properties.into_iter().collect();
    if !cluster_by.is_empty() {
        all.insert(CLUSTERING.into(), clustering_text(&clustered(fields, cluster_by)?));
    }
    Ok(all)
}

/// The table's spelling of the columns of CLUSTER BY.
pub fn clustered(fields: &Fields, names: &[String]) -> Result<Vec<String>> {
    let one = |given: &String| {
        let found = fields.iter().find(|field| field.name().eq_ignore_ascii_case(given));
        found.map(|field| field.name().clone()).ok_or_else(|| {
            SparkError::new("_LEGACY_ERROR_TEMP_3060").with("i", given).with("schema", name::tree(fields, None))
        })
    };
    names.iter().map(one).collect()
}

/// CREATE TABLE without a query.
pub async fn create(session: &Session, parts: &[String], new: NewTable) -> Result<()> {
    let target = target(session, parts)?;
    crate::catalog::check_name(&target.name)?;
    if target.known.is_some() {
        return if new.if_not_exists { Ok(()) } else { Err(already_exists(target.quoted())) };
    }
    let mut new = new;
    let own = hive_of_options(session, new.format.as_deref(), &mut new.options)?;
    let own = new.hive.take().or(own);
    let format = if let Some(hive) = &own { hive.format.clone() } else { format(session, new.format)? };
    let (location, mut options) = split_path(session, new.location, new.options)?;
    if own.is_some() && new.columns.is_none() {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_3083").with("tableName", target.quoted()));
    }
    let jdbc = format.eq_ignore_ascii_case("jdbc");
    let kind = if location.is_none() && !jdbc { Kind::Managed } else { Kind::External };
    let folder = || session.table_folder(&target.database, &target.name);
    let location = if jdbc { String::new() } else { location.unwrap_or_else(folder) };
    let (given, mut partition_by) = match new.columns {
        Some(columns) => (columns, new.partition_by),
        None if kind == Kind::Managed => {
            return Err(SparkError::new("UNABLE_TO_INFER_SCHEMA").with("format", display(&format)));
        }
        None => inferred(session, &format, &location, &options).await.map_err(|error| match error.condition() {
            // Of a folder that is not there yet.
            "PATH_NOT_FOUND" => SparkError::new("UNABLE_TO_INFER_SCHEMA").with("format", display(&format)),
            _ => error,
        })?,
    };
    let given = match &own {
        Some(hive) => hive::columns(&hive.storage, &given, &partition_by, &target.quoted())?,
        None => given,
    };
    let (columns, arranged_by, bucketing) = arranged(session, &given, &partition_by, new.bucketing, &target.quoted())?;
    partition_by = arranged_by;
    if !jdbc {
        let data: Fields = columns.iter().filter(|field| !partition_by.contains(field.name())).cloned().collect();
        check_types(&format, &data, &session.source_context(session.env()))?;
    }
    let mut properties = properties(&given, new.properties, &new.cluster_by)?;
    if let Some(hive) = &own {
        stamped(&mut properties);
        options.extend(hive.properties.clone());
    }
    let table = Table {
        database: target.database.name.clone(),
        name: target.name.clone(),
        kind,
        format,
        columns,
        partition_columns: partition_by,
        bucketing,
        location,
        options,
        properties,
        comment: new.comment,
        created_ms: chrono::Utc::now().timestamp_millis(),
        view: None,
        statistics: None,
        storage: own.map(|hive| hive.storage),
    };
    let store = session.store()?;
    if kind == Kind::Managed {
        free_folder(session, &table)?;
        catalog::make_folder(&table.location)?;
    }
    if !store.create_table(&table, &[])? && !new.if_not_exists {
        return Err(already_exists(target.quoted()));
    }
    Ok(())
}

fn display(format: &str) -> String {
    Format::of(format).map_or_else(|_| format.to_string(), |own| own.display().to_string())
}

/// A managed table needs its folder for itself.
fn free_folder(session: &Session, table: &Table) -> Result<()> {
    leftover::clear(session.store()?.as_ref(), &table.location)?;
    let occupied = std::fs::read_dir(&table.location).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(SparkError::new("LOCATION_ALREADY_EXISTS")
            .with("location", format!("'{}'", catalog::uri(&table.location)))
            .with("identifier", table.quoted()));
    }
    Ok(())
}

/// Columns and partition columns that files or another database have.
async fn inferred(
    session: &Session,
    format: &str,
    location: &str,
    options: &BTreeMap<String, String>,
) -> Result<(Fields, Vec<String>)> {
    let mut request = ReadRequest { format: Some(format.to_string()), ..Default::default() };
    for (key, value) in options {
        request.options.set(key, value);
    }
    if !location.is_empty() {
        request.paths = vec![location.to_string()];
    }
    let ctx = session.source_context(session.env());
    let opened = tokio::task::spawn_blocking(move || firesteel_sources::open(&request, &ctx)).await;
    let opened = opened.map_err(|error| SparkError::internal(error.to_string()))??;
    Ok((opened.schema.fields().clone(), opened.partition_columns))
}

/// CREATE TABLE LIKE: columns, format and partitions of another table, none of its rows.
pub fn like(
    session: &Session,
    parts: &[String],
    source: &[String],
    spec: TableSpec,
    if_not_exists: bool,
) -> Result<()> {
    let (columns, source) = match session.find(source, Search::Session)?.1 {
        Found::Temp(view) => (view.columns, None),
        Found::Table(table) => (table.columns.clone(), Some(table)),
    };
    let target = target(session, parts)?;
    if target.known.is_some() {
        let short = format!("{}.{}", name::quote(&target.database.name), name::quote(&target.written));
        return if if_not_exists { Ok(()) } else { Err(already_exists(short)) };
    }
    let of_source = source.as_ref().filter(|source| !source.is_view());
    let mut spec = spec;
    let own = if spec.hive.is_some() || spec.format.is_some() { hive_of_spec(session, &mut spec)? } else { None };
    let format = match &own {
        Some(hive) => hive.format.clone(),
        None => match (&spec.format, of_source) {
            (None, Some(source)) => source.format.clone(),
            (given, _) => format(session, given.clone())?,
        },
    };
    let (location, mut options) = split_path(session, spec.location, spec.options)?;
    if let Some(hive) = &own {
        options.extend(hive.properties.clone());
    } else if let (Some(source), None, true) = (of_source, &spec.format, options.is_empty()) {
        options.clone_from(&source.options);
    }
    let inherited = of_source.filter(|_| spec.format.is_none()).and_then(|source| source.storage.clone());
    let storage = own.map(|hive| hive.storage).or(inherited);
    let mut properties: BTreeMap<String, String> = spec.properties.into_iter().collect();
    if storage.is_some() {
        stamped(&mut properties);
    }
    let kind = if location.is_none() { Kind::Managed } else { Kind::External };
    let location = location.unwrap_or_else(|| session.table_folder(&target.database, &target.name));
    let nullable = |field: &FieldRef| Arc::new(all_nullable(field));
    let table = Table {
        database: target.database.name.clone(),
        name: target.name.clone(),
        kind,
        format,
        columns: columns.iter().map(nullable).collect(),
        partition_columns: of_source.map(|source| source.partition_columns.clone()).unwrap_or_default(),
        bucketing: of_source.and_then(|source| source.bucketing.clone()),
        location,
        options,
        properties,
        comment: None,
        created_ms: chrono::Utc::now().timestamp_millis(),
        view: None,
        statistics: None,
        storage,
    };
    if kind == Kind::Managed {
        free_folder(session, &table)?;
        catalog::make_folder(&table.location)?;
    }
    if !session.store()?.create_table(&table, &[])? && !if_not_exists {
        return Err(already_exists(table.quoted()));
    }
    Ok(())
}

/// `saveAsTable` and CREATE TABLE AS SELECT.
pub async fn save_as(
    session: &Session,
    parts: &[String],
    relation: pb::Relation,
    save: SaveAs,
    operation: OperationHandle,
) -> Result<()> {
    let target = target(session, parts)?;
    match (save.mode, &target.known) {
        (SaveMode::ErrorIfExists, Some(_)) => return Err(already_exists(target.quoted())),
        (SaveMode::Ignore, Some(_)) => return Ok(()),
        (SaveMode::Append, Some(known)) => {
            let known = Arc::clone(known);
            return append(session, parts, &known, relation, save, operation).await;
        }
        (SaveMode::Overwrite, Some(known)) if known.is_view() => {
            return Err(catalog::expect_table("saveAsTable", &known.quoted()));
        }
        _ => {}
    }
    let mut save = save;
    let own = hive_of_options(session, save.format.as_deref(), &mut save.options)?;
    let own = save.hive.take().or(own);
    let format = if let Some(hive) = &own { hive.format.clone() } else { format(session, save.format)? };
    if own.is_some() {
        hive::check_dynamic(session, 0, save.partition_by.len())?;
    }
    if format.eq_ignore_ascii_case("jdbc") {
        return Err(SparkError::unsupported("a table of JDBC made from a query", "Use df.write.jdbc."));
    }
    let (location, mut options) = split_path(session, save.location, save.options)?;
    // Defaults are not handed on to a new table.
    let fields = session.fields(relation.clone()).await?;
    let declared = |field: &FieldRef| column::as_declared(&column::without_defaults(field)?).map(Arc::new);
    let fields = fields.iter().map(declared).collect::<Result<Fields>>()?;
    let mut properties = properties(&fields, save.properties, &save.cluster_by)?;
    let mut relation = relation;
    let fields = match &own {
        Some(hive) => {
            stamped(&mut properties);
            options.extend(hive.properties.clone());
            let columns = hive::columns(&hive.storage, &fields, &save.partition_by, &target.quoted())?;
            relation = hive::as_columns(relation, &fields, &columns);
            columns
        }
        None => fields,
    };
    let (columns, partition_columns, bucketing) =
        arranged(session, &fields, &save.partition_by, save.bucketing, &target.quoted())?;
    let kind = if location.is_none() { Kind::Managed } else { Kind::External };
    let location = location.unwrap_or_else(|| session.table_folder(&target.database, &target.name));
    let table = Arc::new(Table {
        database: target.database.name.clone(),
        name: target.name.clone(),
        kind,
        format,
        columns,
        partition_columns,
        bucketing,
        location,
        options,
        properties,
        comment: save.comment,
        created_ms: chrono::Utc::now().timestamp_millis(),
        view: None,
        statistics: None,
        storage: own.map(|hive| hive.storage),
    });
    let store = session.store()?;
    let moved = target.known.as_ref().filter(|known| known.location != table.location);
    let occupied = || std::fs::read_dir(&table.location).is_ok_and(|mut entries| entries.next().is_some());
    if kind == Kind::External && matches!(save.mode, SaveMode::ErrorIfExists | SaveMode::Ignore) && occupied() {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1241")
            .with("tablePath", format!("file://{}", table.location))
            .with("config", "spark.sql.legacy.allowNonEmptyLocationInCTAS"));
    }
    if target.known.is_none() && kind == Kind::Managed {
        free_folder(session, &table)?;
        // Until the catalog knows the table, its folder is this process's alone.
        store.mark_leftover(&table.location)?;
    }
    let request = WriteRequest {
        format: Some(table.format.clone()),
        mode: match save.mode {
            SaveMode::Append => SaveMode::Append,
            _ => SaveMode::Overwrite,
        },
        options: table.source_options(),
        path: table.location.clone(),
        partition_by: table.partition_columns.clone(),
        ..Default::default()
    };
    let request = WriteRequest {
        // The whole table is replaced, whatever is said of partitions.
        options: {
            let mut options = request.options.clone();
            options.set("partitionOverwriteMode", "static");
            options
        },
        ..request
    };
    let written = write::save(session, request, relation, Store::New(Arc::clone(&table)), operation).await;
    if let Err(error) = written {
        if target.known.is_none() && kind == Kind::Managed {
            // What the failed write left, if anything, is nobody's.
            let _ = catalog::remove_folder(&table.location);
            let _ = store.unmark_leftover(&table.location);
        }
        return Err(error);
    }
    if kind == Kind::External && !table.partition_columns.is_empty() {
        partition::recover(session, &table, true, false)?;
    }
    if let Some(old) = moved.filter(|old| old.kind == Kind::Managed) {
        catalog::remove_folder(&old.location)?;
    }
    Ok(())
}

/// Rows for a table that is there: what the writer says must agree with it.
async fn append(
    session: &Session,
    parts: &[String],
    known: &Arc<Table>,
    relation: pb::Relation,
    save: SaveAs,
    operation: OperationHandle,
) -> Result<()> {
    if known.is_view() {
        return Err(catalog::expect_table("saveAsTable", &known.quoted()));
    }
    let shown = format!("spark_catalog.{}.{}", known.database, known.name);
    let is_hive = |format: &str| format.eq_ignore_ascii_case(hive::PROVIDER);
    let format = match save.format {
        Some(format) if is_hive(&format) => format,
        given => format(session, given)?,
    };
    let same_format = match (is_hive(&format), known.storage.is_some()) {
        (false, false) => Format::of(&format)? == Format::of(&known.format)?,
        (given, own) => given && own,
    };
    if !same_format {
        let class = |format: &str| match Format::of(format) {
            _ if is_hive(format) => "HiveFileFormat".into(),
            Ok(own) => own.class().to_string(),
            Err(_) => format.to_string(),
        };
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1159")
            .with("tableName", &shown)
            .with("existingProvider", class(known.provider()))
            .with("specifiedProvider", class(&format)));
    }
    let fields = session.fields(relation.clone()).await?;
    if fields.len() != known.columns.len() {
        let simple = |fields: &Fields| name::simple(&arrow::datatypes::DataType::Struct(fields.clone()));
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1161")
            .with("tableName", &shown)
            .with("existingTableSchema", simple(&known.columns))
            .with("querySchema", simple(&fields)));
    }
    let same = |a: &[String], b: &[String]| {
        a.len() == b.len() && a.iter().zip(b).all(|(one, other)| one.eq_ignore_ascii_case(other))
    };
    if !same(&save.partition_by, &known.partition_columns) {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1163")
            .with("tableName", &shown)
            .with("specifiedPartCols", save.partition_by.join(", "))
            .with("existingPartCols", known.partition_columns.join(", ")));
    }
    if save.bucketing != known.bucketing {
        let text = |own: &Option<Bucketing>| own.as_ref().map_or_else(|| "not bucketed".into(), bucket_text);
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1164")
            .with("tableName", &shown)
            .with("specifiedBucketString", text(&save.bucketing))
            .with("existingBucketString", text(&known.bucketing)));
    }
    if let Some(missing) =
        known.columns.iter().find(|own| !fields.iter().any(|field| field.name().eq_ignore_ascii_case(own.name())))
    {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1162")
            .with("col", missing.name())
            .with("inputColumns", fields.iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ")));
    }
    let insert = Insert {
        table: parts.to_vec(),
        overwrite: false,
        partition: vec![],
        if_partition_not_exists: false,
        columns: Columns::Name,
        options: save.options,
    };
    insert::run(session, insert, relation, operation).await
}

/// How messages show buckets: `4 buckets, bucket columns: [a], sort columns: [b]`.
fn bucket_text(own: &Bucketing) -> String {
    let sort = if own.sort_columns.is_empty() {
        String::new()
    } else {
        format!(", sort columns: [{}]", own.sort_columns.join(", "))
    };
    format!("{} buckets, bucket columns: [{}]{sort}", own.buckets, own.columns.join(", "))
}
