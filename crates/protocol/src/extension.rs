//! What Spark SQL can say and Connect's messages cannot: our own messages.
//!
//! They travel in `Relation.extension` and `Expression.extension` as `google.protobuf.Any` with the type URLs
//! below. SQL lowering makes them, the resolver reads them; nobody else does, and no client sends them.
//!
//! Conventions of everything that SQL lowering makes:
//! - `common.origin` of relations and expressions is a `JvmOrigin` (`line` from 1, `start_position` = column from 0,
//!   `start_index`..=`stop_index` = characters from 0). Only the root of a parsed text carries `sql_text`; it holds
//!   for everything below it until another `sql_text` appears.
//! - `Project` without `input` reads one row without columns. A `Project` without input *and* expressions is that row.
//! - Names are `unparsed_identifier`s whose parts are back-quoted where needed.
//! - A subquery is a `SubqueryExpression`; the `WithRelations` at the end of the enclosing query holds its plan
//!   (`common.plan_id`). Ids of plans and CTEs are unique in the process.

use crate::connect as pb;
use prost::Message;

/// Type URL of [`RelationExtension`].
pub const RELATION_URL: &str = "firesteel/relation";
/// Type URL of [`ExpressionExtension`].
pub const EXPRESSION_URL: &str = "firesteel/expression";

/// A relation of ours: exactly one kind.
#[derive(Clone, PartialEq, Message)]
pub struct RelationExtension {
    #[prost(oneof = "RelationKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15")]
    pub kind: Option<RelationKind>,
}

/// The relations of ours.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum RelationKind {
    #[prost(message, tag = "1")]
    Aggregate(Box<SqlAggregate>),
    #[prost(message, tag = "2")]
    LateralView(Box<LateralView>),
    #[prost(message, tag = "3")]
    NaturalJoin(Box<NaturalJoin>),
    #[prost(message, tag = "4")]
    WithCte(Box<WithCte>),
    #[prost(message, tag = "5")]
    CteRef(CteRef),
    #[prost(message, tag = "6")]
    Values(Values),
    #[prost(message, tag = "7")]
    ColumnAliases(Box<ColumnAliases>),
    #[prost(message, tag = "8")]
    Pivot(Box<SqlPivot>),
    #[prost(message, tag = "9")]
    Unpivot(Box<SqlUnpivot>),
    #[prost(message, tag = "10")]
    Limit(Box<SqlLimit>),
    #[prost(message, tag = "11")]
    OrderByAll(Box<OrderByAll>),
    #[prost(message, tag = "12")]
    Qualify(Box<Qualify>),
    #[prost(message, tag = "13")]
    PipeColumns(Box<PipeColumns>),
    #[prost(message, tag = "14")]
    ScriptTransform(Box<ScriptTransform>),
    #[prost(message, tag = "15")]
    Collated(Box<Collated>),
}

/// `SELECT list FROM input GROUP BY .. HAVING ..`, or a SELECT whose list surely aggregates.
///
/// A name in `grouping` is a column of `input` first, an alias of the select list second. `having` sees the input, the
/// select list and may hold aggregate functions that the list has not. Integers in GROUP BY are [`Ordinal`]s.
#[derive(Clone, PartialEq, Message)]
pub struct SqlAggregate {
    /// None: one row without columns.
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<pb::Relation>>,
    /// All grouping expressions, each once, in the order in which `grouping_id()` numbers them.
    #[prost(message, repeated, tag = "2")]
    pub grouping: Vec<pb::Expression>,
    /// Empty for a plain GROUP BY. ROLLUP, CUBE, GROUPING SETS and their products come as the sets they stand for;
    /// the same set may occur twice.
    #[prost(message, repeated, tag = "3")]
    pub grouping_sets: Vec<GroupingSet>,
    /// `GROUP BY ALL`: group by every item of the list that holds no aggregate; `grouping` is empty.
    #[prost(bool, tag = "4")]
    pub group_by_all: bool,
    /// The whole select list; may hold stars, window functions, generators and subqueries.
    #[prost(message, repeated, tag = "5")]
    pub select: Vec<pb::Expression>,
    #[prost(message, optional, tag = "6")]
    pub having: Option<pb::Expression>,
    /// Behind `|> AGGREGATE`: how many items of `select` are the grouping expressions. The others must aggregate.
    #[prost(uint32, optional, tag = "7")]
    pub pipe_keys: Option<u32>,
}

/// `|> EXTEND list` and `|> SET a = value`: columns beside those of `input`, or in the place of one.
#[derive(Clone, PartialEq, Message)]
pub struct PipeColumns {
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<pb::Relation>>,
    /// For SET aliases whose names are columns of `input`.
    #[prost(message, repeated, tag = "2")]
    pub columns: Vec<pb::Expression>,
    #[prost(bool, tag = "3")]
    pub set: bool,
}

/// A query whose strings have a collation of the view, table or function that it makes: literals, casts to STRING and what
/// functions make of values that are no strings.
#[derive(Clone, PartialEq, Message)]
pub struct Collated {
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<pb::Relation>>,
    #[prost(string, tag = "2")]
    pub collation: String,
}

/// The query, in which the collation is that of strings that say none, where there is one.
#[must_use]
pub fn collated(input: pb::Relation, collation: Option<&str>) -> pb::Relation {
    match collation {
        Some(collation) => {
            let own = Collated { input: Some(Box::new(input)), collation: collation.to_string() };
            RelationKind::Collated(Box::new(own)).into_relation()
        }
        None => input,
    }
}

/// `SELECT TRANSFORM(list) USING script AS schema`: the rows of `input` go through a script's standard input, a line a row.
#[derive(Clone, PartialEq, Message)]
pub struct ScriptTransform {
    /// What was selected: its columns are what the script reads.
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<pb::Relation>>,
    /// What the shell runs.
    #[prost(string, tag = "2")]
    pub script: String,
    /// Columns that the script writes, as a struct; none: two strings, `key` and `value`.
    #[prost(message, optional, tag = "3")]
    pub schema: Option<pb::DataType>,
    #[prost(message, optional, tag = "4")]
    pub reads: Option<RowFormat>,
    #[prost(message, optional, tag = "5")]
    pub writes: Option<RowFormat>,
}

/// `ROW FORMAT DELIMITED ..` of a script; none: what Spark takes where nothing is said.
#[derive(Clone, PartialEq, Message)]
pub struct RowFormat {
    /// `FIELDS TERMINATED BY`: in what a script writes, a regular expression of Java's.
    #[prost(string, optional, tag = "1")]
    pub fields: Option<String>,
    /// `NULL DEFINED AS`.
    #[prost(string, optional, tag = "2")]
    pub null: Option<String>,
}

/// One grouping set: positions in [`SqlAggregate::grouping`], from 0.
#[derive(Clone, PartialEq, Message)]
pub struct GroupingSet {
    #[prost(uint32, repeated, tag = "1")]
    pub columns: Vec<u32>,
}

/// `input LATERAL VIEW [OUTER] generator qualifier AS column_names`.
#[derive(Clone, PartialEq, Message)]
pub struct LateralView {
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<pb::Relation>>,
    /// An `UnresolvedFunction`.
    #[prost(message, optional, tag = "2")]
    pub generator: Option<pb::Expression>,
    #[prost(bool, tag = "3")]
    pub outer: bool,
    /// The name by which the new columns can be qualified.
    #[prost(string, tag = "4")]
    pub qualifier: String,
    /// Empty: the generator's own names.
    #[prost(string, repeated, tag = "5")]
    pub column_names: Vec<String>,
}

/// `left NATURAL .. JOIN right`: equal on all column names of both sides, which appear once.
#[derive(Clone, PartialEq, Message)]
pub struct NaturalJoin {
    #[prost(message, optional, boxed, tag = "1")]
    pub left: Option<Box<pb::Relation>>,
    #[prost(message, optional, boxed, tag = "2")]
    pub right: Option<Box<pb::Relation>>,
    #[prost(enumeration = "pb::join::JoinType", tag = "3")]
    pub join_type: i32,
}

/// `WITH ctes input`. A definition may refer to earlier ones; the first comes first.
#[derive(Clone, PartialEq, Message)]
pub struct WithCte {
    #[prost(message, repeated, tag = "1")]
    pub ctes: Vec<Cte>,
    #[prost(message, optional, boxed, tag = "2")]
    pub input: Option<Box<pb::Relation>>,
}

/// One `name(column_names) AS (plan)`.
#[derive(Clone, PartialEq, Message)]
pub struct Cte {
    #[prost(int64, tag = "1")]
    pub id: i64,
    #[prost(string, tag = "2")]
    pub name: String,
    /// Empty: those of the plan.
    #[prost(string, repeated, tag = "3")]
    pub column_names: Vec<String>,
    #[prost(message, optional, tag = "4")]
    pub plan: Option<pb::Relation>,
    /// `plan` refers to itself by a [`CteRef`] of the same id. Then it is a `SetOperation` UNION whose left input is
    /// the anchor (perhaps inside a `WithRelations` or `WithCte`).
    #[prost(bool, tag = "5")]
    pub recursive: bool,
    /// `MAX RECURSION LEVEL n`.
    #[prost(int32, optional, tag = "6")]
    pub max_recursion_level: Option<i32>,
    /// Where its definition stands.
    #[prost(message, optional, tag = "7")]
    pub origin: Option<pb::Origin>,
}

/// The rows of a [`Cte`] in scope. Each reference is wrapped in a `SubqueryAlias` of the CTE's name.
#[derive(Clone, PartialEq, Message)]
pub struct CteRef {
    #[prost(int64, tag = "1")]
    pub id: i64,
    #[prost(string, tag = "2")]
    pub name: String,
    /// Inside of the CTE's own definition.
    #[prost(bool, tag = "3")]
    pub recursive: bool,
}

/// `VALUES (..), (..)`: columns `col1`, `col2`, .. of the rows' common types (INVALID_INLINE_TABLE.* otherwise).
#[derive(Clone, PartialEq, Message)]
pub struct Values {
    #[prost(message, repeated, tag = "1")]
    pub rows: Vec<ValuesRow>,
    /// Those of its columns, where an alias gives them; for errors.
    #[prost(string, repeated, tag = "2")]
    pub names: Vec<String>,
}

/// One row of [`Values`].
#[derive(Clone, PartialEq, Message)]
pub struct ValuesRow {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<pb::Expression>,
}

/// `input AS t(names)`: all columns renamed; the `SubqueryAlias` is around it. Another number of columns is
/// `ASSIGNMENT_ARITY_MISMATCH`-like: Spark's condition for aliases of a table.
#[derive(Clone, PartialEq, Message)]
pub struct ColumnAliases {
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<pb::Relation>>,
    #[prost(string, repeated, tag = "2")]
    pub names: Vec<String>,
}

/// `input PIVOT (aggregates FOR columns IN (values))`; rows are grouped by all columns of `input` that neither the
/// aggregates nor `columns` mention.
#[derive(Clone, PartialEq, Message)]
pub struct SqlPivot {
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<pb::Relation>>,
    /// Aggregates, each perhaps an `Alias`.
    #[prost(message, repeated, tag = "2")]
    pub aggregates: Vec<pb::Expression>,
    /// One column, or several for values that are structs.
    #[prost(message, repeated, tag = "3")]
    pub columns: Vec<pb::Expression>,
    /// Each perhaps an `Alias`; `struct(..)` for several columns.
    #[prost(message, repeated, tag = "4")]
    pub values: Vec<pb::Expression>,
}

/// `input UNPIVOT [INCLUDE NULLS] (..)`.
#[derive(Clone, PartialEq, Message)]
pub struct SqlUnpivot {
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<pb::Relation>>,
    /// False: rows whose values are all NULL are left out.
    #[prost(bool, tag = "2")]
    pub include_nulls: bool,
    #[prost(string, tag = "3")]
    pub variable_column: String,
    /// One name, or as many as each of `columns` has expressions.
    #[prost(string, repeated, tag = "4")]
    pub value_columns: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    pub columns: Vec<UnpivotColumn>,
}

/// One entry of UNPIVOT's IN list.
#[derive(Clone, PartialEq, Message)]
pub struct UnpivotColumn {
    #[prost(message, repeated, tag = "1")]
    pub expressions: Vec<pb::Expression>,
    /// The value in the variable column; without it the columns' names joined with `_`.
    #[prost(string, optional, tag = "2")]
    pub alias: Option<String>,
}

/// LIMIT and OFFSET that are no plain non-negative integers (`Limit` and `Offset` say those). Must be constant:
/// `INVALID_LIMIT_LIKE_EXPRESSION.*`. The offset is applied first.
#[derive(Clone, PartialEq, Message)]
pub struct SqlLimit {
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<pb::Relation>>,
    #[prost(message, optional, tag = "2")]
    pub limit: Option<pb::Expression>,
    #[prost(message, optional, tag = "3")]
    pub offset: Option<pb::Expression>,
}

/// `ORDER BY ALL [ASC|DESC] [NULLS ..]`: all output columns in order.
#[derive(Clone, PartialEq, Message)]
pub struct OrderByAll {
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<pb::Relation>>,
    #[prost(enumeration = "pb::expression::sort_order::SortDirection", tag = "2")]
    pub direction: i32,
    #[prost(enumeration = "pb::expression::sort_order::NullOrdering", tag = "3")]
    pub null_ordering: i32,
}

/// `SELECT .. QUALIFY condition`: a filter over what the list computes, window functions first of all. The condition sees
/// the list and the columns below it, and may hold window functions of its own.
#[derive(Clone, PartialEq, Message)]
pub struct Qualify {
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<pb::Relation>>,
    #[prost(message, optional, tag = "2")]
    pub condition: Option<pb::Expression>,
}

/// An expression of ours: exactly one kind.
#[derive(Clone, PartialEq, Message)]
pub struct ExpressionExtension {
    #[prost(oneof = "ExpressionKind", tags = "1, 2, 3, 4")]
    pub kind: Option<ExpressionKind>,
}

/// The expressions of ours.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ExpressionKind {
    #[prost(message, tag = "1")]
    Function(Box<SqlFunction>),
    #[prost(message, tag = "2")]
    StarExcept(StarExcept),
    #[prost(message, tag = "3")]
    Ordinal(Ordinal),
    #[prost(message, tag = "4")]
    WithRelations(Box<ExpressionWithRelations>),
}

/// A function call with FILTER, WITHIN GROUP or IGNORE/RESPECT NULLS. A call without them is a plain
/// `UnresolvedFunction`. May be the `window_function` of a `Window`.
#[derive(Clone, PartialEq, Message)]
pub struct SqlFunction {
    #[prost(message, optional, tag = "1")]
    pub function: Option<pb::expression::UnresolvedFunction>,
    #[prost(message, optional, boxed, tag = "2")]
    pub filter: Option<Box<pb::Expression>>,
    #[prost(message, repeated, tag = "3")]
    pub within_group: Vec<pb::expression::SortOrder>,
    /// True for IGNORE NULLS, false for RESPECT NULLS.
    #[prost(bool, optional, tag = "4")]
    pub ignore_nulls: Option<bool>,
}

/// `* EXCEPT (..)` and `t.* EXCEPT (..)`.
#[derive(Clone, PartialEq, Message)]
pub struct StarExcept {
    /// `t` or `t.struct_column`, without `.*`.
    #[prost(string, optional, tag = "1")]
    pub unparsed_target: Option<String>,
    /// Columns or fields of struct columns left out.
    #[prost(string, repeated, tag = "2")]
    pub except: Vec<String>,
}

/// A position (from 1) in GROUP BY (of [`SqlAggregate::select`] with its stars expanded) or ORDER BY (of the input's
/// output). Out of range: `GROUP_BY_POS_OUT_OF_RANGE` or `ORDER_BY_POS_OUT_OF_RANGE`.
#[derive(Clone, PartialEq, Message)]
pub struct Ordinal {
    #[prost(int32, tag = "1")]
    pub position: i32,
}

/// What `parse_expression` gives for a text with subqueries: `references` are as in the message `WithRelations`.
#[derive(Clone, PartialEq, Message)]
pub struct ExpressionWithRelations {
    #[prost(message, optional, boxed, tag = "1")]
    pub expression: Option<Box<pb::Expression>>,
    #[prost(message, repeated, tag = "2")]
    pub references: Vec<pb::Relation>,
}

impl RelationKind {
    /// The relation that carries this kind.
    pub fn into_relation(self) -> pb::Relation {
        let value = RelationExtension { kind: Some(self) }.encode_to_vec();
        let any = prost_types::Any { type_url: RELATION_URL.into(), value };
        pb::Relation { common: None, rel_type: Some(pb::relation::RelType::Extension(any)) }
    }

    /// The kind that an extension carries; None when it is not one of ours.
    pub fn from_any(any: &prost_types::Any) -> Option<Self> {
        (any.type_url == RELATION_URL).then(|| RelationExtension::decode(any.value.as_slice()).ok()?.kind).flatten()
    }
}

impl ExpressionKind {
    /// The expression that carries this kind.
    pub fn into_expression(self) -> pb::Expression {
        let value = ExpressionExtension { kind: Some(self) }.encode_to_vec();
        let any = prost_types::Any { type_url: EXPRESSION_URL.into(), value };
        pb::Expression { common: None, expr_type: Some(pb::expression::ExprType::Extension(any)) }
    }

    /// The kind that an extension carries; None when it is not one of ours.
    pub fn from_any(any: &prost_types::Any) -> Option<Self> {
        (any.type_url == EXPRESSION_URL).then(|| ExpressionExtension::decode(any.value.as_slice()).ok()?.kind).flatten()
    }
}
