//! `describe`, `summary` and `df.stat`. Spark's `StatFunctions` and `DataFrameStatFunctions`.

use std::sync::Arc;

use arrow::array::{ListArray, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use datafusion::scalar::ScalarValue;
use firesteel_functions::aggregate::approx_quantile as quantile_call;
use firesteel_functions::cast::{EvalMode, cast};
use firesteel_functions::{Call, Generator, Typed};
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, aggregate, filter, generate, pivot, required};
use crate::expression::{function, literal, unaliased};
use crate::scope::Scope;
use crate::{Attribute, Resolver};

const DESCRIBE: &[&str] = &["count", "mean", "stddev", "min", "max"];
const SUMMARY: &[&str] = &["count", "mean", "stddev", "min", "25%", "50%", "75%", "max"];

fn text(value: &str) -> Typed {
    Typed::literal(ScalarValue::Utf8(Some(value.to_string())), value)
}

fn double(value: f64) -> Typed {
    Typed::literal(ScalarValue::Float64(Some(value)), value.to_string())
}

/// A column by its name; a missing one is told as `Dataset.resolve` does.
fn column_of(resolver: &Resolver, name: &str, scope: &Scope) -> Result<Typed> {
    let parts = crate::sql::parse_column_name(name)?;
    resolver.column(&parts, scope).map_err(|error| match error.condition() {
        "UNRESOLVED_COLUMN.WITH_SUGGESTION" => crate::scope::unresolved(&parts, scope.output()),
        _ => error,
    })
}

fn refused(text: impl Into<String>) -> SparkError {
    SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(format!("requirement failed: {}", text.into()))
}

fn summarized(attribute: &&Attribute) -> bool {
    attribute.data_type().is_numeric() || *attribute.data_type() == DataType::Utf8
}

/// `df.describe(columns)`.
pub fn describe(resolver: &Resolver, message: &pb::StatDescribe, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "StatDescribe")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let mut columns = vec![];
    for name in &message.cols {
        let typed = column_of(resolver, name, &scope)?;
        columns.extend(input.output.iter().find(|attribute| attribute.expr() == typed.expr).cloned());
    }
    if message.cols.is_empty() {
        columns.extend(input.output.iter().filter(summarized).cloned());
    }
    columns.retain(|attribute| summarized(&attribute));
    let statistics: Vec<String> = DESCRIBE.iter().map(|s| (*s).to_string()).collect();
    table(resolver, &input, &columns, &statistics)
}

/// `df.summary(statistics)`.
pub fn summary(resolver: &Resolver, message: &pb::StatSummary, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "StatSummary")?, outer)?;
    let columns: Vec<Attribute> = input.output.iter().filter(summarized).cloned().collect();
    let statistics = if message.statistics.is_empty() {
        SUMMARY.iter().map(|s| (*s).to_string()).collect()
    } else {
        message.statistics.clone()
    };
    table(resolver, &input, &columns, &statistics)
}

/// One row a statistic, one column of text a column.
fn table(resolver: &Resolver, input: &Relation, columns: &[Attribute], statistics: &[String]) -> Result<Relation> {
    let mut list = vec![];
    for statistic in statistics {
        for column in columns {
            list.push(value(resolver, statistic, column)?);
        }
    }
    let computed =
        if list.is_empty() { super::project::one_row() } else { aggregate::global(resolver, input.clone(), list)? };
    let mut rows = vec![];
    let mut values = computed.output.iter().map(Attribute::typed);
    for statistic in statistics {
        let mut args = vec![text("summary"), text(statistic)];
        for (index, _) in columns.iter().enumerate() {
            let value = values.next().ok_or_else(|| SparkError::internal("a statistic is missing"))?;
            args.extend([text(&format!("c{index}")), cast(value, &DataType::Utf8, EvalMode::Legacy, resolver.env())?]);
        }
        rows.push(function::scalar(resolver, "named_struct", args)?);
    }
    let rows = function::scalar(resolver, "array", rows)?;
    let mut fields = vec![Arc::new(Field::new("summary", DataType::Utf8, true))];
    fields.extend((0..columns.len()).map(|index| Arc::new(Field::new(format!("c{index}"), DataType::Utf8, true))));
    let names: Vec<String> =
        std::iter::once("summary".to_string()).chain(columns.iter().map(|c| c.name().to_string())).collect();
    let known = computed.output.len();
    let generated = generate::generate(computed, Generator { list: rows.expr, fields, outer: false }, &names)?;
    let output = generated.output[known..].to_vec();
    Relation { output, ..generated }.narrow()
}

fn value(resolver: &Resolver, statistic: &str, column: &Attribute) -> Result<Typed> {
    let own = column.typed();
    // Texts count as the numbers that they may be.
    let number = || cast(own.clone(), &DataType::Float64, EvalMode::Try, resolver.env());
    let aggregate = |function_name: &str, args: Vec<Typed>| function::scalar(resolver, function_name, args);
    match statistic.to_ascii_lowercase().as_str() {
        "count" => aggregate("count", vec![own]),
        "mean" if column.data_type().is_numeric() => aggregate("avg", vec![own]),
        "mean" => aggregate("avg", vec![number()?]),
        "stddev" => aggregate("stddev_samp", vec![number()?]),
        "min" => aggregate("min", vec![own]),
        "max" => aggregate("max", vec![own]),
        "approx_count_distinct" => aggregate("approx_count_distinct", vec![own]),
        "count_distinct" => {
            let count = aggregate("count", vec![own])?;
            let expr = function::map_aggregates(count.expr, |call| call.params.distinct = true)?;
            Ok(Typed { expr, ..count })
        }
        other => {
            let unknown = || SparkError::new("UNRECOGNIZED_STATISTIC").with("stats", format!("'{statistic}'"));
            let percent = other.strip_suffix('%').and_then(|text| text.trim().parse::<f64>().ok());
            let share = percent.ok_or_else(unknown)? / 100.0;
            if !(0.0..=1.0).contains(&share) {
                return Err(refused("Percentiles must be in the range [0, 1]"));
            }
            let value = if column.data_type().is_numeric() { own } else { number()? };
            aggregate("percentile_approx", vec![value, double(share)])
        }
    }
}

/// The values of two columns as numbers; a NULL counts as 0.
fn pair(
    resolver: &Resolver,
    input: &Relation,
    names: [&str; 2],
    word: &str,
    outer: Option<&Scope>,
) -> Result<Vec<Typed>> {
    let inputs = [input];
    let scope = resolver.scope(&inputs, outer);
    let mut pair = vec![];
    for own in names {
        let typed = column_of(resolver, own, &scope)?;
        if !typed.data_type.is_numeric() {
            return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(format!(
                "requirement failed: Currently {word} calculation for columns with dataType {} not supported.",
                name::simple(&typed.data_type)
            )));
        }
        let number = cast(typed, &DataType::Float64, EvalMode::Ansi, resolver.env())?;
        pair.push(function::scalar(resolver, "coalesce", vec![number, double(0.0)])?);
    }
    Ok(pair)
}

/// `df.stat.cov(a, b)`.
pub fn covariance(resolver: &Resolver, message: &pb::StatCov, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "StatCov")?, outer)?;
    let pair = pair(resolver, &input, [&message.col1, &message.col2], "covariance", outer)?;
    let value = function::scalar(resolver, "covar_samp", pair)?.named("cov");
    aggregate::global(resolver, input, vec![value])
}

/// `df.stat.corr(a, b)`.
pub fn correlation(resolver: &Resolver, message: &pb::StatCorr, outer: Option<&Scope>) -> Result<Relation> {
    let method = message.method.as_deref().unwrap_or("pearson");
    if !method.eq_ignore_ascii_case("pearson") {
        return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(
            "requirement failed: Currently only the calculation of the Pearson Correlation coefficient is supported.",
        ));
    }
    let input = resolver.relation_in(required(message.input.as_deref(), "StatCorr")?, outer)?;
    let pair = pair(resolver, &input, [&message.col1, &message.col2], "correlation", outer)?;
    let value = function::scalar(resolver, "corr", pair)?.named("corr");
    aggregate::global(resolver, input, vec![value])
}

/// `df.stat.approxQuantile(columns, probabilities, error)`: one row, an array a column.
pub fn approx_quantile(
    resolver: &Resolver,
    message: &pb::StatApproxQuantile,
    outer: Option<&Scope>,
) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "StatApproxQuantile")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let error = message.relative_error;
    if error < 0.0 {
        return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT")
            .with_message(format!("requirement failed: Relative Error must be non-negative but got {error}")));
    }
    let error = double(error);
    let shares =
        function::scalar(resolver, "array", message.probabilities.iter().map(|share| double(*share)).collect())?;
    let mut quantiles = vec![];
    for column in &message.cols {
        let typed = column_of(resolver, column, &scope)?;
        if !typed.data_type.is_numeric() {
            return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(format!(
                "requirement failed: Quantile calculation for column {column} with data type {} is not supported.",
                name::class(&typed.data_type)
            )));
        }
        let number = cast(typed, &DataType::Float64, EvalMode::Ansi, resolver.env())?;
        let null = Typed::literal(ScalarValue::Float64(None), "NULL");
        let number = function::scalar(resolver, "nanvl", vec![number, null])?;
        let args = vec![number, shares.clone(), error.clone()];
        let call = Call { name: "approxQuantile", args, distinct: false, ignore_nulls: false, env: resolver.env() };
        let own = quantile_call(&call)?;
        quantiles.push(own.named(column.clone()));
    }
    let computed = aggregate::global(resolver, input.clone(), quantiles)?;
    // Of nothing there are no quantiles.
    let mut found = vec![];
    for attribute in &computed.output {
        let typed = attribute.typed();
        let DataType::List(element) = &typed.data_type else { return Err(SparkError::internal("no quantiles")) };
        let (lengths, values) = (OffsetBuffer::from_lengths([0]), new_empty_array(element.data_type()));
        let none = ScalarValue::List(Arc::new(ListArray::new(Arc::clone(element), lengths, values, None)));
        found.push(function::scalar(resolver, "coalesce", vec![typed, Typed::literal(none, "array()")])?);
    }
    let all = function::scalar(resolver, "array", found)?.named("approx_quantile");
    computed.select(vec![all])
}

/// `df.stat.crosstab(a, b)`: how often each pair occurs.
pub fn crosstab(resolver: &Resolver, message: &pb::StatCrosstab, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "StatCrosstab")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let word = |own: &str| -> Result<Typed> {
        let typed = column_of(resolver, own, &scope)?;
        let typed = cast(typed, &DataType::Utf8, EvalMode::Ansi, resolver.env())?;
        function::scalar(resolver, "coalesce", vec![typed, text("null")])
    };
    let label = format!("{}_{}", message.col1, message.col2);
    let mut first = word(&message.col1)?.named(label.clone());
    first.expr = first.expr.alias(label);
    let second = word(&message.col2)?;
    let counted = pivot::counts(resolver, &input, first, second)?;
    let mut list: Vec<Typed> = counted.output[..1].iter().map(Attribute::typed).collect();
    for attribute in &counted.output[1..] {
        let zero = Typed::literal(ScalarValue::Int64(Some(0)), "0");
        let mut typed = function::scalar(resolver, "coalesce", vec![attribute.typed(), zero])?.named(attribute.name());
        typed.expr = typed.expr.alias(attribute.name());
        list.push(typed);
    }
    let mut table = counted.select(list)?;
    // Spark's label may be NULL by its type.
    table.output[0] = table.output[0].clone().with_nullable(true);
    Ok(table)
}

/// `df.stat.freqItems`.
pub fn freq_items(resolver: &Resolver, message: &pb::StatFreqItems, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "StatFreqItems")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let support = message.support.unwrap_or(0.01);
    if !(1e-4..=1.0).contains(&support) {
        return Err(refused(format!("Support must be in [1e-4, 1], but got {support:?}.")));
    }
    let size = (1.0 / support) as usize;
    let mut columns = vec![];
    for name in &message.cols {
        let typed = column_of(resolver, name, &scope)?;
        columns.push(Typed { expr: unaliased(typed.clone()).expr.alias(&typed.name), ..typed });
    }
    let names: Vec<String> = message.cols.iter().map(|name| format!("{name}_freqItems")).collect();
    let selected = input.clone().select(columns)?;
    let output: Vec<crate::Attribute> = selected
        .output
        .iter()
        .zip(&names)
        .map(|(own, name)| {
            let list = firesteel_protocol::types::array(own.data_type().clone(), true);
            crate::Attribute::new(std::sync::Arc::new(arrow::datatypes::Field::new(name, list, false)))
        })
        .collect();
    let inner = output.iter().map(|attribute| attribute.column.to_string()).collect();
    let node = crate::operator::frequent::FrequentNode::try_new(std::sync::Arc::new(selected.plan), size, inner)?;
    let node = datafusion::logical_expr::Extension { node: std::sync::Arc::new(node) };
    Ok(Relation::new(datafusion::logical_expr::LogicalPlan::Extension(node), output))
}

/// `df.stat.sampleBy(column, fractions, seed)`.
pub fn sample_by(resolver: &Resolver, message: &pb::StatSampleBy, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "StatSampleBy")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let column = message.col.as_ref().ok_or_else(|| crate::expression::missing("col", "StatSampleBy"))?;
    let column = unaliased(resolver.expression(column, &scope)?);
    let mut args = vec![];
    if message.fractions.iter().any(|own| !(0.0..=1.0).contains(&own.fraction)) {
        let mut shown = vec![];
        for own in &message.fractions {
            let stratum = own.stratum.as_ref().ok_or_else(|| crate::expression::missing("stratum", "Fraction"))?;
            shown.push(format!("{} -> {:?}", literal::resolve(stratum, resolver.env())?.name, own.fraction));
        }
        return Err(refused(format!("Fractions must be in [0, 1], but got Map({}).", shown.join(", "))));
    }
    for fraction in &message.fractions {
        let stratum = fraction.stratum.as_ref().ok_or_else(|| crate::expression::missing("stratum", "Fraction"))?;
        let stratum = literal::resolve(stratum, resolver.env())?;
        args.extend([function::scalar(resolver, "=", vec![column.clone(), stratum])?, double(fraction.fraction)]);
    }
    args.push(double(0.0));
    let share = if args.len() == 1 { args.remove(0) } else { function::scalar(resolver, "when", args)? };
    let seed = message.seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0 as i64);
    let random =
        function::scalar(resolver, "rand", vec![Typed::literal(ScalarValue::Int64(Some(seed)), seed.to_string())])?;
    let condition = function::scalar(resolver, "<", vec![random, share])?;
    filter::apply(resolver, input.clone(), condition)
}
