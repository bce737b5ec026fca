//! Tables of other databases: format `jdbc`.
//!
//! Without a JVM there are no JDBC drivers: a database is reached through a Rust library, in a folder of
//! its own that implements [`database::Database`]. So far there is [`sqlite`]. Options, partitions,
//! filters and the scan are the same for all; what a user sees (types, texts of errors) is what Spark and
//! the database's usual JDBC driver show.

mod database;
mod error;
mod filter;
mod number;
mod options;
mod partition;
mod scan;
mod sqlite;

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use firesteel_functions::kernel::from_datafusion;
use firesteel_protocol::types::{CHAR_VARCHAR_KEY, ddl, name};
use firesteel_protocol::{Result, SparkError};
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::sink::{SaveMode, WriteRequest, WriteStats};
use crate::slots::Slots;
use crate::{OpenedSource, Options, ReadRequest, SourceContext};
use database::{Database, Input, TableWrite};
use scan::JdbcTable;

/// Opens a table or query of another database.
pub fn open(request: &ReadRequest, ctx: &SourceContext) -> Result<OpenedSource> {
    open_with_predicates(request, &[], ctx)
}

/// [`open`] with one partition for each of these conditions, as `spark.read.jdbc(predicates=..)` asks.
pub fn open_with_predicates(request: &ReadRequest, predicates: &[String], ctx: &SourceContext) -> Result<OpenedSource> {
    let given = &request.options;
    let url = options::url(given)?;
    options::check(given)?;
    let database = database::of_url(url, given, &ctx.working_dir)?;
    let source = options::source(given)?;
    let stride = options::stride(given)?;
    let prefer_ntz = options::flag(given, "preferTimestampNTZ", false)?;
    let push_filters = options::flag(given, "pushDownPredicate", true)?;
    let found = database.columns(&format!("{}SELECT * FROM {} WHERE 1=0", source.prepare, source.from), prefer_ntz)?;
    let (fields, customized) = customize(&found, given, ctx)?;
    check_user_schema(request.schema.as_ref(), &fields)?;
    let conditions = match (&stride, predicates) {
        (_, [_, ..]) => predicates.to_vec(),
        (Some(stride), []) => partition::conditions(stride, &fields, ctx.env.case_sensitive, database.as_ref())?,
        (None, []) => vec![String::new()],
    };
    let schema = Arc::new(Schema::new(fields));
    let table = JdbcTable {
        database,
        source,
        schema: Arc::clone(&schema),
        conditions,
        session_init: given.get("sessionInitStatement").map(str::to_string),
        push_filters,
        customized,
        hinted: given.contains("hint"),
    };
    Ok(OpenedSource {
        provider: Arc::new(table),
        schema,
        metadata_columns: vec![],
        partition_columns: vec![],
        input_files: vec![],
        size_bytes: None,
    })
}

/// Applies `customSchema`; names the columns whose type it changed.
fn customize(found: &Fields, options: &Options, ctx: &SourceContext) -> Result<(Fields, Vec<String>)> {
    let Some(text) = options.get("customSchema").filter(|text| !text.trim().is_empty()) else {
        return Ok((found.clone(), vec![]));
    };
    let custom = ddl::parse_schema(text)?;
    let mut changed = vec![];
    let field = |field: &Arc<Field>| {
        let Some(wanted) = custom.iter().find(|wanted| same(wanted.name(), field.name(), ctx)) else {
            return Arc::clone(field);
        };
        if wanted.data_type() != field.data_type() {
            changed.push(field.name().clone());
        }
        Arc::new(field.as_ref().clone().with_data_type(wanted.data_type().clone()))
    };
    let fields = found.iter().map(field).collect();
    Ok((fields, changed))
}

fn same(a: &str, b: &str, ctx: &SourceContext) -> bool {
    if ctx.env.case_sensitive { a == b } else { a.to_lowercase() == b.to_lowercase() }
}

/// A schema that the user gives must be the table's.
fn check_user_schema(user: Option<&SchemaRef>, fields: &Fields) -> Result<()> {
    let Some(user) = user else { return Ok(()) };
    let plain = |fields: &Fields| -> Vec<(String, arrow::datatypes::DataType)> {
        fields.iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    if plain(user.fields()) == plain(fields) {
        return Ok(());
    }
    Err(SparkError::new("USER_SPECIFIED_AND_ACTUAL_SCHEMA_MISMATCH")
        .with("schema", name::ddl(user.fields()))
        .with("actualSchema", name::ddl(fields)))
}

/// Checks a write, see [`crate::sink::prepare`].
pub fn prepare(request: &WriteRequest, fields: &Fields, ctx: &SourceContext) -> Result<bool> {
    let (database, write) = plan(request, fields, ctx)?;
    match request.mode {
        SaveMode::ErrorIfExists if database.table_exists(&write.table)? => Err(error::already_exists(&write.table)),
        SaveMode::Ignore => Ok(!database.table_exists(&write.table)?),
        _ => Ok(true),
    }
}

fn plan(request: &WriteRequest, fields: &Fields, ctx: &SourceContext) -> Result<(Arc<dyn Database>, TableWrite)> {
    let given = &request.options;
    let url = options::url(given)?;
    let table = options::table(given)?;
    options::check_write(given)?;
    let database = database::of_url(url, given, &ctx.working_dir)?;
    let declarations = declarations(fields, given, database.as_ref(), ctx)?;
    let write = TableWrite {
        table,
        mode: request.mode,
        fields: fields.clone(),
        declarations,
        create_options: given.get("createTableOptions").unwrap_or_default().to_string(),
        case_sensitive: ctx.env.case_sensitive,
    };
    Ok((database, write))
}

/// The declarations of a new table, with those of `createTableColumnTypes`.
fn declarations(
    fields: &Fields,
    options: &Options,
    database: &dyn Database,
    ctx: &SourceContext,
) -> Result<Vec<String>> {
    let mut declarations = fields.iter().map(|field| database.declaration(field)).collect::<Result<Vec<_>>>()?;
    let Some(text) = options.get("createTableColumnTypes").filter(|text| !text.trim().is_empty()) else {
        return Ok(declarations);
    };
    let custom = ddl::parse_schema(text)?;
    for (at, wanted) in custom.iter().enumerate() {
        if custom[..at].iter().any(|other| same(other.name(), wanted.name(), ctx)) {
            let column = if ctx.env.case_sensitive { wanted.name().clone() } else { wanted.name().to_lowercase() };
            return Err(SparkError::new("COLUMN_ALREADY_EXISTS").with("columnName", name::quote(&column)));
        }
        let Some(place) = fields.iter().position(|field| same(field.name(), wanted.name(), ctx)) else {
            let schema = arrow::datatypes::DataType::Struct(fields.clone());
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1171")
                .with("col", wanted.name())
                .with("schema", name::simple(&schema)));
        };
        let declared = wanted.metadata().get(CHAR_VARCHAR_KEY).cloned();
        declarations[place] = declared.unwrap_or_else(|| name::simple(wanted.data_type())).to_uppercase();
    }
    Ok(declarations)
}

/// What partition tasks tell the writing thread.
enum Message {
    Batch(RecordBatch),
    End,
}

/// Writes the rows of a plan to a table of another database, see [`crate::sink::write`].
///
/// All partitions compute at once and feed one thread that writes, through a bounded queue. All rows go
/// into one transaction with the creation of the table: if the query fails or is cancelled, the database
/// is as it was. (Spark commits each partition on its own and drops an overwritten table first.)
pub async fn write(
    request: &WriteRequest,
    input: Arc<dyn ExecutionPlan>,
    fields: &Fields,
    task_ctx: Arc<TaskContext>,
    ctx: &SourceContext,
) -> Result<WriteStats> {
    let (database, table_write) = plan(request, fields, ctx)?;
    if !prepare(request, fields, ctx)? {
        return Ok(WriteStats::default());
    }
    let partitions = input.properties().output_partitioning().partition_count();
    let (sender, mut receiver) = mpsc::channel(2 * partitions.clamp(1, 8));
    let writer = tokio::task::spawn_blocking(move || {
        let mut next = || match receiver.blocking_recv() {
            Some(Message::Batch(batch)) => Input::Batch(batch),
            Some(Message::End) => Input::End,
            None => Input::Abort,
        };
        database.write(&table_write, &mut next)
    });
    let schema = Arc::new(Schema::new(
        fields.iter().map(|field| field.as_ref().clone().with_nullable(true)).collect::<Fields>(),
    ));
    let computed = compute(input, &schema, &task_ctx, &sender).await;
    if let Ok(true) = computed {
        // Fails only if the writer has ended already, with an error of its own.
        let _ = sender.send(Message::End).await;
    }
    drop(sender);
    let written = writer.await.map_err(|error| SparkError::internal(format!("the writing thread died: {error}")))?;
    computed?;
    Ok(WriteStats { rows: written?, ..WriteStats::default() })
}

/// Runs all partitions into the queue; `false` if its other end is gone.
async fn compute(
    input: Arc<dyn ExecutionPlan>,
    schema: &SchemaRef,
    task_ctx: &Arc<TaskContext>,
    sender: &mpsc::Sender<Message>,
) -> Result<bool> {
    let partitions = input.properties().output_partitioning().partition_count();
    let (own, out) = (Arc::clone(task_ctx), sender.clone());
    let schema = Arc::clone(schema);
    let mut tasks = Slots::new(
        task_ctx.session_config().target_partitions(),
        (0..partitions).map(move |partition| {
            let (input, task_ctx) = (Arc::clone(&input), Arc::clone(&own));
            let (sender, schema) = (out.clone(), Arc::clone(&schema));
            async move {
                let mut stream = input.execute(partition, task_ctx).map_err(from_datafusion)?;
                while let Some(batch) = stream.next().await {
                    let batch = batch.map_err(from_datafusion)?;
                    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), batch.columns().to_vec(), &rows)
                        .map_err(|error| SparkError::internal(error.to_string()))?;
                    if sender.send(Message::Batch(batch)).await.is_err() {
                        return Ok(false);
                    }
                }
                Ok::<_, SparkError>(true)
            }
        }),
    );
    let mut all = true;
    while let Some(done) = tasks.next().await {
        all &= done.map_err(|error| SparkError::internal(format!("a write task died: {error}")))??;
    }
    Ok(all)
}
