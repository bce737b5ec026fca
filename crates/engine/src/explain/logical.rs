//! Analyzed and optimized plans in Spark's words: DataFusion's logical nodes under the names of Spark's.

use std::collections::HashMap;

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::expr::{AggregateFunction, Sort, WindowFunctionDefinition};
use datafusion::logical_expr::{Distinct, Expr, FetchType, JoinType, LogicalPlan, SkipType, TableScan};
use firesteel_functions::kernel::setting_of;
use firesteel_functions::predicate::guard::guarded_part;
use firesteel_plan::operator::repeated::RepeatedNode;
use firesteel_plan::relation::read::shown_name;

use super::tree::{Node, list};
use super::words;

/// What the columns of each scan are called in the plan: by the scan's name, then by the column's in the source.
pub type Scans = HashMap<String, HashMap<String, String>>;

/// The plan as a tree.
pub fn tree(plan: &LogicalPlan, scans: &Scans) -> Node {
    node(plan, scans)
}

/// The names that an analyzed plan gives to the columns of its scans.
pub fn scans(plan: &LogicalPlan) -> Scans {
    let mut found = Scans::new();
    // Infallible: the visitor never errs.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Projection(own) = node
            && let Some(scan) = names_of_scan(&own.input)
        {
            let names = own.expr.iter().filter_map(|expr| match expr {
                Expr::Alias(alias) => match alias.expr.as_ref() {
                    Expr::Column(column) => Some((column.name.clone(), alias.name.clone())),
                    _ => None,
                },
                _ => None,
            });
            found.entry(scan.table_name.table().to_string()).or_insert_with(|| names.collect());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

fn node(plan: &LogicalPlan, scans: &Scans) -> Node {
    let inputs = plan.inputs();
    let schema = inputs.first().map_or(plan.schema(), |input| input.schema());
    let all = |exprs: &[Expr]| exprs.iter().map(|expr| text(expr, schema, scans)).collect::<Vec<_>>();
    let output = columns(plan, scans);
    let below = || inputs.iter().map(|input| node(input, scans)).collect::<Vec<_>>();
    let of = |name: &str, arguments: &str| Node::new(name, arguments, output.clone(), below());
    match plan {
        // The names that a scan's columns have in the plan.
        LogicalPlan::Projection(own) if names_of_scan(&own.input).is_some() && is_naming(&own.expr) => {
            node(&own.input, scans)
        }
        LogicalPlan::Projection(own) => of("Project", &list(&items(all(&own.expr)))),
        LogicalPlan::Filter(own) => of("Filter", &text(&own.predicate, schema, scans)),
        LogicalPlan::Aggregate(own) => {
            let groups = all(&own.group_expr);
            let results: Vec<String> = groups.iter().cloned().chain(all(&own.aggr_expr)).collect();
            of("Aggregate", &format!("{}, {}", list(&groups), list(&results)))
        }
        LogicalPlan::Sort(own) => {
            let keys = list(&own.expr.iter().map(|key| sort(key, schema, scans)).collect::<Vec<_>>());
            let sorted = of("Sort", &format!("{keys}, true"));
            own.fetch.map_or(sorted.clone(), |count| limit(&count.to_string(), output.clone(), sorted))
        }
        LogicalPlan::Limit(own) => {
            let below = below().remove(0);
            let below = match own.get_skip_type() {
                Ok(SkipType::Literal(skip)) if skip > 0 => {
                    Node::new("Offset", &skip.to_string(), output.clone(), vec![below])
                }
                _ => below,
            };
            match own.get_fetch_type() {
                Ok(FetchType::Literal(Some(count))) => limit(&count.to_string(), output, below),
                _ => below,
            }
        }
        LogicalPlan::Join(own) => {
            let keys = own.on.iter().map(|(left, right)| {
                format!("({} = {})", text(left, plan.schema(), scans), text(right, plan.schema(), scans))
            });
            let rest = own.filter.iter().map(|filter| text(filter, plan.schema(), scans));
            let condition = keys.chain(rest).reduce(|left, right| format!("({left} AND {right})"));
            let kind = join_type(own.join_type);
            of("Join", &condition.map_or(kind.to_string(), |condition| format!("{kind}, {condition}")))
        }
        LogicalPlan::Union(_) => of("Union", "false, false"),
        LogicalPlan::Distinct(Distinct::All(_)) => of("Distinct", ""),
        LogicalPlan::Distinct(Distinct::On(own)) => of("Deduplicate", &list(&all(&own.on_expr))),
        LogicalPlan::Window(own) => of("Window", &list(&all(&own.window_expr))),
        LogicalPlan::SubqueryAlias(own) => of("SubqueryAlias", own.alias.table()),
        LogicalPlan::EmptyRelation(own) if own.produce_one_row => of("OneRowRelation", ""),
        LogicalPlan::EmptyRelation(_) => of("LocalRelation", &format!("<empty>, {}", list(&output))),
        LogicalPlan::Values(_) => of("LocalRelation", &list(&output)),
        LogicalPlan::TableScan(scan) => relation(scan, output),
        LogicalPlan::Unnest(_) => of("Generate", &list(&output)),
        LogicalPlan::Extension(own) if own.node.as_any().is::<RepeatedNode>() => node(own.node.inputs()[0], scans),
        other => {
            let line = other.display().to_string();
            let (name, arguments) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
            let arguments = if arguments.is_empty() { list(&output) } else { arguments.to_string() };
            of(name, &arguments)
        }
    }
}

fn limit(count: &str, output: Vec<String>, below: Node) -> Node {
    let local = Node::new("LocalLimit", count, output.clone(), vec![below]);
    Node::new("GlobalLimit", count, output, vec![local])
}

/// A scan. What it leaves out by conditions is left out by the filter above it, too.
fn relation(scan: &TableScan, output: Vec<String>) -> Node {
    match shown_name(scan.table_name.table()) {
        Some((format, name)) => {
            let columns = list(&output).replace(", ", ",");
            Node::new(format!("Relation {name}{columns}"), format, output, vec![])
        }
        None => Node::new("LocalRelation", &list(&output), output, vec![]),
    }
}

/// What users see of a list of columns.
fn items(all: Vec<String>) -> Vec<String> {
    all.into_iter().filter(|item| !words::is_hidden(item.rsplit(" AS ").next().unwrap_or(item))).collect()
}

/// The scan that gives a plan its columns, nothing but filters between.
fn names_of_scan(plan: &LogicalPlan) -> Option<&TableScan> {
    match plan {
        LogicalPlan::TableScan(scan) => Some(scan),
        LogicalPlan::Filter(own) => names_of_scan(&own.input),
        _ => None,
    }
}

/// Whether a projection gives columns the names that they have in plans, and hides what gathers facts of files.
fn is_naming(exprs: &[Expr]) -> bool {
    exprs.iter().all(|expr| match expr {
        Expr::Alias(alias) => {
            matches!(alias.expr.as_ref(), Expr::Column(column) if !column.name.contains('#'))
                || alias.name.starts_with("_metadata#")
        }
        _ => false,
    })
}

fn columns(plan: &LogicalPlan, scans: &Scans) -> Vec<String> {
    let fields = plan.schema().iter().filter(|(_, field)| !words::is_hidden(field.name()));
    let named = fields.map(|(table, field)| {
        words::column(shown(table.map(|table| table.table()), field.name(), scans), Some(field.data_type()))
    });
    named.collect()
}

/// The name of a column in the plan, of one that a scan gives.
fn shown<'a>(table: Option<&str>, name: &'a str, scans: &'a Scans) -> &'a str {
    table.and_then(|table| scans.get(table)?.get(name)).map_or(name, String::as_str)
}

pub fn join_type(own: JoinType) -> &'static str {
    match own {
        JoinType::Inner => "Inner",
        JoinType::Left => "LeftOuter",
        JoinType::Right => "RightOuter",
        JoinType::Full => "FullOuter",
        JoinType::LeftSemi | JoinType::RightSemi => "LeftSemi",
        JoinType::LeftAnti | JoinType::RightAnti => "LeftAnti",
        JoinType::LeftMark | JoinType::RightMark => "ExistenceJoin",
    }
}

fn sort(key: &Sort, schema: &DFSchema, scans: &Scans) -> String {
    words::sort(&text(&key.expr, schema, scans), key.asc, key.nulls_first)
}

/// An expression over columns of `schema`.
fn text(expr: &Expr, schema: &DFSchema, scans: &Scans) -> String {
    let of = |expr: &Expr| text(expr, schema, scans);
    let all = |exprs: &[Expr]| exprs.iter().map(of).collect::<Vec<_>>();
    match expr {
        Expr::Alias(own) => {
            let data_type = schema_type(expr, schema);
            let alias = words::column(&own.name, data_type.as_ref());
            match of(&own.expr) {
                same if same == alias => same,
                other => format!("{other} AS {alias}"),
            }
        }
        Expr::Column(own) => {
            let found = schema.qualified_field_from_column(own).ok().map(|(_, field)| field.data_type().clone());
            let table = own.relation.as_ref().map(|table| table.table());
            words::column(shown(table, &own.name, scans), found.as_ref())
        }
        Expr::OuterReferenceColumn(field, own) => {
            format!("outer({})", words::column(&own.name, Some(field.data_type())))
        }
        Expr::Literal(value, _) => words::literal(value),
        Expr::BinaryExpr(own) => words::binary(own.op, &of(&own.left), &of(&own.right)),
        Expr::Not(own) => format!("NOT {}", of(own)),
        Expr::IsNull(own) => format!("isnull({})", of(own)),
        Expr::IsNotNull(own) => format!("isnotnull({})", of(own)),
        Expr::IsTrue(own) => format!("({} <=> true)", of(own)),
        Expr::IsFalse(own) => format!("({} <=> false)", of(own)),
        Expr::Negative(own) => format!("-{}", of(own)),
        // How DataFusion keeps strings is nobody's business.
        Expr::Cast(own) if schema_type(&own.expr, schema) == Some(DataType::Utf8View) => of(&own.expr),
        Expr::Cast(own) => words::cast(&of(&own.expr), own.field.data_type()),
        Expr::TryCast(own) => format!("try_{}", words::cast(&of(&own.expr), own.field.data_type())),
        Expr::Like(own) => words::like(own.negated, own.case_insensitive, &of(&own.expr), &of(&own.pattern)),
        Expr::Between(own) => {
            let input = of(&own.expr);
            let test = format!("(({input} >= {}) AND ({input} <= {}))", of(&own.low), of(&own.high));
            if own.negated { format!("NOT {test}") } else { test }
        }
        Expr::InList(own) => words::in_list(own.negated, &of(&own.expr), &all(&own.list)),
        Expr::Case(own) => {
            let branches: Vec<(String, String)> =
                own.when_then_expr.iter().map(|(condition, value)| (of(condition), of(value))).collect();
            words::case(own.expr.as_deref().map(of), &branches, own.else_expr.as_deref().map(of))
        }
        Expr::ScalarFunction(call) => match guarded_part(expr) {
            Some(part) => of(part),
            None => {
                let (param, returns) = setting_of(&call.func).unzip();
                words::call(call.func.name(), param.unwrap_or(""), returns, &all(&call.args))
            }
        },
        Expr::AggregateFunction(call) => aggregate(call, &of),
        Expr::WindowFunction(call) => {
            let name = match &call.fun {
                WindowFunctionDefinition::AggregateUDF(function) => function.name(),
                WindowFunctionDefinition::WindowUDF(function) => function.name(),
            };
            let function = format!("{}({})", words::function(name), all(&call.params.args).join(", "));
            let order: Vec<String> = call.params.order_by.iter().map(|key| sort(key, schema, scans)).collect();
            words::window(&function, &all(&call.params.partition_by), &order, &call.params.window_frame)
        }
        Expr::ScalarSubquery(_) => "scalar-subquery# []".into(),
        Expr::Exists(own) => format!("{}exists# []", if own.negated { "NOT " } else { "" }),
        Expr::InSubquery(own) => {
            format!("{}{} IN (list# [])", if own.negated { "NOT " } else { "" }, of(&own.expr))
        }
        other => other.to_string(),
    }
}

fn schema_type(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    use datafusion::logical_expr::ExprSchemable;
    expr.get_type(schema).ok()
}

fn aggregate(call: &AggregateFunction, of: &dyn Fn(&Expr) -> String) -> String {
    let args: Vec<String> = call.params.args.iter().map(of).collect();
    let distinct = if call.params.distinct { "distinct " } else { "" };
    let filter = call.params.filter.as_deref().map(|own| format!(" FILTER (WHERE {})", of(own)));
    format!("{}({distinct}{}){}", words::function(call.func.name()), args.join(", "), filter.unwrap_or_default())
}
