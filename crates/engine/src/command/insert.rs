//! INSERT, `insertInto`: a query's rows as rows of a table.
//!
//! Here each column of the table gets its expression: a value of PARTITION, a column of the query by position or name,
//! or its default. `write` stores the rows, [`super::partition`] knows what the catalog is told of partitions.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use firesteel_functions::coerce::{can_store_assign, can_up_cast};
use firesteel_plan::expression::walk;
use firesteel_plan::sql::build;
use firesteel_plan::sql::command::PartitionSpec;
use firesteel_protocol::connect::{self as pb, expression::ExprType, relation::RelType};
use firesteel_protocol::extension::RelationKind;
use firesteel_protocol::types::{IntervalRange, name};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::sink::{SaveMode, WriteRequest};

use super::write::{self, Store};
use super::{column, partition};
use crate::catalog::table::{Partition, Table};
use crate::catalog::{Search, hive};
use crate::{OperationHandle, Session};

/// How the query's columns find the table's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    Position,
    /// `INSERT .. BY NAME`, `df.writeTo(t).append()`.
    Name,
    /// `INSERT INTO t (a, b)`.
    Listed(Vec<String>),
}

/// An INSERT besides its query.
#[derive(Debug, Clone)]
pub struct Insert {
    pub table: Vec<String>,
    pub overwrite: bool,
    pub partition: PartitionSpec,
    pub if_partition_not_exists: bool,
    pub columns: Columns,
    /// Options of the writer, over the table's.
    pub options: Vec<(String, String)>,
}

/// Runs an INSERT.
pub async fn run(session: &Session, insert: Insert, query: pb::Relation, operation: OperationHandle) -> Result<()> {
    let table = session.find_table(&insert.table, Search::Everywhere, "INSERT")?;
    let spec = partition::values(session, &table, &insert.partition).await?;
    check_order(&table, &spec)?;
    if !spec.is_empty() && spec.len() < table.partition_columns.len() {
        let given: Vec<&str> = spec.iter().map(|(own, _)| own.as_str()).collect();
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1169")
            .with("tableName", table.quoted())
            .with("normalizedPartSpec", given.join(","))
            .with("partColNames", table.partition_columns.join(",")));
    }
    if insert.if_partition_not_exists {
        let folder = partition::folder(&table, &spec);
        if session.store()?.partitions(&table)?.iter().any(|own| own.spec == folder) {
            return Ok(());
        }
    }
    let query = with_defaults(session, &table, &spec, &insert.columns, query)?;
    let fields = session.fields(query.clone()).await?;
    let rows = shaped(session, &table, &spec, &insert.columns, query, &fields)?;
    let sources = targets(&table, &spec, &insert.columns)?;
    let stored = store(session, &table, rows, &spec, insert.overwrite, &insert.options, operation).await;
    stored.map_err(|error| out_of_range(&sources, &fields, error))
}

/// Fixed partition columns come before those that the query decides.
fn check_order(table: &Table, spec: &[(String, Option<Option<String>>)]) -> Result<()> {
    let is_fixed = |column: &String| spec.iter().any(|(own, value)| own == column && value.is_some());
    let first_free = table.partition_columns.iter().position(|column| !is_fixed(column));
    let last_fixed = table.partition_columns.iter().rposition(is_fixed);
    match (first_free, last_fixed) {
        (Some(free), Some(fixed)) if free < fixed => Err(SparkError::new("_LEGACY_ERROR_TEMP_1147")
            .with("partColumns", format!("[{}]", table.partition_columns.join(",")))),
        _ => Ok(()),
    }
}

fn list(fields: &Fields) -> String {
    fields.iter().map(|field| name::quote(field.name())).collect::<Vec<_>>().join(", ")
}

/// Columns of the table that the query gives, in the query's order.
fn targets(table: &Table, spec: &[(String, Option<Option<String>>)], columns: &Columns) -> Result<Vec<FieldRef>> {
    let fixed =
        |field: &FieldRef| spec.iter().any(|(own, value)| own.eq_ignore_ascii_case(field.name()) && value.is_some());
    let Columns::Listed(names) = columns else {
        return Ok(table.columns.iter().filter(|field| !fixed(field)).cloned().collect());
    };
    let mut found: Vec<FieldRef> = vec![];
    for given in names {
        let exact = table.columns.iter().find(|field| field.name() == given);
        let alike = || table.columns.iter().find(|field| field.name().eq_ignore_ascii_case(given));
        let Some(field) = exact.or_else(alike) else {
            return Err(SparkError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION")
                .with("objectName", name::quote(given))
                .with("proposal", list(&table.columns)));
        };
        if found.iter().any(|own| own.name() == field.name()) {
            return Err(SparkError::new("COLUMN_ALREADY_EXISTS").with("columnName", name::quote(&given.to_lowercase())));
        }
        found.push(Arc::clone(field));
    }
    Ok(found)
}

/// `DEFAULT` in VALUES and in a select list as the default of its column.
fn with_defaults(
    session: &Session,
    table: &Table,
    spec: &[(String, Option<Option<String>>)],
    columns: &Columns,
    mut query: pb::Relation,
) -> Result<pb::Relation> {
    let is_default = |expression: &pb::Expression| match &expression.expr_type {
        Some(ExprType::UnresolvedAttribute(name)) => name.unparsed_identifier.eq_ignore_ascii_case("default"),
        _ => false,
    };
    let targets = targets(table, spec, columns)?;
    let fill = |expressions: &mut Vec<pb::Expression>| -> Result<()> {
        for (expression, field) in expressions.iter_mut().zip(&targets) {
            if is_default(expression) {
                *expression = column::default_expression(session, field)?;
            }
            if !walk::find(expression, &is_default).is_empty() {
                return Err(SparkError::new("DEFAULT_PLACEMENT_INVALID"));
            }
        }
        Ok(())
    };
    match query.rel_type.as_mut() {
        Some(RelType::Project(project)) => fill(&mut project.expressions)?,
        Some(RelType::Extension(any)) => {
            if let Some(RelationKind::Values(mut values)) = RelationKind::from_any(any) {
                let has_default = |one: &pb::Expression| !walk::find(one, &is_default).is_empty();
                if values.rows.iter().any(|row| row.values.iter().any(has_default)) {
                    values.rows.iter_mut().try_for_each(|row| fill(&mut row.values))?;
                    query.rel_type = RelationKind::Values(values).into_relation().rel_type;
                }
            }
        }
        _ => {}
    }
    Ok(query)
}

/// The query's rows under the table's names and types, partition columns last.
fn shaped(
    session: &Session,
    table: &Table,
    spec: &[(String, Option<Option<String>>)],
    columns: &Columns,
    query: pb::Relation,
    fields: &Fields,
) -> Result<pb::Relation> {
    let targets = targets(table, spec, columns)?;
    let sources = match columns {
        Columns::Name => by_name(table, &targets, fields)?,
        _ => by_position(table, spec, columns, &targets, fields)?,
    };
    let inner: Vec<String> = (0..fields.len()).map(|at| format!("__column_{at}")).collect();
    let mut list = vec![];
    for field in &table.columns {
        let source = sources.iter().position(|source| source.as_deref() == Some(field.name().as_str()));
        let fixed = spec.iter().find(|(own, value)| own.eq_ignore_ascii_case(field.name()) && value.is_some());
        let value = match (source, fixed) {
            (Some(at), _) => {
                let value = build::attribute(std::slice::from_ref(&inner[at]));
                let source = fields[at].data_type();
                let path = name::quote(field.name());
                let (value, source) = match columns {
                    Columns::Name => arranged(table, value, source, field.data_type(), &path)?,
                    _ => (value, source.clone()),
                };
                let own = fields[at].as_ref().clone().with_data_type(source);
                assignable(table, &own, field, session)?;
                value
            }
            (None, Some((_, Some(Some(text))))) => build::text(text.clone()),
            (None, Some(_)) => column::null(),
            (None, None) => column::default_expression(session, field)?,
        };
        list.push(build::alias(column::stored(session, value, field), vec![field.name().clone()]));
    }
    let renamed = pb::ToDf { input: Some(Box::new(query)), column_names: inner };
    let input = Some(Box::new(build::rel(RelType::ToDf(Box::new(renamed)))));
    Ok(build::rel(RelType::Project(Box::new(pb::Project { input, expressions: list }))))
}

/// For each column of the query the column of the table it goes to.
fn by_position(
    table: &Table,
    spec: &[(String, Option<Option<String>>)],
    columns: &Columns,
    targets: &[FieldRef],
    fields: &Fields,
) -> Result<Vec<Option<String>>> {
    if fields.len() == targets.len() {
        return Ok(targets.iter().map(|field| Some(field.name().clone())).collect());
    }
    let quoted = |names: &[String]| names.iter().map(|name| name::quote(name)).collect::<Vec<_>>().join(", ");
    let fixed: Vec<String> =
        spec.iter().filter(|(_, value)| value.is_some()).map(|(column, _)| column.clone()).collect();
    if !fixed.is_empty() && table.storage.is_none() {
        return Err(SparkError::new("INSERT_PARTITION_COLUMN_ARITY_MISMATCH")
            .with("tableName", table.quoted())
            .with("tableColumns", list(&table.columns))
            .with("dataColumns", list(fields))
            .with("staticPartCols", quoted(&fixed)));
    }
    let kind = if fields.len() > targets.len() {
        "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"
    } else {
        "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS"
    };
    let table_columns = match columns {
        Columns::Listed(names) => quoted(names),
        _ if !fixed.is_empty() => list(&targets.iter().cloned().collect()),
        _ => list(&table.columns),
    };
    Err(SparkError::new(kind)
        .with("tableName", table.quoted())
        .with("tableColumns", table_columns)
        .with("dataColumns", list(fields)))
}

fn by_name(table: &Table, targets: &[FieldRef], fields: &Fields) -> Result<Vec<Option<String>>> {
    let mut seen: Vec<String> = vec![];
    for field in fields {
        let lower = field.name().to_lowercase();
        if seen.contains(&lower) {
            return Err(SparkError::new("INCOMPATIBLE_DATA_FOR_TABLE.AMBIGUOUS_COLUMN_NAME")
                .with("tableName", table.quoted())
                .with("colName", name::quote(field.name())));
        }
        seen.push(lower);
    }
    let found: Vec<Option<String>> = fields
        .iter()
        .map(|field| {
            targets.iter().find(|own| own.name().eq_ignore_ascii_case(field.name())).map(|own| own.name().clone())
        })
        .collect();
    let extra: Vec<String> = fields
        .iter()
        .zip(&found)
        .filter(|(_, found)| found.is_none())
        .map(|(field, _)| name::quote(field.name()))
        .collect();
    if !extra.is_empty() {
        return Err(SparkError::new("INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_COLUMNS")
            .with("tableName", table.quoted())
            .with("extraColumns", extra.join(", ")));
    }
    Ok(found)
}

/// A value whose structs have the fields of the table's by name, and its type.
fn arranged(
    table: &Table,
    value: pb::Expression,
    from: &DataType,
    to: &DataType,
    path: &str,
) -> Result<(pb::Expression, DataType)> {
    let (DataType::Struct(own), DataType::Struct(wanted)) = (from, to) else { return Ok((value, from.clone())) };
    let same = |a: &FieldRef, b: &FieldRef| a.name().eq_ignore_ascii_case(b.name());
    let incompatible = |kind: &str| SparkError::new(kind).with("tableName", table.quoted());
    let (mut list, mut fields) = (vec![], vec![]);
    for field in wanted {
        let path = format!("{path}.{}", name::quote(field.name()));
        let Some(source) = own.iter().find(|own| same(own, field)) else {
            return Err(incompatible("INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_FIND_DATA").with("colName", path));
        };
        let part = build::extract(value.clone(), build::text(source.name()));
        let (part, data_type) = arranged(table, part, source.data_type(), field.data_type(), &path)?;
        list.extend([build::text(field.name()), part]);
        fields.push(source.as_ref().clone().with_name(field.name()).with_data_type(data_type));
    }
    let extra = own.iter().filter(|own| !wanted.iter().any(|field| same(own, field)));
    let extra: Vec<String> = extra.map(|own| name::quote(own.name())).collect();
    if !extra.is_empty() {
        return Err(incompatible("INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_STRUCT_FIELDS")
            .with("colName", path)
            .with("extraFields", extra.join(", ")));
    }
    if own.iter().zip(wanted).all(|(own, field)| same(own, field))
        && fields.iter().zip(own).all(|(a, b)| a == b.as_ref())
    {
        return Ok((value, from.clone()));
    }
    let made = build::call("named_struct", list);
    let none = build::call("isnull", vec![value]);
    Ok((build::call("if", vec![none, column::null(), made]), DataType::Struct(fields.into())))
}

/// `INCOMPATIBLE_DATA_FOR_TABLE.*` for a struct that has more fields than the table's, or fewer.
fn another_size(table: &Table, path: &str, from: &DataType, to: &DataType) -> Option<SparkError> {
    match (from, to) {
        (DataType::Struct(own), DataType::Struct(wanted)) if own.len() != wanted.len() => {
            let names = |fields: &[FieldRef]| {
                fields.iter().map(|field| name::quote(field.name())).collect::<Vec<_>>().join(", ")
            };
            let (kind, key, names) = if own.len() > wanted.len() {
                ("INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_STRUCT_FIELDS", "extraFields", names(&own[wanted.len()..]))
            } else {
                ("INCOMPATIBLE_DATA_FOR_TABLE.STRUCT_MISSING_FIELDS", "missingFields", names(&wanted[own.len()..]))
            };
            Some(SparkError::new(kind).with("tableName", table.quoted()).with("colName", path).with(key, names))
        }
        (DataType::Struct(own), DataType::Struct(wanted)) => own.iter().zip(wanted).find_map(|(own, field)| {
            let path = format!("{path}.{}", name::quote(field.name()));
            another_size(table, &path, own.data_type(), field.data_type())
        }),
        (DataType::List(own), DataType::List(wanted)) => {
            another_size(table, &format!("{path}.`element`"), own.data_type(), wanted.data_type())
        }
        _ => None,
    }
}

/// Spark's store assignment: what is no safe cast is refused before anything runs, STRICT also what may lose something.
fn assignable(table: &Table, from: &Field, to: &Field, session: &Session) -> Result<()> {
    let policy = session.conf().lookup("spark.sql.storeAssignmentPolicy").unwrap_or_else(|| "ANSI".into());
    if policy.eq_ignore_ascii_case("LEGACY") {
        return Ok(());
    }
    let fits: fn(&DataType, &DataType) -> bool =
        if policy.eq_ignore_ascii_case("STRICT") { can_up_cast } else { can_store_assign };
    let to = nullable(to);
    let same_units = match (IntervalRange::of_field(from), IntervalRange::of_field(&to)) {
        (Some(own), Some(wanted)) => own == wanted,
        _ => true,
    };
    if fits(from.data_type(), to.data_type()) && same_units {
        return Ok(());
    }
    if let Some(error) = another_size(table, &name::quote(to.name()), from.data_type(), to.data_type()) {
        return Err(error);
    }
    let quoted = |own: String| format!("\"{}\"", own.to_uppercase());
    let (path, inner, wanted) = misfit(name::quote(to.name()), from.data_type(), to.data_type(), fits);
    let whole = &inner == from.data_type() && &wanted == to.data_type();
    let (inner, wanted) = match whole {
        true => (name::simple_of_field(from), name::simple_of_field(&to)),
        false => (name::simple(&inner), name::simple(&wanted)),
    };
    Err(SparkError::new("INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST")
        .with("tableName", table.quoted())
        .with("colName", path)
        .with("srcType", quoted(inner))
        .with("targetType", quoted(wanted)))
}

/// The innermost part that does not fit, and what it is called.
fn misfit(
    path: String,
    from: &DataType,
    to: &DataType,
    fits: fn(&DataType, &DataType) -> bool,
) -> (String, DataType, DataType) {
    match (from, to) {
        (DataType::List(a), DataType::List(b)) if !fits(a.data_type(), b.data_type()) => {
            misfit(format!("{path}.`element`"), a.data_type(), b.data_type(), fits)
        }
        (DataType::Struct(a), DataType::Struct(b)) if a.len() == b.len() => {
            let wrong = a.iter().zip(b).find(|(a, b)| !fits(a.data_type(), b.data_type()));
            match wrong {
                Some((a, b)) => misfit(format!("{path}.{}", name::quote(b.name())), a.data_type(), b.data_type(), fits),
                None => (path, from.clone(), to.clone()),
            }
        }
        _ => (path, from.clone(), to.clone()),
    }
}

fn nullable(field: &Field) -> Field {
    firesteel_plan::relation::to_schema::all_nullable(field)
}

/// Writes rows that have the table's columns.
pub async fn store(
    session: &Session,
    table: &Arc<Table>,
    rows: pb::Relation,
    spec: &[(String, Option<Option<String>>)],
    overwrite: bool,
    options: &[(String, String)],
    operation: OperationHandle,
) -> Result<()> {
    session.settle(table)?;
    let fixed: Vec<(String, Option<String>)> =
        spec.iter().filter_map(|(column, value)| Some((column.clone(), value.clone()?))).collect();
    let all_fixed = !table.partition_columns.is_empty() && fixed.len() == table.partition_columns.len();
    let mut own = table.source_options();
    for (key, value) in options {
        own.set(key, value);
    }
    if table.is_written_by_hive() {
        hive::check_dynamic(session, fixed.len(), table.partition_columns.len())?;
    }
    if table.storage.is_some() {
        // Hive replaces the partitions that it writes, no others.
        own.set("partitionOverwriteMode", "DYNAMIC");
    }
    if all_fixed {
        // One partition is named: it is replaced even if no row comes.
        own.set("partitionOverwriteMode", "STATIC");
    }
    let mut request = WriteRequest {
        format: Some(table.format.clone()),
        mode: if overwrite { SaveMode::Overwrite } else { SaveMode::Append },
        options: own,
        path: table.location.clone(),
        partition_by: table.partition_columns.clone(),
        static_partitions: fixed,
        ..Default::default()
    };
    let mut rows = rows;
    let partitions =
        if table.partition_columns.is_empty() { Arc::default() } else { session.store()?.partitions(table)? };
    if partitions.iter().any(|partition| partition.location.is_some()) {
        let folder = partition::folder(table, spec);
        let elsewhere = |partition: &&Partition| partition.location.is_some();
        match partitions.iter().filter(elsewhere).find(|partition| all_fixed && partition.spec == folder) {
            Some(partition) => {
                // The folder holds this partition only: nothing below it is named after values.
                request.path = partition.folder(&table.location);
                request.partition_by.clear();
                request.static_partitions.clear();
                rows = column::without(rows, &table.partition_columns);
            }
            None if all_fixed => {}
            None => {
                return Err(SparkError::unsupported(
                    "INSERT into several partitions of a table of which one lies elsewhere",
                    "Name one partition: INSERT INTO t PARTITION (p = 1).",
                ));
            }
        }
    }
    let target = Store::Table(Arc::clone(table));
    write::save(session, request, rows, target, operation).await.map_err(|error| overflow(table, error))
}

/// A decimal that its column cannot hold is named by the column.
fn out_of_range(targets: &[FieldRef], fields: &Fields, error: SparkError) -> SparkError {
    if error.condition() != "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION" {
        return error;
    }
    let (Some(precision), Some(scale)) = (error.param("precision"), error.param("scale")) else { return error };
    let wanted = format!("DECIMAL({precision},{scale})");
    let found = targets.iter().zip(fields).find(|(target, _)| name::sql(target.data_type()) == wanted);
    let Some((target, source)) = found else { return error };
    SparkError::new("CAST_OVERFLOW_IN_TABLE_INSERT")
        .with("sourceType", format!("\"{}\"", name::sql(source.data_type())))
        .with("targetType", format!("\"{wanted}\""))
        .with("columnName", name::quote(target.name()))
}

/// A number that its column cannot hold is named by the column.
fn overflow(table: &Table, error: SparkError) -> SparkError {
    if error.condition() != "CAST_OVERFLOW" {
        return error;
    }
    let (Some(from), Some(to)) = (error.param("sourceType"), error.param("targetType")) else { return error };
    let fits = |field: &&FieldRef| format!("\"{}\"", name::sql(field.data_type())) == to;
    let Some(column) = table.columns.iter().find(fits) else { return error };
    SparkError::new("CAST_OVERFLOW_IN_TABLE_INSERT")
        .with("sourceType", from)
        .with("targetType", to)
        .with("columnName", name::quote(column.name()))
}
