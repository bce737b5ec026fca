//! Cuts a physical plan into stages where rows change their partition, and reads what its operators measured.
//!
//! A stage's tasks are the partitions of its operators. Each number is one that DataFusion's operators count.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, displayable};

use crate::metric::{self, TaskMetrics};

/// What the number of values is called that casts made NULL.
pub const CAST_NULLS: &str = "number of NULLs from casts";

/// Characters of an operator's text that are kept; `spark.sql.maxPlanStringLength` is for whole plans.
const MAX_TEXT: usize = 8000;

/// An operator of a plan.
#[derive(Debug)]
pub struct Node {
    pub plan: Arc<dyn ExecutionPlan>,
    /// Its name without `Exec`.
    pub name: String,
    pub text: String,
    pub children: Vec<usize>,
    /// The stage whose tasks take its rows.
    pub stage: usize,
    /// Where it moves rows: the stage that makes them.
    pub input_stage: Option<usize>,
    /// Its first partition among the tasks of its stage: unions put partitions side by side.
    offset: usize,
    /// Whether its partitions are its stage's tasks.
    aligned: bool,
    /// What its casts had lost before this query: plans may share expressions.
    lost_before: u64,
}

/// Tasks that do the same on different partitions.
#[derive(Debug, Default)]
pub struct CutStage {
    pub tasks: usize,
    pub nodes: Vec<usize>,
    pub parents: Vec<usize>,
}

/// A plan in pieces.
#[derive(Debug, Default)]
pub struct Cut {
    /// The root first.
    pub nodes: Vec<Node>,
    /// The last makes the result.
    pub stages: Vec<CutStage>,
}

/// What a metric is called, and Spark's kind of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MetricName {
    pub name: String,
    pub kind: &'static str,
}

/// What a task has measured.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Milliseconds since 1970; 0 where it has not begun.
    pub started_ms: i64,
    pub ended_ms: i64,
    pub metrics: TaskMetrics,
    /// Operator, metric, value.
    pub values: Vec<(usize, MetricName, i64)>,
    /// Operators that have begun and not ended.
    open: usize,
}

impl Measured {
    /// Whether all that has begun has ended.
    pub fn is_ended(&self) -> bool {
        self.ended_ms > 0 && self.open == 0
    }
}

/// What a plan has measured.
#[derive(Debug, Default)]
pub struct Numbers {
    /// By stage and task.
    pub tasks: Vec<Vec<Measured>>,
    /// Numbers that belong to no task.
    pub other: Vec<(usize, MetricName, i64)>,
}

impl Cut {
    /// Cuts a plan; `lost_before` is what [`lost_by_operator`] said before it ran.
    pub fn of(plan: &Arc<dyn ExecutionPlan>, lost_before: &[u64]) -> Self {
        let mut own = Self::default();
        let mut result = CutStage { tasks: partitions(plan), ..CutStage::default() };
        own.nodes.clear();
        own.visit(plan, 0, true, &mut result);
        let last = own.stages.len();
        own.close(result, last);
        own.nodes.iter_mut().zip(lost_before).for_each(|(node, lost)| node.lost_before = *lost);
        own
    }

    /// Adds an operator and all below it; its index.
    fn visit(&mut self, plan: &Arc<dyn ExecutionPlan>, offset: usize, aligned: bool, stage: &mut CutStage) -> usize {
        let index = self.nodes.len();
        let name = plan.name();
        self.nodes.push(Node {
            plan: Arc::clone(plan),
            name: name.strip_suffix("Exec").unwrap_or(name).to_string(),
            text: one_line(plan),
            children: vec![],
            stage: usize::MAX,
            input_stage: None,
            offset,
            aligned,
            lost_before: 0,
        });
        stage.nodes.push(index);
        let own = partitions(plan);
        let is_union = name == "UnionExec";
        let mut next_offset = offset;
        for child in plan.children() {
            let count = partitions(child);
            let same_tasks = is_union || (count == own && (count == 1 || !moves_rows(name)));
            let child_index = if same_tasks {
                let child_index = self.visit(child, next_offset, aligned, stage);
                if is_union {
                    next_offset += count;
                }
                child_index
            } else {
                let mut below = CutStage { tasks: count, ..CutStage::default() };
                let child_index = self.visit(child, 0, true, &mut below);
                let number = self.stages.len();
                self.close(below, number);
                stage.parents.push(number);
                self.nodes[index].input_stage = Some(number);
                child_index
            };
            self.nodes[index].children.push(child_index);
        }
        index
    }

    fn close(&mut self, stage: CutStage, number: usize) {
        for node in &stage.nodes {
            self.nodes[*node].stage = number;
        }
        self.stages.push(stage);
    }

    /// Reads all metrics.
    pub fn numbers(&self) -> Numbers {
        let tasks = self.stages.iter().map(|stage| vec![Measured::default(); stage.tasks]).collect();
        let mut numbers = Numbers { tasks, other: vec![] };
        for (index, node) in self.nodes.iter().enumerate() {
            self.read(index, node, &mut numbers);
            for (name, kind, value) in files_read(&node.plan).into_iter().flatten() {
                numbers.other.push((index, MetricName { name: name.into(), kind }, value));
            }
            let lost = lost_in_casts(&node.plan).saturating_sub(node.lost_before);
            if lost > 0 {
                let name = MetricName { name: CAST_NULLS.into(), kind: "sum" };
                numbers.other.push((index, name, i64::try_from(lost).unwrap_or(i64::MAX)));
            }
        }
        numbers
    }

    fn read(&self, index: usize, node: &Node, numbers: &mut Numbers) {
        let Some(metrics) = node.plan.metrics() else { return };
        let is_scan = node.children.is_empty();
        // Several metrics of one name and task (one an output, say) are one number.
        let mut sums: HashMap<(Option<(usize, usize)>, MetricName), i64> = HashMap::new();
        for metric in metrics.iter() {
            let value = metric.value();
            let raw = value.name();
            let on_input = node.input_stage.filter(|_| matches!(raw, "fetch_time" | "repartition_time" | "send_time"));
            let task = metric.partition().filter(|_| node.aligned).and_then(|partition| {
                let (stage, task) = match on_input {
                    Some(stage) => (stage, partition),
                    None => (node.stage, partition + node.offset),
                };
                numbers.tasks.get(stage)?.get(task).map(|_| (stage, task))
            });
            let number = i64::try_from(value.as_usize()).unwrap_or(i64::MAX);
            if let Some((stage, task)) = task {
                let measured = &mut numbers.tasks[stage][task];
                note(measured, value, number, is_scan);
                if let (Some(input), None) = (node.input_stage, on_input) {
                    note_shuffle(measured, value, number, self.stages[input].tasks);
                }
                if on_input.is_some() && raw != "fetch_time" {
                    add(&mut measured.metrics.0[metric::SHUFFLE_WRITE_TIME], number);
                }
            }
            if let Some(name) = metric_name(value) {
                add(sums.entry((task, name)).or_default(), number);
            }
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by(|left, right| left.0.1.name.cmp(&right.0.1.name));
        for ((task, name), sum) in sums {
            // Spark shows no metric that nobody touched.
            if sum == 0 && name.name.contains("spill") {
                continue;
            }
            match task {
                Some((stage, task)) => numbers.tasks[stage][task].values.push((index, name, sum)),
                None => numbers.other.push((index, name, sum)),
            }
        }
        self.note_written(index, node, numbers);
    }

    /// What the operator below an exchange gave is what its task wrote.
    fn note_written(&self, index: usize, node: &Node, numbers: &mut Numbers) {
        let below_exchange =
            self.nodes.iter().any(|other| other.input_stage == Some(node.stage) && other.children.contains(&index));
        if !below_exchange {
            return;
        }
        for task in &mut numbers.tasks[node.stage] {
            for (own, name, value) in &task.values {
                if *own == index && name.name == "number of output rows" {
                    add(&mut task.metrics.0[metric::SHUFFLE_RECORDS_WRITTEN], *value);
                }
                if *own == index && name.name == "output size" {
                    add(&mut task.metrics.0[metric::SHUFFLE_BYTES_WRITTEN], *value);
                }
            }
        }
    }
}

/// How many files a scan is for, and their size.
fn files_read(plan: &Arc<dyn ExecutionPlan>) -> Option<[(&'static str, &'static str, i64); 2]> {
    let source = plan.downcast_ref::<DataSourceExec>()?.data_source();
    let config = source.downcast_ref::<FileScanConfig>()?;
    let files = config.file_groups.iter().flat_map(|group| group.iter());
    // A large file is read in several pieces.
    let sizes: HashMap<_, _> = files.map(|file| (&file.object_meta.location, file.object_meta.size)).collect();
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let (files, bytes) = (number(sizes.len() as u64), number(sizes.values().sum()));
    (files > 0).then_some([("number of files read", "sum", files), ("size of files read", "size", bytes)])
}

/// Values that the casts of each operator have made NULL so far, the root first. To be asked before a plan runs: plans may
/// share expressions, which then have counted before.
pub fn lost_by_operator(plan: &Arc<dyn ExecutionPlan>) -> Vec<u64> {
    let mut all = vec![lost_in_casts(plan)];
    plan.children().into_iter().for_each(|child| all.extend(lost_by_operator(child)));
    all
}

/// Values that the operator's casts have made NULL.
fn lost_in_casts(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let mut lost = 0;
    let counted = plan.apply_expressions(&mut |expr| {
        expr.apply(|own| {
            lost += firesteel_functions::cast::lost(own);
            Ok(TreeNodeRecursion::Continue)
        })
    });
    // An operator that cannot tell its expressions has none that are counted.
    counted.map_or(0, |_| lost)
}

fn note(measured: &mut Measured, value: &MetricValue, number: i64, is_scan: bool) {
    let numbers = &mut measured.metrics.0;
    match value {
        MetricValue::StartTimestamp(_) if number > 0 => {
            let at = number / 1_000_000;
            measured.started_ms = if measured.started_ms == 0 { at } else { measured.started_ms.min(at) };
            measured.open += 1;
        }
        MetricValue::EndTimestamp(_) if number > 0 => {
            measured.ended_ms = measured.ended_ms.max(number / 1_000_000);
            measured.open = measured.open.saturating_sub(1);
        }
        MetricValue::ElapsedCompute(_) => add(&mut numbers[metric::CPU_TIME], number),
        // Spilled batches lie in their files as they lay in memory: nothing packs them.
        MetricValue::SpilledBytes(_) => {
            add(&mut numbers[metric::DISK_SPILLED], number);
            add(&mut numbers[metric::MEMORY_SPILLED], number);
        }
        MetricValue::OutputRows(_) if is_scan => add(&mut numbers[metric::INPUT_RECORDS], number),
        MetricValue::CurrentMemoryUsage(_) | MetricValue::PeakMemoryUsage { .. } => {
            add(&mut numbers[metric::PEAK_MEMORY], number);
        }
        other if other.name() == "bytes_scanned" => add(&mut numbers[metric::INPUT_BYTES], number),
        other if is_memory(other.name()) => add(&mut numbers[metric::PEAK_MEMORY], number),
        _ => {}
    }
}

fn note_shuffle(measured: &mut Measured, value: &MetricValue, number: i64, blocks: usize) {
    let numbers = &mut measured.metrics.0;
    match value {
        MetricValue::OutputRows(_) => {
            add(&mut numbers[metric::SHUFFLE_RECORDS_READ], number);
            // One block for each task that wrote.
            numbers[metric::LOCAL_BLOCKS] += i64::try_from(blocks).unwrap_or(0);
        }
        MetricValue::OutputBytes(_) => add(&mut numbers[metric::LOCAL_BYTES_READ], number),
        _ => {}
    }
}

/// Sums that cannot overflow: a gauge may hold anything.
fn add(sum: &mut i64, number: i64) {
    *sum = sum.saturating_add(number);
}

fn is_memory(name: &str) -> bool {
    name.contains("mem_used") || name.contains("memory") || name.contains("peak_mem")
}

/// What people call a metric. None for what is no number of its own.
fn metric_name(value: &MetricValue) -> Option<MetricName> {
    let own = |name: &str, kind| Some(MetricName { name: name.to_string(), kind });
    match value {
        MetricValue::OutputRows(_) => own("number of output rows", "sum"),
        MetricValue::ElapsedCompute(_) => own("compute time", "nsTiming"),
        MetricValue::SpillCount(_) => own("number of spills", "sum"),
        MetricValue::SpilledBytes(_) => own("spill size", "size"),
        MetricValue::SpilledRows(_) => own("spilled rows", "sum"),
        MetricValue::OutputBytes(_) => own("output size", "size"),
        MetricValue::OutputBatches(_) => own("number of output batches", "sum"),
        MetricValue::CurrentMemoryUsage(_) | MetricValue::PeakMemoryUsage { .. } => own("peak memory", "size"),
        MetricValue::StartTimestamp(_) | MetricValue::EndTimestamp(_) => None,
        MetricValue::Time { name, .. } => own(&words(name), "nsTiming"),
        MetricValue::Count { name, .. } | MetricValue::Gauge { name, .. } => match name.as_ref() {
            "bytes_scanned" => own("bytes scanned", "size"),
            other if other.contains("bytes") || is_memory(other) => own(&words(other), "size"),
            other => own(&words(other), "sum"),
        },
        _ => None,
    }
}

/// What an operator of this name measures in each run: told before it starts.
pub fn expected(name: &str) -> Vec<MetricName> {
    let own = |name: &str, kind| MetricName { name: name.to_string(), kind };
    let mut all = vec![
        own("number of output rows", "sum"),
        own("compute time", "nsTiming"),
        own("output size", "size"),
        own("number of output batches", "sum"),
    ];
    let spills =
        name.contains("Sort") || name.contains("Aggregate") || name.contains("Join") || name.contains("Repartition");
    if spills {
        all.extend([own("number of spills", "sum"), own("spill size", "size"), own("spilled rows", "sum")]);
    }
    if name.contains("Join") {
        all.extend([
            own("build time", "nsTiming"),
            own("join time", "nsTiming"),
            own("build input rows", "sum"),
            own("build mem used", "size"),
            own("input rows", "sum"),
        ]);
    }
    if name.contains("Aggregate") {
        all.push(own("peak mem used", "size"));
    }
    if name == "Repartition" {
        all.extend([own("fetch time", "nsTiming"), own("repartition time", "nsTiming"), own("send time", "nsTiming")]);
    }
    if name == "DataSource" {
        all.extend([own("bytes scanned", "size"), own("time elapsed processing", "nsTiming")]);
    }
    all
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// Whether an operator gives rows to other tasks than those that made them.
fn moves_rows(name: &str) -> bool {
    matches!(
        name,
        "RepartitionExec" | "CoalescePartitionsExec" | "SortPreservingMergeExec" | "ExchangeExec" | "ShuffleExec"
    )
}

fn partitions(plan: &Arc<dyn ExecutionPlan>) -> usize {
    plan.output_partitioning().partition_count()
}

fn one_line(plan: &Arc<dyn ExecutionPlan>) -> String {
    let text = displayable(plan.as_ref()).one_line().to_string();
    let text = text.trim_end();
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_string(),
    }
}
