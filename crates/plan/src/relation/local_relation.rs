//! Rows that the client sends, VALUES, and rows that the session keeps.

use std::io::Cursor;
use std::sync::Arc;

use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::TableProvider;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use firesteel_functions::coerce::{implicit_cast, plain_common_type};
use firesteel_functions::{Typed, units};
use firesteel_protocol::connect as pb;
use firesteel_protocol::extension::Values;
use firesteel_protocol::types::{IntervalRange, canonical_field, collation, ddl};
use firesteel_protocol::{Result, SparkError};

use super::{Relation, node, project, to_schema};
use crate::attribute::next_id;
use crate::context::Stored;
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

/// A `LocalRelation`: Arrow IPC and perhaps a schema that its columns shall have.
pub fn resolve(resolver: &Resolver, local: &pb::LocalRelation) -> Result<Relation> {
    let schema = local.schema.as_deref().filter(|text| !text.trim().is_empty()).map(ddl::parse_schema).transpose()?;
    match &local.data {
        Some(data) => rows(resolver, &[data], schema),
        None => {
            let fields = schema.ok_or_else(|| SparkError::internal("a local relation with neither rows nor schema"))?;
            let schema = Arc::new(Schema::new(fields));
            batches(schema, vec![])
        }
    }
}

/// A local relation that was uploaded before.
pub fn cached(resolver: &Resolver, hash: &str) -> Result<Relation> {
    use prost::Message;
    let blob = resolver.ctx.catalog.cached_blob(hash)?;
    let local = pb::LocalRelation::decode(blob).map_err(|e| SparkError::internal(e.to_string()))?;
    resolve(resolver, &local)
}

/// A local relation uploaded in pieces, each a whole IPC stream.
pub fn chunked(resolver: &Resolver, message: &pb::ChunkedCachedLocalRelation) -> Result<Relation> {
    let catalog = &resolver.ctx.catalog;
    let blobs = message.data_hashes.iter().map(|hash| catalog.cached_blob(hash)).collect::<Result<Vec<_>>>()?;
    let schema = match &message.schema_hash {
        Some(hash) => {
            let text = catalog.cached_blob(hash)?;
            let text = String::from_utf8(text.to_vec()).map_err(|e| SparkError::internal(e.to_string()))?;
            Some(ddl::parse_schema(&text)?)
        }
        None => None,
    };
    let data: Vec<&[u8]> = blobs.iter().map(|blob| blob.as_ref()).collect();
    if data.is_empty() {
        let fields = schema.ok_or_else(|| SparkError::internal("a local relation with neither rows nor schema"))?;
        return batches(Arc::new(Schema::new(fields)), vec![]);
    }
    rows(resolver, &data, schema)
}

fn rows<D: AsRef<[u8]>>(resolver: &Resolver, data: &[D], schema: Option<Fields>) -> Result<Relation> {
    let mut all = vec![];
    let mut own: Option<SchemaRef> = None;
    for stream in data {
        let reader = StreamReader::try_new(Cursor::new(stream.as_ref()), None)
            .map_err(firesteel_functions::kernel::from_arrow)?;
        own.get_or_insert_with(|| reader.schema());
        for batch in reader {
            all.push(batch.map_err(firesteel_functions::kernel::from_arrow)?);
        }
    }
    let own = own.ok_or_else(|| SparkError::internal("a local relation without rows"))?;
    let relation = partitions(&own, &dealt(&all, resolver.ctx.source.parallelism))?;
    match schema {
        Some(fields) => to_schema::local(relation, &fields),
        None => Ok(relation),
    }
}

/// Rows in as many partitions as tasks run at once, if there are as many rows: Spark's `LocalTableScanExec`.
fn dealt(batches: &[RecordBatch], parallelism: usize) -> Vec<Vec<RecordBatch>> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let count = parallelism.min(rows).max(1);
    let mut parts = vec![vec![]; count];
    let mut first = 0;
    for batch in batches {
        let end = first + batch.num_rows();
        for (part, taken) in parts.iter_mut().enumerate() {
            let (from, until) = (part * rows / count, (part + 1) * rows / count);
            let (from, until) = (from.max(first), until.min(end));
            if from < until {
                taken.push(batch.slice(from - first, until - from));
            }
        }
        first = end;
    }
    parts
}

/// Rows in memory, brought into Spark's types.
pub fn batches(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Relation> {
    partitions(&schema, &[batches])
}

fn partitions(schema: &SchemaRef, parts: &[Vec<RecordBatch>]) -> Result<Relation> {
    let fields: Fields = schema.fields().iter().map(canonical_field).collect();
    let attributes = project::attributes(&fields);
    // Columns of one name cannot live in one table: inside they have their unique names.
    let inner: Vec<Field> = attributes
        .iter()
        .zip(&fields)
        .map(|(a, f)| Field::new(a.column.as_ref(), f.data_type().clone(), true))
        .collect();
    let inner = Arc::new(Schema::new(inner));
    let convert = |batch: &RecordBatch| -> Result<RecordBatch> {
        let columns = batch
            .columns()
            .iter()
            .zip(inner.fields())
            .map(|(column, field)| arrow::compute::cast(column, field.data_type()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(firesteel_functions::kernel::from_arrow)?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&inner), columns, &options)
            .map_err(firesteel_functions::kernel::from_arrow)
    };
    let parts = parts.iter().map(|part| part.iter().map(convert).collect()).collect::<Result<Vec<Vec<_>>>>()?;
    let table = MemTable::try_new(Arc::clone(&inner), parts).planned()?;
    let plan = scan_plan(Arc::new(table))?;
    let exprs: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .zip(&attributes)
        .map(|(c, a)| Expr::Column(c).alias(a.column.as_ref()))
        .collect();
    let plan = node::project(plan, exprs)?;
    Ok(Relation::new(plan, attributes))
}

/// A scan of a table, columns qualified by a name that nothing else has.
pub(crate) fn scan_plan(provider: Arc<dyn TableProvider>) -> Result<datafusion::logical_expr::LogicalPlan> {
    named_scan_plan(provider, "")
}

/// [`scan_plan`], with what EXPLAIN tells of the table.
pub(crate) fn named_scan_plan(
    provider: Arc<dyn TableProvider>,
    shown: &str,
) -> Result<datafusion::logical_expr::LogicalPlan> {
    let space = if shown.is_empty() { "" } else { " " };
    let name = datafusion::common::TableReference::bare(format!("_t{}{space}{shown}", next_id()));
    LogicalPlanBuilder::scan(name, provider_as_source(provider), None).planned()?.build().planned()
}

/// Rows that the session keeps.
pub fn stored(stored: Stored) -> Result<Relation> {
    let attributes = project::attributes(stored.fields.fields());
    let plan = scan_plan(stored.provider)?;
    let exprs: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .zip(&attributes)
        .map(|(c, a)| Expr::Column(c).alias(a.column.as_ref()))
        .collect();
    let plan = node::project(plan, exprs)?;
    Ok(Relation::new(plan, attributes))
}

/// `VALUES (..), (..)`.
/// Rows of literals and casts, which Spark makes while it parses.
fn are_literals(message: &Values) -> bool {
    fn is_literal(value: &pb::Expression) -> bool {
        match &value.expr_type {
            Some(pb::expression::ExprType::Literal(_)) => true,
            Some(pb::expression::ExprType::Cast(cast)) => cast.expr.as_deref().is_some_and(is_literal),
            _ => false,
        }
    }
    message.rows.iter().flat_map(|row| &row.values).all(is_literal)
}

/// A function of chance stands in the expression; the time of the query is a constant.
fn is_random(expr: &Expr) -> bool {
    let random = |node: &Expr| match node {
        Expr::ScalarFunction(call) => {
            let name = call.func.name();
            ["rand", "uuid", "shuffle"].iter().any(|word| name.contains(word))
                && call.func.signature().volatility == datafusion::logical_expr::Volatility::Volatile
        }
        _ => false,
    };
    use datafusion::common::tree_node::TreeNode;
    expr.exists(|node| Ok(random(node))).unwrap_or(false)
}

/// `rand()` for `rand(1234)` where the query names no seed.
fn without_seed<'a>(name: &'a str, written: &pb::Expression) -> &'a str {
    let bare = match &written.expr_type {
        Some(pb::expression::ExprType::UnresolvedFunction(call)) => call.arguments.is_empty(),
        _ => false,
    };
    match name {
        _ if bare && name.starts_with("rand(") => "rand()",
        _ if bare && name.starts_with("randn(") => "randn()",
        _ => name,
    }
}

/// `VALUES (..), (..)`.
pub fn values(resolver: &Resolver, message: &Values, outer: Option<&Scope>) -> Result<Relation> {
    let nothing = project::one_row();
    let inputs = [&nothing];
    let scope = resolver.scope(&inputs, outer);
    let mut rows: Vec<Vec<Typed>> = vec![];
    for row in &message.rows {
        rows.push(
            row.values
                .iter()
                .map(|v| resolver.expression(v, &scope).map(crate::expression::unaliased))
                .collect::<Result<_>>()?,
        );
    }
    for (typed, written) in rows.iter().flatten().zip(message.rows.iter().flat_map(|row| &row.values)) {
        use crate::expression::aggregate::{contains_aggregate, contains_window};
        if contains_aggregate(&typed.expr) || contains_window(&typed.expr) || is_random(&typed.expr) {
            let error = SparkError::new("INVALID_INLINE_TABLE.CANNOT_EVALUATE_EXPRESSION_IN_INLINE_TABLE")
                .with("expr", format!("\"{}\"", without_seed(&typed.name, written)));
            return Err(resolver.at_expression(error, written));
        }
    }
    if rows.iter().flatten().any(|typed| super::subquery::has_subquery(&typed.expr)) {
        return Err(SparkError::new("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.SCALAR_SUBQUERY_IN_VALUES"));
    }
    let width = rows.first().map_or(0, Vec::len);
    if let Some(at) = rows.iter().position(|row| row.len() != width) {
        return Err(SparkError::new("INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH")
            .with("expectedNumCols", width.to_string())
            .with("actualNumCols", rows[at].len().to_string())
            .with("rowIndex", at.to_string()));
    }
    let shown = |column: usize| match message.names.get(column) {
        Some(name) => firesteel_protocol::types::name::quote(name),
        None => format!("`col{}`", column + 1),
    };
    let mut fields = vec![];
    for column in 0..width {
        let mut data_type = rows[0][column].data_type.clone();
        for row in &rows[1..] {
            data_type = plain_common_type(&data_type, &row[column].data_type, resolver.env()).ok_or_else(|| {
                let error = SparkError::new("INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE")
                    .with("colName", shown(column));
                if are_literals(message) { error.in_parser() } else { error }
            })?;
        }
        if !units::same_time_precision(rows.iter().map(|row| &row[column])) {
            return Err(SparkError::new("INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE")
                .with("colName", shown(column))
                .in_parser());
        }
        if rows.iter().any(|row| !firesteel_functions::collation::same(&row[column], &rows[0][column])) {
            return Err(SparkError::new("INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE")
                .with("colName", shown(column)));
        }
        let nullable = rows.iter().any(|row| row[column].nullable);
        let field = Field::new(format!("col{}", column + 1), data_type, nullable);
        let units = IntervalRange::full(field.data_type()).and_then(|full| {
            let own = rows.iter().filter_map(|row| units::of_args(std::slice::from_ref(&row[column]), full));
            own.reduce(IntervalRange::union)
        });
        let collated = rows.iter().map(|row| collation::of(&row[column].metadata));
        let mut metadata = field.metadata().clone();
        collation::record(collated.clone().next().unwrap_or(collation::BINARY), &mut metadata);
        let field = field.with_metadata(metadata);
        fields.push(match units {
            Some(units) => units.on(field),
            None => field,
        });
    }
    let attributes = project::attributes(&Fields::from(fields));
    let mut exprs: Vec<Vec<Expr>> = vec![];
    for row in rows {
        let cast = |(typed, attribute): (Typed, &Attribute)| -> Result<Expr> {
            let typed = implicit_cast(typed, attribute.data_type(), resolver.env())
                .ok_or_else(|| SparkError::internal("a common type that cannot be cast to"))?;
            // Constants become values at once, so that ten thousand rows plan quickly.
            let failed = |error: SparkError| match error.condition() {
                "UNSUPPORTED_FEATURE.FIRESTEEL" | "INTERNAL_ERROR" => error,
                _ => {
                    let error = SparkError::new("INVALID_INLINE_TABLE.FAILED_SQL_EXPRESSION_EVALUATION")
                        .with("sqlExpr", format!("\"{}\"", typed.name));
                    if are_literals(message) { error.in_parser() } else { error }
                }
            };
            Ok(match crate::expression::select::evaluate_constant(&typed.expr).map_err(failed)? {
                Some(value) => Expr::Literal(value, None),
                None => typed.expr,
            })
        };
        exprs.push(row.into_iter().zip(&attributes).map(cast).collect::<Result<_>>()?);
    }
    let plan = LogicalPlanBuilder::values(exprs).planned()?.build().planned()?;
    let names: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .zip(&attributes)
        .map(|(c, a)| Expr::Column(c).alias(a.column.as_ref()))
        .collect();
    let plan = node::project(plan, names)?;
    Ok(Relation::new(plan, attributes))
}
