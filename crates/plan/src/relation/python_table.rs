//! Python table functions in FROM: arguments, TABLE arguments with their partitions and order, `analyze`.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use base64::Engine as _;
use bytes::Bytes;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, ExprSchemable, Extension, LogicalPlan, SortExpr};
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_protocol::connect::{
    self as pb, common_inline_user_defined_table_function::Function, expression::ExprType,
    subquery_expression::SubqueryType,
};
use firesteel_protocol::types::{ddl, json, name, proto};
use firesteel_protocol::{Result, SparkError};
use firesteel_python::Program;
use serde_json::{Value, json};

use super::project::{attributes, one_row};
use super::subquery::has_subquery;
use super::{Relation, node};
use crate::attribute::next_id;
use crate::expression::aggregate::contains_aggregate;
use crate::expression::select::evaluate_constant;
use crate::expression::{function, missing, unaliased};
use crate::operator::python::call::{PythonCall, WorkerSettings, numbered};
use crate::operator::python::function::{PythonTableFunction, eval_type};
use crate::operator::python::grouping::arranged;
use crate::operator::python::table::PythonTableNode;
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

/// The function of a message.
pub fn table_function(message: &pb::CommonInlineUserDefinedTableFunction) -> Result<Arc<PythonTableFunction>> {
    let Some(Function::PythonUdtf(udtf)) = &message.function else {
        return Err(missing("function", "CommonInlineUserDefinedTableFunction"));
    };
    let data_type = match &udtf.return_type {
        None => None,
        Some(declared) => match declared_struct(declared)? {
            DataType::Struct(fields) => Some(DataType::Struct(fields)),
            other => {
                let shown = format!("\"{}\"", name::sql(&other));
                return Err(SparkError::new("INVALID_SCHEMA_TYPE_NON_STRUCT").with("dataType", shown));
            }
        },
    };
    Ok(Arc::new(PythonTableFunction {
        name: message.function_name.clone(),
        eval_type: udtf.eval_type,
        command: udtf.command.clone(),
        python: udtf.python_ver.clone(),
        data_type,
        deterministic: message.deterministic,
    }))
}

/// A declared type; a text may be a type or the columns of a table.
fn declared_struct(declared: &pb::DataType) -> Result<DataType> {
    match &declared.kind {
        Some(pb::data_type::Kind::Unparsed(text)) => match ddl::parse_schema(&text.data_type_string) {
            Ok(fields) => Ok(DataType::Struct(fields)),
            Err(error) => proto::decode(declared).map_err(|_| error),
        },
        _ => proto::decode(declared),
    }
}

/// An argument of a call.
enum Argument<'m> {
    Value(Typed),
    Table { relation: Relation, options: Option<&'m pb::subquery_expression::TableArgOptions> },
}

/// A call of a table function. `left` is the relation whose rows it is called for, in a lateral join.
pub fn plan(
    resolver: &Resolver,
    function: &PythonTableFunction,
    arguments: &[pb::Expression],
    left: Option<Relation>,
    outer: Option<&Scope>,
) -> Result<Relation> {
    let settings = WorkerSettings::of(resolver.ctx);
    let lateral = left.is_some();
    if lateral && function.eval_type == eval_type::ARROW_UDTF {
        return Err(SparkError::new("LATERAL_JOIN_WITH_ARROW_UDTF_UNSUPPORTED"));
    }
    let input = left.unwrap_or_else(one_row);
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let mut names: Vec<Option<String>> = vec![];
    let mut values = vec![];
    for argument in arguments {
        let (name, argument) = match &argument.expr_type {
            Some(ExprType::NamedArgumentExpression(named)) => {
                let value = named.value.as_deref().ok_or_else(|| missing("value", "NamedArgumentExpression"))?;
                (Some(named.key.clone()), value)
            }
            _ => (None, argument),
        };
        check_name(function, &names, name.as_deref())?;
        names.push(name);
        values.push(value(resolver, argument, &scope)?);
    }
    let tables = values.iter().filter(|value| matches!(value, Argument::Table { .. })).count();
    if tables > 1 {
        return Err(SparkError::new("TABLE_VALUED_FUNCTION_TOO_MANY_TABLE_ARGUMENTS").with("num", tables.to_string()));
    }
    let analyzed = match &function.data_type {
        Some(_) => None,
        None => Some(analyze(resolver, function, &names, &values, &settings)?),
    };
    for value in &values {
        if let Argument::Value(typed) = value
            && contains_aggregate(&typed.expr)
        {
            return Err(
                SparkError::new("UNSUPPORTED_EXPR_FOR_OPERATOR").with("invalidExprSqls", format!("\"{}\"", typed.name))
            );
        }
    }
    let given = match (&function.data_type, &analyzed) {
        (Some(DataType::Struct(fields)), _) => fields.clone(),
        (_, Some(analyzed)) => analyzed.schema.clone(),
        _ => return Err(SparkError::internal("a table function without schema")),
    };
    let mut partition_columns = vec![];
    let mut args = vec![];
    let mut plan = input.plan.clone();
    let mut table_offset = None;
    for (at, value) in values.into_iter().enumerate() {
        match value {
            Argument::Value(typed) => args.push(typed.expr),
            Argument::Table { relation, options } => {
                let table = table(resolver, function, relation, options, analyzed.as_ref(), &settings, outer)?;
                plan = table.plan;
                partition_columns = table.partition_columns;
                table_offset = Some(at);
                args.push(table.row);
            }
        }
    }
    let schema = plan.schema();
    let types: Vec<DataType> =
        args.iter().map(|arg| arg.get_type(schema.as_ref())).collect::<datafusion::common::Result<_>>().planned()?;
    let partitioned = !partition_columns.is_empty();
    let mut listed = vec![];
    for (at, name) in names.iter().enumerate() {
        listed.push(json!([at, name]));
    }
    let row_type = DataType::Struct(given.clone());
    let mut blobs = vec![function.command.clone()];
    let mut details = json!({
        "eval_type": function.eval_type,
        "python": function.python,
        "name": function.name,
        "arguments": listed,
        "partition_columns": partition_columns,
        "command": 0,
        "schema": json::to_json(&row_type).to_string(),
        "conf": settings.conf(),
        "eval_conf": {
            "input_type": json::to_json(&DataType::Struct(numbered(types))).to_string(),
            "table_arg_offsets": table_offset.map(|at| at.to_string()).unwrap_or_default(),
        },
    });
    if let Some(analyzed) = analyzed {
        details["analyzed"] = json!(blobs.len());
        blobs.push(analyzed.pickled);
    }
    let program = Program::new("udtf", details, &blobs, false);
    let call = PythonCall { settings, program: Arc::new(program), label: function.name.clone() };
    let new = attributes(&given);
    let node = PythonTableNode::new(Arc::new(plan), call, args, &new, given, lateral, partitioned)?;
    let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    if lateral {
        let output = input.output.iter().cloned().chain(new).collect();
        return Ok(Relation { output, hidden: input.hidden.clone(), ..Relation::new(plan, vec![]) });
    }
    Ok(Relation::new(plan, new))
}

fn check_name(function: &PythonTableFunction, names: &[Option<String>], name: Option<&str>) -> Result<()> {
    match name {
        Some(name) if names.iter().flatten().any(|known| known == name) => {
            Err(SparkError::new("DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE")
                .with("routineName", name::quote(&function.name))
                .with("parameterName", name::quote(name)))
        }
        None if names.iter().any(Option::is_some) => Err(SparkError::new("UNEXPECTED_POSITIONAL_ARGUMENT")
            .with("routineName", name::quote(&function.name))
            .with("parameterName", name::quote(names.iter().flatten().next().map_or("", String::as_str)))),
        _ => Ok(()),
    }
}

fn value<'m>(resolver: &Resolver, argument: &'m pb::Expression, scope: &Scope) -> Result<Argument<'m>> {
    if let Some(ExprType::SubqueryExpression(subquery)) = &argument.expr_type {
        if subquery.subquery_type() == SubqueryType::TableArg {
            let plan = resolver.references.borrow().get(&subquery.plan_id).cloned();
            let plan = plan.ok_or_else(|| SparkError::internal("no plan for a TABLE argument"))?;
            let relation = resolver.relation_in(&plan, scope.outer)?.narrow()?;
            return Ok(Argument::Table { relation, options: subquery.table_arg_options.as_ref() });
        }
    }
    Ok(Argument::Value(unaliased(resolver.expression(argument, scope)?)))
}

/// A TABLE argument, ready to be sent: its rows arranged, one struct a row.
struct Table {
    plan: LogicalPlan,
    row: Expr,
    /// Positions in the struct of columns that only say where a partition ends.
    partition_columns: Vec<usize>,
}

fn table(
    resolver: &Resolver,
    function: &PythonTableFunction,
    relation: Relation,
    options: Option<&pb::subquery_expression::TableArgOptions>,
    analyzed: Option<&Analyzed>,
    settings: &WorkerSettings,
    outer: Option<&Scope>,
) -> Result<Table> {
    let inputs = [&relation];
    let scope = resolver.scope(&inputs, outer);
    let mut partition_by: Vec<Typed> = vec![];
    let mut order_by: Vec<SortExpr> = vec![];
    let mut single = false;
    if let Some(options) = options {
        for expression in &options.partition_spec {
            partition_by.push(unaliased(resolver.expression(expression, &scope)?));
        }
        for order in &options.order_spec {
            order_by.push(resolver.sort_order(order, &scope)?);
        }
        single = options.with_single_partition.unwrap_or(false);
    }
    let mut selected: Option<Vec<Typed>> = None;
    if let Some(analyzed) = analyzed {
        analyzed.check(&function.name)?;
        let asks = analyzed.single_partition || !analyzed.partition_by.is_empty();
        if asks && (single || !partition_by.is_empty()) {
            return Err(SparkError::new("TABLE_VALUED_FUNCTION_REQUIRED_METADATA_INCOMPATIBLE_WITH_CALL")
                .with("functionName", &function.name)
                .with("requestedMetadata", "specified its own required partitioning of the input table")
                .with(
                    "invalidFunctionCallProperty",
                    "specified the WITH SINGLE PARTITION or PARTITION BY clause; please remove these clauses and retry the query again.",
                ));
        }
        single |= analyzed.single_partition;
        // Python checks the texts; Spark reads them when it resolves the call, which is no error of the parser then.
        let parsed = |text: &str| {
            let expression = crate::sql::parse_expression(text, &resolver.sql_context());
            let expression = expression.map_err(|error| error.raised_as("TABLE_OR_VIEW_NOT_FOUND"))?;
            resolver.expression(&expression, &scope).map(unaliased)
        };
        for text in &analyzed.partition_by {
            partition_by.push(parsed(text)?);
        }
        for (text, ascending, nulls) in &analyzed.order_by {
            let nulls_first = match nulls {
                0 => *ascending,
                other => *other == 1,
            };
            order_by.push(SortExpr::new(parsed(text)?.expr, *ascending, nulls_first));
        }
        if !analyzed.select.is_empty() {
            let mut list = vec![];
            for (text, alias) in &analyzed.select {
                let typed = parsed(text)?;
                if alias.is_empty() && !matches!(typed.expr, Expr::Column(_)) {
                    let condition = "UDTF_INVALID_REQUESTED_SELECTED_EXPRESSION_FROM_ANALYZE_METHOD_REQUIRES_ALIAS";
                    return Err(SparkError::new(condition).with("expression", typed.name));
                }
                let shown = if alias.is_empty() { typed.name.clone() } else { alias.clone() };
                list.push(typed.named(shown));
            }
            selected = Some(list);
        }
    }
    let columns: Vec<Typed> = match selected {
        Some(list) => list,
        None => relation.output.iter().map(Attribute::typed).collect(),
    };
    let mut exprs = vec![];
    let mut sent = vec![];
    for typed in columns {
        let own = format!("_t#{}", next_id());
        exprs.push(typed.expr.clone().alias(own.as_str()));
        sent.push((typed.name.clone(), own, typed));
    }
    let mut keys = vec![];
    let mut partition_columns = vec![];
    for (at, typed) in partition_by.into_iter().enumerate() {
        let own = format!("_t#{}", next_id());
        exprs.push(typed.expr.clone().alias(own.as_str()));
        keys.push(Expr::Column(Column::new_unqualified(own.as_str())));
        partition_columns.push(sent.len());
        sent.push((format!("partition_by_{at}"), own, typed));
    }
    let mut order = vec![];
    for key in order_by {
        let own = format!("_t#{}", next_id());
        exprs.push(key.expr.alias(own.as_str()));
        order.push(SortExpr::new(Expr::Column(Column::new_unqualified(own)), key.asc, key.nulls_first));
    }
    let mut plan = node::project(relation.plan.clone(), exprs)?;
    if single || !keys.is_empty() || !order.is_empty() {
        plan = if single || !keys.is_empty() {
            arranged(plan, &keys, &order, settings.partitions)?
        } else {
            let node = crate::operator::local_sort::LocalSortNode { input: Arc::new(plan), keys: order };
            LogicalPlan::Extension(Extension { node: Arc::new(node) })
        };
    }
    let mut parts = vec![];
    for (shown, own, typed) in sent {
        parts.push(Typed::literal(ScalarValue::Utf8(Some(shown.clone())), shown));
        let column = Expr::Column(Column::new_unqualified(own));
        parts.push(Typed { expr: column, ..typed });
    }
    let row = function::scalar(resolver, "named_struct", parts)?;
    Ok(Table { plan, row: row.expr, partition_columns })
}

/// What a function's `analyze` said.
struct Analyzed {
    schema: Fields,
    pickled: Bytes,
    single_partition: bool,
    partition_by: Vec<String>,
    order_by: Vec<(String, bool, i64)>,
    select: Vec<(String, String)>,
}

fn analyze(
    resolver: &Resolver,
    function: &PythonTableFunction,
    names: &[Option<String>],
    values: &[Argument],
    settings: &WorkerSettings,
) -> Result<Analyzed> {
    let mut blobs = vec![function.command.clone()];
    let mut arguments = vec![];
    for (name, value) in names.iter().zip(values) {
        let mut told = match value {
            Argument::Table { relation, .. } => {
                json!({ "type": json::to_json(&DataType::Struct(relation.fields())).to_string(), "table": true })
            }
            Argument::Value(typed) => {
                // The units of intervals are metadata of fields.
                let field = json::to_json(&DataType::Struct(Fields::from(vec![typed.field()])));
                let mut told = json!({ "type": field["fields"][0]["type"].to_string(), "table": false });
                let constant = match typed.as_literal() {
                    Some(value) => Some(value.clone()),
                    None if contains_aggregate(&typed.expr) || has_subquery(&typed.expr) => None,
                    None => evaluate_constant(&typed.expr)?,
                };
                if let Some(value) = constant {
                    told["value"] = json!(blobs.len());
                    blobs.push(one_value(&value)?);
                }
                told
            }
        };
        if let Some(name) = name {
            told["name"] = json!(name);
        }
        arguments.push(told);
    }
    let details = json!({
        "name": function.name,
        "python": function.python,
        "command": 0,
        "arguments": arguments,
        "conf": settings.conf(),
    });
    let program = Program::new("analyze_udtf", details, &blobs, false);
    let session = settings.session.clone();
    let call = async move { firesteel_python::task::call(&session, &program).await };
    let (answer, _) = resolver.ctx.source.runtime.block_on(call).map_err(failed)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let list = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let DataType::Struct(schema) = json::parse(answer["schema"].as_str().unwrap_or_default())? else {
        return Err(SparkError::internal("analyze gave no struct"));
    };
    let pickled = base64::engine::general_purpose::STANDARD
        .decode(answer["pickled"].as_str().unwrap_or_default())
        .map_err(|error| SparkError::internal(error.to_string()))?;
    Ok(Analyzed {
        schema,
        pickled: pickled.into(),
        single_partition: answer["single_partition"] == json!(true),
        partition_by: list("partition_by").iter().map(text).collect(),
        order_by: list("order_by")
            .iter()
            .map(|one| (text(&one[0]), one[1] == json!(true), one[2].as_i64().unwrap_or_default()))
            .collect(),
        select: list("select").iter().map(|one| (text(&one[0]), text(&one[1]))).collect(),
    })
}

impl Analyzed {
    /// What it asks for must go together.
    fn check(&self, function: &str) -> Result<()> {
        let reason = match (self.single_partition, self.partition_by.is_empty()) {
            (true, false) => {
                "the 'with_single_partition' field cannot be assigned to true if the 'partition_by' list is non-empty"
            }
            (false, true) if !self.order_by.is_empty() => {
                "the 'order_by' field cannot be non-empty unless the 'with_single_partition' field is set to true or the \
                 'partition_by' list is non-empty"
            }
            _ => return Ok(()),
        };
        Err(SparkError::new("TABLE_VALUED_FUNCTION_REQUIRED_METADATA_INVALID")
            .with("functionName", function)
            .with("reason", reason))
    }
}

/// The user's words for a failure of `analyze`.
fn failed(error: SparkError) -> SparkError {
    let (Some(message), Some(traceback)) = (error.param("message"), error.param("traceback")) else { return error };
    if error.condition() != "PYTHON_EXCEPTION" {
        return error;
    }
    // What PySpark itself says of the call stands alone.
    let own = message.trim_start().starts_with("Failed to evaluate the user-defined table function");
    let told = if own { message.trim() } else { traceback.trim_end() };
    SparkError::new("TABLE_VALUED_FUNCTION_FAILED_TO_ANALYZE_IN_PYTHON").with("msg", told)
}

/// A constant as an Arrow stream of one row.
fn one_value(value: &ScalarValue) -> Result<Bytes> {
    let array = value.to_array().planned()?;
    let schema = Arc::new(Schema::new(vec![Field::new("value", array.data_type().clone(), true)]));
    let stream = RecordBatch::try_new(Arc::clone(&schema), vec![array]).and_then(|batch| {
        let mut stream = firesteel_python::encode::Batches::new(&schema)?;
        let mut bytes = vec![];
        for buffer in stream.batch(&batch)?.into_iter().chain(stream.finish()?) {
            bytes.extend_from_slice(buffer.as_slice());
        }
        Ok(Bytes::from(bytes))
    });
    stream.map_err(firesteel_functions::kernel::from_arrow)
}
