//! Aggregates and windows of Python functions: the plan nodes that hold their calls become nodes that run them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, Extension, LogicalPlan, SortExpr, Window, WindowFrameBound,
};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{Argument, Function};

use super::aggregate::PythonAggregate;
use super::call::{PythonCall, WorkerSettings, numbered};
use super::convert::worker_fields;
use super::extract::narrow;
use super::function::{PythonFunction, eval_type};
use super::group::{PythonGroupNode, Yield};
use super::grouping::arranged;
use super::grouping_sets::{distinct_keys, expanded, grouping_sets, unaliased};
use super::window::Bounds;
use crate::attribute::next_id;
use crate::resolver::Planned;

/// The plan with operators for the Python calls of its root, or of the node below a projection at its root.
pub fn rewrite(plan: LogicalPlan, settings: &WorkerSettings) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Aggregate(node) if node.aggr_expr.iter().any(|call| PythonAggregate::of(call).is_some()) => {
            aggregate(&node, settings)
        }
        LogicalPlan::Window(node) if node.window_expr.iter().any(|call| PythonAggregate::over(call).is_some()) => {
            window(node, settings)
        }
        other => Ok(other),
    }
}

/// Columns that a node needs beside those of its input.
struct Columns {
    exprs: Vec<Expr>,
    added: Vec<Expr>,
}

impl Columns {
    /// The column that holds the expression's value.
    fn of(&mut self, expr: &Expr) -> Expr {
        if let Expr::Column(_) = expr {
            return expr.clone();
        }
        if let Some(at) = self.exprs.iter().position(|known| known == expr) {
            return self.added[at].clone();
        }
        let column = Expr::Column(Column::new_unqualified(format!("_p#{}", next_id())));
        self.exprs.push(expr.clone());
        self.added.push(column.clone());
        column
    }

    /// `input` with the added columns.
    fn over(&self, input: LogicalPlan) -> Result<LogicalPlan> {
        if self.exprs.is_empty() {
            return Ok(input);
        }
        let mut exprs: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.extend(self.exprs.iter().zip(&self.added).map(|(expr, column)| expr.clone().alias(name_of(column))));
        crate::relation::node::project(input, exprs)
    }
}

fn name_of(column: &Expr) -> String {
    match column {
        Expr::Column(column) => column.name.clone(),
        other => other.schema_name().to_string(),
    }
}

/// Functions with their arguments as positions in `sent`.
#[derive(Default)]
struct Functions {
    functions: Vec<(Arc<PythonFunction>, Function)>,
    sent: Vec<Expr>,
}

impl Functions {
    fn add(&mut self, call: &PythonAggregate, args: &[Expr], columns: &mut Columns, before: Vec<Argument>) {
        let mut arguments = before;
        for (at, arg) in args.iter().enumerate() {
            let column = columns.of(arg);
            let offset = self.sent.iter().position(|known| *known == column).unwrap_or_else(|| {
                self.sent.push(column);
                self.sent.len() - 1
            });
            arguments.push(Argument { offset, name: call.keywords.get(at).cloned().flatten() });
        }
        self.functions
            .push((Arc::clone(&call.function), Function { commands: vec![call.function.command.clone()], arguments }));
    }

    fn given(&self) -> Fields {
        numbered(self.functions.iter().map(|(function, _)| function.data_type.clone()))
    }

    fn taken(&self, plan: &LogicalPlan, settings: &WorkerSettings) -> Result<Fields> {
        let types: Vec<DataType> = self
            .sent
            .iter()
            .map(|column| column.get_type(plan.schema().as_ref()))
            .collect::<datafusion::common::Result<_>>()
            .planned()?;
        Ok(worker_fields(&numbered(types), &settings.zone))
    }
}

/// Without columns a group has no length: one is sent that no function reads.
fn at_least_one(functions: &mut Functions, columns: &mut Columns) {
    if functions.sent.is_empty() {
        functions.sent.push(columns.of(&Expr::Literal(ScalarValue::Int32(Some(0)), None)));
    }
}

fn aggregate(node: &Aggregate, settings: &WorkerSettings) -> Result<LogicalPlan> {
    let names: Vec<String> = node.schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut columns = Columns { exprs: vec![], added: vec![] };
    let mut functions = Functions::default();
    let mut others = vec![];
    let mut own = vec![];
    for call in &node.aggr_expr {
        match PythonAggregate::of(call) {
            Some((python, call)) => {
                own.push(format!("{}()", python.function.name));
                functions.add(python, &call.params.args, &mut columns, vec![]);
            }
            None => others.push(call),
        }
    }
    if !others.is_empty() {
        return Err(SparkError::new("INVALID_PANDAS_UDF_PLACEMENT").with(
            "functionList",
            own.iter().map(|name| format!("`{}`", name.trim_end_matches("()"))).collect::<Vec<_>>().join(", "),
        ));
    }
    one_kind(&functions.functions)?;
    let mut keys: Vec<Expr> = vec![];
    let sets = match &node.group_expr[..] {
        [Expr::GroupingSet(_)] => Some(grouping_sets(node)?),
        _ => None,
    };
    let plain = if sets.is_some() { distinct_keys(node)? } else { node.group_expr.iter().collect() };
    for key in plain {
        keys.push(columns.of(unaliased(key)));
    }
    at_least_one(&mut functions, &mut columns);
    let mut input = columns.over(node.input.as_ref().clone())?;
    if let Some(sets) = sets {
        (input, keys) = expanded(&input, &keys, &sets, &node.schema)?;
    }
    let taken = functions.taken(&input, settings)?;
    let input = arranged(input, &keys, &[], settings.partitions)?;
    let call = PythonCall::udf(settings, &functions.functions, None)?;
    let mut fields: Vec<Field> = vec![];
    for (field, name) in node.schema.fields().iter().zip(&names) {
        fields.push(field.as_ref().clone().with_name(name));
    }
    let schema = Arc::new(DFSchema::try_from(Schema::new(fields)).planned()?);
    let group = PythonGroupNode {
        input: Arc::new(input),
        call,
        keys: keys.iter().map(name_of).collect(),
        sent: functions.sent.iter().map(name_of).collect(),
        taken,
        in_struct: false,
        yields: Yield::Value { given: functions.given() },
        schema,
    };
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(group) }))
}

/// All functions of one node run in the same way.
fn one_kind(functions: &[(Arc<PythonFunction>, Function)]) -> Result<()> {
    let kind = functions.first().map_or(0, |(function, _)| function.eval_type);
    let same = functions.iter().all(|(function, _)| function.eval_type == kind);
    if same && (functions.len() == 1 || !eval_type::is_iterator(kind)) {
        return Ok(());
    }
    Err(SparkError::unsupported(
        "Python aggregates of different kinds, or several over iterators, in one aggregation",
        "Compute them one by one and join the results.",
    ))
}

/// One node for each window; calls over the same one go together.
fn window(node: Window, settings: &WorkerSettings) -> Result<LogicalPlan> {
    let names: Vec<String> = node.schema.fields().iter().map(|field| field.name().clone()).collect();
    let (python, others): (Vec<Expr>, Vec<Expr>) =
        node.window_expr.into_iter().partition(|call| PythonAggregate::over(call).is_some());
    let mut plan = node.input.as_ref().clone();
    if !others.is_empty() {
        plan = LogicalPlan::Window(Window::try_new(others, Arc::new(plan)).planned()?);
    }
    for call in &python {
        if let Some((function, window)) = PythonAggregate::over(call) {
            plan = one_window(plan, call, function, window, settings)?;
        }
    }
    narrow(plan, &names)
}

fn one_window(
    input: LogicalPlan,
    call: &Expr,
    python: &PythonAggregate,
    window: &WindowFunction,
    settings: &WorkerSettings,
) -> Result<LogicalPlan> {
    let kind = match python.function.eval_type {
        eval_type::GROUPED_AGG_PANDAS => eval_type::WINDOW_AGG_PANDAS,
        eval_type::GROUPED_AGG_ARROW => eval_type::WINDOW_AGG_ARROW,
        other => return Err(crate::relation::python::unknown_kind(other)),
    };
    let params = &window.params;
    let mut columns = Columns { exprs: vec![], added: vec![] };
    let keys: Vec<Expr> = params.partition_by.iter().map(|key| columns.of(key)).collect();
    let order: Vec<SortExpr> = params
        .order_by
        .iter()
        .map(|order| SortExpr::new(columns.of(&order.expr), order.asc, order.nulls_first))
        .collect();
    let frame = &params.window_frame;
    let unbounded = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(value) | WindowFrameBound::Following(value) => value.is_null(),
        WindowFrameBound::CurrentRow => false,
    };
    let whole = unbounded(&frame.start_bound) && unbounded(&frame.end_bound);
    // The bounds follow the arguments in what is sent, and come first in the call.
    let mut functions = Functions::default();
    functions.add(python, &params.args, &mut columns, vec![]);
    at_least_one(&mut functions, &mut columns);
    let count = functions.sent.len();
    if !whole {
        let bounds = [count, count + 1].map(|offset| Argument { offset, name: None });
        functions.functions[0].1.arguments.splice(0..0, bounds);
    }
    let bounds = (!whole).then(|| Bounds {
        frame: frame.clone(),
        order: order.iter().map(|key| (name_of(&key.expr), key.asc, key.nulls_first)).collect(),
    });
    let plan = columns.over(input)?;
    let taken = functions.taken(&plan, settings)?;
    let plan = arranged(plan, &keys, &order, settings.partitions)?;
    let types = if whole { "unbounded" } else { "bounded" };
    // A window needs its whole partition.
    let mut whole_groups = settings.clone();
    whole_groups.batch_rows = usize::MAX;
    let settings = &whole_groups;
    let program =
        PythonCall::of(settings, kind, &functions.functions, None, &[("window_bound_types", types.to_string())])?;
    let name = call.schema_name().to_string();
    let added = Schema::new(vec![Field::new(&name, python.function.data_type.clone(), true)]);
    let schema = plan.schema().join(&DFSchema::try_from(added).planned()?).planned()?;
    let node = PythonGroupNode {
        input: Arc::new(plan),
        call: program,
        keys: keys.iter().map(name_of).collect(),
        sent: functions.sent.iter().map(name_of).collect(),
        taken,
        in_struct: false,
        yields: Yield::Beside { given: functions.given(), bounds: vec![bounds] },
        schema: Arc::new(schema),
    };
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}
