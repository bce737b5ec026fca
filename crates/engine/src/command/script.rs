//! SQL scripts: runs what `firesteel_plan::sql::script` read, statement by statement.

use std::sync::{Arc, Mutex};

use arrow::array::Array;
use arrow::datatypes::{FieldRef, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;
use firesteel_functions::kernel::from_datafusion;
use firesteel_plan::sql::script::{Block, Handler, Step, Trigger};
use firesteel_plan::sql::{SqlCommand, Statement};
use firesteel_protocol::connect::{self as pb, relation::RelType};
use firesteel_protocol::{Result, SparkError};
use futures::future::BoxFuture;

use super::{sql, variable};
use crate::variables::{Declared, FRAMES, Frame, Frames};
use crate::{OperationHandle, Session};

/// The rows that a statement gave.
type Output = (SchemaRef, Vec<RecordBatch>);

/// How a step ended.
enum Flow {
    Next,
    Leave(String),
    Iterate(String),
}

/// A script that runs.
struct Run<'s> {
    session: &'s Session,
    operation: OperationHandle,
    frames: Frames,
    /// Of the last statement that gave rows.
    output: Option<Output>,
    /// The text of the script.
    text: &'s str,
}

/// Runs a script; the rows of its last query are the answer.
pub async fn run(
    session: &Session,
    block: Block,
    text: Option<&str>,
    operation: OperationHandle,
) -> Result<Option<Output>> {
    let frames: Frames = Arc::new(Mutex::new(vec![]));
    let text = text.unwrap_or_default();
    let mut run = Run { session, operation, frames: Arc::clone(&frames), output: None, text };
    FRAMES
        .scope(frames, async move {
            run.block(&block).await.map_err(|error| error.in_text(text))?;
            Ok(run.output)
        })
        .await
}

impl Run<'_> {
    fn push(&self, frame: Frame) {
        self.frames.lock().expect("no panics while locked").push(frame);
    }

    fn depth(&self) -> usize {
        self.frames.lock().expect("no panics while locked").len()
    }

    fn cut(&self, depth: usize) {
        self.frames.lock().expect("no panics while locked").truncate(depth);
    }

    fn block<'a>(&'a mut self, block: &'a Block) -> BoxFuture<'a, Result<Flow>> {
        Box::pin(async move {
            let depth = self.depth();
            self.push(Frame::of(block.label.clone()));
            let flow = match self.steps(&block.steps).await {
                Err(error) => match block.handlers.iter().find(|handler| fits(handler, &error)) {
                    // What the failed statement left open ends; the handler belongs to the block.
                    Some(handler) => {
                        self.cut(depth + 1);
                        self.steps(&handler.steps).await
                    }
                    None => Err(error),
                },
                flow => flow,
            };
            self.cut(depth);
            match flow? {
                Flow::Leave(label) if is(&block.label, &label) => Ok(Flow::Next),
                flow => Ok(flow),
            }
        })
    }

    fn steps<'a>(&'a mut self, steps: &'a [Step]) -> BoxFuture<'a, Result<Flow>> {
        Box::pin(async move {
            for step in steps {
                if self.operation.cancel.is_cancelled() {
                    return Err(crate::runner::cancelled());
                }
                match self.step(step).await? {
                    Flow::Next => {}
                    flow => return Ok(flow),
                }
            }
            Ok(Flow::Next)
        })
    }

    async fn step(&mut self, step: &Step) -> Result<Flow> {
        match step {
            Step::Sql(text) => self.sql(text).await?,
            Step::Command(command, text) => {
                let input = statement_of(text);
                let done =
                    sql::boxed_rows(self.session, command.as_ref().clone(), &input, self.operation.clone()).await;
                done.map_err(|error| sql::placed(self.session, &input, command, error))?;
            }
            Step::Block(block) => return self.block(block).await,
            Step::Branches(branches) => {
                for (condition, steps) in branches {
                    let holds = match condition {
                        Some(condition) => self.holds(condition).await?,
                        None => true,
                    };
                    if holds {
                        return self.steps(steps).await;
                    }
                }
            }
            Step::Loop { label, before, steps, until } => loop {
                if let Some(before) = before
                    && !self.holds(before).await?
                {
                    break;
                }
                match self.steps(steps).await? {
                    Flow::Next => {}
                    Flow::Leave(target) if is(label, &target) => break,
                    Flow::Iterate(target) if is(label, &target) => {}
                    flow => return Ok(flow),
                }
                if let Some(until) = until
                    && self.holds(until).await?
                {
                    break;
                }
            },
            Step::For { label, variable, query, steps } => {
                return self.rows(label, variable.as_ref(), query, steps).await;
            }
            Step::Leave(label) => return Ok(Flow::Leave(label.clone())),
            Step::Iterate(label) => return Ok(Flow::Iterate(label.clone())),
        }
        Ok(Flow::Next)
    }

    async fn holds(&self, condition: &pb::Expression) -> Result<bool> {
        match variable::value(self.session, condition.clone(), None, Some(self.text)).await? {
            ScalarValue::Boolean(holds) => Ok(holds == Some(true)),
            other => {
                let shown = match (other, self.written(condition)) {
                    (_, Some(text)) => text.to_uppercase(),
                    (ScalarValue::Utf8(Some(text)), _) => format!("'{}'", text.to_uppercase()),
                    (ScalarValue::Null, _) => "NULL".into(),
                    (other, _) => other.to_string(),
                };
                Err(SparkError::new("INVALID_BOOLEAN_STATEMENT").with("invalidStatement", shown))
            }
        }
    }

    /// The text of an expression of the script.
    fn written(&self, expression: &pb::Expression) -> Option<String> {
        let origin = expression.common.as_ref()?.origin.as_ref()?;
        let Some(pb::origin::Function::JvmOrigin(place)) = &origin.function else { return None };
        let (start, stop) = (usize::try_from(place.start_index?).ok()?, usize::try_from(place.stop_index?).ok()?);
        Some(self.text.chars().take(stop + 1).skip(start).collect())
    }

    async fn sql(&mut self, text: &str) -> Result<()> {
        let input = statement_of(text);
        match sql::statement(self.session, &input)? {
            Statement::Query(_) => {
                let planned = self.session.plan(input).await?;
                self.output = Some(self.session.collect(planned, self.operation.clone()).await?);
            }
            Statement::Command(command) => {
                // What SHOW, DESCRIBE and EXPLAIN tell is no result of a script.
                let is_query = matches!(*command, SqlCommand::ExecuteImmediate { .. });
                let answer = sql::answer(self.session, *command, &input, self.operation.clone()).await?;
                if let Some(output) = answer.filter(|(schema, _)| is_query && !schema.fields().is_empty()) {
                    self.output = Some(output);
                }
            }
        }
        Ok(())
    }

    /// `FOR row AS query DO ..`: the columns of each row are variables.
    async fn rows(
        &mut self,
        label: &Option<String>,
        variable: Option<&String>,
        query: &str,
        steps: &[Step],
    ) -> Result<Flow> {
        let planned = self.session.plan(statement_of(query)).await?;
        let names: Vec<(String, FieldRef)> =
            planned.relation.output.iter().map(|a| (a.name().to_lowercase(), Arc::clone(&a.field))).collect();
        let (_, batches) = self.session.collect(planned, self.operation.clone()).await?;
        for batch in batches {
            for row in 0..batch.num_rows() {
                let mut frame = Frame::of(variable.cloned());
                for ((name, field), column) in names.iter().zip(batch.columns()) {
                    debug_assert!(row < column.len());
                    let value = ScalarValue::try_from_array(column, row).map_err(from_datafusion)?;
                    let data_type = field.data_type().clone();
                    let value = value.cast_to(&data_type).map_err(from_datafusion)?;
                    let metadata = variable::of_type(field.metadata());
                    let declared = Declared { data_type, metadata, value, default: None };
                    frame.variables.insert(name.clone(), declared);
                }
                let depth = self.depth();
                self.push(frame);
                let flow = self.steps(steps).await;
                self.cut(depth);
                match flow? {
                    Flow::Next => {}
                    Flow::Leave(target) if is(label, &target) => return Ok(Flow::Next),
                    Flow::Iterate(target) if is(label, &target) => {}
                    flow => return Ok(flow),
                }
            }
        }
        Ok(Flow::Next)
    }
}

fn statement_of(text: &str) -> pb::Relation {
    let sql = pb::Sql { query: text.to_string(), ..Default::default() };
    pb::Relation { common: None, rel_type: Some(RelType::Sql(sql)) }
}

fn is(label: &Option<String>, target: &str) -> bool {
    label.as_ref().is_some_and(|label| label.eq_ignore_ascii_case(target))
}

fn fits(handler: &Handler, error: &SparkError) -> bool {
    let state = error.sql_state().unwrap_or_default();
    handler.conditions.iter().any(|condition| match condition {
        Trigger::SqlException => !state.starts_with("02"),
        Trigger::NotFound => state.starts_with("02"),
        Trigger::SqlState(own) => own == state,
        Trigger::Condition(own) => {
            error.condition() == own || error.condition().split('.').next() == Some(own.as_str())
        }
    })
}
