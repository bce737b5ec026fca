//! UNION, INTERSECT and EXCEPT, by position or by name, with and without duplicates.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, Union, cast, lit};
use datafusion::scalar::ScalarValue;
use firesteel_functions::coerce::{cast_silently, common_type, same_shape};
use firesteel_functions::collection::by_name;
use firesteel_functions::{Env, Typed, collation, units};
use firesteel_protocol::connect::{self as pb, set_operation::SetOpType};
use firesteel_protocol::types::{IntervalRange, twins};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::table::is_streaming;

use super::{Relation, deduplicate, node, required};
use crate::attribute::next_id;
use crate::expression::function;
use crate::expression::select::Selected;
use crate::operator::stream_mark::{self, Mark};
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

pub fn resolve(resolver: &Resolver, message: &pb::SetOperation, outer: Option<&Scope>) -> Result<Relation> {
    let left = resolver.relation_in(required(message.left_input.as_deref(), "SetOperation")?, outer)?.narrow()?;
    let right = resolver.relation_in(required(message.right_input.as_deref(), "SetOperation")?, outer)?.narrow()?;
    let all = message.is_all.unwrap_or(false);
    let word = match message.set_op_type() {
        SetOpType::Intersect if all => "INTERSECT ALL",
        SetOpType::Except if all => "EXCEPT ALL",
        SetOpType::Union => "UNION",
        SetOpType::Intersect => "INTERSECT",
        SetOpType::Except => "EXCEPT",
        SetOpType::Unspecified => return Err(SparkError::internal("a set operation of unspecified type")),
    };
    let (left, right) = if message.by_name.unwrap_or(false) {
        match_by_name(resolver, left, right, message.allow_missing_columns.unwrap_or(false))?
    } else {
        (left, right)
    };
    let (left, right) = same_types(resolver, left, right, word)?;
    if is_streaming(&left.plan) || is_streaming(&right.plan) {
        let mark = match (message.set_op_type(), all) {
            (SetOpType::Intersect, _) => Some(Mark::Intersect),
            (SetOpType::Except, false) => Some(Mark::Except),
            (SetOpType::Except, true) => Some(Mark::ExceptAll),
            _ => None,
        };
        if let Some(mark) = mark {
            let inputs = vec![left.plan.clone(), right.plan.clone()];
            let resolved = match mark {
                Mark::ExceptAll => counted(resolver, left, right)?,
                _ => combined(message.set_op_type(), all, left, right)?,
            };
            return Ok(stream_mark::plan(mark, inputs, resolved));
        }
    }
    combined(message.set_op_type(), all, left, right)
}

/// The rows of both sides, which have the same columns.
fn combined(kind: SetOpType, all: bool, left: Relation, right: Relation) -> Result<Relation> {
    match (kind, all) {
        (SetOpType::Union, true) => union(left, right),
        (SetOpType::Union, false) => deduplicate::distinct(union(left, right)?),
        (SetOpType::Intersect, false) => {
            let nullable: Vec<bool> = right.output.iter().map(|column| column.field.is_nullable()).collect();
            let mut common = semi(deduplicate::distinct(left)?, right, JoinType::LeftSemi)?;
            let columns = common.output.into_iter().zip(nullable);
            common.output = columns.map(|(l, r)| l.clone().with_nullable(l.field.is_nullable() && r)).collect();
            Ok(common)
        }
        (SetOpType::Except, false) => semi(deduplicate::distinct(left)?, right, JoinType::LeftAnti),
        (SetOpType::Intersect, true) => multiset(left, right, JoinType::LeftSemi),
        _ => multiset(left, right, JoinType::LeftAnti),
    }
}

/// Reorders the right side like the left one; missing columns become NULLs where that is allowed.
fn match_by_name(
    resolver: &Resolver,
    left: Relation,
    right: Relation,
    allow_missing: bool,
) -> Result<(Relation, Relation)> {
    let same = |a: &str, b: &str| if resolver.env().case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
    let null = |attribute: &Attribute| -> Result<Typed> {
        let value = ScalarValue::try_new_null(attribute.data_type()).planned()?;
        let typed = Typed::literal(value, attribute.name());
        Ok(Typed { expr: typed.expr.clone().alias(attribute.name()), ..typed })
    };
    for side in [&left, &right] {
        twins::refuse(side.output.iter().map(Attribute::name), resolver.env().case_sensitive)?;
    }
    let (mut right_list, mut left_list) = (vec![], vec![]);
    for attribute in &left.output {
        let own_name = attribute.name();
        let mut typed = attribute.typed();
        match right.output.iter().find(|own| same(own.name(), own_name)) {
            Some(own) if allow_missing && own.data_type() != attribute.data_type() => {
                let env = resolver.env();
                let both = by_name::merged(attribute.data_type(), own.data_type(), env.case_sensitive);
                let aliased =
                    |typed: Typed| Typed { expr: typed.expr.clone().alias(own_name), ..typed.named(own_name) };
                typed = aliased(by_name::with_fields(typed, &both, env));
                right_list.push(aliased(by_name::with_fields(own.typed(), &both, env)));
            }
            Some(own) => right_list.push(own.typed()),
            None if allow_missing => right_list.push(null(attribute)?),
            None => {
                let names: Vec<&str> = right.output.iter().map(Attribute::name).collect();
                return Err(SparkError::new("UNRESOLVED_COLUMN_AMONG_FIELD_NAMES")
                    .with("colName", attribute.name())
                    .with("fieldNames", names.join(", ")));
            }
        }
        left_list.push(typed);
    }
    let extra: Vec<&Attribute> =
        right.output.iter().filter(|own| !left.output.iter().any(|a| same(a.name(), own.name()))).collect();
    if !extra.is_empty() && !allow_missing {
        return Err(SparkError::new("NUM_COLUMNS_MISMATCH")
            .with("operator", "UNION")
            .with("firstNumColumns", left.output.len().to_string())
            .with("invalidOrdinalNum", "second")
            .with("invalidNumColumns", right.output.len().to_string()));
    }
    for own in extra {
        left_list.push(null(own)?);
        right_list.push(own.typed());
    }
    Ok((left.select(left_list)?, right.select(right_list)?))
}

/// What Spark advises where the types would fit outside ANSI mode.
fn hint(resolver: &Resolver, left: &DataType, right: &DataType) -> &'static str {
    let lenient = firesteel_functions::Env { ansi: false, ..resolver.env().clone() };
    let refused = resolver.env().ansi && set_type(left, right, resolver.env()).is_none();
    match refused && set_type(left, right, &lenient).is_some() {
        true => {
            "\nTo fix the error, you might need to add explicit type casts. If necessary set spark.sql.ansi.enabled to false to bypass this error."
        }
        false => "",
    }
}

/// Casts both sides to their common types; the right side's columns take the left side's names.
fn same_types(resolver: &Resolver, left: Relation, right: Relation, word: &str) -> Result<(Relation, Relation)> {
    if left.output.len() != right.output.len() {
        return Err(SparkError::new("NUM_COLUMNS_MISMATCH")
            .with("operator", word)
            .with("firstNumColumns", left.output.len().to_string())
            .with("invalidOrdinalNum", "second")
            .with("invalidNumColumns", right.output.len().to_string()));
    }
    let (mut left_list, mut right_list) = (vec![], vec![]);
    for (index, (l, r)) in left.output.iter().zip(&right.output).enumerate() {
        let common = set_type(l.data_type(), r.data_type(), resolver.env())
            .filter(|_| units::same_time_precision([&l.typed(), &r.typed()]));
        if !collation::same(&l.typed(), &r.typed()) {
            return Err(SparkError::new("INCOMPATIBLE_COLUMN_TYPE")
                .with("operator", word)
                .with("columnOrdinalNumber", ordinal(index))
                .with("tableOrdinalNumber", "second")
                .with("dataType1", format!("\"{}\"", collation::full_sql(&r.typed())))
                .with("dataType2", format!("\"{}\"", collation::full_sql(&l.typed())))
                .with("hint", ""));
        }
        let common = common.ok_or_else(|| {
            SparkError::new("INCOMPATIBLE_COLUMN_TYPE")
                .with("operator", word)
                .with("columnOrdinalNumber", ordinal(index))
                .with("tableOrdinalNumber", "second")
                .with("dataType1", format!("\"{}\"", r.typed().sql_type()))
                .with("dataType2", format!("\"{}\"", l.typed().sql_type()))
                .with("hint", hint(resolver, l.data_type(), r.data_type()))
        })?;
        let cast = |attribute: &Attribute| -> Result<Typed> {
            let units = IntervalRange::full(&common).and_then(|full| units::of_args(&[l.typed(), r.typed()], full));
            cast_silently(attribute.typed(), &common, &resolver.env_here()).map(|typed| match units {
                Some(units) => typed.with_units(units),
                None => typed,
            })
        };
        left_list.push(cast(l)?);
        right_list.push(cast(r)?);
    }
    let left_selected: Vec<Selected> = left_list
        .into_iter()
        .map(|typed| {
            let units = typed.units();
            let mut selected = crate::expression::select::select(typed, &left);
            if let Some(units) = units {
                let field = selected.attribute.field.as_ref().clone();
                selected.attribute.field = Arc::new(units.on(field));
            }
            selected
        })
        .collect();
    let right_selected: Vec<Selected> = right_list
        .into_iter()
        .zip(&left_selected)
        .map(|(typed, own)| Selected {
            expr: typed.expr.clone(),
            attribute: Attribute { field: typed.named(own.attribute.name()).field(), ..own.attribute.clone() },
        })
        .collect();
    Ok((left.project(left_selected)?.narrow()?, right.project(right_selected)?))
}

/// The type of a column of both sides; names of nested fields may differ, the left side's stay.
pub(super) fn set_type(left: &DataType, right: &DataType, env: &Env) -> Option<DataType> {
    common_type(left, right, env).or_else(|| same_shape(left, right))
}

fn ordinal(index: usize) -> String {
    firesteel_functions::call::ordinal(index)
}

fn union(left: Relation, right: Relation) -> Result<Relation> {
    let output = left
        .output
        .iter()
        .zip(&right.output)
        .map(|(l, r)| l.clone().with_nullable(l.field.is_nullable() || r.field.is_nullable()))
        .collect();
    // Chains of unions become one node of many inputs.
    let mut inputs: Vec<Arc<LogicalPlan>> = vec![];
    for plan in [left.plan, right.plan] {
        match plan {
            LogicalPlan::Union(own) => inputs.extend(own.inputs),
            other => inputs.push(Arc::new(other)),
        }
    }
    let plan = LogicalPlan::Union(Union::try_new_with_loose_types(inputs).planned()?);
    Ok(Relation::new(plan, output))
}

/// Rows of `left` that are (not) in `right`; NULLs are equal.
fn semi(left: Relation, right: Relation, join_type: JoinType) -> Result<Relation> {
    let output = left.output.clone();
    let (left_plan, left_keys) = with_collation_keys(left.plan, &output)?;
    let (right_plan, right_keys) = with_collation_keys(right.plan, &right.output)?;
    // The right side has the left side's names: give it others.
    let exprs: Vec<Expr> = right_keys.into_iter().map(|c| Expr::Column(c).alias(format!("_r#{}", next_id()))).collect();
    let right = node::project(right_plan, exprs)?;
    let right_keys: Vec<_> = right.schema().columns();
    let narrow = left_plan.schema().fields().len() != left_keys.len();
    let plan = LogicalPlanBuilder::from(left_plan)
        .join_detailed(right, join_type, (left_keys, right_keys), None, NullEquality::NullEqualsNull)
        .planned()?
        .build()
        .planned()?;
    let relation = Relation::new(plan, output);
    if narrow { relation.narrow() } else { Ok(relation) }
}

/// The plan with a column more for each of its columns that a collation compares by keys, and the columns to compare.
fn with_collation_keys(plan: LogicalPlan, output: &[Attribute]) -> Result<(LogicalPlan, Vec<Column>)> {
    let mut columns = plan.schema().columns();
    let mut exprs: Vec<Expr> = columns.iter().cloned().map(Expr::Column).collect();
    let count = exprs.len();
    for column in &mut columns {
        let own = output.iter().find(|attribute| attribute.column.as_ref() == column.name);
        let Some(key) = own.and_then(deduplicate::collated_key) else { continue };
        let name = format!("_k#{}", next_id());
        exprs.push(key.alias(&name));
        *column = Column::new_unqualified(name);
    }
    let plan = if exprs.len() == count { plan } else { node::project(plan, exprs)? };
    Ok((plan, columns))
}

/// INTERSECT ALL and EXCEPT ALL: the n-th occurrence on the left meets the n-th on the right.
fn multiset(left: Relation, right: Relation, join_type: JoinType) -> Result<Relation> {
    let output = left.output.clone();
    let number = |relation: Relation| -> Result<Relation> {
        let key = |column: Column| {
            let own = relation.output.iter().find(|attribute| attribute.column.as_ref() == column.name);
            own.and_then(deduplicate::collated_key).unwrap_or(Expr::Column(column))
        };
        let keys: Vec<Expr> = relation.plan.schema().columns().into_iter().map(key).collect();
        let numbered = row_number().partition_by(keys).build().planned()?;
        let plan =
            LogicalPlanBuilder::from(relation.plan.clone()).window(vec![numbered]).planned()?.build().planned()?;
        Ok(relation.with_plan(plan))
    };
    let joined = semi(number(left)?, number(right)?, join_type)?;
    Relation { output, ..joined }.narrow()
}

/// EXCEPT ALL of a stream, as Spark's `RewriteExceptAll` has it: rows of the left side count one, those of the right side
/// minus one, and each comes as often as its sum says. The sums are state; the right side is counted in every batch.
fn counted(resolver: &Resolver, left: Relation, right: Relation) -> Result<Relation> {
    let output = left.output.clone();
    let (count, sum, list) =
        (format!("_v#{}", next_id()), format!("_sum#{}", next_id()), format!("_list#{}", next_id()));
    let column = |name: &str| Expr::Column(Column::new_unqualified(name));
    let with = |plan: LogicalPlan, more: Expr| -> Result<LogicalPlan> {
        let own = plan.schema().columns().into_iter().map(Expr::Column);
        let exprs: Vec<Expr> = own.chain([more]).collect();
        node::project(plan, exprs)
    };
    let keys: Vec<Expr> = left.plan.schema().columns().into_iter().map(Expr::Column).collect();
    let sides = [with(left.plan, lit(1_i64).alias(&count))?, with(right.plan, lit(-1_i64).alias(&count))?];
    let both = Union::try_new_with_loose_types(sides.map(Arc::new).to_vec()).planned()?;
    let total = sum_udaf().call(vec![column(&count)]).alias(&sum);
    let sums = LogicalPlanBuilder::from(LogicalPlan::Union(both)).aggregate(keys.clone(), vec![total]).planned()?;
    let some = node::filter(sums.build().planned()?, column(&sum).gt(lit(0_i64)))?;
    let one = Typed::literal(ScalarValue::Int32(Some(1)), "1");
    let times = Typed::new(cast(column(&sum), DataType::Int32), "sum", DataType::Int32, false);
    let repeated = function::scalar(resolver, "array_repeat", vec![one, times])?;
    let plan = LogicalPlanBuilder::from(with(some, repeated.expr.alias(&list))?)
        .unnest_column(Column::new_unqualified(&list))
        .planned()?;
    let plan = node::project(plan.build().planned()?, keys)?;
    Ok(Relation::new(plan, output))
}
