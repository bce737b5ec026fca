//! A second plan for a query whose joins do not fit into memory. A hash join keeps one side in memory; where that fails
//! before a row has come out, the query begins anew with sort-merge joins, which go to disk. Sources are read again;
//! what Python functions added to accumulators until then is forgotten.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use firesteel_functions::kernel::to_datafusion;
use firesteel_plan::operator::exchange::ExchangeExec;
use firesteel_protocol::Result;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::{OnceCell, watch};

use crate::Session;
use crate::python::PythonOperation;
use crate::query::Planned;

type Plan = Arc<dyn ExecutionPlan>;
type Outcome<T> = datafusion::common::Result<T>;

/// How long the streams of the first plan may take to let their memory go.
const LET_GO: Duration = Duration::from_secs(2);

impl Planned {
    /// What is run: the physical plan, with a second one in store if it has hash joins.
    pub fn executable(&self, session: &Session) -> Result<Plan> {
        let mut joins = false;
        let _ = self.physical.apply(|node| {
            joins |= (node.as_ref() as &dyn std::any::Any).is::<HashJoinExec>();
            Ok(if joins { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        });
        if !joins || !self.observed.is_empty() {
            return Ok(Arc::clone(&self.physical));
        }
        let second = Second { session: session.arc(), optimized: self.optimized.clone(), plan: OnceCell::new() };
        Ok(Arc::new(SecondPlanExec {
            first: Arc::clone(&self.physical),
            second: Arc::new(second),
            operation: PythonOperation::current(),
            choice: Arc::new(Choice { made: watch::Sender::new(Made::Open), running: watch::Sender::new(0) }),
        }))
    }
}

/// The plan that is made when it is needed.
struct Second {
    session: Arc<Session>,
    optimized: LogicalPlan,
    plan: OnceCell<Plan>,
}

impl Second {
    /// The plan with as many partitions as the first, when that has stopped.
    async fn plan(&self, partitions: usize, operation: Option<&PythonOperation>) -> Outcome<Plan> {
        let made = self.plan.get_or_try_init(|| async {
            operation.into_iter().for_each(PythonOperation::begin_anew);
            let state = self.state().map_err(to_datafusion)?;
            let plan = state.query_planner().create_physical_plan(&self.optimized, &state).await?;
            match plan.output_partitioning().partition_count() {
                count if count == partitions => Ok(plan),
                count if count > partitions => Ok(Arc::new(ExchangeExec::coalesce(plan, partitions)) as Plan),
                _ => Err(DataFusionError::ResourcesExhausted("a join that is larger than memory".into())),
            }
        });
        made.await.cloned()
    }

    /// The session's state, with sort-merge joins.
    fn state(&self) -> Result<SessionState> {
        let state = self.session.state()?;
        let mut config = state.config().clone();
        config.options_mut().optimizer.prefer_hash_join = false;
        // With one partition DataFusion knows hash joins only.
        let config = match config.target_partitions() {
            1 => config.with_target_partitions(2),
            _ => config,
        };
        Ok(SessionStateBuilder::new_from_existing(state).with_config(config).build())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Open,
    First,
    Second,
}

/// Which plan gives the rows, once that is known.
#[derive(Debug)]
struct Choice {
    made: watch::Sender<Made>,
    /// Streams of the first plan.
    running: watch::Sender<usize>,
}

impl Choice {
    /// Chooses if nobody has; what is chosen.
    fn make(&self, wish: Made) -> Made {
        self.made.send_if_modified(|made| {
            let open = *made == Made::Open;
            if open {
                *made = wish;
            }
            open
        });
        *self.made.borrow()
    }
}

/// A stream of the first plan, counted while it lives.
struct Counted {
    stream: SendableRecordBatchStream,
    choice: Arc<Choice>,
}

impl Counted {
    fn new(stream: SendableRecordBatchStream, choice: Arc<Choice>) -> Self {
        choice.running.send_modify(|running| *running += 1);
        Self { stream, choice }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.choice.running.send_modify(|running| *running -= 1);
    }
}

/// Runs the first plan, or, while no row is out, the second instead. A partition that ends without rows is an answer too.
struct SecondPlanExec {
    first: Plan,
    second: Arc<Second>,
    /// Whose accumulators the first plan's tasks may have added to.
    operation: Option<PythonOperation>,
    choice: Arc<Choice>,
}

impl fmt::Debug for SecondPlanExec {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("SecondPlanExec").field("first", &self.first).finish_non_exhaustive()
    }
}

impl DisplayAs for SecondPlanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("SecondPlanExec")
    }
}

impl ExecutionPlan for SecondPlanExec {
    fn name(&self) -> &str {
        "SecondPlanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.first.properties()
    }

    fn children(&self) -> Vec<&Plan> {
        vec![&self.first]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Outcome<TreeNodeRecursion>,
    ) -> Outcome<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Plan>) -> Outcome<Plan> {
        // Another plan than the one that the second stands for.
        Ok(children.pop().unwrap_or_else(|| Arc::clone(&self.first)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Outcome<SendableRecordBatchStream> {
        let partitions = self.first.output_partitioning().partition_count();
        let first = Counted::new(self.first.execute(partition, Arc::clone(&context))?, Arc::clone(&self.choice));
        let (second, operation) = (Arc::clone(&self.second), self.operation.clone());
        let output = async move {
            let choice = Arc::clone(&first.choice);
            match first_rows(first).await {
                Some(rows) => Outcome::Ok(rows),
                None => {
                    let mut running = choice.running.subscribe();
                    // They see the choice when they are next polled; some may not be.
                    let _ = tokio::time::timeout(LET_GO, running.wait_for(|running| *running == 0)).await;
                    tracing::info!("a join is larger than memory: the query begins anew with sort-merge joins");
                    Ok(second.plan(partitions, operation.as_ref()).await?.execute(partition, context)?.boxed())
                }
            }
        };
        let output = futures::stream::once(output).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), output)))
    }
}

/// The rows of a stream of the first plan; None where the second is to give them.
async fn first_rows(mut first: Counted) -> Option<futures::stream::BoxStream<'static, Outcome<RecordBatch>>> {
    let mut made = first.choice.made.subscribe();
    loop {
        let next = tokio::select! {
            biased;
            Ok(_) = made.wait_for(|made| *made == Made::Second) => return None,
            next = first.stream.next() => next,
        };
        let wish = match &next {
            Some(Ok(batch)) if batch.num_rows() == 0 => continue,
            Some(Err(error)) if is_out_of_memory(error) => Made::Second,
            _ => Made::First,
        };
        if first.choice.make(wish) == Made::Second {
            return None;
        }
        let rest = futures::stream::unfold(first, |mut first| async move {
            let next = first.stream.next().await?;
            Some((next, first))
        });
        return Some(futures::stream::iter(next).chain(rest).boxed());
    }
}

fn is_out_of_memory(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}
