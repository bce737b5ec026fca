//! ANALYZE TABLE: sizes, counts of rows, what columns hold.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Int64Type};
use firesteel_plan::sql::build;
use firesteel_plan::sql::command::PartitionSpec;
use firesteel_protocol::connect::{self as pb, relation::RelType};
use firesteel_protocol::types::{name, proto};
use firesteel_protocol::{Result, SparkError};

use super::partition;
use crate::catalog::table::{Partition, Statistics, Table};
use crate::catalog::{Found, Search, quote_parts, resolve};
use crate::{OperationHandle, Session};

/// What ANALYZE TABLE was asked for.
#[derive(Debug, Clone)]
pub struct Analyze {
    pub partition: PartitionSpec,
    pub noscan: bool,
    /// Some of no names: all columns.
    pub columns: Option<Vec<String>>,
}

/// ANALYZE TABLE.
pub async fn table(session: &Session, parts: &[String], analyze: Analyze) -> Result<()> {
    let table = match session.find(parts, Search::Session)?.1 {
        Found::Table(table) if !table.is_view() => table,
        Found::Temp(_) => {
            return Err(SparkError::new("EXPECT_PERMANENT_VIEW_NOT_TEMP")
                .with("viewName", quote_parts(parts))
                .with("operation", "ANALYZE TABLE"));
        }
        _ => return Err(SparkError::new("UNSUPPORTED_FEATURE.ANALYZE_VIEW")),
    };
    if !analyze.partition.is_empty() {
        return partitions(session, &table, &analyze).await;
    }
    let size_bytes = size(session, &table)?;
    let known = table.statistics.clone();
    let statistics = match &analyze.columns {
        Some(names) => {
            let columns = chosen(&table, names)?;
            let (rows, found) = of_columns(session, &table, &columns).await?;
            let mut all = known.map(|known| known.columns).unwrap_or_default();
            all.extend(found);
            Statistics { size_bytes, rows: Some(rows), columns: all }
        }
        None if analyze.noscan => {
            // A count is kept while the size says that nothing changed.
            let same = known.filter(|known| known.size_bytes == size_bytes);
            Statistics { size_bytes, ..same.unwrap_or_default() }
        }
        None => {
            let rows = count(session, source(&table)).await?;
            Statistics { size_bytes, rows: Some(rows), columns: known.map(|known| known.columns).unwrap_or_default() }
        }
    };
    session.store()?.update_table(&Table { statistics: Some(statistics), ..table.as_ref().clone() })
}

/// ANALYZE TABLES.
pub async fn tables(session: &Session, database: Option<&[String]>, noscan: bool) -> Result<()> {
    let database = match database {
        Some(parts) => session.database_of(parts)?.name,
        None => session.views.current_database(),
    };
    for own in session.store()?.tables(&database)? {
        if !own.is_view() {
            let analyze = Analyze { partition: vec![], noscan, columns: None };
            table(session, &[own.database.clone(), own.name.clone()], analyze).await?;
        }
    }
    Ok(())
}

fn source(table: &Table) -> pb::Relation {
    resolve::named(&quote_parts(&[table.database.clone(), table.name.clone()]))
}

async fn partitions(session: &Session, table: &Arc<Table>, analyze: &Analyze) -> Result<()> {
    let wanted = partition::values(session, table, &analyze.partition).await?;
    // The columns with values must be the first ones.
    let valued: Vec<&str> =
        wanted.iter().filter(|(_, value)| value.is_some()).map(|(column, _)| column.as_str()).collect();
    if !table.partition_columns.iter().map(String::as_str).take(valued.len()).eq(valued.iter().copied()) {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1237")
            .with("table", &table.name)
            .with("database", &table.database)
            .with("schemaColumns", table.partition_columns.join(","))
            .with("specColumns", valued.join(",")));
    }
    let store = session.store()?;
    let mut changed = vec![];
    for own in store.partitions(table)?.iter().filter(|own| partition::fits(own, &wanted)) {
        let mut statistics =
            Statistics { size_bytes: folder_size(&own.folder(&table.location)), ..Statistics::default() };
        if !analyze.noscan {
            let one = Table { location: own.folder(&table.location), ..table.as_ref().clone() };
            statistics.rows = Some(count_files(session, &one).await?);
        }
        changed.push(Partition { statistics: Some(statistics), ..own.clone() });
    }
    let fixed: Vec<String> = wanted
        .iter()
        .filter_map(|(column, value)| {
            let value = value.clone()?.unwrap_or_else(|| "null".into());
            Some(format!("{} = {value}", name::quote(column)))
        })
        .collect();
    if changed.is_empty() && fixed.len() == table.partition_columns.len() {
        return Err(SparkError::new("PARTITIONS_NOT_FOUND")
            .with("partitionList", format!("PARTITION ({})", fixed.join(", ")))
            .with("tableName", table.quoted_short()));
    }
    store.put_partitions(table, &changed)
}

/// Rows in the files of a folder.
async fn count_files(session: &Session, table: &Table) -> Result<u64> {
    let data = table.columns.iter().filter(|field| !table.is_partition_column(field.name())).cloned().collect();
    let source = pb::read::DataSource {
        format: Some(table.format.clone()),
        schema: Some(name::ddl(&data)),
        options: table.options.clone().into_iter().collect(),
        paths: vec![table.location.clone()],
        ..Default::default()
    };
    let read = pb::Read { is_streaming: false, read_type: Some(pb::read::ReadType::DataSource(source)) };
    count(session, build::rel(RelType::Read(read))).await
}

fn size(session: &Session, table: &Table) -> Result<u64> {
    if table.partition_columns.is_empty() {
        return Ok(folder_size(&table.location));
    }
    Ok(session.store()?.partitions(table)?.iter().map(|own| folder_size(&own.folder(&table.location))).sum())
}

/// Bytes of the files in a folder, hidden ones left out.
fn folder_size(folder: &str) -> u64 {
    fn walk(folder: &Path) -> u64 {
        let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
        let visible = entries.flatten().filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            !name.starts_with(['.', '_'])
        });
        visible
            .map(|entry| match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => walk(&entry.path()),
                Ok(metadata) => metadata.len(),
                Err(_) => 0,
            })
            .sum()
    }
    walk(Path::new(folder))
}

fn chosen(table: &Table, names: &[String]) -> Result<Vec<Field>> {
    // ALL COLUMNS are the columns.
    let all: Vec<String>;
    let names = if names.is_empty() {
        all = table.columns.iter().map(|field| field.name().clone()).collect();
        all.as_slice()
    } else {
        names
    };
    let one = |given: &String| {
        let found = table.columns.iter().find(|field| field.name().eq_ignore_ascii_case(given));
        let field = found.ok_or_else(|| {
            SparkError::new("COLUMN_NOT_FOUND")
                .with("colName", name::quote(given))
                .with("caseSensitiveConfig", "\"spark.sql.caseSensitive\"")
        })?;
        if !is_counted(field) {
            return Err(SparkError::new("UNSUPPORTED_FEATURE.ANALYZE_UNSUPPORTED_COLUMN_TYPE")
                .with("columnType", format!("\"{}\"", name::sql(field.data_type())))
                .with("columnName", name::quote(field.name()))
                .with("tableName", table.quoted()));
        }
        Ok(field.as_ref().clone())
    };
    names.iter().map(one).collect()
}

fn is_counted(field: &Field) -> bool {
    !field.data_type().is_nested() && !matches!(field.data_type(), DataType::Interval(_) | DataType::Duration(_))
}

/// Whether least and greatest values are kept.
fn has_bounds(data_type: &DataType) -> bool {
    !matches!(data_type, DataType::Utf8 | DataType::Binary)
}

async fn aggregate(session: &Session, input: pb::Relation, list: Vec<pb::Expression>) -> Result<Vec<ArrayRef>> {
    let aggregate = pb::Aggregate {
        input: Some(Box::new(input)),
        group_type: pb::aggregate::GroupType::Groupby.into(),
        aggregate_expressions: list,
        ..Default::default()
    };
    let planned = session.plan(build::rel(RelType::Aggregate(Box::new(aggregate)))).await?;
    let (_, batches) = session.collect(planned, OperationHandle::default()).await?;
    match batches.into_iter().find(|batch| batch.num_rows() > 0) {
        Some(batch) => Ok(batch.columns().to_vec()),
        None => Err(SparkError::internal("an aggregate without rows")),
    }
}

fn number(array: &ArrayRef) -> u64 {
    let numbers = array.as_primitive_opt::<Int64Type>();
    numbers.filter(|own| !own.is_null(0)).map_or(0, |own| own.value(0).unsigned_abs())
}

fn text(array: &ArrayRef) -> Option<String> {
    array.as_string_opt::<i32>().filter(|own| !own.is_null(0)).map(|own| own.value(0).to_string())
}

async fn count(session: &Session, input: pb::Relation) -> Result<u64> {
    let found = aggregate(session, input, vec![build::call("count", vec![build::int(1)])]).await?;
    Ok(found.first().map_or(0, number))
}

/// How Spark counts the bytes of a value of a fixed size.
fn width(data_type: &DataType) -> u64 {
    match data_type {
        DataType::Boolean | DataType::Int8 => 1,
        DataType::Int16 => 2,
        DataType::Int32 | DataType::Float32 | DataType::Date32 => 4,
        DataType::Decimal128(precision, _) if *precision > 18 => 16,
        _ => 8,
    }
}

/// The count of rows, and for each column its facts under Spark's names.
async fn of_columns(
    session: &Session,
    table: &Table,
    columns: &[Field],
) -> Result<(u64, BTreeMap<String, BTreeMap<String, String>>)> {
    let string = |expression| build::cast(expression, proto::encode(&DataType::Utf8), false);
    let mut list = vec![build::call("count", vec![build::int(1)])];
    for field in columns {
        let column = || build::attribute(&[field.name().clone()]);
        let length = || match field.data_type() {
            DataType::Utf8 => build::call("octet_length", vec![column()]),
            _ => build::call("octet_length", vec![string(column())]),
        };
        list.push(build::call("count", vec![column()]));
        list.push(build::call("approx_count_distinct", vec![column()]));
        for bound in ["min", "max"] {
            list.push(string(build::call(bound, vec![column()])));
        }
        list.push(string(build::call("ceil", vec![build::call("avg", vec![length()])])));
        list.push(string(build::call("max", vec![length()])));
    }
    let found = aggregate(session, source(table), list).await?;
    let rows = found.first().map_or(0, number);
    let mut all = BTreeMap::new();
    for (field, facts) in columns.iter().zip(found[1..].chunks(6)) {
        let [present, distinct, min, max, average, longest] = facts else { continue };
        let mut own = BTreeMap::new();
        let present = number(present);
        // An estimate may exceed the count.
        own.insert("distinct_count".to_string(), number(distinct).min(present).to_string());
        own.insert("num_nulls".into(), (rows - present.min(rows)).to_string());
        if has_bounds(field.data_type()) {
            for (key, value) in [("min", text(min)), ("max", text(max))] {
                own.extend(value.map(|value| (key.to_string(), value)));
            }
        }
        let fixed = !matches!(field.data_type(), DataType::Utf8 | DataType::Binary);
        let size = |measured: Option<String>| match fixed {
            true => width(field.data_type()).to_string(),
            false => measured.unwrap_or_else(|| "0".into()),
        };
        own.insert("avg_col_len".into(), size(text(average)));
        own.insert("max_col_len".into(), size(text(longest)));
        all.insert(field.name().clone(), own);
    }
    Ok((rows, all))
}
