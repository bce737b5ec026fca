//! What an operator's numbers mean, in words, with what to do about it.

use std::collections::BTreeMap;

use super::view::{count, size};
use crate::model::{Execution, Measured, PlanNode};
use crate::stages::CAST_NULLS;

/// A remark about an operator.
#[derive(Debug)]
pub struct Advice {
    pub what: String,
    /// What to do; empty where there is nothing to do.
    pub to_do: String,
}

impl Advice {
    fn new(what: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { what: what.into(), to_do: to_do.into() }
    }
}

/// Partitions whose rows differ this much are called uneven.
const SKEW: i64 = 5;
/// Fewer rows than this are no trouble however they lie.
const MANY_ROWS: i64 = 10_000;
/// Files of less are called small.
const SMALL_FILE: i64 = 4 << 20;
const MANY_FILES: i64 = 20;

/// Values of an execution's metrics, by accumulator.
#[derive(Debug)]
pub struct Values<'a> {
    own: &'a BTreeMap<i64, Measured>,
    live: &'a BTreeMap<i64, i64>,
}

impl<'a> Values<'a> {
    pub fn of(execution: &'a Execution) -> Self {
        Self { own: &execution.values, live: &execution.live }
    }

    /// The total, whether the metric came yet or not.
    pub fn total(&self, id: i64) -> Option<i64> {
        self.live.get(&id).copied().or_else(|| self.own.get(&id).map(|own| own.total))
    }

    pub fn measured(&self, id: i64) -> Option<&Measured> {
        if self.live.contains_key(&id) { None } else { self.own.get(&id) }
    }

    /// An operator's metric by its name.
    pub fn named(&self, node: &PlanNode, name: &str) -> Option<i64> {
        node.metrics.iter().filter(|(own, _, _)| own == name).find_map(|(_, id, _)| self.total(*id))
    }

    /// Rows that an operator gave.
    pub fn rows(&self, node: &PlanNode) -> Option<i64> {
        self.named(node, "number of output rows")
    }

    /// Rows that came in: what the nearest operator below that counts has given.
    pub fn rows_below(&self, node: &PlanNode) -> Option<i64> {
        self.rows(node).or_else(|| self.named(node, "shuffle records written")).or_else(|| {
            match node.children.as_slice() {
                [child] => self.rows_below(child),
                _ => None,
            }
        })
    }
}

/// What is to be said of an operator, once its query has run.
pub fn of(node: &PlanNode, values: &Values) -> Vec<Advice> {
    let mut all = vec![];
    let inputs: Vec<Option<i64>> = node.children.iter().map(|child| values.rows_below(child)).collect();
    let rows = values.rows(node);
    if node.name.contains("Filter") {
        filter(&inputs, rows, &mut all);
    }
    if node.name.contains("Join") || node.name.contains("CartesianProduct") {
        join(node, &inputs, rows, &mut all);
    }
    let spilled = values.named(node, "spill size").unwrap_or(0);
    if spilled > 0 {
        all.push(Advice::new(
            format!("Memory ran out: {} went to disk and back.", size(spilled)),
            "Raise spark.driver.memory, select fewer columns before this step, or give it more and smaller partitions (spark.sql.shuffle.partitions).",
        ));
    }
    casts(node, values, rows, &mut all);
    skew(node, values, &mut all);
    files(node, values, &mut all);
    all
}

/// Values that a cast could not read and made NULL.
fn casts(node: &PlanNode, values: &Values, rows: Option<i64>, all: &mut Vec<Advice>) {
    let lost = values.named(node, CAST_NULLS).unwrap_or(0);
    if lost == 0 {
        return;
    }
    let of = rows.filter(|rows| *rows >= lost).map(|rows| format!(" of {}", count(rows))).unwrap_or_default();
    all.push(Advice::new(
        format!("{}{of} values could not be cast and became NULL.", count(lost)),
        "Look at them: WHERE c IS NOT NULL AND try_cast(c AS type) IS NULL. With spark.sql.ansi.enabled=true a plain cast fails at the first.",
    ));
}

fn filter(inputs: &[Option<i64>], rows: Option<i64>, all: &mut Vec<Advice>) {
    let (Some(Some(before)), Some(after)) = (inputs.first(), rows) else { return };
    if *before == 0 {
        return;
    }
    let share = 100.0 * after as f64 / *before as f64;
    let what = format!("{} of {} rows pass ({share:.1} %).", count(after), count(*before));
    let to_do = if after == 0 {
        "No row is left: check the condition, upper and lower case, and NULLs, which pass no comparison."
    } else if share < 1.0 && *before > 100 * MANY_ROWS {
        "Almost all that is read is thrown away: partition or sort the files by this column, so that they are skipped."
    } else {
        ""
    };
    all.push(Advice::new(what, to_do));
}

fn join(node: &PlanNode, inputs: &[Option<i64>], rows: Option<i64>, all: &mut Vec<Advice>) {
    if ["Cartesian", "CrossJoin", "NestedLoop"].iter().any(|word| node.name.contains(word)) {
        all.push(Advice::new(
            "Every row of one side meets every row of the other.",
            "Join on an equality where there is one; a condition with OR or a function on both sides cannot be used as key.",
        ));
    }
    let ([Some(left), Some(right)], Some(after)) = (inputs, rows) else { return };
    let what = format!("{} rows on the left, {} on the right, {} come out.", count(*left), count(*right), count(after));
    let larger = (*left).max(*right);
    let to_do = if after == 0 && *left > 0 && *right > 0 {
        "No row found a partner: compare types, spaces and upper and lower case of the keys."
    } else if after > 10 * larger.max(1) && after > MANY_ROWS {
        "Rows multiply: the keys are not unique on either side. Count the keys, or drop duplicates before joining."
    } else {
        ""
    };
    all.push(Advice::new(what, to_do));
}

fn skew(node: &PlanNode, values: &Values, all: &mut Vec<Advice>) {
    let rows = node.metrics.iter().find(|(name, _, _)| name == "number of output rows");
    let Some(own) = rows.and_then(|(_, id, _)| values.measured(*id)) else { return };
    let Some([_, median, _]) = own.spread() else { return };
    if own.max < MANY_ROWS || own.max < SKEW * median.max(1) {
        return;
    }
    let at = own.max_at.map(|(stage, task)| format!(" (stage {stage}, task {task})")).unwrap_or_default();
    all.push(Advice::new(
        format!("Uneven: one task{at} has {} rows, the middle one {}.", count(own.max), count(median)),
        "One key or file holds most rows. Repartition by another column, or treat the frequent key (NULL, often) apart.",
    ));
}

fn files(node: &PlanNode, values: &Values, all: &mut Vec<Advice>) {
    let written = (values.named(node, "number of written files"), values.named(node, "written output"));
    if let (Some(files), Some(bytes)) = written {
        if files >= MANY_FILES && bytes / files.max(1) < SMALL_FILE {
            all.push(Advice::new(
                format!("{} small files were written, {} each.", count(files), size(bytes / files.max(1))),
                "Call coalesce(n) or repartition(column) before writing; many small files make every later read slow.",
            ));
        }
    }
    let read = (values.named(node, "number of files read"), values.named(node, "size of files read"));
    if let (Some(files), Some(bytes)) = read {
        if files >= MANY_FILES && bytes / files.max(1) < SMALL_FILE {
            all.push(Advice::new(
                format!("{} small files are read, {} each.", count(files), size(bytes / files.max(1))),
                "Write them anew with fewer and larger files: read, coalesce(n), write.",
            ));
        }
    }
}
