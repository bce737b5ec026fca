//! Relations made by Python functions: `mapInArrow`, `mapInPandas`, `applyInPandas`, `applyInArrow`, `cogroup`.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan};
use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{Argument, Function};

use super::project::attributes;
use super::{Relation, node, required};
use crate::Resolver;
use crate::attribute::next_id;
use crate::expression::python::python_function;
use crate::expression::unaliased;
use crate::operator::python::bucket::Decision;
use crate::operator::python::cogroup::{PythonCogroupNode, Side};
use crate::operator::python::convert::worker_fields;
use crate::operator::python::function::{PythonFunction, eval_type};
use crate::operator::python::group::{PythonGroupNode, Yield};
use crate::operator::python::grouping::arranged_alike;
use crate::operator::python::{PythonCall, WorkerSettings, map};
use crate::scope::Scope;

/// `mapInArrow` and `mapInPandas`.
pub fn map_partitions(resolver: &Resolver, message: &pb::MapPartitions, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "MapPartitions")?, outer)?;
    let message_function = message.func.as_ref().ok_or_else(|| crate::expression::missing("func", "MapPartitions"))?;
    let function = python_function(message_function)?;
    let operation = match function.eval_type {
        eval_type::MAP_ARROW_ITER => "mapInArrow()",
        eval_type::MAP_PANDAS_ITER => "mapInPandas()",
        other => return Err(unknown_kind(other)),
    };
    let given = struct_of(&function)?;
    let settings = WorkerSettings::of(resolver.ctx);
    let whole =
        Function { commands: vec![function.command.clone()], arguments: vec![Argument { offset: 0, name: None }] };
    let call = PythonCall::udf(&settings, &[(Arc::clone(&function), whole)], None)?;
    map::plan(input, call, given, operation, message.is_barrier.unwrap_or(false))
}

/// Columns that a function over tables gives.
pub(crate) fn struct_of(function: &PythonFunction) -> Result<Fields> {
    match &function.data_type {
        DataType::Struct(fields) => Ok(fields.clone()),
        other => Err(SparkError::internal(format!("a function over tables returns {other}"))),
    }
}

pub(crate) fn unknown_kind(number: i32) -> SparkError {
    SparkError::unsupported(
        format!("a Python function of evaluation type {number}"),
        "Use udf, pandas_udf, mapInPandas or mapInArrow.",
    )
}

/// `groupBy(..).applyInPandas` and `applyInArrow`.
pub fn group_map(resolver: &Resolver, message: &pb::GroupMap, outer: Option<&Scope>) -> Result<Relation> {
    if message.transform_with_state_info.is_some() {
        return super::python_state::transform_with_state(resolver, message, outer);
    }
    let input = resolver.relation_in(required(message.input.as_deref(), "GroupMap")?, outer)?;
    let function =
        python_function(message.func.as_ref().ok_or_else(|| crate::expression::missing("func", "GroupMap"))?)?;
    let (operation, in_struct) = match function.eval_type {
        eval_type::GROUPED_MAP_PANDAS | eval_type::GROUPED_MAP_PANDAS_ITER => ("applyInPandas()", false),
        eval_type::GROUPED_MAP_ARROW | eval_type::GROUPED_MAP_ARROW_ITER => ("applyInArrow()", true),
        other => return Err(unknown_kind(other)),
    };
    let given = struct_of(&function)?;
    let settings = WorkerSettings::of(resolver.ctx);
    let decision = Decision::new(1);
    let side = side(resolver, input, &message.grouping_expressions, &settings, (decision, 0), outer)?;
    let arguments = side.arguments.iter().map(|offset| Argument { offset: *offset, name: None }).collect();
    let whole = Function { commands: vec![function.command.clone()], arguments };
    let call = PythonCall::udf(&settings, &[(Arc::clone(&function), whole)], None)?;
    let output = attributes(&given);
    let schema = map::schema_of(&output)?;
    let Side { input, keys, sent, taken } = side.side;
    let yields = Yield::Rows { given, operation };
    let node = PythonGroupNode { input, call, keys, sent, taken, in_struct, yields, schema };
    Ok(Relation::new(LogicalPlan::Extension(Extension { node: Arc::new(node) }), output))
}

/// `cogroup(..).applyInPandas` and `applyInArrow`.
pub fn cogroup_map(resolver: &Resolver, message: &pb::CoGroupMap, outer: Option<&Scope>) -> Result<Relation> {
    let left = resolver.relation_in(required(message.input.as_deref(), "CoGroupMap")?, outer)?;
    let right = resolver.relation_in(required(message.other.as_deref(), "CoGroupMap")?, outer)?;
    let function =
        python_function(message.func.as_ref().ok_or_else(|| crate::expression::missing("func", "CoGroupMap"))?)?;
    let operation = match function.eval_type {
        eval_type::COGROUPED_MAP_PANDAS => "applyInPandas()",
        eval_type::COGROUPED_MAP_ARROW => "applyInArrow()",
        other => return Err(unknown_kind(other)),
    };
    let keys = [message.input_grouping_expressions.len(), message.other_grouping_expressions.len()];
    if keys[0] != keys[1] {
        let text = format!("requirement failed: Cogroup keys must have same size: {} != {}", keys[0], keys[1]);
        return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(text));
    }
    let given = struct_of(&function)?;
    let settings = WorkerSettings::of(resolver.ctx);
    let decision = Decision::new(2);
    let share = (Arc::clone(&decision), 0);
    let left = side(resolver, left, &message.input_grouping_expressions, &settings, share, outer)?;
    let right = side(resolver, right, &message.other_grouping_expressions, &settings, (decision, 1), outer)?;
    let offsets = left.arguments.iter().chain(&right.arguments);
    let arguments = offsets.map(|offset| Argument { offset: *offset, name: None }).collect();
    let whole = Function { commands: vec![function.command.clone()], arguments };
    let call = PythonCall::udf(&settings, &[(Arc::clone(&function), whole)], None)?;
    let output = attributes(&given);
    let schema = map::schema_of(&output)?;
    let node = PythonCogroupNode { sides: [left.side, right.side], call, given, operation, schema };
    Ok(Relation::new(LogicalPlan::Extension(Extension { node: Arc::new(node) }), output))
}

/// A relation arranged by its keys, and where PySpark finds keys and values in what is sent of it.
struct Arranged {
    side: Side,
    arguments: Vec<usize>,
}

fn side(
    resolver: &Resolver,
    input: Relation,
    grouping: &[pb::Expression],
    settings: &WorkerSettings,
    (decision, relation): (Arc<Decision>, usize),
    outer: Option<&Scope>,
) -> Result<Arranged> {
    let Keyed { plan, keys, sent, fields, arguments } = keyed(resolver, input, grouping, outer)?;
    let key_exprs: Vec<Expr> = keys.iter().map(|key| Expr::Column(Column::new_unqualified(key))).collect();
    let plan = arranged_alike(plan, &key_exprs, &[], settings.partitions, decision, relation)?;
    let taken = worker_fields(&fields, &settings.zone);
    Ok(Arranged { side: Side { input: Arc::new(plan), keys, sent, taken }, arguments })
}

/// A relation with its keys as columns.
pub(super) struct Keyed {
    pub plan: LogicalPlan,
    pub keys: Vec<String>,
    /// All columns that are sent, and their fields.
    pub sent: Vec<String>,
    pub fields: Fields,
    /// Where PySpark finds keys and values.
    pub arguments: Vec<usize>,
}

/// Gives a relation its keys as columns.
pub(super) fn keyed(
    resolver: &Resolver,
    input: Relation,
    grouping: &[pb::Expression],
    outer: Option<&Scope>,
) -> Result<Keyed> {
    let inputs = [&input];
    let typed = resolver.expressions(grouping, &resolver.scope(&inputs, outer))?;
    let mut plan = input.plan.clone();
    let mut exprs: Vec<Expr> = vec![];
    let mut names: Vec<String> = vec![];
    let mut fields: Vec<FieldRef> = vec![];
    for attribute in &input.output {
        let mut name = attribute.column.to_string();
        let mut expr = attribute.expr();
        if names.contains(&name) {
            // The same column twice: each is sent by a name of its own.
            name = format!("_v#{}", next_id());
            expr = expr.alias(name.as_str());
        }
        exprs.push(expr);
        names.push(name);
        fields.push(Arc::clone(&attribute.field));
    }
    let values = names.len();
    let mut keys: Vec<String> = vec![];
    let mut key_offsets: Vec<usize> = vec![];
    for key in typed {
        let key = unaliased(key);
        let known = match &key.expr {
            Expr::Column(column) => names.iter().position(|name| *name == column.name),
            _ => None,
        };
        let at = known.unwrap_or_else(|| {
            let name = format!("_k#{}", next_id());
            exprs.push(key.expr.clone().alias(name.as_str()));
            names.push(name);
            fields.push(key.field());
            names.len() - 1
        });
        keys.push(names[at].clone());
        key_offsets.push(at);
    }
    plan = node::project(plan, exprs)?;
    // PySpark's way to say it: how many follow, how many keys, the keys, the values.
    let mut arguments = vec![1 + key_offsets.len() + values, key_offsets.len()];
    arguments.extend(key_offsets);
    arguments.extend(0..values);
    Ok(Keyed { plan, keys, sent: names, fields: fields.into(), arguments })
}
