//! Physical plans in Spark's words: DataFusion's operators under the names of those of Spark that do the same.
//!
//! What moves rows is an exchange, what copies a side of a join to all tasks a broadcast. Batches that are cut anew are not
//! told: Spark has no operator for that.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::JoinType;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NegativeExpr,
    NotExpr, TryCastExpr,
};
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, StandardWindowExpr, WindowExpr};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PartitionMode, SortMergeJoinExec,
};
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, Partitioning, displayable};
use firesteel_functions::kernel::setting_of;

use super::logical::{Scans, join_type};
use super::scan;
use super::tree::{Node, list};
use super::words;

type Plan = Arc<dyn ExecutionPlan>;

/// What is known beside a plan.
pub struct Known {
    /// What the analyzed plan calls the columns of its scans.
    pub scans: Scans,
    /// Whether `spark.sql.adaptive.enabled` holds.
    pub adaptive: bool,
}

/// The plan as a tree.
pub fn tree(plan: &Plan, known: &Known) -> Node {
    let mut root = node(plan, known);
    if root.name == "GlobalLimit" {
        root.name = "CollectLimit".into();
        root.line = root.line.replacen("GlobalLimit", "CollectLimit", 1);
        // The rows come to the driver anyway.
        if root.children.first().is_some_and(is_single) {
            root.children = root.children.remove(0).children;
        }
    }
    if known.adaptive && moves_rows(&root) {
        let output = root.output.clone();
        root = Node::new("AdaptiveSparkPlan", "isFinalPlan=false", output, vec![root])
            .fact("Arguments", "isFinalPlan=false");
    }
    root
}

fn moves_rows(node: &Node) -> bool {
    node.name.ends_with("Exchange") || node.children.iter().any(moves_rows)
}

fn node(plan: &Plan, known: &Known) -> Node {
    let output = columns(&named(plan, known));
    let inputs = plan.children();
    let below = || inputs.iter().map(|input| node(input, known)).collect::<Vec<_>>();
    let input = named(inputs.first().copied().unwrap_or(plan), known);
    let of = |name: &str, arguments: &str| Node::new(name, arguments, output.clone(), below());

    if let Some(own) = plan.downcast_ref::<ProjectionExec>() {
        let items = projected(own.expr(), &input);
        if items == columns(&input) {
            return node(own.input(), known);
        }
        return Node { output: items.clone(), ..of("Project", &list(&items)) };
    }
    if let Some(own) = plan.downcast_ref::<FilterExec>() {
        let condition = text(own.predicate(), &input);
        let mut below = below();
        // What the scan filters is part of it.
        if below.first().is_some_and(|node| node.name == "Filter") {
            below = below.remove(0).children;
        }
        return Node::new("Filter", &condition, output, below).fact("Condition ", condition);
    }
    if let Some(own) = plan.downcast_ref::<AggregateExec>() {
        return aggregate(own, output, below());
    }
    if let Some(own) = plan.downcast_ref::<HashJoinExec>() {
        return hash_join(own, output, below());
    }
    if let Some(own) = plan.downcast_ref::<SortMergeJoinExec>() {
        let (left, right): (Vec<_>, Vec<_>) = own.on().iter().cloned().unzip();
        let keys = (all(&left, &own.left().schema()), all(&right, &own.right().schema()));
        let join = Join { name: "SortMergeJoin", keys, kind: own.join_type(), filter: own.filter().as_ref() };
        return join.node(None, output, below());
    }
    if let Some(own) = plan.downcast_ref::<NestedLoopJoinExec>() {
        return nested_loop(*own.join_type(), own.filter(), output, below());
    }
    if plan.downcast_ref::<CrossJoinExec>().is_some() {
        return nested_loop(JoinType::Inner, None, output, below());
    }
    if let Some(own) = plan.downcast_ref::<SortExec>() {
        return sort(own.expr(), own.fetch(), false, &input, output, below());
    }
    if let Some(own) = plan.downcast_ref::<SortPreservingMergeExec>() {
        return merged(own, &input, below_sort(own, known), output);
    }
    if let Some(own) = plan.downcast_ref::<GlobalLimitExec>() {
        let mut below = below();
        // The limit of each partition is part of the whole one.
        if below.first().is_some_and(|node| node.name == "LocalLimit") {
            below = below.remove(0).children;
        }
        let offset = if own.skip() > 0 { format!(", offset={}", own.skip()) } else { String::new() };
        let count = own.fetch().map_or(-1, |count| i64::try_from(count).unwrap_or(i64::MAX));
        let arguments = format!("{count}{offset}");
        return Node::new("GlobalLimit", &arguments, output, below).fact("Arguments", arguments.clone());
    }
    if let Some(own) = plan.downcast_ref::<LocalLimitExec>() {
        return of("LocalLimit", &own.fetch().to_string()).fact("Arguments", own.fetch().to_string());
    }
    if plan.downcast_ref::<UnionExec>().is_some() {
        return of("Union", "");
    }
    if let Some(own) = plan.downcast_ref::<BoundedWindowAggExec>() {
        return window(own.window_expr(), &input, output, below());
    }
    if let Some(own) = plan.downcast_ref::<WindowAggExec>() {
        return window(own.window_expr(), &input, output, below());
    }
    if plan.downcast_ref::<PlaceholderRowExec>().is_some() {
        return Node::new("Scan OneRowRelation[]", "", vec![], vec![]);
    }
    if plan.downcast_ref::<EmptyExec>().is_some() {
        return Node::new("LocalTableScan", &format!("<empty>, {}", list(&output)), output, vec![]);
    }
    if let Some(own) = plan.downcast_ref::<DataSourceExec>() {
        if own.data_source().downcast_ref::<MemorySourceConfig>().is_some() {
            return Node::new("LocalTableScan", &list(&output), output, vec![]).fact("Arguments", "");
        }
        if let Some(node) = scan::node(own, &known.scans) {
            return node;
        }
    }
    match plan.name() {
        // Spark has no operators for the size of batches and the order in which partitions come.
        "CoalesceBatchesExec"
        | "CooperativeExec"
        | "OutputRequirementExec"
        | "SecondPlanExec"
        | "Reverse"
        | "OneByOne"
        | "DealOrder" => below().remove(0),
        "RepartitionExec" | "ShuffleExec" | "ExchangeExec" | "CoalescePartitionsExec" => {
            exchange(plan.output_partitioning(), &input, output, below())
        }
        _ => other(plan, output, below()),
    }
}

/// An operator that Spark has no name for: our own, without what its class is called.
fn other(plan: &Plan, output: Vec<String>, below: Vec<Node>) -> Node {
    let line = displayable(plan.as_ref()).one_line().to_string();
    let arguments = line.trim().split_once(": ").map_or("", |(_, rest)| rest).to_string();
    let name = match plan.name().trim_end_matches("Exec") {
        "LazyMemory" => return range(&arguments, output),
        "Unnest" => "Generate",
        name => name,
    };
    Node::new(name, &arguments, output, below)
}

/// Numbers that are made as they are read.
fn range(arguments: &str, output: Vec<String>) -> Node {
    let values = |key: &str| -> Vec<i64> {
        let found = arguments.split(key).skip(1).map(|rest| rest.split([',', ']']).next().unwrap_or(""));
        found.filter_map(|number| number.trim().parse().ok()).collect()
    };
    let (starts, steps, rows) = (values("start="), values("step="), values("rows="));
    let (start, step) = (starts.first().copied().unwrap_or(0), steps.first().copied().unwrap_or(1));
    let end = start.saturating_add(step.saturating_mul(rows.iter().sum()));
    Node::new("Range", &format!("({start}, {end}, step={step}, splits={})", starts.len()), output, vec![])
}

/// The schema of a plan, the columns of a scan under the names that the analyzed plan gives them.
fn named(plan: &Plan, known: &Known) -> SchemaRef {
    let schema = plan.schema();
    let bare: Vec<&str> =
        schema.fields().iter().map(|field| field.name().as_str()).filter(|own| is_bare(own)).collect();
    let Some(names) = leaf(plan).and_then(|scan| scan::names(scan, &known.scans)).filter(|_| !bare.is_empty()) else {
        return schema;
    };
    let name = |field: &str| names.get(field).cloned().unwrap_or_else(|| field.to_string());
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_name(name(field.name())));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Whether a column has no id, as those of files.
pub fn is_bare(column: &str) -> bool {
    !column.contains('#') && !words::is_hidden(column)
}

/// The scan from which a plan has its columns.
fn leaf(plan: &Plan) -> Option<&DataSourceExec> {
    match plan.downcast_ref::<DataSourceExec>() {
        Some(scan) => Some(scan),
        None => leaf(plan.children().first()?),
    }
}

/// The columns of a schema, without those that facts of files hide in.
pub fn columns(schema: &Schema) -> Vec<String> {
    let fields = schema.fields().iter().filter(|field| !words::is_hidden(field.name()));
    fields.map(|field| words::column(field.name(), Some(field.data_type()))).collect()
}

/// What a projection makes.
pub fn projected(items: &[ProjectionExpr], input: &SchemaRef) -> Vec<String> {
    let item = |item: &ProjectionExpr| {
        let data_type = item.expr.data_type(input).ok();
        let alias = words::column(&item.alias, data_type.as_ref());
        match text(&item.expr, input) {
            same if same == alias => same,
            other => format!("{other} AS {alias}"),
        }
    };
    items.iter().filter(|item| !words::is_hidden(&item.alias)).map(item).collect()
}

fn all(exprs: &[Arc<dyn PhysicalExpr>], input: &SchemaRef) -> Vec<String> {
    exprs.iter().map(|expr| text(expr, input)).collect()
}

fn aggregate(own: &AggregateExec, output: Vec<String>, below: Vec<Node>) -> Node {
    let partial = matches!(own.mode(), AggregateMode::Partial);
    let input = own.input_schema();
    let keys: Vec<String> = own.group_expr().expr().iter().map(|(key, _)| text(key, &input)).collect();
    let call = |call: &Arc<datafusion::physical_expr::aggregate::AggregateFunctionExpr>| {
        let distinct = if call.is_distinct() { "distinct " } else { "" };
        let args = all(&call.expressions(), &input).join(", ");
        let prefix = if partial { "partial_" } else { "" };
        format!("{prefix}{}({distinct}{args})", words::function(call.fun().name()))
    };
    let functions: Vec<String> = own.aggr_expr().iter().map(call).collect();
    let line = format!("HashAggregate(keys={}, functions={})", list(&keys), list(&functions));
    let node = Node { line, ..Node::new("HashAggregate", "", output.clone(), below) };
    node.list("Keys", &keys).list("Functions", &functions).list("Results", &output)
}

/// A join on keys.
struct Join<'a> {
    name: &'a str,
    keys: (Vec<String>, Vec<String>),
    kind: JoinType,
    filter: Option<&'a JoinFilter>,
}

impl Join<'_> {
    fn node(self, built: Option<&str>, output: Vec<String>, below: Vec<Node>) -> Node {
        let condition = self.filter.map(|filter| text(filter.expression(), filter.schema()));
        let mut parts = vec![list(&self.keys.0), list(&self.keys.1), join_type(self.kind).to_string()];
        parts.extend(built.map(str::to_string));
        parts.extend(condition.clone());
        let kind = [Some(join_type(self.kind)), built].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let node = Node { kind, ..Node::new(self.name, &parts.join(", "), output, below) };
        node.list("Left keys", &self.keys.0)
            .list("Right keys", &self.keys.1)
            .fact("Join type", join_type(self.kind))
            .fact("Join condition", condition.unwrap_or_else(|| "None".into()))
    }
}

fn hash_join(own: &HashJoinExec, output: Vec<String>, mut below: Vec<Node>) -> Node {
    let (left, right): (Vec<_>, Vec<_>) = own.on().iter().cloned().unzip();
    let keys = (all(&left, &own.left().schema()), all(&right, &own.right().schema()));
    let broadcast = *own.partition_mode() == PartitionMode::CollectLeft;
    let name = if broadcast { "BroadcastHashJoin" } else { "ShuffledHashJoin" };
    if broadcast {
        let inputs = left.iter().map(|key| key.data_type(&own.left().schema()));
        let fields: Vec<String> = inputs
            .enumerate()
            .filter_map(|(at, data_type)| {
                let data_type = firesteel_protocol::types::name::simple(&data_type.ok()?);
                Some(format!("input[{at}, {data_type}, true]"))
            })
            .collect();
        let mode = format!("HashedRelationBroadcastMode(List({}),false)", fields.join(", "));
        let side = std::mem::take(&mut below[0]);
        below[0] = broadcast_of(side, &mode);
    }
    Join { name, keys, kind: *own.join_type(), filter: own.filter() }.node(Some("BuildLeft"), output, below)
}

/// All rows come together here.
fn is_single(node: &Node) -> bool {
    node.name == "Exchange" && node.line.contains("SinglePartition")
}

/// The side of a join that every task gets whole.
fn broadcast_of(side: Node, mode: &str) -> Node {
    // All rows come together for it: that is no exchange more.
    let side = if is_single(&side) { side.children.into_iter().next().unwrap_or_default() } else { side };
    let arguments = format!("{mode}, [plan_id={}]", firesteel_plan::attribute::next_id());
    Node::new("BroadcastExchange", &arguments, side.output.clone(), vec![side]).fact("Arguments", arguments.clone())
}

fn nested_loop(kind: JoinType, filter: Option<&JoinFilter>, output: Vec<String>, mut below: Vec<Node>) -> Node {
    let condition = filter.map(|filter| text(filter.expression(), filter.schema()));
    let kind = if condition.is_none() && kind == JoinType::Inner { "Cross" } else { join_type(kind) };
    let arguments = match &condition {
        Some(condition) => format!("BuildLeft, {kind}, {condition}"),
        None => format!("BuildLeft, {kind}"),
    };
    let side = std::mem::take(&mut below[0]);
    below[0] = broadcast_of(side, "IdentityBroadcastMode");
    let node = Node::new("BroadcastNestedLoopJoin", &arguments, output, below);
    Node { kind: format!("{kind} BuildLeft"), ..node }
        .fact("Join type", kind)
        .fact("Join condition", condition.unwrap_or_else(|| "None".into()))
}

fn keys_of(order: &LexOrdering, input: &SchemaRef) -> Vec<String> {
    let keys = order.iter().map(|key| (text(&key.expr, input), key.options));
    keys.map(|(key, options)| words::sort(&key, !options.descending, options.nulls_first)).collect()
}

fn sort(
    order: &LexOrdering,
    fetch: Option<usize>,
    global: bool,
    input: &SchemaRef,
    output: Vec<String>,
    below: Vec<Node>,
) -> Node {
    let keys = list(&keys_of(order, input));
    match fetch {
        Some(count) => {
            let line = format!("TakeOrderedAndProject(limit={count}, orderBy={keys}, output={})", list(&output));
            let arguments = format!("{count}, {keys}, {}", list(&output));
            let node = Node::new("TakeOrderedAndProject", "", output, below).fact("Arguments", arguments);
            Node { line, ..node }
        }
        None => {
            let arguments = format!("{keys}, {global}, 0");
            Node::new("Sort", &arguments, output, below).fact("Arguments", arguments.clone())
        }
    }
}

/// What a merge's sorts read, and how many rows are wanted.
fn unsorted(own: &SortPreservingMergeExec) -> (&Plan, Option<usize>) {
    let mut input = own.input();
    // A second plan stands for the first one.
    while let ("SecondPlanExec", Some(first)) = (input.name(), input.children().first().copied()) {
        input = first;
    }
    match input.downcast_ref::<SortExec>() {
        Some(sort) => (sort.input(), sort.fetch().or(own.fetch())),
        None => (input, own.fetch()),
    }
}

fn below_sort(own: &SortPreservingMergeExec, known: &Known) -> Node {
    node(unsorted(own).0, known)
}

/// Sorted partitions that become one: Spark's order over all partitions.
fn merged(own: &SortPreservingMergeExec, input: &SchemaRef, below: Node, output: Vec<String>) -> Node {
    let (rows, fetch) = unsorted(own);
    if fetch.is_some() {
        return sort(own.expr(), fetch, true, input, output, vec![below]);
    }
    let count = rows.output_partitioning().partition_count();
    let ranges = format!("rangepartitioning({}, {count})", keys_of(own.expr(), input).join(", "));
    let exchange = moved(&ranges, output.clone(), vec![below]);
    sort(own.expr(), None, true, input, output, vec![exchange])
}

fn exchange(partitioning: &Partitioning, input: &SchemaRef, output: Vec<String>, below: Vec<Node>) -> Node {
    let to = match partitioning {
        Partitioning::Hash(keys, count) => format!("hashpartitioning({}, {count})", all(keys, input).join(", ")),
        other if other.partition_count() == 1 => "SinglePartition".into(),
        other => format!("RoundRobinPartitioning({})", other.partition_count()),
    };
    moved(&to, output, below)
}

fn moved(to: &str, output: Vec<String>, below: Vec<Node>) -> Node {
    let arguments = format!("{to}, ENSURE_REQUIREMENTS, [plan_id={}]", firesteel_plan::attribute::next_id());
    Node::new("Exchange", &arguments, output, below).fact("Arguments", arguments.clone())
}

fn window(calls: &[Arc<dyn WindowExpr>], input: &SchemaRef, output: Vec<String>, below: Vec<Node>) -> Node {
    let Some(first) = calls.first() else { return Node::new("Window", "", output, below) };
    let partition = all(first.partition_by(), input);
    let order = |call: &Arc<dyn WindowExpr>| {
        let keys = call.order_by().iter().map(|key| (text(&key.expr, input), key.options));
        keys.map(|(key, options)| words::sort(&key, !options.descending, options.nulls_first)).collect::<Vec<_>>()
    };
    let items: Vec<String> = calls
        .iter()
        .map(|call| {
            let own = call.as_any();
            let name = if let Some(own) = own.downcast_ref::<StandardWindowExpr>() {
                own.get_standard_func_expr().name().to_string()
            } else if let Some(own) = own.downcast_ref::<PlainAggregateWindowExpr>() {
                own.get_aggregate_expr().fun().name().to_string()
            } else {
                call.name().to_string()
            };
            let name = name.split(['(', '#']).next().unwrap_or("").to_string();
            let function = format!("{}({})", words::function(&name), all(&call.expressions(), input).join(", "));
            let shown =
                words::window(&function, &all(call.partition_by(), input), &order(call), call.get_window_frame());
            format!("{shown} AS {}", call.name())
        })
        .collect();
    let arguments = format!("{}, {}, {}", list(&items), list(&partition), list(&order(first)));
    Node::new("Window", &arguments, output, below).fact("Arguments", arguments.clone())
}

/// An expression over columns of `input`.
pub fn text(expr: &Arc<dyn PhysicalExpr>, input: &SchemaRef) -> String {
    let of = |expr: &Arc<dyn PhysicalExpr>| text(expr, input);
    if let Some(own) = expr.downcast_ref::<Column>() {
        let field = input.fields().get(own.index());
        return words::column(field.map_or(own.name(), |field| field.name()), field.map(|field| field.data_type()));
    }
    if let Some(own) = expr.downcast_ref::<Literal>() {
        return words::literal(own.value());
    }
    if let Some(own) = expr.downcast_ref::<BinaryExpr>() {
        return words::binary(*own.op(), &of(own.left()), &of(own.right()));
    }
    if let Some(own) = expr.downcast_ref::<CastExpr>() {
        return words::cast(&of(own.expr()), own.cast_type());
    }
    if let Some(own) = expr.downcast_ref::<TryCastExpr>() {
        return format!("try_{}", words::cast(&of(own.expr()), own.cast_type()));
    }
    if let Some(own) = expr.downcast_ref::<NotExpr>() {
        return format!("NOT {}", of(own.arg()));
    }
    if let Some(own) = expr.downcast_ref::<IsNullExpr>() {
        return format!("isnull({})", of(own.arg()));
    }
    if let Some(own) = expr.downcast_ref::<IsNotNullExpr>() {
        return format!("isnotnull({})", of(own.arg()));
    }
    if let Some(own) = expr.downcast_ref::<NegativeExpr>() {
        return format!("-{}", of(own.arg()));
    }
    if let Some(own) = expr.downcast_ref::<InListExpr>() {
        return words::in_list(own.negated(), &of(own.expr()), &all(own.list(), input));
    }
    if let Some(own) = expr.downcast_ref::<LikeExpr>() {
        return words::like(own.negated(), own.case_insensitive(), &of(own.expr()), &of(own.pattern()));
    }
    if let Some(own) = expr.downcast_ref::<CaseExpr>() {
        let branches: Vec<(String, String)> =
            own.when_then_expr().iter().map(|(condition, value)| (of(condition), of(value))).collect();
        return words::case(own.expr().map(of), &branches, own.else_expr().map(of));
    }
    if let Some(own) = expr.downcast_ref::<ScalarFunctionExpr>() {
        if let Some(part) = guarded(own) {
            return of(part);
        }
        let (param, returns) = setting_of(own.fun()).unzip();
        return words::call(own.name(), param.unwrap_or(""), returns, &all(own.args(), input));
    }
    expr.to_string()
}

/// What is evaluated where the condition before it does not decide alone.
fn guarded(call: &ScalarFunctionExpr) -> Option<&Arc<dyn PhysicalExpr>> {
    if call.name() != "ansi_guarded" {
        return None;
    }
    let case = call.args().first()?.downcast_ref::<CaseExpr>()?;
    let otherwise = case.else_expr()?;
    Some(otherwise.downcast_ref::<CastExpr>().map_or(otherwise, CastExpr::expr))
}
