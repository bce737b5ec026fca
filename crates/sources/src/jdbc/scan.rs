//! A table or query as a source of DataFusion: every partition reads on a thread of its own.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DfResult;
use datafusion::common::project_schema;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use firesteel_functions::kernel::to_datafusion;
use firesteel_protocol::SparkError;

use super::database::{Database, Query, Stop};
use super::filter;
use super::options::Source;

/// Batches that a reading thread is ahead of the query.
const BATCHES_AHEAD: usize = 2;

/// A table or query of a database.
#[derive(Debug)]
pub struct JdbcTable {
    pub database: Arc<dyn Database>,
    pub source: Source,
    pub schema: SchemaRef,
    /// One for each partition; an empty one means all rows.
    pub conditions: Vec<String>,
    pub session_init: Option<String>,
    /// Filters run in the database.
    pub push_filters: bool,
    /// Columns whose type the user chose: filters on them do not run in the database.
    pub customized: Vec<String>,
    /// The option `hint` was given, which no database here takes.
    pub hinted: bool,
}

impl JdbcTable {
    fn pushed(&self, filter: &Expr) -> Option<String> {
        let customized = filter.column_refs().iter().any(|column| self.customized.contains(&column.name));
        if !self.push_filters || customized {
            return None;
        }
        filter::sql(filter, &self.schema, self.database.as_ref())
    }

    fn query(&self, projected: &Schema, filters: &[String], condition: &str, limit: Option<usize>) -> String {
        let mut columns: Vec<String> =
            projected.fields().iter().map(|field| self.database.quote(field.name())).collect();
        if columns.is_empty() {
            columns.push("1".into());
        }
        let mut sql = format!("{}SELECT {} FROM {}", self.source.prepare, columns.join(","), self.source.from);
        let mut all: Vec<&str> = filters.iter().map(String::as_str).collect();
        let condition = format!("({condition})");
        if condition != "()" {
            all.push(&condition);
        }
        if !all.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&all.join(" AND "));
        }
        if let Some(limit) = limit {
            sql.push_str(&format!(" LIMIT {limit}"));
        }
        sql
    }
}

#[async_trait]
impl TableProvider for JdbcTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        let kind = |filter: &&Expr| match self.pushed(filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(kind).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        if self.hinted {
            let dialect = self.database.dialect();
            return Err(to_datafusion(
                SparkError::new("HINT_UNSUPPORTED_FOR_JDBC_DIALECT").with("jdbcDialect", dialect),
            ));
        }
        let projected = project_schema(&self.schema, projection)?;
        let pushed: Vec<String> = filters.iter().filter_map(|filter| self.pushed(filter)).collect();
        // A limit counts rows that pass all filters.
        let limit = limit.filter(|_| pushed.len() == filters.len());
        let partition = |condition: &String| -> Arc<dyn PartitionStream> {
            Arc::new(JdbcPartition {
                database: Arc::clone(&self.database),
                query: Query {
                    sql: self.query(&projected, &pushed, condition, limit),
                    session_init: self.session_init.clone(),
                    schema: Arc::clone(&projected),
                    batch_size: state.config().batch_size(),
                },
            })
        };
        let partitions = self.conditions.iter().map(partition).collect();
        Ok(Arc::new(StreamingTableExec::try_new(Arc::clone(&projected), partitions, None, [], false, limit)?))
    }
}

/// One partition of a read.
struct JdbcPartition {
    database: Arc<dyn Database>,
    query: Query,
}

impl fmt::Debug for JdbcPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jdbc").field(&self.query.sql).finish()
    }
}

impl PartitionStream for JdbcPartition {
    fn schema(&self) -> &SchemaRef {
        &self.query.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(BATCHES_AHEAD);
        let (database, query) = (Arc::clone(&self.database), self.query.clone());
        let stop = StopOnDrop(Arc::new(Stop::default()));
        let thread_stop = Arc::clone(&stop.0);
        tokio::task::spawn_blocking(move || {
            let mut emit = |batch| sender.blocking_send(Ok(batch)).is_ok();
            if let Err(error) = database.read(&query, &thread_stop, &mut emit) {
                // Nobody waits for the error of a read that was stopped.
                let _ = sender.blocking_send(Err(to_datafusion(error)));
            }
        });
        let batches = futures::stream::poll_fn(move |context| {
            let _keep = &stop;
            receiver.poll_recv(context)
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.query.schema), batches))
    }
}

/// Ends a read whose rows nobody takes any more.
struct StopOnDrop(Arc<Stop>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}
