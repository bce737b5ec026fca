//! The catalog as the resolver of a plan sees it. Called on threads that may block.

use std::sync::{Arc, Mutex};

use arrow::datatypes::{Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use datafusion::logical_expr::LogicalPlan;
use firesteel_functions::kernel::from_datafusion;
use firesteel_plan::context::{Catalog, Stored, TableEntry, Variable};
use firesteel_plan::operator::python::function::{PythonDataSource, PythonFunction, PythonTableFunction};
use firesteel_plan::routine::UserFunction;
use firesteel_plan::{Relation, ResolveContext, Resolver};
use firesteel_protocol::connect::{self as pb, expression::ExprType, relation::RelType};
use firesteel_protocol::types::{name, proto};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::{OpenedSource, ReadRequest, SourceContext};

use super::table::{Table, ViewText};
use super::{CATALOG, Found, GLOBAL_TEMP, Place};
use crate::variables::{self, Frames, session_name};
use crate::{CancelToken, Session, SessionConf};

/// A session as the resolver sees it.
#[derive(Debug)]
pub struct SessionCatalog {
    session: Arc<Session>,
    runtime: tokio::runtime::Handle,
    /// Variables of the script that the query is part of.
    frames: Option<Frames>,
    /// Relations that are being looked up in the cache, so that making one does not find itself.
    busy: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Inside of a permanent view: the database in which it was made. Temporary views are out of sight there.
    view_database: Option<String>,
    /// Thrown when nobody waits for the resolution any more.
    cancel: CancelToken,
}

impl SessionCatalog {
    pub fn new(session: Arc<Session>, cancel: CancelToken) -> Self {
        let runtime = tokio::runtime::Handle::current();
        Self { session, runtime, frames: variables::frames(), busy: Arc::default(), view_database: None, cancel }
    }

    fn place(&self, parts: &[String]) -> Result<Place> {
        match &self.view_database {
            Some(database) => self.session.permanent_place(parts, database),
            None => self.session.place(parts),
        }
    }

    /// A table under the name by which the cache knows it.
    fn canonical(&self, relation: &pb::Relation) -> pb::Relation {
        canonical(relation, |parts| self.place(parts))
    }

    /// What a permanent view's query is resolved in: its own database and the settings under which it was made.
    fn inside(&self, view: &ViewText) -> ResolveContext {
        let session = Arc::clone(&self.session);
        let mut env = session.env();
        let mut source = session.source_context(env.clone());
        let conf = view.conf.clone();
        let lookup = Arc::new(move |key: &str| {
            if key.starts_with("spark.sql.") && session.conf().is_modifiable(key) {
                conf.get(key).cloned().or_else(|| SessionConf::default_of(key))
            } else {
                session.conf().lookup(key)
            }
        });
        let flag = |key: &str| lookup(key).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        env.ansi = flag("spark.sql.ansi.enabled");
        env.case_sensitive = flag("spark.sql.caseSensitive");
        if let Some(zone) = lookup("spark.sql.session.timeZone") {
            env.time_zone = zone.into();
        }
        env.database = view.database.as_str().into();
        source.env = env.clone();
        source.conf = lookup;
        let catalog = Self {
            session: Arc::clone(&self.session),
            runtime: self.runtime.clone(),
            frames: self.frames.clone(),
            busy: Arc::clone(&self.busy),
            view_database: Some(view.database.clone()),
            cancel: self.cancel.clone(),
        };
        ResolveContext { env, source, catalog: Arc::new(catalog), python: self.session.python() }
    }

    fn view(&self, table: &Table, view: &ViewText, qualifier: Vec<String>) -> Result<TableEntry> {
        let scope = Arc::new(self.inside(view));
        let query = {
            let resolver = Resolver::new(&scope);
            let query = firesteel_plan::sql::parse_query(&view.text, &resolver.sql_context())?;
            let own = format!("{CATALOG}.{}.{}", table.database, table.name);
            let query = firesteel_plan::sql::of_object(query, "VIEW", &own);
            firesteel_protocol::extension::collated(query, table.default_collation())
        };
        self.check_types(&scope, &query, table, view)?;
        self.sync(&scope, &query, table, view);
        // An evolving view has the columns that its query has now.
        let plan = if view.schema_mode == "EVOLUTION" { query } else { shaped(query, table, view) };
        let plan = Arc::new(plan);
        Ok(TableEntry::View { plan, columns: None, qualifier, scope: Some(scope) })
    }
}

impl SessionCatalog {
    /// Columns of a view with SCHEMA BINDING may not lose anything on the way to the types that they had.
    fn check_types(&self, scope: &ResolveContext, query: &pb::Relation, table: &Table, view: &ViewText) -> Result<()> {
        if view.schema_mode != "BINDING" || view.query_columns.len() != table.columns.len() {
            return Ok(());
        }
        // What is wrong with the query itself is told when it is used.
        let Ok(relation) = Resolver::new(scope).query(query) else { return Ok(()) };
        for (column, field) in view.query_columns.iter().zip(&table.columns) {
            let Some(own) = relation.output.iter().find(|own| own.name().eq_ignore_ascii_case(column)) else {
                continue;
            };
            if !firesteel_functions::coerce::can_up_cast(own.data_type(), field.data_type()) {
                let parts = own.qualifier.iter().map(String::as_str).chain([own.name()]);
                let shown = parts.map(name::quote_if_needed).collect::<Vec<_>>().join(".");
                return Err(SparkError::new("CANNOT_UP_CAST_DATATYPE")
                    .with("expression", shown)
                    .with("sourceType", format!("\"{}\"", name::sql(own.data_type())))
                    .with("targetType", format!("\"{}\"", name::sql(field.data_type())))
                    .with(
                        "details",
                        "The type path of the target object is:\n\nYou can either add an explicit cast to the input \
                         data or choose a higher precision type of the field in the target object",
                    )
                    .placeless());
            }
        }
        Ok(())
    }

    /// A view whose schema evolves is in the catalog as it was read last.
    fn sync(&self, scope: &ResolveContext, query: &pb::Relation, table: &Table, view: &ViewText) {
        let types_only = view.schema_mode == "TYPE EVOLUTION";
        if !types_only && view.schema_mode != "EVOLUTION" {
            return;
        }
        let Ok(relation) = Resolver::new(scope).query(query) else { return };
        let mut changed = table.clone();
        if types_only {
            let fields = view.query_columns.iter().zip(&table.columns).map(|(column, field)| {
                let own = relation.output.iter().find(|own| own.name().eq_ignore_ascii_case(column));
                match own {
                    Some(own) => {
                        let field = field.as_ref().clone().with_data_type(own.data_type().clone());
                        Arc::new(field.with_nullable(own.field.is_nullable()))
                    }
                    None => Arc::clone(field),
                }
            });
            changed.columns = fields.collect();
        } else {
            changed.columns = relation.output.iter().map(|own| Arc::clone(&own.field)).collect();
            let names = relation.output.iter().map(|own| own.name().to_string()).collect();
            if let Some(text) = &mut changed.view {
                text.query_columns = names;
            }
        }
        let same = changed.columns.len() == table.columns.len()
            && changed
                .columns
                .iter()
                .zip(&table.columns)
                .all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type());
        if !same && let Ok(store) = self.session.store() {
            // Another process may have been first: what it wrote is as new.
            let _ = store.update_table(&changed);
        }
    }
}

/// What the query of a permanent view is resolved in.
pub fn permanent_scope(session: Arc<Session>, view: &ViewText) -> ResolveContext {
    SessionCatalog::new(session, CancelToken::new()).inside(view)
}

fn cast_to(value: pb::Expression, field: &Field) -> pb::Expression {
    let cast = pb::expression::Cast {
        expr: Some(Box::new(value)),
        cast_to_type: Some(pb::expression::cast::CastToType::Type(proto::encode_field(field))),
        ..Default::default()
    };
    pb::Expression { common: None, expr_type: Some(ExprType::Cast(Box::new(cast))) }
}

/// The query's columns, found by the names that they had when the view was made, as the view's.
fn shaped(query: pb::Relation, table: &Table, view: &ViewText) -> pb::Relation {
    let lower: Vec<String> = view.query_columns.iter().map(|name| name.to_lowercase()).collect();
    let unique = lower.iter().enumerate().all(|(at, name)| !lower[..at].contains(name));
    if !unique || view.query_columns.len() != table.columns.len() {
        let column_names = table.columns.iter().map(|field| field.name().clone()).collect();
        let renamed = pb::ToDf { input: Some(Box::new(query)), column_names };
        return pb::Relation { common: None, rel_type: Some(RelType::ToDf(Box::new(renamed))) };
    }
    let expression = |kind: ExprType| pb::Expression { common: None, expr_type: Some(kind) };
    let expressions = view.query_columns.iter().zip(&table.columns).map(|(column, field)| {
        let column = expression(ExprType::UnresolvedAttribute(pb::expression::UnresolvedAttribute {
            unparsed_identifier: name::quote(column),
            ..Default::default()
        }));
        let keeps_type = view.schema_mode == "TYPE EVOLUTION";
        let cast = if keeps_type { column } else { cast_to(column, field) };
        expression(ExprType::Alias(Box::new(pb::expression::Alias {
            expr: Some(Box::new(cast)),
            name: vec![field.name().clone()],
            metadata: firesteel_protocol::types::json::metadata_text(super::table::plain(field).metadata()),
        })))
    });
    let project = pb::Project { input: Some(Box::new(query)), expressions: expressions.collect() };
    pb::Relation { common: None, rel_type: Some(RelType::Project(Box::new(project))) }
}

impl Catalog for SessionCatalog {
    fn table(&self, parts: &[String]) -> Result<Option<TableEntry>> {
        // `csv.`/path`` names no database.
        let place = match self.place(parts) {
            Ok(place) => place,
            Err(_) if parts.len() == 2 => return Ok(None),
            Err(error) => return Err(error),
        };
        let qualifier = match &place {
            Place::Temp(view) => vec![view.clone()],
            Place::Global(view) => vec![GLOBAL_TEMP.into(), view.clone()],
            Place::Table(database, table) => vec![CATALOG.into(), database.clone(), table.clone()],
        };
        match self.session.at(&place)? {
            Some(Found::Temp(view)) => {
                let columns = view.renamed.then(|| view.columns.iter().cloned().collect());
                Ok(Some(TableEntry::View { plan: view.plan, columns, qualifier, scope: None }))
            }
            Some(Found::Table(table)) => match &table.view {
                Some(view) if table.is_metric_view() => {
                    let described = Arc::new(firesteel_plan::metric_view::parse(&view.text)?);
                    let columns = table.columns.iter().map(|field| Arc::new(super::table::plain(field))).collect();
                    Ok(Some(TableEntry::MetricView { view: described, columns }))
                }
                Some(view) => self.view(&table, view, qualifier).map(Some),
                None => {
                    let request = Arc::new(self.session.table_request(&table)?);
                    Ok(Some(TableEntry::Table { request, qualifier }))
                }
            },
            None => Ok(None),
        }
    }

    fn variable(&self, parts: &[String]) -> Option<Variable> {
        if self.view_database.is_some() {
            return None;
        }
        variables::find(&self.session.variables, self.frames.as_ref(), parts)
    }

    fn function_class(&self, parts: &[String]) -> Option<(String, String)> {
        let (database, own, class) = crate::command::function::find(&self.session, parts).ok()??;
        Some((crate::catalog::table::quoted(&database, &own), class))
    }

    fn routine(&self, parts: &[String]) -> Option<Arc<UserFunction>> {
        if self.view_database.is_none()
            && let Some(function) = session_name(parts).and_then(|own| self.session.routines.get(&own))
        {
            return Some(function);
        }
        let found = crate::command::routine::find(&self.session, parts)?;
        let temporary = !found.name.contains('.');
        (self.view_database.is_none() || !temporary).then_some(found)
    }

    fn cached_blob(&self, hash: &str) -> Result<Bytes> {
        self.session.artifacts().blob(hash).ok_or_else(|| {
            SparkError::internal(format!("Not found any cached local relation with the hash: {hash} in the session."))
        })
    }

    fn remote_relation(&self, id: &str) -> Result<Stored> {
        self.session.remote(id)
    }

    fn keeps_relations(&self) -> bool {
        !self.session.cache.is_empty()
    }

    fn cached(&self, relation: &pb::Relation) -> Result<Option<Stored>> {
        if !self.keeps_relations() {
            return Ok(None);
        }
        let relation = &self.canonical(relation);
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
        match &call.cat_type {
            Some(kind) => self.runtime.block_on(super::call::answer(&self.session, kind)),
            None => Err(SparkError::internal("a catalog call without kind")),
        }
    }

    fn source(&self, request: &ReadRequest, source: &SourceContext) -> Result<Option<OpenedSource>> {
        self.session.engine.reader().map_or(Ok(None), |open| open(&self.session, request, source))
    }

    fn stream(&self, request: &ReadRequest, source: &SourceContext) -> Result<OpenedSource> {
        firesteel_sources::stream::placeholder(request, source)
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
    /// What the sources are asked for to read a table: all of its partitions, if it has some.
    pub(crate) fn table_request(&self, table: &Table) -> Result<ReadRequest> {
        self.settle(table)?;
        if table.partition_columns.is_empty() {
            return Ok(table.request(&[]));
        }
        let partitions = self.store()?.partitions(table)?;
        Ok(table.request(&partitions))
    }

    /// Ends a RENAME of the table that was cut off.
    pub(crate) fn settle(&self, table: &Table) -> Result<()> {
        if table.location.is_empty() || std::path::Path::new(&table.location).exists() {
            return Ok(());
        }
        super::leftover::finish_move(self.store()?.as_ref(), &table.location)
    }

    /// What a `Read` message asks of the sources; None for views.
    pub(crate) fn read_request(&self, read: &pb::Read) -> Result<Option<ReadRequest>> {
        match &read.read_type {
            Some(pb::read::ReadType::DataSource(source)) => {
                firesteel_plan::relation::read::request_of(source).map(Some)
            }
            Some(pb::read::ReadType::NamedTable(table)) => {
                let parts = firesteel_plan::sql::parse_table_name(&table.unparsed_identifier)?;
                match self.at(&self.place(&parts)?)? {
                    Some(Found::Table(table)) if !table.is_view() => self.table_request(&table).map(Some),
                    _ => Ok(None),
                }
            }
            None => Ok(None),
        }
    }

    /// Runs a cached relation itself, its inputs' caches included.
    async fn keep_uncached(
        &self,
        relation: pb::Relation,
        level: pb::StorageLevel,
        cancel: CancelToken,
    ) -> Result<crate::cache::Kept> {
        let key = crate::cache::key(&relation);
        let session = self.arc();
        let ctx = self.resolve_context_until(&cancel);
        let inner = cancel.clone();
        let task = tokio::task::spawn_blocking(move || {
            let catalog = SessionCatalog::new(Arc::clone(&session), inner);
            catalog.busy.lock().expect("no panics while locked").push(key);
            let ctx = ResolveContext { catalog: Arc::new(catalog), ..ctx };
            let resolver = Resolver::new(&ctx);
            let resolved = resolver.query(&relation)?;
            session.physical(resolved, vec![])
        });
        let planned = task.await.map_err(|error| SparkError::internal(error.to_string()))??;
        self.keep_planned(planned, level, cancel).await
    }
}

impl Session {
    /// A relation under the name by which the cache knows it: however a table is written, it is one.
    pub(crate) fn canonical(&self, relation: &pb::Relation) -> pb::Relation {
        canonical(relation, |parts| self.place(parts))
    }
}

fn canonical(relation: &pb::Relation, place: impl Fn(&[String]) -> Result<Place>) -> pb::Relation {
    let Some(RelType::Read(read)) = &relation.rel_type else { return relation.clone() };
    let Some(pb::read::ReadType::NamedTable(table)) = &read.read_type else { return relation.clone() };
    if !table.options.is_empty() {
        return relation.clone();
    }
    let parts = firesteel_plan::sql::parse_table_name(&table.unparsed_identifier);
    let mut found = match parts.and_then(|parts| place(&parts)) {
        Ok(Place::Temp(view)) => named(&name::quote(&view)),
        Ok(Place::Global(view)) => named(&format!("{GLOBAL_TEMP}.{}", name::quote(&view))),
        Ok(Place::Table(database, own)) => named(&super::table::quoted(&database, &own)),
        Err(_) => return relation.clone(),
    };
    found.common.clone_from(&relation.common);
    found
}

/// A table by its name.
pub(crate) fn named(table: &str) -> pb::Relation {
    let table = pb::read::NamedTable { unparsed_identifier: table.to_string(), ..Default::default() };
    let read = pb::Read { is_streaming: false, read_type: Some(pb::read::ReadType::NamedTable(table)) };
    pb::Relation { common: None, rel_type: Some(RelType::Read(read)) }
}
