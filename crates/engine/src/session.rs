//! A session: settings, names, kept rows and artifacts of one client.

use std::sync::{Arc, OnceLock, Weak};

use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_planner::DefaultPhysicalPlanner;
use datafusion::prelude::SessionConfig;
use firesteel_functions::Env;
use firesteel_plan::ResolveContext;
use firesteel_plan::operator::join_order;
use firesteel_plan::operator::partition_order::PartitionOrder;
use firesteel_plan::operator::planner::OperatorPlanner;
use firesteel_plan::operator::shuffle::SparkShuffle;
use firesteel_plan::optimizer::distinct_aggregate::DistinctAggregate;
use firesteel_plan::optimizer::null_keys::NullKeys;
use firesteel_plan::optimizer::unused_python::UnusedPython;
use firesteel_protocol::Result;
use firesteel_sources::SourceContext;

use crate::cache::Cache;
use crate::catalog::{SessionCatalog, Store, TempViews};
use crate::metrics::QueryLog;
use crate::routines::Routines;
use crate::variables::Variables;
use crate::{Artifacts, CancelToken, Engine, SessionConf};

/// One client's session.
#[derive(Debug)]
pub struct Session {
    id: String,
    server_side_id: String,
    user: String,
    pub engine: Arc<Engine>,
    conf: Arc<SessionConf>,
    artifacts: Artifacts,
    pub(crate) views: TempViews,
    /// Tables and databases, once a statement asked for them.
    pub(crate) store: OnceLock<Arc<Store>>,
    pub(crate) variables: Variables,
    /// Temporary functions in SQL.
    pub(crate) routines: Routines,
    pub(crate) cache: Cache,
    pub(crate) functions: crate::python::Functions,
    /// Finished and running queries with their operators' metrics.
    pub queries: QueryLog,
    this: Weak<Session>,
}

impl Session {
    pub(crate) fn new(engine: Arc<Engine>, user: &str, id: &str) -> Arc<Self> {
        let mut initial = engine.conf().conf.clone();
        let own = |key: &str, value: &str| (key.to_string(), value.to_string());
        let given = |key: &str| initial.iter().any(|(own, _)| own == key);
        let mut extra = vec![];
        if !given("spark.app.name") {
            extra.push(own("spark.app.name", &engine.conf().app_name));
        }
        if !given("spark.master") {
            extra.push(own("spark.master", &engine.conf().master));
        }
        initial.extend(extra);
        Self::with_conf(engine, user, id, SessionConf::new(initial), Artifacts::default())
    }

    fn with_conf(engine: Arc<Engine>, user: &str, id: &str, conf: SessionConf, artifacts: Artifacts) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            id: id.to_string(),
            server_side_id: uuid::Uuid::new_v4().to_string(),
            user: user.to_string(),
            engine,
            conf: Arc::new(conf),
            artifacts,
            views: TempViews::default(),
            store: OnceLock::new(),
            variables: Variables::default(),
            routines: Routines::default(),
            cache: Cache::default(),
            functions: Default::default(),
            queries: QueryLog::default(),
            this: this.clone(),
        })
    }

    /// The client's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id that tells a session from another one under the same client id.
    pub fn server_side_id(&self) -> &str {
        &self.server_side_id
    }

    /// The client's user, as it said; empty where it said nothing.
    pub fn user_id(&self) -> &str {
        &self.user
    }

    pub fn conf(&self) -> &SessionConf {
        &self.conf
    }

    pub fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    /// The session as its owners hold it.
    pub fn arc(&self) -> Arc<Self> {
        self.this.upgrade().expect("a session is only ever used through its Arc")
    }

    /// A session that begins with what this one has: settings, views, artifacts.
    pub fn clone_session(&self, new_id: &str) -> Result<Arc<Self>> {
        let copy = Self::with_conf(
            Arc::clone(&self.engine),
            &self.user,
            new_id,
            self.conf.copy(),
            self.artifacts.try_clone()?,
        );
        copy.views.copy_from(&self.views);
        copy.functions.copy_from(&self.functions);
        copy.variables.copy_from(&self.variables);
        copy.routines.copy_from(&self.routines);
        copy.cache.copy_remote_from(&self.cache);
        Ok(copy)
    }

    /// Evaluation settings at this moment.
    pub fn env(&self) -> Env {
        let text = |key: &str| self.conf.lookup(key).unwrap_or_default();
        Env {
            ansi: self.conf.flag("spark.sql.ansi.enabled"),
            time_zone: text("spark.sql.session.timeZone").into(),
            case_sensitive: self.conf.flag("spark.sql.caseSensitive"),
            time_parser_policy: text("spark.sql.legacy.timeParserPolicy").to_uppercase().into(),
            size_of_null: self.conf.flag("spark.sql.legacy.sizeOfNull"),
            allow_precision_loss: self.conf.flag("spark.sql.decimalOperations.allowPrecisionLoss"),
            map_key_dedup: text("spark.sql.mapKeyDedupPolicy").to_uppercase().into(),
            timestamp_ntz: text("spark.sql.timestampType").eq_ignore_ascii_case("TIMESTAMP_NTZ"),
            concat_as_text: self.conf.flag("spark.sql.function.concatBinaryAsString"),
            elt_as_text: self.conf.flag("spark.sql.function.eltOutputAsString"),
            time_type: self.conf.flag("spark.sql.timeType.enabled"),
            json_nulls: !self.conf.flag("spark.sql.jsonGenerator.ignoreNullFields"),
            corrupt_column: text("spark.sql.columnNameOfCorruptRecord").into(),
            legacy: firesteel_functions::Legacy {
                array_insert: self.conf.flag("spark.sql.legacy.negativeIndexInArrayInsert"),
                exists_without_null: !self.conf.flag("spark.sql.legacy.followThreeValuedLogicInArrayExists"),
                wide_literals: !self.conf.flag("spark.sql.legacy.literal.pickMinimumPrecision"),
                datetimes_as_texts: self.conf.flag("spark.sql.legacy.typeCoercion.datetimeToString.enabled"),
                empty_count: self.conf.flag("spark.sql.legacy.allowParameterlessCount"),
                padded_texts: self.conf.flag("spark.sql.legacy.lpadRpadAlwaysReturnString"),
                bracketed_texts: self.conf.flag("spark.sql.legacy.castComplexTypesToString.enabled"),
            },
            now_us: chrono::Utc::now().timestamp_micros(),
            user: self.user().into(),
            database: self.views.current_database().into(),
            place: firesteel_functions::Place::default(),
        }
    }

    pub(crate) fn user(&self) -> &str {
        if self.user.is_empty() { crate::user::name() } else { &self.user }
    }

    /// Tasks at once: a script may have set its own `spark.master`.
    pub(crate) fn parallelism(&self) -> usize {
        let own = self.conf.lookup("spark.master").and_then(|master| crate::engine::parallelism(&master));
        own.unwrap_or_else(|| self.engine.parallelism())
    }

    /// Partitions after a shuffle.
    fn shuffle_partitions(&self) -> usize {
        let own = self.conf.lookup("spark.sql.shuffle.partitions").and_then(|text| text.trim().parse().ok());
        own.filter(|count| *count > 0).unwrap_or(200)
    }

    /// What sources need to know. Must be called inside the runtime.
    pub fn source_context(&self, env: Env) -> SourceContext {
        let conf = Arc::clone(&self.conf);
        SourceContext {
            env,
            conf: Arc::new(move |key| conf.lookup(key)),
            working_dir: self.engine.conf().working_dir.clone(),
            parallelism: self.parallelism(),
            runtime: tokio::runtime::Handle::current(),
        }
    }

    /// Everything that the resolver needs. Must be called inside the runtime.
    pub fn resolve_context(&self) -> ResolveContext {
        self.resolve_context_until(&CancelToken::new())
    }

    /// The same; `cancel` stops the queries that resolving runs.
    pub(crate) fn resolve_context_until(&self, cancel: &CancelToken) -> ResolveContext {
        let env = self.env();
        let source = self.source_context(env.clone());
        let catalog = Arc::new(SessionCatalog::new(self.arc(), cancel.clone()));
        ResolveContext { env, source, catalog, python: self.python() }
    }

    /// DataFusion's state for one query.
    pub fn state(&self) -> Result<SessionState> {
        self.state_with(vec![])
    }

    /// DataFusion's state for a query with operators that only `planners` know.
    pub fn state_with(&self, planners: Vec<ExtraPlanner>) -> Result<SessionState> {
        let parallelism = self.parallelism();
        let mut config = SessionConfig::new()
            .with_target_partitions(parallelism)
            .with_information_schema(false)
            .with_create_default_catalog_and_schema(false)
            // Rows keep their order, as in Spark: nothing is dealt out again where no exchange is due.
            .with_round_robin_repartition(false)
            .with_enable_ansi_mode(self.conf.flag("spark.sql.ansi.enabled"));
        let options = config.options_mut();
        options.execution.parquet.schema_force_view_types = false;
        options.execution.parquet.pushdown_filters = true;
        // Rows that a filter drops are skipped, not decoded and dropped.
        options.execution.parquet.force_filter_selections = true;
        // The files of a partition stay its own: the order of rows, and what numbers them, is the same in every run.
        options.execution.enable_file_stream_work_stealing = false;
        options.execution.time_zone = Some("UTC".into());
        options.optimizer.max_passes = 3;
        let runtime = self.engine.runtime_env()?;
        if let MemoryLimit::Finite(limit) = runtime.memory_pool.memory_limit() {
            // What every sort keeps for its merge must not be all there is.
            let own = &mut options.execution.sort_spill_reservation_bytes;
            *own = (*own).min(limit / (16 * parallelism.max(1)));
        }
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_query_planner(Arc::new(Planner { extra: planners }))
            .with_optimizer_rule(Arc::new(DistinctAggregate))
            .with_optimizer_rule(Arc::new(UnusedPython))
            .with_optimizer_rule(Arc::new(NullKeys))
            .with_physical_optimizer_rules(join_order::rules())
            .with_physical_optimizer_rule(Arc::new(PartitionOrder))
            .with_physical_optimizer_rule(Arc::new(SparkShuffle { partitions: self.shuffle_partitions() }))
            .build();
        Ok(state)
    }
}

/// Plans operators that the engine does not know itself.
pub type ExtraPlanner = Arc<dyn datafusion::physical_planner::ExtensionPlanner + Send + Sync>;

/// DataFusion's planner with the operators of our own.
struct Planner {
    extra: Vec<ExtraPlanner>,
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planner").finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl datafusion::execution::context::QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &datafusion::logical_expr::LogicalPlan,
        session: &dyn datafusion::catalog::Session,
    ) -> datafusion::common::Result<Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
        use datafusion::physical_planner::PhysicalPlanner;
        let mut planners: Vec<ExtraPlanner> = vec![Arc::new(OperatorPlanner)];
        planners.extend(self.extra.iter().cloned());
        let planner = DefaultPhysicalPlanner::with_extension_planners(planners);
        planner.create_physical_plan(plan, session).await
    }
}
