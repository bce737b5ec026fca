//! Names of a session: temporary views, databases and tables, `spark.catalog.*`.
//!
//! Tables live as long as the process; a catalog that outlives it is not here yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, RwLock};

use arrow::array::{ArrayRef, BooleanArray, ListArray, ListBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use bytes::Bytes;
use datafusion::logical_expr::LogicalPlan;
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_plan::context::{Catalog, Stored, TableEntry};
use firesteel_plan::operator::python::function::{PythonDataSource, PythonFunction, PythonTableFunction};
use firesteel_plan::{Relation, Resolver};
use firesteel_protocol::connect::{self as pb, catalog::CatType, relation::RelType};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::ReadRequest;

use crate::{CancelToken, Session};

/// The one catalog.
pub const CATALOG: &str = "spark_catalog";
const DEFAULT_DATABASE: &str = "default";
const GLOBAL_TEMP: &str = "global_temp";

/// A view: its plan and the schema it had when it was made.
#[derive(Debug, Clone)]
pub struct View {
    pub plan: Arc<pb::Relation>,
    pub columns: Fields,
    /// The names come from the statement, not from the plan.
    pub renamed: bool,
    pub comment: Option<String>,
}

/// A table in files.
#[derive(Debug, Clone)]
pub struct Table {
    pub request: Arc<ReadRequest>,
    pub format: String,
    pub columns: Fields,
    pub partition_columns: Vec<String>,
    pub location: String,
    pub managed: bool,
    pub comment: Option<String>,
    pub properties: Vec<(String, String)>,
}

/// Views that all sessions of the process share.
#[derive(Debug, Default)]
pub struct GlobalViews {
    views: RwLock<BTreeMap<String, View>>,
    databases: RwLock<BTreeMap<String, Database>>,
}

/// A database of tables and views.
#[derive(Debug, Clone, Default)]
pub struct Database {
    pub comment: String,
    pub location: String,
    pub tables: BTreeMap<String, Table>,
    pub views: BTreeMap<String, View>,
}

/// A session's own names.
#[derive(Debug, Default)]
pub struct TempViews {
    views: RwLock<BTreeMap<String, View>>,
    current: RwLock<Option<String>>,
}

impl TempViews {
    pub fn current_database(&self) -> String {
        self.current.read().expect("no panics while locked").clone().unwrap_or_else(|| DEFAULT_DATABASE.into())
    }

    pub fn copy_from(&self, other: &Self) {
        let views = other.views.read().expect("no panics while locked").clone();
        *self.views.write().expect("no panics while locked") = views;
        *self.current.write().expect("no panics while locked") = Some(other.current_database());
    }
}

/// Where a name leads.
#[derive(Debug, Clone)]
pub enum Place {
    /// A temporary view's name.
    Temp(String),
    /// A global temporary view's name.
    Global(String),
    /// Database and table.
    Table(String, String),
}

impl Session {
    /// Resolves a name of one to three parts.
    pub(crate) fn place(&self, parts: &[String]) -> Result<Place> {
        let lower = |text: &String| text.to_lowercase();
        match parts {
            [table] => {
                let view = lower(table);
                if self.views.views.read().expect("no panics while locked").contains_key(&view) {
                    return Ok(Place::Temp(view));
                }
                Ok(Place::Table(self.views.current_database(), lower(table)))
            }
            [database, table] if database.eq_ignore_ascii_case(GLOBAL_TEMP) => Ok(Place::Global(lower(table))),
            [database, table] => Ok(Place::Table(lower(database), lower(table))),
            [catalog, database, table] if catalog.eq_ignore_ascii_case(CATALOG) => {
                Ok(Place::Table(lower(database), lower(table)))
            }
            [catalog, ..] => Err(SparkError::new("CATALOG_NOT_FOUND")
                .with("catalogName", name::quote(catalog))
                .with("config", format!("\"spark.sql.catalog.{catalog}\""))),
            [] => Err(SparkError::internal("an empty table name")),
        }
    }

    fn databases(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Database>> {
        let mut databases = self.engine.global_views.databases.write().expect("no panics while locked");
        databases.entry(DEFAULT_DATABASE.into()).or_insert_with(|| Database {
            comment: "default database".into(),
            location: self.warehouse().to_string_lossy().into_owned(),
            ..Database::default()
        });
        databases
    }

    /// `spark.sql.warehouse.dir`, absolute.
    pub(crate) fn warehouse(&self) -> std::path::PathBuf {
        let dir = self.conf().lookup("spark.sql.warehouse.dir").unwrap_or_else(|| "spark-warehouse".into());
        let dir = dir.strip_prefix("file:").map_or(dir.as_str(), |path| path.trim_start_matches("//"));
        self.engine.conf().working_dir.join(dir)
    }

    /// Reads a database.
    pub(crate) fn database(&self, name: &str) -> Result<Database> {
        self.databases().get(&name.to_lowercase()).cloned().ok_or_else(|| schema_not_found(name))
    }

    pub(crate) fn database_names(&self) -> Vec<String> {
        self.databases().keys().cloned().collect()
    }

    pub(crate) fn use_database(&self, name: &str) -> Result<()> {
        self.database(name)?;
        *self.views.current.write().expect("no panics while locked") = Some(name.to_lowercase());
        Ok(())
    }

    pub(crate) fn create_database(
        &self,
        name: &str,
        comment: Option<String>,
        location: Option<String>,
        if_not_exists: bool,
    ) -> Result<()> {
        let lower = name.to_lowercase();
        let location =
            location.unwrap_or_else(|| self.warehouse().join(format!("{lower}.db")).to_string_lossy().into_owned());
        let mut databases = self.databases();
        if databases.contains_key(&lower) {
            if if_not_exists {
                return Ok(());
            }
            return Err(SparkError::new("SCHEMA_ALREADY_EXISTS").with("schemaName", name::quote(name)));
        }
        databases.insert(lower, Database { comment: comment.unwrap_or_default(), location, ..Database::default() });
        Ok(())
    }

    pub(crate) fn drop_database(&self, name: &str, if_exists: bool, cascade: bool) -> Result<()> {
        let lower = name.to_lowercase();
        let database = match self.databases().get(&lower).cloned() {
            Some(database) => database,
            None if if_exists => return Ok(()),
            None => return Err(schema_not_found(name)),
        };
        if lower == DEFAULT_DATABASE {
            return Err(SparkError::new("UNSUPPORTED_FEATURE.DROP_DATABASE").with("database", name::quote(name)));
        }
        let empty = database.tables.is_empty() && database.views.is_empty();
        if !cascade && !empty {
            return Err(SparkError::new("SCHEMA_NOT_EMPTY").with("schemaName", name::quote(name)));
        }
        for table in database.tables.values().filter(|table| table.managed) {
            remove_folder(&table.location)?;
        }
        self.databases().remove(&lower);
        Ok(())
    }

    /// Makes or replaces a temporary view.
    pub(crate) fn create_temp_view(&self, name: &str, view: View, global: bool, replace: bool) -> Result<()> {
        let lower = name.to_lowercase();
        let views = if global { &self.engine.global_views.views } else { &self.views.views };
        let mut views = views.write().expect("no panics while locked");
        if !replace && views.contains_key(&lower) {
            return Err(SparkError::new("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS").with("relationName", name::quote(name)));
        }
        views.insert(lower, view);
        Ok(())
    }

    /// Whether there was one.
    pub(crate) fn drop_temp_view(&self, name: &str, global: bool) -> bool {
        let views = if global { &self.engine.global_views.views } else { &self.views.views };
        views.write().expect("no panics while locked").remove(&name.to_lowercase()).is_some()
    }

    /// The view at a place, temporary or not.
    pub(crate) fn view(&self, place: &Place) -> Option<View> {
        match place {
            Place::Temp(view) => self.views.views.read().expect("no panics while locked").get(view).cloned(),
            Place::Global(view) => {
                self.engine.global_views.views.read().expect("no panics while locked").get(view).cloned()
            }
            Place::Table(database, view) => self.databases().get(database).and_then(|own| own.views.get(view).cloned()),
        }
    }

    /// The table at a place.
    pub(crate) fn table(&self, place: &Place) -> Option<Table> {
        match place {
            Place::Table(database, table) => {
                self.databases().get(database).and_then(|own| own.tables.get(table).cloned())
            }
            _ => None,
        }
    }

    /// Puts a table under its name.
    pub(crate) fn put_table(&self, database: &str, table: &str, entry: Table) -> Result<()> {
        let mut databases = self.databases();
        let own = databases.get_mut(database).ok_or_else(|| schema_not_found(database))?;
        own.tables.insert(table.to_string(), entry);
        Ok(())
    }

    /// Puts a view under its name.
    pub(crate) fn put_view(&self, database: &str, view: &str, entry: View) -> Result<()> {
        let mut databases = self.databases();
        let own = databases.get_mut(database).ok_or_else(|| schema_not_found(database))?;
        own.views.insert(view.to_string(), entry);
        Ok(())
    }

    /// Removes a view; whether there was one.
    pub(crate) fn remove_view(&self, database: &str, view: &str) -> bool {
        self.databases().get_mut(database).is_some_and(|own| own.views.remove(view).is_some())
    }

    /// Removes a table and, when it is managed, its files; whether there was one.
    pub(crate) fn remove_table(&self, database: &str, table: &str) -> Result<bool> {
        let removed = self.databases().get_mut(database).and_then(|own| own.tables.remove(table));
        match removed {
            Some(table) if table.managed => remove_folder(&table.location).map(|()| true),
            Some(_) => Ok(true),
            None => Ok(false),
        }
    }

    /// Temporary views by name, local ones first.
    pub(crate) fn temp_view_names(&self) -> Vec<String> {
        self.views.views.read().expect("no panics while locked").keys().cloned().collect()
    }

    pub(crate) fn global_view_names(&self) -> Vec<String> {
        self.engine.global_views.views.read().expect("no panics while locked").keys().cloned().collect()
    }

    /// What a `Read` message asks of the sources; None for views.
    pub(crate) fn read_request(&self, read: &pb::Read) -> Result<Option<ReadRequest>> {
        match &read.read_type {
            Some(pb::read::ReadType::DataSource(source)) => {
                firesteel_plan::relation::read::request_of(source).map(Some)
            }
            Some(pb::read::ReadType::NamedTable(table)) => {
                let parts = firesteel_plan::sql::parse_table_name(&table.unparsed_identifier)?;
                Ok(self.table(&self.place(&parts)?).map(|table| table.request.as_ref().clone()))
            }
            None => Ok(None),
        }
    }
}

fn remove_folder(location: &str) -> Result<()> {
    match std::fs::remove_dir_all(location) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(SparkError::internal(format!("cannot delete {location}: {error}")).with_source(error)),
    }
}

pub(crate) fn schema_not_found(name: &str) -> SparkError {
    SparkError::new("SCHEMA_NOT_FOUND").with("schemaName", format!("`{CATALOG}`.{}", name::quote(name)))
}

/// A session as the resolver sees it. Called on threads that may block.
#[derive(Debug)]
pub struct SessionCatalog {
    session: Arc<Session>,
    runtime: tokio::runtime::Handle,
    /// Relations that are being looked up in the cache, so that making one does not find itself.
    busy: Mutex<Vec<Vec<u8>>>,
    /// Thrown when nobody waits for the resolution any more.
    cancel: CancelToken,
}

impl SessionCatalog {
    pub fn new(session: Arc<Session>, cancel: CancelToken) -> Self {
        Self { session, runtime: tokio::runtime::Handle::current(), busy: Mutex::default(), cancel }
    }
}

impl Catalog for SessionCatalog {
    fn table(&self, parts: &[String]) -> Result<Option<TableEntry>> {
        // `csv.`/path`` names no database.
        let place = match self.session.place(parts) {
            Ok(place) => place,
            Err(_) if parts.len() != 1 => return Ok(None),
            Err(error) => return Err(error),
        };
        if let Some(view) = self.session.view(&place) {
            let qualifier = match &place {
                Place::Temp(view) => vec![view.clone()],
                Place::Global(view) => vec![GLOBAL_TEMP.into(), view.clone()],
                Place::Table(database, view) => vec![CATALOG.into(), database.clone(), view.clone()],
            };
            let columns = view.renamed.then(|| view.columns.iter().cloned().collect());
            return Ok(Some(TableEntry::View { plan: view.plan, columns, qualifier }));
        }
        let Some(table) = self.session.table(&place) else { return Ok(None) };
        let Place::Table(database, own) = place else { return Ok(None) };
        Ok(Some(TableEntry::Table { request: table.request, qualifier: vec![CATALOG.into(), database, own] }))
    }

    fn cached_blob(&self, hash: &str) -> Result<Bytes> {
        self.session.artifacts().blob(hash).ok_or_else(|| {
            SparkError::internal(format!("Not found any cached local relation with the hash: {hash} in the session."))
        })
    }

    fn remote_relation(&self, id: &str) -> Result<Stored> {
        self.session.remote(id)
    }

    fn cached(&self, relation: &pb::Relation) -> Result<Option<Stored>> {
        if self.session.cache.is_empty() {
            return Ok(None);
        }
        let key = crate::cache::key(relation);
        {
            let mut busy = self.busy.lock().expect("no panics while locked");
            if busy.contains(&key) {
                return Ok(None);
            }
            busy.push(key.clone());
        }
        let make = |level| {
            let kept = self.session.keep_uncached(relation.clone(), level, self.cancel.clone());
            self.runtime.block_on(Box::pin(kept))
        };
        let result = self.session.cache.rows(relation, make);
        self.busy.lock().expect("no panics while locked").retain(|own| *own != key);
        result
    }

    fn python_function(&self, name: &str) -> Option<Arc<PythonFunction>> {
        self.session.functions.scalar(name)
    }

    fn python_data_source(&self, name: &str) -> Option<Arc<PythonDataSource>> {
        self.session.functions.source(name)
    }

    fn python_table_function(&self, name: &str) -> Option<Arc<PythonTableFunction>> {
        self.session.functions.table(name)
    }

    fn catalog_relation(&self, call: &pb::Catalog) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        call.cat_type.as_ref().map_or_else(
            || Err(SparkError::internal("a catalog call without kind")),
            |call| self.session.catalog_call(call, &self.runtime),
        )
    }

    fn collect(&self, plan: LogicalPlan) -> Result<Vec<RecordBatch>> {
        let planned = self.session.physical(Relation::new(plan, vec![]), vec![])?;
        let context = Arc::new(datafusion::execution::TaskContext::from(&self.session.state()?));
        let run = datafusion::physical_plan::collect(planned.physical, context);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(crate::runner::cancelled()),
                rows = run => rows.map_err(from_datafusion),
            }
        })
    }
}

impl Session {
    /// Runs a cached relation itself, its inputs' caches included.
    async fn keep_uncached(
        &self,
        relation: pb::Relation,
        level: pb::StorageLevel,
        cancel: CancelToken,
    ) -> Result<crate::cache::Kept> {
        let key = crate::cache::key(&relation);
        let session = self.arc();
        let ctx = self.resolve_context(&cancel);
        let inner = cancel.clone();
        let task = tokio::task::spawn_blocking(move || {
            let catalog = SessionCatalog::new(Arc::clone(&session), inner);
            catalog.busy.lock().expect("no panics while locked").push(key);
            let ctx = firesteel_plan::ResolveContext { catalog: Arc::new(catalog), ..ctx };
            let resolver = Resolver::new(&ctx);
            let resolved = resolver.query(&relation)?;
            session.physical(resolved, vec![])
        });
        let planned = task.await.map_err(|error| SparkError::internal(error.to_string()))??;
        self.keep_planned(planned, level, cancel).await
    }

    fn catalog_call(&self, call: &CatType, runtime: &tokio::runtime::Handle) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let done = || Ok(empty());
        match call {
            CatType::CurrentDatabase(_) => text(self.views.current_database()),
            CatType::CurrentCatalog(_) => text(CATALOG.into()),
            CatType::SetCurrentDatabase(message) => self.use_database(&message.db_name).and_then(|()| done()),
            CatType::SetCurrentCatalog(message) if message.catalog_name == CATALOG => done(),
            CatType::SetCurrentCatalog(message) => Err(SparkError::new("CATALOG_NOT_FOUND")
                .with("catalogName", name::quote(&message.catalog_name))
                .with("config", format!("\"spark.sql.catalog.{}\"", message.catalog_name))),
            CatType::ListCatalogs(message) => {
                let names =
                    [CATALOG.to_string()].into_iter().filter(|own| matches(own, message.pattern.as_deref())).collect();
                strings(&[("name", false), ("description", true)], vec![names, vec![]])
            }
            CatType::ListDatabases(message) => {
                let names: Vec<String> =
                    self.database_names().into_iter().filter(|own| matches(own, message.pattern.as_deref())).collect();
                self.database_rows(&names)
            }
            CatType::GetDatabase(message) => {
                let name = message.db_name.rsplit('.').next().unwrap_or_default().trim_matches('`').to_lowercase();
                self.database(&name)?;
                self.database_rows(&[name])
            }
            CatType::DatabaseExists(message) => {
                let name = message.db_name.rsplit('.').next().unwrap_or_default().trim_matches('`').to_lowercase();
                flag(self.database_names().contains(&name))
            }
            CatType::ListTables(message) => {
                let database = match &message.db_name {
                    Some(name) => name.rsplit('.').next().unwrap_or_default().trim_matches('`').to_lowercase(),
                    None => self.views.current_database(),
                };
                self.table_rows(&database, message.pattern.as_deref())
            }
            CatType::GetTable(message) => {
                let place = self.place_in(&message.table_name, message.db_name.as_deref())?;
                let row = self.table_row(&place).ok_or_else(|| not_found(&place))?;
                table_batch(vec![row])
            }
            CatType::TableExists(message) => {
                let place = self.place_in(&message.table_name, message.db_name.as_deref())?;
                flag(self.table_row(&place).is_some())
            }
            CatType::ListColumns(message) => {
                let place = self.place_in(&message.table_name, message.db_name.as_deref())?;
                let (columns, partitions) = match (self.view(&place), self.table(&place)) {
                    (Some(view), _) => (view.columns, vec![]),
                    (None, Some(table)) => (table.columns, table.partition_columns),
                    (None, None) => return Err(not_found(&place)),
                };
                column_batch(&columns, &partitions)
            }
            CatType::ListFunctions(message) => {
                let mut names: Vec<String> = firesteel_functions::registry::names().map(str::to_string).collect();
                names.extend(self.functions.names());
                names.retain(|own| matches(own, message.pattern.as_deref()));
                names.sort();
                function_batch(&names)
            }
            CatType::GetFunction(message) => {
                let name = message.function_name.rsplit('.').next().unwrap_or_default().to_lowercase();
                if firesteel_functions::lookup(&name).is_none() && !self.functions.contains(&name) {
                    return Err(SparkError::new("UNRESOLVED_ROUTINE")
                        .with("routineName", name::quote(&message.function_name))
                        .with(
                            "searchPath",
                            format!(
                                "[`system`.`builtin`, `system`.`session`, `{CATALOG}`.`{}`]",
                                self.views.current_database()
                            ),
                        ));
                }
                function_batch(&[name])
            }
            CatType::FunctionExists(message) => {
                let name = message.function_name.rsplit('.').next().unwrap_or_default();
                flag(firesteel_functions::lookup(name).is_some() || self.functions.contains(name))
            }
            CatType::DropTempView(message) => flag(self.drop_temp_view(&message.view_name, false)),
            CatType::DropGlobalTempView(message) => flag(self.drop_temp_view(&message.view_name, true)),
            CatType::IsCached(message) => flag(self.cache.level(&named(&message.table_name)).is_some()),
            CatType::CacheTable(message) => {
                let level = message.storage_level.unwrap_or_else(crate::cache::default_level);
                self.check_relation(&message.table_name)?;
                self.cache.persist(&named(&message.table_name), level);
                done()
            }
            CatType::UncacheTable(message) => {
                self.check_relation(&message.table_name)?;
                self.cache.unpersist(&named(&message.table_name));
                done()
            }
            CatType::ClearCache(_) => {
                self.cache.clear();
                done()
            }
            CatType::RefreshTable(message) => self.check_relation(&message.table_name).and_then(|()| done()),
            // Files are listed anew by every query.
            CatType::RefreshByPath(_) => done(),
            CatType::RecoverPartitions(message) => self.check_relation(&message.table_name).and_then(|()| done()),
            CatType::CreateTable(message) => {
                let schema =
                    message.schema.as_ref().map(firesteel_protocol::types::proto::decode_schema).transpose()?;
                let path = message.path.clone().or_else(|| message.options.get("path").cloned());
                runtime.block_on(self.create_external(
                    &message.table_name,
                    path,
                    message.source.clone(),
                    schema,
                    &message.options,
                ))
            }
            CatType::CreateExternalTable(message) => {
                let schema =
                    message.schema.as_ref().map(firesteel_protocol::types::proto::decode_schema).transpose()?;
                let path = message.path.clone().or_else(|| message.options.get("path").cloned());
                runtime.block_on(self.create_external(
                    &message.table_name,
                    path,
                    message.source.clone(),
                    schema,
                    &message.options,
                ))
            }
            CatType::DropTable(message) => {
                let Place::Table(database, table) = self.place_in(&message.table_name, None)? else { return done() };
                if !self.remove_table(&database, &table)? && !message.if_exists {
                    return Err(not_found(&Place::Table(database, table)));
                }
                done()
            }
            CatType::DropView(message) => {
                let Place::Table(database, view) = self.place_in(&message.view_name, None)? else { return done() };
                if !self.remove_view(&database, &view) && !message.if_exists {
                    return Err(not_found(&Place::Table(database, view)));
                }
                done()
            }
            CatType::CreateDatabase(message) => {
                self.create_database(&message.db_name, None, None, message.if_not_exists).and_then(|()| done())
            }
            CatType::DropDatabase(message) => {
                self.drop_database(&message.db_name, message.if_exists, message.cascade).and_then(|()| done())
            }
            other => Err(SparkError::unsupported(
                format!("this call of spark.catalog ({})", format!("{other:?}").split('(').next().unwrap_or_default()),
                "Use the SQL statement for it.",
            )),
        }
    }

    async fn create_external(
        &self,
        table_name: &str,
        path: Option<String>,
        format: Option<String>,
        schema: Option<Fields>,
        options: &HashMap<String, String>,
    ) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let parts = firesteel_plan::sql::parse_table_name(table_name)?;
        crate::command::table::create(
            self,
            &parts,
            format,
            schema,
            path,
            vec![],
            options.clone().into_iter().collect(),
            false,
        )
        .await?;
        let relation = named(table_name);
        let fields = self.fields(relation).await?;
        Ok((Arc::new(Schema::new(fields)), vec![]))
    }

    fn check_relation(&self, table_name: &str) -> Result<()> {
        let place = self.place_in(table_name, None)?;
        self.table_row(&place).map(|_| ()).ok_or_else(|| not_found(&place))
    }

    fn place_in(&self, table: &str, database: Option<&str>) -> Result<Place> {
        let mut parts = firesteel_plan::sql::parse_table_name(table)?;
        if let Some(database) = database {
            parts.insert(0, database.to_string());
        }
        self.place(&parts)
    }

    fn database_rows(&self, names: &[String]) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let mut columns: Vec<Vec<String>> = vec![vec![]; 4];
        for name in names {
            let database = self.database(name)?;
            columns[0].push(name.clone());
            columns[1].push(CATALOG.into());
            columns[2].push(database.comment);
            columns[3].push(format!("file:{}", database.location));
        }
        strings(&[("name", false), ("catalog", true), ("description", true), ("locationUri", false)], columns)
    }

    fn table_rows(&self, database: &str, pattern: Option<&str>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let mut rows = vec![];
        if database == GLOBAL_TEMP {
            rows.extend(self.global_view_names().into_iter().filter_map(|view| self.table_row(&Place::Global(view))));
        } else {
            let own = self.database(database)?;
            for name in own.tables.keys().chain(own.views.keys()) {
                rows.extend(self.table_row(&Place::Table(database.to_string(), name.clone())));
            }
        }
        rows.extend(self.temp_view_names().into_iter().filter_map(|view| self.table_row(&Place::Temp(view))));
        rows.retain(|row| matches(&row.name, pattern));
        table_batch(rows)
    }

    /// How `spark.catalog` describes what is at a place.
    pub(crate) fn table_row(&self, place: &Place) -> Option<TableRow> {
        let view = self.view(place);
        if let Some(view) = view {
            let (name, namespace, temporary) = match place {
                Place::Temp(name) => (name.clone(), vec![], true),
                Place::Global(name) => (name.clone(), vec![GLOBAL_TEMP.to_string()], true),
                Place::Table(database, name) => (name.clone(), vec![database.clone()], false),
            };
            let kind = if temporary { "TEMPORARY" } else { "VIEW" };
            let catalog = (!temporary).then(|| CATALOG.to_string());
            return Some(TableRow { name, catalog, namespace, comment: view.comment, kind: kind.into(), temporary });
        }
        let table = self.table(place)?;
        let Place::Table(database, name) = place else { return None };
        let kind = if table.managed { "MANAGED" } else { "EXTERNAL" };
        Some(TableRow {
            name: name.clone(),
            catalog: Some(CATALOG.into()),
            namespace: vec![database.clone()],
            comment: table.comment,
            kind: kind.into(),
            temporary: false,
        })
    }
}

/// A row of `spark.catalog.listTables()`.
#[derive(Debug, Clone)]
pub struct TableRow {
    pub name: String,
    pub catalog: Option<String>,
    pub namespace: Vec<String>,
    pub comment: Option<String>,
    pub kind: String,
    pub temporary: bool,
}

pub(crate) fn not_found(place: &Place) -> SparkError {
    let relation = match place {
        Place::Temp(view) => name::quote(view),
        Place::Global(view) => format!("`{GLOBAL_TEMP}`.{}", name::quote(view)),
        Place::Table(database, table) => format!("`{CATALOG}`.{}.{}", name::quote(database), name::quote(table)),
    };
    SparkError::new("TABLE_OR_VIEW_NOT_FOUND").with("relationName", relation)
}

/// Spark's patterns: `*` for any characters, `|` for alternatives, whatever the case.
pub(crate) fn matches(name: &str, pattern: Option<&str>) -> bool {
    let Some(pattern) = pattern else { return true };
    pattern.trim().split('|').any(|part| {
        let part = part.trim().to_lowercase();
        let mut rest = name.to_lowercase();
        let pieces: Vec<&str> = part.split('*').collect();
        for (index, piece) in pieces.iter().enumerate() {
            match (index == 0, rest.find(piece)) {
                (true, Some(0)) | (false, Some(_)) => {
                    let at = if index + 1 == pieces.len() && !piece.is_empty() && index > 0 {
                        match rest.rfind(piece) {
                            Some(at) => at,
                            None => return false,
                        }
                    } else {
                        rest.find(piece).unwrap_or(0)
                    };
                    rest = rest[at + piece.len()..].to_string();
                }
                _ => return false,
            }
        }
        rest.is_empty() || pieces.last().is_some_and(|last| last.is_empty())
    })
}

/// A table by its name.
pub(crate) fn named(table: &str) -> pb::Relation {
    let table = pb::read::NamedTable { unparsed_identifier: table.to_string(), options: HashMap::new() };
    let read = pb::Read { is_streaming: false, read_type: Some(pb::read::ReadType::NamedTable(table)) };
    pb::Relation { common: None, rel_type: Some(RelType::Read(read)) }
}

fn empty() -> (SchemaRef, Vec<RecordBatch>) {
    (Arc::new(Schema::empty()), vec![])
}

/// A table of strings; a column of no values is NULL.
pub(crate) fn strings(columns: &[(&str, bool)], values: Vec<Vec<String>>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, nullable)| Field::new(*name, DataType::Utf8, *nullable)).collect();
    let schema = Arc::new(Schema::new(fields));
    let rows = values.iter().map(Vec::len).max().unwrap_or(0);
    let arrays = values.into_iter().map(|column| -> ArrayRef {
        if column.len() < rows { Arc::new(StringArray::new_null(rows)) } else { Arc::new(StringArray::from(column)) }
    });
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays.collect()).map_err(from_arrow)?;
    Ok((schema, vec![batch]))
}

fn text(value: String) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    strings(&[("value", false)], vec![vec![value]])
}

fn flag(value: bool) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let schema = Arc::new(Schema::new(vec![Field::new("value", DataType::Boolean, false)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(BooleanArray::from(vec![value]))])
        .map_err(from_arrow)?;
    Ok((schema, vec![batch]))
}

fn string_list<'a>(rows: impl Iterator<Item = &'a [String]>) -> ListArray {
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
    for row in rows {
        for value in row {
            builder.values().append_value(value);
        }
        builder.append(true);
    }
    builder.finish()
}

fn table_batch(rows: Vec<TableRow>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let namespaces = string_list(rows.iter().map(|row| row.namespace.as_slice()));
    let list = firesteel_protocol::types::array(DataType::Utf8, true);
    let schema = Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("catalog", DataType::Utf8, true),
        Field::new("namespace", list, true),
        Field::new("description", DataType::Utf8, true),
        Field::new("tableType", DataType::Utf8, false),
        Field::new("isTemporary", DataType::Boolean, false),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.name))),
        Arc::new(rows.iter().map(|row| row.catalog.clone()).collect::<StringArray>()),
        Arc::new(namespaces),
        Arc::new(rows.iter().map(|row| row.comment.clone()).collect::<StringArray>()),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.kind))),
        Arc::new(rows.iter().map(|row| Some(row.temporary)).collect::<BooleanArray>()),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?;
    Ok((schema, vec![batch]))
}

fn column_batch(columns: &Fields, partitions: &[String]) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let mut fields = vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("description", DataType::Utf8, true),
        Field::new("dataType", DataType::Utf8, false),
    ];
    for name in ["nullable", "isPartition", "isBucket", "isCluster"] {
        fields.push(Field::new(name, DataType::Boolean, false));
    }
    let schema = Arc::new(Schema::new(fields));
    let partition = |name: &str| partitions.iter().any(|own| own.eq_ignore_ascii_case(name));
    let no = || Arc::new(BooleanArray::from(vec![false; columns.len()]));
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(columns.iter().map(|field| field.name()))),
        Arc::new(columns.iter().map(|field| firesteel_protocol::types::json::comment(field)).collect::<StringArray>()),
        Arc::new(StringArray::from_iter_values(columns.iter().map(|field| name::simple_of_field(field)))),
        Arc::new(columns.iter().map(|field| Some(field.is_nullable())).collect::<BooleanArray>()),
        Arc::new(columns.iter().map(|field| Some(partition(field.name()))).collect::<BooleanArray>()),
        no(),
        no(),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(from_arrow)?;
    Ok((schema, vec![batch]))
}

fn function_batch(names: &[String]) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let list = firesteel_protocol::types::array(DataType::Utf8, true);
    let schema = Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("catalog", DataType::Utf8, true),
        Field::new("namespace", list, true),
        Field::new("description", DataType::Utf8, true),
        Field::new("className", DataType::Utf8, false),
        Field::new("isTemporary", DataType::Boolean, false),
    ]));
    let no_namespace: Vec<String> = vec![];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(names)),
        Arc::new(StringArray::new_null(names.len())),
        Arc::new(string_list(names.iter().map(|_| no_namespace.as_slice()))),
        Arc::new(StringArray::new_null(names.len())),
        Arc::new(StringArray::from_iter_values(names.iter().map(|name| format!("builtin.{name}")))),
        Arc::new(BooleanArray::from(vec![true; names.len()])),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?;
    Ok((schema, vec![batch]))
}

/// Takes the ids off that clients give to relations, so that the same query made twice is the same.
pub(crate) fn strip_plan_ids(relation: &mut pb::Relation) {
    walk(relation, &mut |relation| relation.common = None);
}

/// Visits a relation and all relations below it.
pub(crate) fn walk(relation: &mut pb::Relation, visit: &mut dyn FnMut(&mut pb::Relation)) {
    visit(relation);
    for child in children(relation) {
        walk(child, visit);
    }
}

/// Visits every `Read` of a relation.
pub(crate) fn visit_reads(relation: &pb::Relation, visit: &mut dyn FnMut(&pb::Read)) {
    let mut copy = relation.clone();
    walk(&mut copy, &mut |relation| {
        if let Some(RelType::Read(read)) = &relation.rel_type {
            visit(read);
        }
    });
}

fn children(relation: &mut pb::Relation) -> Vec<&mut pb::Relation> {
    macro_rules! one {
        ($message:expr) => {
            $message.input.as_deref_mut().into_iter().collect()
        };
    }
    match relation.rel_type.as_mut() {
        Some(RelType::Project(m)) => one!(m),
        Some(RelType::Filter(m)) => one!(m),
        Some(RelType::Sort(m)) => one!(m),
        Some(RelType::Limit(m)) => one!(m),
        Some(RelType::Offset(m)) => one!(m),
        Some(RelType::Tail(m)) => one!(m),
        Some(RelType::Aggregate(m)) => one!(m),
        Some(RelType::Sample(m)) => one!(m),
        Some(RelType::Deduplicate(m)) => one!(m),
        Some(RelType::SubqueryAlias(m)) => one!(m),
        Some(RelType::Repartition(m)) => one!(m),
        Some(RelType::RepartitionByExpression(m)) => one!(m),
        Some(RelType::ToDf(m)) => one!(m),
        Some(RelType::WithColumns(m)) => one!(m),
        Some(RelType::WithColumnsRenamed(m)) => one!(m),
        Some(RelType::Drop(m)) => one!(m),
        Some(RelType::Hint(m)) => one!(m),
        Some(RelType::Unpivot(m)) => one!(m),
        Some(RelType::ToSchema(m)) => one!(m),
        Some(RelType::FillNa(m)) => one!(m),
        Some(RelType::DropNa(m)) => one!(m),
        Some(RelType::Replace(m)) => one!(m),
        Some(RelType::ShowString(m)) => one!(m),
        Some(RelType::HtmlString(m)) => one!(m),
        Some(RelType::CollectMetrics(m)) => one!(m),
        Some(RelType::Parse(m)) => one!(m),
        Some(RelType::Transpose(m)) => one!(m),
        Some(RelType::Join(m)) => m.left.as_deref_mut().into_iter().chain(m.right.as_deref_mut()).collect(),
        Some(RelType::LateralJoin(m)) => m.left.as_deref_mut().into_iter().chain(m.right.as_deref_mut()).collect(),
        Some(RelType::SetOp(m)) => {
            m.left_input.as_deref_mut().into_iter().chain(m.right_input.as_deref_mut()).collect()
        }
        Some(RelType::WithRelations(m)) => m.root.as_deref_mut().into_iter().chain(m.references.iter_mut()).collect(),
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        assert!(matches("people", Some("p*")));
        assert!(matches("people", Some("*ople|x")));
        assert!(matches("people", Some("*")));
        assert!(!matches("people", Some("peo")));
        assert!(matches("PEOPLE", Some("people")));
    }
}
