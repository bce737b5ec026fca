//! DataFusion's Parquet source with Spark's treatment of files that cannot be read.

use std::fmt::{self, Debug};
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, PhysicalExpr, SortOrderPushdownResult};
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::scan::guard::{FileGuard, OnBadFile};
use crate::scan::stream::local_path;
use crate::storage::file_url;

type DfResult<T> = datafusion::common::Result<T>;

/// Wraps a file source; everything but errors is the inner source's.
#[derive(Clone)]
pub struct GuardedSource {
    pub inner: Arc<dyn FileSource>,
    pub on_bad_file: OnBadFile,
}

impl Debug for GuardedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedSource").field("format", &self.inner.file_type()).finish_non_exhaustive()
    }
}

impl GuardedSource {
    fn wrap(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self { inner, on_bad_file: self.on_bad_file })
    }
}

impl FileSource for GuardedSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> DfResult<Arc<dyn FileOpener>> {
        self.inner.create_file_opener(store, config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> DfResult<Box<dyn Morselizer>> {
        let inner = self.inner.create_morselizer(store, config, partition)?;
        Ok(Box::new(GuardedMorselizer { inner, on_bad_file: self.on_bad_file }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.wrap(self.inner.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, display: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(display, f)
    }

    fn supports_repartitioning(&self) -> bool {
        // The table has cut the files already.
        false
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> DfResult<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let taken: Vec<bool> = filters.iter().map(|filter| !compares_columns(filter)).collect();
        if !taken.contains(&true) {
            return Ok(FilterPushdownPropagation::with_parent_pushdown_result(vec![PushedDown::No; taken.len()]));
        }
        let offered = filters.into_iter().zip(&taken).filter(|(_, taken)| **taken).map(|(filter, _)| filter);
        let result = self.inner.try_pushdown_filters(offered.collect(), config)?;
        let mut answers = result.filters.into_iter();
        let answer = |taken| if taken { answers.next().unwrap_or(PushedDown::No) } else { PushedDown::No };
        Ok(FilterPushdownPropagation {
            filters: taken.into_iter().map(answer).collect(),
            updated_node: result.updated_node.map(|inner| self.wrap(inner)),
        })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> DfResult<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        Ok(match self.inner.try_pushdown_sort(order, properties)? {
            SortOrderPushdownResult::Exact { inner } => SortOrderPushdownResult::Exact { inner: self.wrap(inner) },
            SortOrderPushdownResult::Inexact { inner } => SortOrderPushdownResult::Inexact { inner: self.wrap(inner) },
            SortOrderPushdownResult::Unsupported => SortOrderPushdownResult::Unsupported,
        })
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.inner.reorder_files(files)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DfResult<Option<Arc<dyn FileSource>>> {
        Ok(self.inner.try_pushdown_projection(projection)?.map(|inner| self.wrap(inner)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }
}

/// Whether a filter compares columns with each other. Statistics say nothing of it, and the rows that it keeps lie
/// scattered, so that the filter operator is quicker than skipping rows while they are decoded.
fn compares_columns(filter: &Arc<dyn PhysicalExpr>) -> bool {
    let Some(comparison) = filter.downcast_ref::<BinaryExpr>() else { return false };
    comparison.op().supports_propagation()
        && !collect_columns(comparison.left()).is_empty()
        && !collect_columns(comparison.right()).is_empty()
}

#[derive(Debug)]
struct GuardedMorselizer {
    inner: Box<dyn Morselizer>,
    on_bad_file: OnBadFile,
}

impl Morselizer for GuardedMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> DfResult<Box<dyn MorselPlanner>> {
        let guard =
            FileGuard { on_bad_file: self.on_bad_file, url: file_url(&local_path(&file)).into(), owns_errors: false };
        guarded_planner(self.inner.plan_file(file), guard)
    }
}

/// A planner under guard; one without work for a file that is left.
fn guarded_planner(planner: DfResult<Box<dyn MorselPlanner>>, guard: FileGuard) -> DfResult<Box<dyn MorselPlanner>> {
    match planner {
        Ok(inner) => Ok(Box::new(GuardedPlanner { inner: Some(inner), guard })),
        Err(error) => match guard.judge(error) {
            Some(error) => Err(error),
            None => Ok(Box::new(GuardedPlanner { inner: None, guard })),
        },
    }
}

#[derive(Debug)]
struct GuardedPlanner {
    inner: Option<Box<dyn MorselPlanner>>,
    guard: FileGuard,
}

impl MorselPlanner for GuardedPlanner {
    fn plan(self: Box<Self>) -> DfResult<Option<MorselPlan>> {
        let Some(inner) = self.inner else { return Ok(None) };
        let guard = self.guard;
        match inner.plan() {
            Ok(plan) => Ok(plan.map(|plan| guarded_plan(plan, &guard))),
            Err(error) => match guard.judge(error) {
                Some(error) => Err(error),
                None => Ok(None),
            },
        }
    }
}

fn guarded_plan(mut plan: MorselPlan, guard: &FileGuard) -> MorselPlan {
    let morsels = plan.take_morsels().into_iter();
    let morsels = morsels.map(|inner| Box::new(GuardedMorsel { inner, guard: guard.clone() }) as Box<dyn Morsel>);
    let planners = plan
        .take_ready_planners()
        .into_iter()
        .map(|inner| Box::new(GuardedPlanner { inner: Some(inner), guard: guard.clone() }) as Box<dyn MorselPlanner>);
    let guarded = MorselPlan::new().with_morsels(morsels.collect()).with_planners(planners.collect());
    match plan.take_pending_planner() {
        Some(pending) => {
            let guard = guard.clone();
            guarded.with_pending_planner(async move { guarded_planner(pending.await, guard) })
        }
        None => guarded,
    }
}

struct GuardedMorsel {
    inner: Box<dyn Morsel>,
    guard: FileGuard,
}

impl Debug for GuardedMorsel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Morsel for GuardedMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, DfResult<arrow::array::RecordBatch>> {
        let guard = self.guard;
        self.inner
            .into_stream()
            .map(move |batch| match batch {
                Ok(batch) => Some(Ok(batch)),
                Err(error) => guard.judge(error).map(Err),
            })
            .take_while(|batch| futures::future::ready(batch.is_some()))
            .filter_map(futures::future::ready)
            .boxed()
    }
}
