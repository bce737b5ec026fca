//! The state of an operator as a table: a partition of the state is one of the scan.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session as PlanSession, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use firesteel_engine::Session;
use firesteel_functions::kernel::to_datafusion;
use firesteel_plan::operator::python::WorkerSettings;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::options::illegal_argument;
use futures::TryStreamExt;

use super::metadata;
use super::options::{StateOptions, invalid};
use super::rows::Reader;
use super::variables::Variable;
use crate::state::shape::{Described, Shown, StoreShape};

/// What a row of the table is.
#[derive(Debug, Clone)]
pub enum Rows {
    /// A key and its value.
    Plain,
    /// How many rows each key of a join's side has.
    Counted,
    /// The rows of a join's side, numbered, with a mark of those that matched.
    Indexed,
    /// What a variable of a processor keeps.
    Variable(Variable),
}

/// The table.
#[derive(Debug)]
pub struct StateTable {
    schema: SchemaRef,
    reader: Arc<Reader>,
}

impl StateTable {
    /// Finds the operator and its store.
    pub fn open(session: &Arc<Session>, mut options: StateOptions) -> Result<Self> {
        let operators = metadata::operators(&options.state_dir())?;
        let found = operators.into_iter().find(|(own, _)| own.id == options.operator_id);
        // Spark looks for the one store called `default`, which a join does not have.
        let names_variable = options.variable.is_some() || options.timers;
        let is_join = |own: &Described| own.shape.stores.iter().any(|store| store.name == "left");
        if names_variable && found.as_ref().is_none_or(|(own, _)| is_join(own)) {
            return Err(illegal_argument("requirement failed"));
        }
        let (described, dir) = found.ok_or_else(|| options.no_schema())?;
        if !is_join(&described) && options.store != "default" {
            // To Spark a store of any other name is a variable.
            options.variable = Some(std::mem::replace(&mut options.store, "default".into()));
        }
        let is_processor = !described.shape.properties.is_null();
        if !is_processor && options.timers {
            return Err(only_for_processors("readRegisteredTimers", "readRegisteredTimers=true", &described.name));
        }
        if !is_processor && options.variable.is_some() {
            return Err(only_for_processors("stateVarName", "state variable names", &described.name));
        }
        if options.timers && described.shape.properties["timeMode"] == "None" {
            return Err(invalid("readRegisteredTimers", "Registered timers are not available in TimeMode=None."));
        }
        if is_processor && !names_variable && options.variable.is_none() {
            return Err(SparkError::new("STDS_REQUIRED_OPTION_UNSPECIFIED").with("optionName", "stateVarName"));
        }
        let store = |name: &str| described.shape.stores.iter().find(|store| store.name == name).cloned();
        let unknown = || options.no_schema();
        let (store, rows): (StoreShape, Rows) = match (options.join_side.as_str(), options.store.as_str()) {
            ("none", "default") => {
                let own = store("default").ok_or_else(|| options.no_schema())?;
                match is_processor {
                    true => (own, Rows::Variable(Variable::find(&options, &dir)?)),
                    false => (own, Rows::Plain),
                }
            }
            ("none", name) => {
                let (side, kind) = name.split_once('-').ok_or_else(unknown)?;
                let rows = match kind {
                    "keyToNumValues" => Rows::Counted,
                    "keyWithIndexToValue" => Rows::Indexed,
                    _ => return Err(unknown()),
                };
                (store(side).ok_or_else(unknown)?, rows)
            }
            (side, _) => (store(side).ok_or_else(|| options.no_schema())?, Rows::Plain),
        };
        if let Some(snapshot) = options.snapshot.filter(|snapshot| snapshot.partition >= described.partitions) {
            return Err(SparkError::new("CANNOT_LOAD_STATE_STORE.SNAPSHOT_PARTITION_ID_NOT_FOUND")
                .with("snapshotPartitionId", snapshot.partition.to_string())
                .with("operatorId", options.operator_id.to_string())
                .with("checkpointLocation", format!("file:{}", options.state_dir().display())));
        }
        let schema = schema(&store, &rows, options.feed.is_some());
        let settings = WorkerSettings::of(&session.resolve_context());
        let dir = dir.join(&store.name);
        let reader = Reader {
            dir,
            partitions: described.partitions,
            store,
            rows,
            options,
            schema: Arc::clone(&schema),
            settings,
        };
        Ok(Self { schema, reader: Arc::new(reader) })
    }
}

fn only_for_processors(option: &str, what: &str, operator: &str) -> firesteel_protocol::SparkError {
    invalid(
        option,
        format!(
            "Providing {what} is only supported with the transformWithState operator. Found operator={operator}. Please \
             remove this option and re-run the query."
        ),
    )
}

pub(super) fn fields_of(columns: &[Shown]) -> Fields {
    columns.iter().map(|shown| shown.field.clone()).collect::<Vec<_>>().into()
}

fn schema(store: &StoreShape, rows: &Rows, feed: bool) -> SchemaRef {
    let nullable = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    let mut key: Vec<Field> = store.key.iter().map(|shown| shown.field.clone()).collect();
    let mut value: Vec<Field> = store.value.iter().map(|shown| shown.field.clone()).collect();
    match rows {
        Rows::Counted => value = vec![nullable("value", DataType::Int64)],
        Rows::Indexed => {
            key.push(nullable("index", DataType::Int64));
            value.push(nullable("matched", DataType::Boolean));
        }
        Rows::Plain | Rows::Variable(_) => {}
    }
    let mut fields = vec![];
    if feed {
        fields.extend([nullable("batch_id", DataType::Int64), nullable("change_type", DataType::Utf8)]);
    }
    fields.push(nullable("key", DataType::Struct(key.into())));
    match rows {
        Rows::Variable(variable) => fields.extend(variable.fields()),
        _ => fields.push(nullable("value", DataType::Struct(value.into()))),
    }
    fields.push(nullable("partition_id", DataType::Int32));
    Arc::new(Schema::new(fields))
}

#[async_trait]
impl TableProvider for StateTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn PlanSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(self.reader.partition_ids().len().max(1)),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Ok(Arc::new(StateScan { reader: Arc::clone(&self.reader), projection: projection.cloned(), properties }))
    }
}

/// The scan.
#[derive(Debug)]
struct StateScan {
    reader: Arc<Reader>,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for StateScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "StateScanExec: operator={}", self.reader.options.operator_id)
    }
}

impl ExecutionPlan for StateScan {
    fn name(&self) -> &'static str {
        "StateScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> datafusion::common::Result<TreeNodeRecursion>,
    ) -> datafusion::common::Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, index: usize, _: Arc<TaskContext>) -> datafusion::common::Result<SendableRecordBatchStream> {
        let (reader, projection) = (Arc::clone(&self.reader), self.projection.clone());
        let read = async move {
            let partition = reader.partition_ids().get(index).copied();
            let batches = match partition {
                Some(partition) => reader.read(partition).await.map_err(to_datafusion)?,
                None => vec![],
            };
            let project = move |batch: arrow::array::RecordBatch| match &projection {
                Some(columns) => batch.project(columns).map_err(Into::into),
                None => Ok(batch),
            };
            Ok::<_, datafusion::common::DataFusionError>(futures::stream::iter(batches.into_iter().map(project)))
        };
        let stream = futures::stream::once(read).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }
}
