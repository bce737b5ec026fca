//! Columns that depend on where a row is: `spark_partition_id()`, `monotonically_increasing_id()`, `rand()`,
//! `randn()`, `input_file_name()`, `distributed_sequence_id()`.
//!
//! The functions are markers until a relation evaluates them. Then a node below computes them as columns, which
//! needs the partition and the place of each row in it.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_functions::misc::placement::PREFIX;
use firesteel_functions::random::XorShiftRandom;
use firesteel_protocol::Result;
use futures::StreamExt;

use super::exchange::ExchangeExec;
use super::partition_map::{self, PartitionMap};
use super::{only, over};
use crate::attribute::next_id;
use crate::expression::aggregate::replace;
use crate::resolver::Planned;
use crate::{Relation, Resolver};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd)]
pub enum Source {
    PartitionId,
    MonotonicId,
    /// Consecutive over all partitions, which become one for it.
    SequenceId,
    Rand(i64),
    Randn(i64),
}

impl Source {
    fn data_type(self) -> DataType {
        match self {
            Self::PartitionId => DataType::Int32,
            Self::MonotonicId | Self::SequenceId => DataType::Int64,
            Self::Rand(_) | Self::Randn(_) => DataType::Float64,
        }
    }

    fn of(name: &str, args: &[Expr]) -> Option<Self> {
        let seed = || match args.first() {
            Some(Expr::Literal(ScalarValue::Int64(Some(seed)), _)) => *seed,
            _ => uuid::Uuid::new_v4().as_u64_pair().0 as i64,
        };
        match name {
            "spark_partition_id" | "partition_if_known" => Some(Self::PartitionId),
            "monotonically_increasing_id" => Some(Self::MonotonicId),
            "distributed_sequence_id" => Some(Self::SequenceId),
            "rand" => Some(Self::Rand(seed())),
            "randn" => Some(Self::Randn(seed())),
            _ => None,
        }
    }
}

/// Replaces the markers in `columns` by columns that the relation given back has.
pub fn supply(_resolver: &Resolver, input: Relation, columns: Vec<Typed>) -> Result<(Relation, Vec<Typed>)> {
    let mut sources: Vec<(Source, String)> = vec![];
    let mut supplied = Vec::with_capacity(columns.len());
    for mut typed in columns {
        if has_marker(&typed.expr) {
            // The alias tells the result from the column that stands for the marker.
            typed.expr = replace(typed.expr, |node| Ok(marker(node, &input, &mut sources)))?.alias(&typed.name);
        }
        supplied.push(typed);
    }
    Ok((with_sources(input, sources)?, supplied))
}

/// Markers and the columns that stand for them.
pub type Replaced = Vec<(Expr, Expr)>;

/// [`supply`] for an aggregation, whose first `keys` columns are what it groups by (Spark's `PullOutNondeterministic`): markers
/// there and inside of aggregate calls. Others stay: they are computed for each group. Also gives what those of the keys became.
pub fn supply_grouped(
    input: Relation,
    mut columns: Vec<Typed>,
    keys: usize,
) -> Result<(Relation, Vec<Typed>, Replaced)> {
    let mut sources: Vec<(Source, String)> = vec![];
    let mut of_keys: Replaced = vec![];
    for (index, typed) in columns.iter_mut().enumerate() {
        if !has_marker(&typed.expr) {
            continue;
        }
        let changed = replace(typed.expr.clone(), |node| {
            if let Some((_, column)) = of_keys.iter().find(|(own, _)| own == node) {
                return Ok(Some(column.clone()));
            }
            Ok(match node {
                Expr::AggregateFunction(_) => {
                    Some(replace(node.clone(), |inner| Ok(marker(inner, &input, &mut sources)))?)
                }
                _ if index < keys => {
                    let column = marker(node, &input, &mut sources);
                    of_keys.extend(column.iter().map(|column| (node.clone(), column.clone())));
                    column
                }
                _ => None,
            })
        })?;
        if changed != typed.expr {
            typed.expr = changed.alias(&typed.name);
        }
    }
    Ok((with_sources(input, sources)?, columns, of_keys))
}

/// Replaces the markers in expressions over a plan that has no hidden columns.
pub fn supply_exprs(plan: LogicalPlan, exprs: Vec<Expr>) -> Result<(LogicalPlan, Vec<Expr>)> {
    let input = Relation::new(plan, vec![]);
    let mut sources: Vec<(Source, String)> = vec![];
    let exprs =
        exprs
            .into_iter()
            .map(|expr| {
                if has_marker(&expr) { replace(expr, |node| Ok(marker(node, &input, &mut sources))) } else { Ok(expr) }
            })
            .collect::<Result<Vec<_>>>()?;
    Ok((with_sources(input, sources)?.plan, exprs))
}

/// The relation with a column for each source.
fn with_sources(input: Relation, sources: Vec<(Source, String)>) -> Result<Relation> {
    if sources.is_empty() {
        return Ok(input);
    }
    let mut node = PartitionColumnsNode::new(Arc::new(input.plan.clone()), sources)?;
    node.is_named = true;
    let (output, hidden) = (input.output.clone(), input.hidden.clone());
    Ok(Relation { output, hidden, ..over(input, node) })
}

/// Whether an expression asks for the place of a row.
pub fn has_marker(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let marked = |node: &Expr| matches!(node, Expr::ScalarFunction(call) if call.func.name().starts_with(PREFIX));
    expr.exists(|node| Ok(marked(node))).unwrap_or(false)
}

fn marker(node: &Expr, input: &Relation, sources: &mut Vec<(Source, String)>) -> Option<Expr> {
    let Expr::ScalarFunction(call) = node else { return None };
    let name = call.func.name().strip_prefix(PREFIX)?;
    if let Some(suffix) = name.strip_prefix("input_file_") {
        let hidden = format!("__input_file_{suffix}");
        let found = input.hidden.iter().find(|attribute| attribute.name() == hidden);
        let missing = match suffix {
            "name" => ScalarValue::Utf8(Some(String::new())),
            _ => ScalarValue::Int64(Some(-1)),
        };
        return Some(found.map_or(Expr::Literal(missing, None), |attribute| attribute.expr()));
    }
    let source = Source::of(name, &call.args)?;
    let known = sources.iter().find(|(own, _)| *own == source && !matches!(source, Source::Rand(_) | Source::Randn(_)));
    let column = match known {
        Some((_, column)) => column.clone(),
        None => {
            let column = format!("_{name}#{}", next_id());
            sources.push((source, column.clone()));
            column
        }
    };
    Some(Expr::Column(datafusion::common::Column::new_unqualified(column)))
}

/// The logical node: all columns of its input, then one a source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartitionColumnsNode {
    input: Arc<LogicalPlan>,
    sources: Vec<(Source, String)>,
    schema: DFSchemaRef,
    /// Whether the query itself names the columns.
    is_named: bool,
}

impl PartialOrd for PartitionColumnsNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl PartitionColumnsNode {
    /// Whether the query numbers rows by their places, which rows of a stream do not have.
    pub fn is_monotonic(&self) -> bool {
        self.is_named && self.sources.iter().any(|(source, _)| *source == Source::MonotonicId)
    }

    pub(crate) fn new(input: Arc<LogicalPlan>, sources: Vec<(Source, String)>) -> Result<Self> {
        let added: Vec<Field> =
            sources.iter().map(|(source, name)| Field::new(name, source.data_type(), false)).collect();
        let added = DFSchema::try_from(Schema::new(added)).planned()?;
        let schema = input.schema().join(&added).planned()?;
        Ok(Self { input, sources, schema: Arc::new(schema), is_named: false })
    }

    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let counts_on = self.sources.iter().any(|(source, _)| *source == Source::SequenceId);
        let input = if counts_on { ExchangeExec::in_order(input) } else { input };
        let map = PartitionColumns { sources: self.sources.clone() };
        Ok(partition_map::exec(input, Arc::new(map)))
    }
}

impl UserDefinedLogicalNodeCore for PartitionColumnsNode {
    fn name(&self) -> &str {
        "PartitionColumns"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let names: Vec<&str> = self.sources.iter().map(|(_, name)| name.as_str()).collect();
        write!(f, "PartitionColumns: {}", names.join(", "))
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        let node = Self::new(Arc::new(only(inputs)?), self.sources.clone());
        let node = node.map_err(firesteel_functions::kernel::to_datafusion)?;
        Ok(Self { is_named: self.is_named, ..node })
    }
}

#[derive(Debug)]
struct PartitionColumns {
    sources: Vec<(Source, String)>,
}

impl PartitionMap for PartitionColumns {
    fn name(&self) -> &'static str {
        "PartitionColumnsExec"
    }

    fn describe(&self) -> String {
        format!("{:?}", self.sources)
    }

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        let added = self.sources.iter().map(|(source, name)| Arc::new(Field::new(name, source.data_type(), false)));
        Arc::new(Schema::new(input.fields().iter().cloned().chain(added).collect::<Vec<_>>()))
    }

    fn apply(&self, partition: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = self.schema(&input.schema());
        let random = |seed: i64| XorShiftRandom::new(seed.wrapping_add(partition as i64));
        let mut states: Vec<(Source, Option<XorShiftRandom>)> = self
            .sources
            .iter()
            .map(|(source, _)| match source {
                Source::Rand(seed) | Source::Randn(seed) => (*source, Some(random(*seed))),
                _ => (*source, None),
            })
            .collect();
        let mut first_row = 0i64;
        let batch_schema = Arc::clone(&schema);
        let output = input.map(move |batch| {
            let batch = batch?;
            let rows = batch.num_rows();
            let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
            for (source, random) in &mut states {
                columns.push(match (source, random) {
                    (Source::PartitionId, _) => Arc::new(Int32Array::from(vec![partition as i32; rows])),
                    (Source::Rand(_), Some(random)) => {
                        Arc::new(Float64Array::from_iter_values((0..rows).map(|_| random.next_double())))
                    }
                    (Source::Randn(_), Some(random)) => {
                        Arc::new(Float64Array::from_iter_values((0..rows).map(|_| random.next_gaussian())))
                    }
                    _ => {
                        let base = ((partition as i64) << 33) + first_row;
                        Arc::new(Int64Array::from_iter_values(base..base + rows as i64))
                    }
                });
            }
            first_row += rows as i64;
            Ok(RecordBatch::try_new(Arc::clone(&batch_schema), columns)?)
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, output))
    }
}
