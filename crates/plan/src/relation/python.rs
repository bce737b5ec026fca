//! Relations made by Python functions: `mapInArrow`, `mapInPandas`.

use arrow::datatypes::{DataType, Fields};
use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{Argument, Function};
use std::sync::Arc;

use super::{Relation, required};
use crate::Resolver;
use crate::expression::python::python_function;
use crate::operator::python::function::{PythonFunction, eval_type};
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
