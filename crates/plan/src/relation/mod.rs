//! Connect's relations to DataFusion's logical plans: one `match`, one file a kind.

pub mod aggregate;
pub mod alias;
pub mod cte;
pub mod deduplicate;
pub mod dependent;
pub mod filter;
pub mod generate;
pub mod join;
mod join_subquery;
pub mod limit;
pub mod local_relation;
pub mod metric_view;
pub mod missing_values;
pub mod nearest;
pub mod node;
pub mod pivot;
pub mod project;
pub mod python;
pub mod python_source;
mod python_state;
pub mod python_table;
pub mod range;
pub mod read;
pub mod repartition;
pub mod sample;
pub mod script_transform;
mod set_operation;
pub mod sort;
pub mod statistic;
pub mod subquery;
pub mod table_function;
pub mod time_window;
pub mod to_schema;
pub mod unpivot;
pub mod with_columns;

use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use firesteel_functions::Typed;
use firesteel_protocol::connect::{self as pb, relation::RelType};
use firesteel_protocol::extension::RelationKind;
use firesteel_protocol::{Result, SparkError};

use crate::expression::select::{Selected, select_all};
use crate::scope::Scope;
use crate::{Attribute, Resolver};

/// A resolved relation: DataFusion's plan, and Spark's columns over it.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its columns carry the names of `output` and `hidden`; it may have more.
    pub plan: LogicalPlan,
    pub output: Vec<Attribute>,
    /// Columns that can be named but are no part of `*`: `_metadata`, keys that USING merged.
    pub hidden: Vec<Attribute>,
    /// What it was selected from, so that ORDER BY and HAVING can name what the list left out.
    pub origin: Option<Arc<Origin>>,
}

/// Where a relation's columns came from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// `input` projected to `selected`.
    Project { input: Relation, selected: Vec<Selected> },
    /// An aggregation.
    Aggregate(Box<aggregate::Aggregated>),
}

impl Relation {
    /// A relation whose plan has exactly these columns.
    pub fn new(plan: LogicalPlan, output: Vec<Attribute>) -> Self {
        Self { plan, output, hidden: vec![], origin: None }
    }

    /// The same columns over another plan (filter, sort, limit, ...).
    #[must_use]
    pub fn with_plan(self, plan: LogicalPlan) -> Self {
        Self { plan, origin: None, ..self }
    }

    /// Drops hidden columns and everything the plan has beside the output.
    pub fn narrow(self) -> Result<Self> {
        let fields = self.plan.schema().fields();
        let exact = fields.len() == self.output.len()
            && fields.iter().zip(&self.output).all(|(field, attribute)| field.name() == attribute.column.as_ref());
        if exact {
            return Ok(Self { hidden: vec![], ..self });
        }
        let mut seen = std::collections::HashSet::new();
        let mut exprs = vec![];
        let mut output = vec![];
        for attribute in self.output {
            // The same column may stand twice in a list; inside the plan each needs a name of its own.
            if seen.insert(attribute.id) {
                exprs.push(attribute.expr());
                output.push(attribute);
            } else {
                let copy = Attribute::new(Arc::clone(&attribute.field)).qualified(attribute.qualifier.clone());
                exprs.push(attribute.expr().alias(copy.column.as_ref()));
                output.push(copy);
            }
        }
        let plan = node::project(self.plan, exprs)?;
        Ok(Self { plan, output, hidden: vec![], origin: self.origin })
    }

    /// Projects to resolved expressions without aggregates, windows and generators.
    pub fn select(self, list: Vec<Typed>) -> Result<Self> {
        let selected = select_all(list, &self);
        self.project(selected)
    }

    /// Projects to selected columns and remembers from what.
    pub fn project(self, selected: Vec<Selected>) -> Result<Self> {
        let mut seen = std::collections::HashSet::new();
        let mut exprs = vec![];
        for column in &selected {
            if seen.insert(column.attribute.id) {
                exprs.push(column.projected());
            }
        }
        let plan = node::project_into(&self.plan, exprs)?;
        let output = selected.iter().map(|column| column.attribute.clone()).collect();
        // What the input itself was selected from is not asked for: without it a long chain does not stay in memory.
        let origin = Some(Arc::new(Origin::Project { input: Self { origin: None, ..self }, selected }));
        Ok(Self { plan, output, hidden: vec![], origin })
    }

    /// Spark's schema.
    pub fn fields(&self) -> arrow::datatypes::Fields {
        self.output.iter().map(|attribute| Arc::clone(&attribute.field)).collect()
    }

    /// The relation under another qualifier.
    #[must_use]
    pub fn qualified(mut self, qualifier: &[String]) -> Self {
        for attribute in &mut self.output {
            attribute.qualifier = qualifier.to_vec();
        }
        self.hidden = self.hidden.into_iter().map(|attribute| attribute.qualified(qualifier.to_vec())).collect();
        self
    }
}

impl<'a> Resolver<'a> {
    /// Resolves a query's root: exactly its output columns.
    pub fn query(&self, relation: &pb::Relation) -> Result<Relation> {
        let resolved = self.relation(relation)?.narrow()?;
        if !self.env().time_type && resolved.output.iter().any(|attribute| has_time(attribute.data_type())) {
            return Err(SparkError::new("UNSUPPORTED_TIME_TYPE"));
        }
        Ok(resolved)
    }

    /// Resolves a relation without an enclosing query.
    pub fn relation(&self, relation: &pb::Relation) -> Result<Relation> {
        self.relation_in(relation, None)
    }

    /// Resolves a subquery inside of `outer`.
    pub(crate) fn subquery(&self, relation: &pb::Relation, outer: &Scope) -> Result<Relation> {
        // Names further left in the select list around it are not in its sight.
        let lateral = std::mem::take(&mut *self.lateral.borrow_mut());
        let shared = self.shared_subqueries.take();
        let resolved = self.relation_in(relation, Some(outer));
        *self.lateral.borrow_mut() = lateral;
        self.shared_subqueries.replace(shared);
        resolved
    }

    /// Resolves a relation; `outer` is the scope of the query around it.
    pub(crate) fn relation_in(&self, relation: &pb::Relation, outer: Option<&Scope>) -> Result<Relation> {
        let common = relation.common.as_ref();
        let origin = common.and_then(|common| common.origin.as_ref());
        let text = match origin.and_then(|o| o.function.as_ref()) {
            Some(pb::origin::Function::JvmOrigin(place)) => place.sql_text.clone(),
            _ => None,
        };
        let object = match origin.and_then(|o| o.function.as_ref()) {
            Some(pb::origin::Function::JvmOrigin(place)) => place.object_type.clone().zip(place.object_name.clone()),
            _ => None,
        };
        let resolve = || match self.ctx.catalog.cached(relation)? {
            Some(stored) => local_relation::stored(stored),
            None => self.relation_kind(relation, outer),
        };
        let depth = self.depth.get();
        self.depth.set(depth + 1);
        let result = match text {
            Some(text) => self.with_sql_text(&text, resolve),
            None => resolve(),
        };
        let result = result.map_err(|error| match object {
            Some((kind, name)) => error.of_object(&kind, &name),
            None => error,
        });
        self.depth.set(depth);
        let resolved = result.map_err(|error| self.at(error, origin))?;
        self.remember(relation, &resolved.output);
        Ok(resolved)
    }

    /// Remembers the columns of a DataFrame that expressions may name by its id.
    pub(crate) fn remember(&self, relation: &pb::Relation, output: &[Attribute]) {
        if let Some(plan_id) = relation.common.as_ref().and_then(|common| common.plan_id) {
            let occurrence = crate::resolver::Occurrence { depth: self.depth.get(), output: output.to_vec() };
            self.outputs.borrow_mut().entry(plan_id).or_default().push(occurrence);
        }
    }

    /// Whether more is known of a relation than its message says: that it is kept, where in a SQL text it stands.
    pub(crate) fn is_resolved_apart(&self, relation: &pb::Relation) -> bool {
        let origin = relation.common.as_ref().and_then(|common| common.origin.as_ref());
        let is_sql = matches!(origin.and_then(|o| o.function.as_ref()), Some(pb::origin::Function::JvmOrigin(_)));
        is_sql || self.ctx.catalog.keeps_relations()
    }

    fn relation_kind(&self, relation: &pb::Relation, outer: Option<&Scope>) -> Result<Relation> {
        let kind = relation.rel_type.as_ref().ok_or_else(|| SparkError::internal("a relation without kind"))?;
        match kind {
            RelType::Read(read) => read::resolve(self, read),
            RelType::Project(project) => project::resolve(self, project, outer),
            RelType::Filter(filter) => filter::resolve(self, filter, outer),
            RelType::Join(join) => join::resolve(self, join, outer),
            RelType::LateralJoin(join) => join::lateral(self, join, outer),
            RelType::AsOfJoin(join) => nearest::as_of(self, join, outer),
            RelType::NearestByJoin(join) => nearest::nearest_by(self, join, outer),
            RelType::SetOp(operation) => {
                let origin = relation.common.as_ref().and_then(|common| common.origin.as_ref());
                self.placed(origin, || set_operation::resolve(self, operation, outer))
            }
            RelType::Sort(sort) => sort::resolve(self, sort, outer),
            RelType::Limit(limit) => limit::limit(self, limit, outer),
            RelType::Offset(offset) => limit::offset(self, offset, outer),
            RelType::Tail(tail) => limit::tail(self, tail, outer),
            RelType::Aggregate(aggregate) => aggregate::resolve(self, aggregate, outer),
            RelType::Sql(text) => self.sql_relation(text, outer),
            RelType::LocalRelation(local) => local_relation::resolve(self, local),
            RelType::CachedLocalRelation(local) => local_relation::cached(self, &local.hash),
            RelType::ChunkedCachedLocalRelation(local) => local_relation::chunked(self, local),
            RelType::CachedRemoteRelation(remote) => {
                local_relation::stored(self.ctx.catalog.remote_relation(&remote.relation_id)?)
            }
            RelType::Sample(sample) => sample::resolve(self, sample, outer),
            RelType::Deduplicate(deduplicate) => deduplicate::resolve(self, deduplicate, outer),
            RelType::Range(range) => range::resolve(self, range),
            RelType::SubqueryAlias(alias) => alias::resolve(self, alias, outer),
            RelType::Repartition(repartition) => repartition::resolve(self, repartition, outer),
            RelType::RepartitionByExpression(repartition) => repartition::by_expression(self, repartition, outer),
            RelType::ToDf(to_df) => alias::to_df(self, to_df, outer),
            RelType::WithColumnsRenamed(renamed) => with_columns::renamed(self, renamed, outer),
            RelType::WithColumns(columns) => with_columns::resolve(self, columns, outer),
            RelType::Drop(drop) => with_columns::drop(self, drop, outer),
            RelType::Hint(hint) => self.hint(hint, outer),
            RelType::Unpivot(message) => unpivot::resolve(self, message, outer),
            RelType::Transpose(message) => unpivot::transpose(self, message, outer),
            RelType::ToSchema(message) => to_schema::resolve(self, message, outer),
            RelType::CollectMetrics(message) => self.collect_metrics(message, outer),
            RelType::Parse(parse) => to_schema::parse(self, parse, outer),
            RelType::WithRelations(with) => self.with_relations(with, outer),
            RelType::UnresolvedTableValuedFunction(call) => table_function::resolve(self, call, outer),
            RelType::FillNa(fill) => missing_values::fill(self, fill, outer),
            RelType::DropNa(drop) => missing_values::drop(self, drop, outer),
            RelType::Replace(replace) => missing_values::replace(self, replace, outer),
            RelType::Summary(message) => statistic::summary(self, message, outer),
            RelType::Describe(message) => statistic::describe(self, message, outer),
            RelType::Crosstab(message) => statistic::crosstab(self, message, outer),
            RelType::Cov(message) => statistic::covariance(self, message, outer),
            RelType::Corr(message) => statistic::correlation(self, message, outer),
            RelType::ApproxQuantile(message) => statistic::approx_quantile(self, message, outer),
            RelType::FreqItems(message) => statistic::freq_items(self, message, outer),
            RelType::SampleBy(message) => statistic::sample_by(self, message, outer),
            RelType::Catalog(call) => {
                let (schema, batches) = self.ctx.catalog.catalog_relation(call)?;
                local_relation::batches(schema, batches)
            }
            RelType::WithWatermark(watermark) => crate::operator::watermark::resolve(self, watermark, outer),
            RelType::MapPartitions(message) => python::map_partitions(self, message, outer),
            RelType::GroupMap(message) => python::group_map(self, message, outer),
            RelType::CoGroupMap(message) => python::cogroup_map(self, message, outer),
            RelType::ApplyInPandasWithState(message) => python_state::with_state(self, message, outer),
            RelType::CommonInlineUserDefinedTableFunction(message) => {
                let function = python_table::table_function(message)?;
                python_table::plan(self, &function, &message.arguments, None, outer)
            }
            RelType::CommonInlineUserDefinedDataSource(_) => Err(SparkError::unsupported(
                "Python data sources",
                "Read the rows in Python and pass them to createDataFrame.",
            )),
            RelType::MlRelation(_) => {
                Err(SparkError::unsupported("pyspark.ml", "Use scikit-learn on toPandas() for now."))
            }
            RelType::Zip(_) | RelType::RelationChanges(_) => {
                Err(SparkError::unsupported("this relation of Spark 4.2", "Express it with joins for now."))
            }
            RelType::ShowString(_) | RelType::HtmlString(_) => {
                Err(SparkError::unsupported("show() inside of another query", "Call show() on the result."))
            }
            RelType::Extension(any) => match RelationKind::from_any(any) {
                Some(kind) => self.sql_kind(&kind, outer),
                None => Err(SparkError::unsupported(
                    format!("the relation extension {}", any.type_url),
                    "Use Spark's own relations.",
                )),
            },
            RelType::Unknown(_) => Err(SparkError::internal("an unknown relation")),
        }
    }

    fn sql_kind(&self, kind: &RelationKind, outer: Option<&Scope>) -> Result<Relation> {
        match kind {
            RelationKind::Aggregate(message) => aggregate::resolve_sql(self, message, outer),
            RelationKind::LateralView(message) => generate::lateral_view(self, message, outer),
            RelationKind::NaturalJoin(message) => join::natural(self, message, outer),
            RelationKind::WithCte(message) => cte::with(self, message, outer),
            RelationKind::CteRef(message) => cte::reference(self, message, outer),
            RelationKind::Values(message) => local_relation::values(self, message, outer),
            RelationKind::ColumnAliases(message) => alias::column_aliases(self, message, outer),
            RelationKind::Pivot(message) => pivot::sql(self, message, outer),
            RelationKind::Unpivot(message) => unpivot::sql(self, message, outer),
            RelationKind::Limit(message) => limit::sql(self, message, outer),
            RelationKind::OrderByAll(message) => sort::order_by_all(self, message, outer),
            RelationKind::PipeColumns(message) => with_columns::pipe(self, message, outer),
            RelationKind::Qualify(message) => filter::qualify(self, message, outer),
            RelationKind::ScriptTransform(message) => script_transform::resolve(self, message, outer),
            RelationKind::Collated(message) => self.with_collation(Some(&message.collation), || {
                self.relation_in(required(message.input.as_deref(), "Collated")?, outer)
            }),
        }
    }

    /// `spark.sql(text)` as a relation.
    fn sql_relation(&self, message: &pb::Sql, outer: Option<&Scope>) -> Result<Relation> {
        let ctx = with_arguments(self.sql_context(), message);
        let text = self.substituted(&message.query);
        match crate::sql::parse_statement(&text, &ctx)? {
            crate::sql::Statement::Query(relation) => self.with_sql_text(&text, || self.relation_in(&relation, outer)),
            crate::sql::Statement::Command(_) => {
                Err(SparkError::unsupported("a command inside of a query", "Run it by spark.sql() of its own."))
            }
        }
    }

    /// Hints do not change results; names that Spark does not know are ignored there too.
    fn hint(&self, hint: &pb::Hint, outer: Option<&Scope>) -> Result<Relation> {
        let input = self.relation_in(required(hint.input.as_deref(), "Hint")?, outer)?;
        repartition::hinted(self, input, &hint.name, &hint.parameters)
    }

    /// `observe`: metrics are computed by a query of their own over the same input.
    fn collect_metrics(&self, message: &pb::CollectMetrics, outer: Option<&Scope>) -> Result<Relation> {
        crate::operator::observe::resolve(self, message, outer)
    }

    /// A query with the plans of its subqueries and of DataFrames passed by name.
    fn with_relations(&self, with: &pb::WithRelations, outer: Option<&Scope>) -> Result<Relation> {
        let named = self.named_references.borrow().len();
        self.register_references(&with.references);
        let result = self.relation_in(required(with.root.as_deref(), "WithRelations")?, outer);
        self.named_references.borrow_mut().truncate(named);
        result
    }

    pub(crate) fn register_references(&self, references: &[pb::Relation]) {
        for reference in references {
            if let Some(plan_id) = reference.common.as_ref().and_then(|common| common.plan_id) {
                self.references.borrow_mut().insert(plan_id, Arc::new(reference.clone()));
            }
            if let Some(RelType::SubqueryAlias(alias)) = &reference.rel_type {
                self.named_references.borrow_mut().push((alias.alias.clone(), Arc::new(reference.clone())));
            }
        }
    }

    /// The scope of expressions over one relation.
    pub(crate) fn scope<'s>(&self, inputs: &'s [&'s Relation], outer: Option<&'s Scope<'s>>) -> Scope<'s> {
        Scope { inputs, outer, case_sensitive: self.env().case_sensitive, computes_aggregates: false }
    }
}

/// Values of the type are times of the day, or have such inside.
fn has_time(data_type: &arrow::datatypes::DataType) -> bool {
    use arrow::datatypes::DataType;
    match data_type {
        DataType::Time64(_) => true,
        DataType::List(element) => has_time(element.data_type()),
        DataType::Map(entries, _) => has_time(entries.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_time(field.data_type())),
        _ => false,
    }
}

/// Computes below a relation what its expressions can only name: windows of time, places of rows, subqueries.
pub(crate) fn supplied(
    resolver: &Resolver,
    input: Relation,
    columns: Vec<Typed>,
    clause: subquery::Clause,
) -> Result<(Relation, Vec<Typed>)> {
    let (input, columns) = time_window::supply(resolver, input, columns)?;
    let (input, columns) = crate::operator::partition_columns::supply(resolver, input, columns)?;
    subquery::supply(input, columns, clause)
}

/// Whether [`supplied`] has something to do for an expression.
fn needs_supply(expr: &datafusion::logical_expr::Expr) -> bool {
    time_window::has_window(expr)
        || crate::operator::partition_columns::has_marker(expr)
        || subquery::has_subquery(expr)
}

/// The values of `:name` and `?` that came with a SQL text.
pub fn with_arguments(mut ctx: crate::sql::SqlContext, message: &pb::Sql) -> crate::sql::SqlContext {
    ctx.take_arguments(message);
    ctx
}

/// The input that the protocol requires.
pub(crate) fn required<'m>(input: Option<&'m pb::Relation>, message: &str) -> Result<&'m pb::Relation> {
    input.ok_or_else(|| crate::expression::missing("input", message))
}
