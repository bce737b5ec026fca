//! Which queries can run as streams, in which output mode. Spark's `UnsupportedOperationChecker`.

use datafusion::common::JoinType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Aggregate, Expr, Join, Limit, LogicalPlan, SkipType};
use firesteel_engine::Session;
use firesteel_plan::operator::partition_columns::PartitionColumnsNode;
use firesteel_plan::operator::python::stateful::PythonStateNode;
use firesteel_plan::operator::stream_dedup::StreamDedupNode;
use firesteel_plan::operator::stream_mark::{self, Mark};
use firesteel_plan::operator::watermark::WatermarkNode;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::log::illegal_state;
use firesteel_sources::stream::table::is_streaming;

use crate::check_python;
use crate::check_window;
use crate::start::OutputMode;
use crate::state::join_plan::JoinShape;
use crate::state::session::is_session;
use crate::state::{event_time, is_streaming_python};

/// What is checked, by the session's settings.
#[derive(Debug, Clone, Copy)]
pub struct Checks {
    /// `spark.sql.streaming.unsupportedOperationCheck`.
    pub operations: bool,
    /// `spark.sql.streaming.statefulOperator.checkCorrectness.enabled`.
    pub correctness: bool,
}

impl Checks {
    /// What a session asks for.
    pub fn of(session: &Session) -> Self {
        let is_on = |key: &str| {
            let given = session.conf().lookup(key);
            given.is_none_or(|text| !text.trim().eq_ignore_ascii_case("false"))
        };
        Self {
            operations: is_on("spark.sql.streaming.unsupportedOperationCheck"),
            correctness: is_on("spark.sql.streaming.statefulOperator.checkCorrectness.enabled"),
        }
    }
}

/// Checks the plan of a stream.
pub fn streaming(plan: &LogicalPlan, mode: OutputMode, checks: Checks) -> Result<()> {
    if !checks.operations {
        return Ok(());
    }
    let mut nodes: Vec<&LogicalPlan> = vec![];
    let visited = plan.apply(|node| {
        nodes.push(node);
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(visited.is_ok(), "the visitor never fails");
    let aggregates: Vec<&Aggregate> = nodes
        .iter()
        .filter_map(|node| match node {
            LogicalPlan::Aggregate(aggregate) if is_streaming(&aggregate.input) => Some(aggregate),
            _ => None,
        })
        .collect();
    let python: Vec<&PythonStateNode> = nodes
        .iter()
        .filter_map(|node| match node {
            LogicalPlan::Extension(extension) => is_streaming_python(extension),
            _ => None,
        })
        .collect();
    check_python::check_number(&python)?;
    check_mode(&aggregates, mode)?;
    for node in &python {
        check_python::check(node, &aggregates, mode)?;
    }
    for aggregate in &aggregates {
        check_aggregate(aggregate)?;
    }
    let aggregated = |plan: &LogicalPlan| {
        plan.exists(|node| Ok(matches!(node, LogicalPlan::Aggregate(own) if is_streaming(&own.input)))).unwrap_or(false)
    };
    // What is below is looked at first.
    for node in nodes.iter().rev() {
        match node {
            LogicalPlan::Sort(sort)
                if is_streaming(&sort.input) && (mode != OutputMode::Complete || !aggregated(&sort.input)) =>
            {
                return Err(refused(
                    "Sorting is not supported on streaming DataFrames/Datasets, unless it is on aggregated \
                     DataFrame/Dataset in Complete output mode",
                ));
            }
            LogicalPlan::Limit(limit) if is_streaming(&limit.input) && skips(limit) => {
                return Err(refused("Offset is not supported on streaming DataFrames/Datasets"));
            }
            LogicalPlan::Limit(limit) if is_streaming(&limit.input) => match mode {
                // What is limited is the whole result then.
                OutputMode::Complete => {}
                OutputMode::Update => {
                    return Err(refused(
                        "Limits are not supported on streaming DataFrames/Datasets in Update output mode",
                    ));
                }
                OutputMode::Append => {}
            },
            LogicalPlan::Window(window) if is_streaming(&window.input) => {
                return Err(check_window::refused(&nodes, &window.window_expr));
            }
            LogicalPlan::Join(join) => check_join(join, mode)?,
            LogicalPlan::Union(union) => {
                let streams = union.inputs.iter().filter(|input| is_streaming(input)).count();
                if streams > 0 && streams < union.inputs.len() {
                    return Err(refused("Union between streaming and batch DataFrames/Datasets is not supported"));
                }
            }
            LogicalPlan::Extension(extension) => {
                check_mark(node)?;
                check_extension(extension)?;
            }
            LogicalPlan::Unnest(_) | LogicalPlan::Projection(_) | LogicalPlan::Filter(_) => {}
            _ => {}
        }
    }
    if checks.correctness { correctness(&nodes, mode) } else { Ok(()) }
}

/// What only the plan of a batch shows, as in Spark: aggregations that the query does not name. A query fails with it.
pub fn batch(plan: &LogicalPlan, mode: OutputMode) -> Result<()> {
    if mode != OutputMode::Append {
        return Ok(());
    }
    let unbounded = plan.exists(|node| {
        let LogicalPlan::Aggregate(own) = node else { return Ok(false) };
        Ok(is_streaming(&own.input) && event_time::of_groups(own).is_none())
    });
    match unbounded.unwrap_or(false) {
        false => Ok(()),
        true => Err(SparkError::new("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK")
            .with("outputMode", "Append")
            .with("statefulOperator", "aggregations")),
    }
}

fn skips(limit: &Limit) -> bool {
    !matches!(limit.get_skip_type(), Ok(SkipType::Literal(0)))
}

pub(crate) fn refused(message: &str) -> SparkError {
    SparkError::new("_LEGACY_ERROR_TEMP_3102").with("msg", message).with_message(format!("{message};"))
}

pub(crate) fn unsupported_mode(mode: OutputMode, operation: &str) -> SparkError {
    SparkError::new("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION")
        .with("outputMode", mode.name())
        .with("operation", operation)
}

fn check_mode(aggregates: &[&Aggregate], mode: OutputMode) -> Result<()> {
    if mode == OutputMode::Complete && aggregates.is_empty() {
        return Err(unsupported_mode(mode, "no streaming aggregations"));
    }
    if mode == OutputMode::Append && aggregates.iter().any(|own| event_time::of_groups(own).is_none()) {
        return Err(unsupported_mode(mode, "streaming aggregations without watermark"));
    }
    // As in Spark, of several aggregations the last one alone.
    let last = aggregates.first().filter(|_| mode == OutputMode::Update);
    if last.is_some_and(|own| event_time::keys(own).into_iter().any(is_session)) {
        return Err(unsupported_mode(mode, "session window streaming aggregations"));
    }
    Ok(())
}

/// Outside of append mode an aggregation gives rows that other stateful operators would take for late.
fn correctness(nodes: &[&LogicalPlan], mode: OutputMode) -> Result<()> {
    if mode == OutputMode::Append {
        return Ok(());
    }
    let aggregates = |plan: &LogicalPlan| {
        plan.exists(|node| Ok(matches!(node, LogicalPlan::Aggregate(own) if is_streaming(&own.input)))).unwrap_or(false)
    };
    let doubled = |node: &LogicalPlan| stream_mark::of(node).is_some_and(|own| own.mark == Mark::Pivot);
    let detected =
        nodes.iter().any(|node| doubled(node) || is_stateful(node) && node.inputs().into_iter().any(aggregates));
    if !detected {
        return Ok(());
    }
    Err(refused(
        "Detected pattern of possible 'correctness' issue due to global watermark. The query contains stateful operation \
         which can emit rows older than the current watermark plus allowed late record delay, which are \"late rows\" in \
         downstream stateful operations and these rows can be discarded. Please refer the programming guide doc for more \
         details. If you understand the possible risk of correctness issue and still need to run the query, you can \
         disable this check by setting the config `spark.sql.streaming.statefulOperator.checkCorrectness.enabled` to \
         false.",
    ))
}

/// Whether a deduplication of a stream forgets keys by event time.
fn has_event_time(dedup: &StreamDedupNode) -> bool {
    let columns = dedup.input.schema().columns();
    let mut keys = columns.iter().filter(|column| dedup.keys.contains(&column.name));
    dedup.within_watermark || keys.any(|key| event_time::of_column(&dedup.input, key).is_some())
}

/// Whether an operator of a stream remembers rows by event time.
fn is_stateful(node: &LogicalPlan) -> bool {
    match node {
        LogicalPlan::Aggregate(own) => is_streaming(&own.input),
        LogicalPlan::Join(own) => is_streaming(&own.left) && is_streaming(&own.right),
        LogicalPlan::Extension(own) => match own.node.as_any().downcast_ref::<StreamDedupNode>() {
            Some(dedup) => has_event_time(dedup),
            None => is_streaming_python(own).is_some(),
        },
        _ => false,
    }
}

/// Whether rows of a plan follow a watermark that nothing has replaced by the ends of its windows.
fn follows_watermark(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(own) if event_time::of_groups(own).is_some() => false,
        LogicalPlan::Extension(own) if own.node.as_any().is::<WatermarkNode>() => true,
        _ => plan.inputs().into_iter().any(follows_watermark),
    }
}

/// A watermark on event times that have one already, or on rows that follow one.
pub fn redefined_watermark(plan: &LogicalPlan) -> Result<()> {
    let again = plan.exists(|node| {
        let LogicalPlan::Extension(extension) = node else { return Ok(false) };
        let Some(own) = extension.node.as_any().downcast_ref::<WatermarkNode>() else { return Ok(false) };
        let below = extension.node.inputs();
        Ok(below.into_iter().any(|input| {
            if follows_watermark(input) {
                return true;
            }
            let columns = input.schema().columns();
            let column = columns.iter().find(|column| column.name == own.column);
            column.is_some_and(|column| event_time::of_column(input, column).is_some())
        }))
    });
    match again.unwrap_or(false) {
        false => Ok(()),
        true => Err(illegal_state(
            "Redefining watermark is disallowed. You can set the config \
             'spark.sql.streaming.statefulOperator.allowMultiple' to 'false' to restore the previous behavior. Note that \
             multiple stateful operators will be disallowed.",
        )),
    }
}

fn check_aggregate(aggregate: &Aggregate) -> Result<()> {
    let distinct = |expr: &Expr| {
        expr.exists(|node| Ok(matches!(node, Expr::AggregateFunction(call) if call.params.distinct))).unwrap_or(false)
    };
    if aggregate.aggr_expr.iter().any(distinct) {
        return Err(refused(
            "Distinct aggregations are not supported on streaming DataFrames/Datasets. Consider using \
             approx_count_distinct() instead.",
        ));
    }
    let sets = aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_)));
    if sets && event_time::keys(aggregate).into_iter().any(is_session) {
        return Err(SparkError::unsupported(
            "session_window in rollup, cube and grouping sets on a stream",
            "Start one query for each grouping.",
        ));
    }
    Ok(())
}

fn check_join(join: &Join, mode: OutputMode) -> Result<()> {
    let (left, right) = (is_streaming(&join.left), is_streaming(&join.right));
    let refuse = |text: &str| Err(refused(text));
    match (left, right, join.join_type) {
        (false, false, _) => Ok(()),
        (true, true, kind) => check_two_streams(join, kind, mode),
        (true, false, JoinType::Right) => refuse(
            "RightOuter join with a streaming DataFrame/Dataset on the left and a static DataFrame/DataSet on the right \
             not supported",
        ),
        (false, true, JoinType::Left) => refuse(
            "LeftOuter join with a streaming DataFrame/Dataset on the right and a static DataFrame/Dataset on the left \
             is not supported",
        ),
        (false, true, JoinType::LeftSemi) => refuse(
            "LeftSemi join with a streaming DataFrame/Dataset on the right and a static DataFrame/Dataset on the left \
             is not supported",
        ),
        (false, true, JoinType::LeftAnti) => {
            refuse("LeftAnti joins with a streaming DataFrame/Dataset on the right are not supported")
        }
        (true, false, JoinType::Full) => refuse(
            "FullOuter joins with streaming DataFrames/Datasets on the left and a static DataFrame/Dataset on the right \
             is not supported",
        ),
        (false, true, JoinType::Full) => refuse(
            "FullOuter joins with streaming DataFrames/Datasets on the right and a static DataFrame/Dataset on the left \
             is not supported",
        ),
        _ => Ok(()),
    }
}

fn check_two_streams(join: &Join, kind: JoinType, mode: OutputMode) -> Result<()> {
    let (name, updates) = match kind {
        JoinType::Left => ("LeftOuter", false),
        JoinType::Right => ("RightOuter", false),
        JoinType::Full => ("FullOuter", false),
        JoinType::LeftSemi => ("LeftSemi", true),
        JoinType::LeftAnti => ("LeftAnti", false),
        _ => ("Inner", true),
    };
    if kind == JoinType::LeftAnti {
        return Err(refused("LeftAnti joins with a streaming DataFrame/Dataset on the right are not supported"));
    }
    let (word, modes) = (mode.word(), if updates { "Append and Update output modes" } else { "Append output mode" });
    if mode == OutputMode::Complete || (mode == OutputMode::Update && !updates) {
        return Err(refused(&format!(
            "{name} join between two streaming DataFrames/Datasets is not supported in {word} output mode, only in {modes}"
        )));
    }
    // A condition without equality is refused when a batch is planned, as in Spark.
    let Ok(shape) = JoinShape::of(join) else { return Ok(()) };
    let bounded = match kind {
        JoinType::Left | JoinType::LeftSemi => shape.is_bounded(true),
        JoinType::Right => shape.is_bounded(false),
        JoinType::Full => shape.is_bounded(true) || shape.is_bounded(false),
        _ => true,
    };
    if shape.event_key.is_some() || bounded {
        return Ok(());
    }
    Err(refused(&format!(
        "Stream-stream {name} join between two streaming DataFrame/Datasets is not supported without a watermark in the \
         join keys, or a watermark on the nullable side and an appropriate range condition"
    )))
}

/// Refuses what streams cannot have.
fn check_mark(node: &LogicalPlan) -> Result<()> {
    let Some(own) = stream_mark::of(node) else { return Ok(()) };
    match own.mark {
        Mark::Intersect => Err(refused("Intersect of streaming DataFrames/Datasets is not supported")),
        Mark::Except | Mark::ExceptAll if own.inputs.last().is_some_and(|right| is_streaming(right)) => {
            Err(refused("Except on a streaming DataFrame/Dataset on the right is not supported"))
        }
        Mark::SortWithin => Err(refused(
            "Sorting is not supported on streaming DataFrames/Datasets, unless it is on aggregated DataFrame/Dataset in \
             Complete output mode",
        )),
        Mark::Except | Mark::ExceptAll | Mark::Pivot => Ok(()),
    }
}

fn check_extension(extension: &datafusion::logical_expr::Extension) -> Result<()> {
    let node = &extension.node;
    if !node.inputs().iter().any(|input| is_streaming(input)) {
        return Ok(());
    }
    if node.as_any().downcast_ref::<PartitionColumnsNode>().is_some_and(PartitionColumnsNode::is_monotonic) {
        return Err(refused(
            "Expression(s): monotonically_increasing_id() is not supported with streaming DataFrames/Datasets",
        ));
    }
    if node.name() == "Sample" {
        return Err(refused("Sampling is not supported on streaming DataFrames/Datasets"));
    }
    if let Some(dedup) = node.as_any().downcast_ref::<StreamDedupNode>() {
        if dedup.within_watermark && event_time::of_plan(&dedup.input).is_none() {
            return Err(refused(
                "dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without watermark",
            ));
        }
    }
    Ok(())
}
