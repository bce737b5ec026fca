//! The state of one resolution: what has been seen on the way from the leaves to the root.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::DataFusionError;
use firesteel_functions::{Env, Place};
use firesteel_protocol::{QueryContext, Result, SparkError, connect as pb};

use crate::{Attribute, ResolveContext};

/// Resolves the relations and expressions of one query.
#[derive(Debug)]
pub struct Resolver<'a> {
    pub ctx: &'a ResolveContext,
    /// Output of each relation that carries a plan id, for `df["a"]`; several where a DataFrame occurs
    /// more than once in the query.
    pub(crate) outputs: RefCell<HashMap<i64, Vec<Occurrence>>>,
    /// How many relations are being resolved, one inside of the other.
    pub(crate) depth: std::cell::Cell<usize>,
    /// Plans that subquery expressions refer to by plan id.
    pub(crate) references: RefCell<HashMap<i64, Arc<pb::Relation>>>,
    /// DataFrames passed to `sql()` by name, innermost last.
    pub(crate) named_references: RefCell<Vec<(String, Arc<pb::Relation>)>>,
    /// Common table expressions in sight, by id.
    pub(crate) ctes: RefCell<HashMap<i64, crate::relation::cte::CteEntry>>,
    /// Lambda variables in sight, innermost last.
    pub(crate) lambdas: RefCell<Vec<LambdaVariable>>,
    /// Aliases further left in the select list that is being resolved.
    pub(crate) lateral: RefCell<Vec<firesteel_functions::Typed>>,
    /// Aggregates that subqueries of the HAVING being resolved want of the query around them.
    pub(crate) outer_aggregates: RefCell<Vec<crate::expression::outer_aggregate::OuterAggregate>>,
    /// Subqueries of the aggregation being resolved, by their words: those of GROUP BY are found again in its list.
    pub(crate) shared_subqueries: RefCell<Option<HashMap<String, firesteel_functions::Typed>>>,
    /// The SQL text that positions refer to, innermost last.
    pub(crate) sql_texts: RefCell<Vec<Arc<str>>>,
    /// The part of the query that is being resolved: what its kernels tell when they fail.
    pub(crate) place: RefCell<Place>,
    /// How columns are named while the text of an error is made.
    pub(crate) names: std::cell::Cell<crate::expression::walk::Names>,
    /// Calls of generators are taken for values while the text of an error is made.
    pub(crate) generators_shown: std::cell::Cell<bool>,
    /// An expression is being resolved, with those inside of it.
    pub(crate) in_expression: std::cell::Cell<bool>,
    /// Structs are named without the aliases inside while the text of an error is made: `struct(1)`, not `struct(1 AS a)`.
    pub(crate) bare_structs: std::cell::Cell<bool>,
    /// The collation of strings that say none, where it is not UTF8_BINARY.
    pub(crate) collation: RefCell<Option<Arc<str>>>,
    /// Plans of observed metrics, by the name of the observation.
    pub observed: RefCell<Vec<(String, crate::Relation)>>,
}

/// One place of a DataFrame in the query.
#[derive(Debug)]
pub(crate) struct Occurrence {
    /// Relations above it.
    pub depth: usize,
    pub output: Vec<Attribute>,
}

/// A lambda variable: the user's name and the unique name in the plan.
#[derive(Debug, Clone)]
pub(crate) struct LambdaVariable {
    pub name: String,
    pub unique: String,
    /// What expressions with it print, where that is not `namedlambdavariable()`.
    pub shown: Option<String>,
    pub data_type: DataType,
    pub nullable: bool,
    /// What is metadata of its type.
    pub metadata: HashMap<String, String>,
}

impl<'a> Resolver<'a> {
    pub fn new(ctx: &'a ResolveContext) -> Self {
        Self {
            ctx,
            outputs: RefCell::default(),
            depth: std::cell::Cell::default(),
            references: RefCell::default(),
            named_references: RefCell::default(),
            ctes: RefCell::default(),
            lambdas: RefCell::default(),
            lateral: RefCell::default(),
            outer_aggregates: RefCell::default(),
            shared_subqueries: RefCell::default(),
            sql_texts: RefCell::default(),
            place: RefCell::default(),
            names: std::cell::Cell::default(),
            generators_shown: std::cell::Cell::default(),
            in_expression: std::cell::Cell::default(),
            bare_structs: std::cell::Cell::default(),
            collation: RefCell::default(),
            observed: RefCell::default(),
        }
    }

    /// Resolves something in which the collation is that of strings that say none.
    pub(crate) fn with_collation<T>(&self, collation: Option<&str>, resolve: impl FnOnce() -> T) -> T {
        let around = self.collation.replace(collation.map(Arc::from));
        let result = resolve();
        self.collation.replace(around);
        result
    }

    pub fn env(&self) -> &Env {
        &self.ctx.env
    }

    /// The settings with the place of what is being resolved, for what may fail while it runs.
    pub(crate) fn env_here(&self) -> Env {
        Env { place: self.place.borrow().clone(), ..self.ctx.env.clone() }
    }

    /// Resolves something at its place; what has no origin in a SQL text is part of what is around it.
    pub(crate) fn placed<T>(&self, origin: Option<&pb::Origin>, resolve: impl FnOnce() -> Result<T>) -> Result<T> {
        let context = self.context_of(origin);
        let place = match &context {
            Some(context) => Place::new(context.clone()),
            None if self.place.borrow().is_sql() => self.place.borrow().clone(),
            None => Place::default(),
        };
        let around = self.place.replace(place);
        let result = resolve();
        self.place.replace(around);
        match context {
            Some(context) => result.map_err(|error| error.with_context(context)),
            None => result,
        }
    }

    /// Adds the place in the query text to an error, where the origin knows one.
    pub(crate) fn at(&self, error: SparkError, origin: Option<&pb::Origin>) -> SparkError {
        match self.context_of(origin) {
            Some(context) => error.with_context(context),
            None => error,
        }
    }

    /// [`Resolver::at`] the place of an expression.
    pub(crate) fn at_expression(&self, error: SparkError, expression: &pb::Expression) -> SparkError {
        self.at(error, expression.common.as_ref().and_then(|common| common.origin.as_ref()))
    }

    /// [`Resolver::at_expression`] in a text.
    pub fn place_of(&self, error: SparkError, text: &str, expression: &pb::Expression) -> SparkError {
        let Err(error) = self.with_sql_text(text, || Err::<Infallible, _>(self.at_expression(error, expression)));
        error
    }

    fn context_of(&self, origin: Option<&pb::Origin>) -> Option<QueryContext> {
        Some(match origin?.function.as_ref()? {
            pb::origin::Function::JvmOrigin(place) => {
                let text = place.sql_text.as_deref().map(Arc::from).or_else(|| self.sql_texts.borrow().last().cloned());
                let (text, start, stop) = (text?, place.start_index?, place.stop_index?);
                QueryContext::Sql {
                    text,
                    start: start.max(0) as usize,
                    stop: stop.max(0) as usize,
                    line: place.line.unwrap_or(1).max(1) as usize,
                    column: place.start_position.unwrap_or(0).max(0) as usize,
                    object_type: place.object_type.clone().unwrap_or_default(),
                    object_name: place.object_name.clone().unwrap_or_default(),
                }
            }
            pb::origin::Function::PythonOrigin(place) => {
                QueryContext::DataFrame { fragment: place.fragment.clone(), call_site: place.call_site.clone() }
            }
        })
    }
}

/// DataFusion's error while a plan is built: ours inside it, or an internal one.
pub(crate) fn plan_error(error: DataFusionError) -> SparkError {
    firesteel_functions::kernel::from_datafusion(error)
}

/// Shorthand for results of DataFusion's builders.
pub(crate) trait Planned<T> {
    fn planned(self) -> Result<T>;
}

impl<T> Planned<T> for datafusion::common::Result<T> {
    fn planned(self) -> Result<T> {
        self.map_err(plan_error)
    }
}
