//! SQL text to Connect messages: Spark's grammar, read by hand, lowered while it is read.
//!
//! Reading order: [`lexer`], [`parser`] (the cursor), [`query`], [`select`], [`from`] (relations), [`expression`],
//! [`function`], [`window`], [`literal`], [`interval`], [`data_type`], [`name`], [`command`] and its readers,
//! [`routine`] (bodies of functions), [`script`]. What the
//! messages cannot say travels as [`firesteel_protocol::extension`]. Names are not looked up here, types are not checked.
//!
//! The parser is our own, since the generic one reads several of Spark's forms as something else without an error
//! (`1S` as `1 AS S`, `10 DIV 3 + 1`, hints) and keeps no place for most expressions, which Spark's errors quote.

mod alter;
pub mod build;
pub mod command;
mod create;
mod data_type;
mod execute;
mod expression;
mod from;
mod function;
mod hive;
mod insert;
mod interval;
mod lexer;
mod literal;
pub mod metric_view;
mod name;
mod parser;
mod pipe;
pub(crate) mod query;
mod routine;
mod row_change;
pub mod script;
mod script_transform;
mod select;
mod show;
pub mod substitute;
#[cfg(test)]
mod tests;
mod watermark;
mod window;

use std::collections::HashMap;

use firesteel_protocol::extension::{ExpressionKind, ExpressionWithRelations};
use firesteel_protocol::{Result, connect as pb};

pub use command::SqlCommand;
use parser::Parser;

/// What of a session decides how a text is read.
#[derive(Debug, Clone)]
pub struct SqlContext {
    /// `spark.sql.ansi.enabled`.
    pub ansi: bool,
    /// `spark.sql.ansi.doubleQuotedIdentifiers` under ANSI: `".."` is a name.
    pub double_quoted_identifiers: bool,
    /// `spark.sql.parser.escapedStringLiterals`: a backslash in a string is itself.
    pub escaped_string_literals: bool,
    /// `spark.sql.parser.quotedRegexColumnNames`: a name in backticks in a select list is a regular expression.
    pub quoted_regex: bool,
    /// `spark.sql.groupByOrdinal`.
    pub group_by_ordinal: bool,
    /// `spark.sql.orderByOrdinal`.
    pub order_by_ordinal: bool,
    /// `spark.sql.caseSensitive`.
    pub case_sensitive: bool,
    /// `spark.sql.ansi.enforceReservedKeywords` under ANSI: reserved words are no names.
    pub reserved_words: bool,
    /// `spark.sql.legacy.setopsPrecedence.enabled`: INTERSECT binds no tighter than UNION.
    pub equal_set_operations: bool,
    /// `spark.sql.legacy.ctePrecedencePolicy` is EXCEPTION: a CTE may not have the name of one around it.
    pub distinct_ctes: bool,
    /// `spark.sql.legacy.ctePrecedencePolicy` is LEGACY: of two CTEs of a name the outer one is meant.
    pub outer_ctes_first: bool,
    /// `spark.sql.operatorPipeSyntaxEnabled`.
    pub pipes: bool,
    /// `spark.sql.timestampType` is TIMESTAMP_NTZ: what `TIMESTAMP` means.
    pub timestamp_ntz: bool,
    /// `spark.sql.session.timeZone`, for `TIMESTAMP '..'`.
    pub time_zone: String,
    /// The session, for names that are computed.
    pub session: Option<crate::context::ResolveContext>,
    /// Values for `:name`.
    pub named_args: HashMap<String, pb::Expression>,
    /// Values for `?`.
    pub positional_args: Vec<pb::Expression>,
}

impl Default for SqlContext {
    fn default() -> Self {
        Self {
            ansi: true,
            double_quoted_identifiers: false,
            escaped_string_literals: false,
            quoted_regex: false,
            group_by_ordinal: true,
            order_by_ordinal: true,
            case_sensitive: false,
            reserved_words: false,
            equal_set_operations: false,
            distinct_ctes: false,
            outer_ctes_first: false,
            pipes: true,
            timestamp_ntz: false,
            time_zone: "UTC".into(),
            session: None,
            named_args: HashMap::new(),
            positional_args: vec![],
        }
    }
}

impl SqlContext {
    /// Takes the arguments of `spark.sql(text, args)`.
    pub fn take_arguments(&mut self, message: &pb::Sql) {
        let literal =
            |literal: &pb::expression::Literal| build::expr(pb::expression::ExprType::Literal(literal.clone()));
        #[expect(deprecated, reason = "clients before 4.0 send literals here")]
        let (args, pos_args) = (&message.args, &message.pos_args);
        self.named_args.extend(args.iter().map(|(name, value)| (name.clone(), literal(value))));
        let named = message.named_arguments.iter().map(|(name, value)| (name.clone(), own_precision(value)));
        self.named_args.extend(named);
        self.positional_args.extend(pos_args.iter().map(literal));
        self.positional_args.extend(message.pos_arguments.iter().map(own_precision));
    }
}

/// A decimal among arguments has the precision of its own digits, whatever the client says.
fn own_precision(argument: &pb::Expression) -> pb::Expression {
    use pb::expression::{ExprType, literal::LiteralType};
    let mut argument = argument.clone();
    if let Some(ExprType::Literal(pb::expression::Literal {
        literal_type: Some(LiteralType::Decimal(decimal)), ..
    })) = &mut argument.expr_type
    {
        (decimal.precision, decimal.scale) = (None, None);
    }
    argument
}

/// One statement.
#[derive(Debug, Clone)]
pub enum Statement {
    Query(Box<pb::Relation>),
    Command(Box<SqlCommand>),
}

/// Where a text names something for the first time.
pub fn place_of_name(text: &str, quoted: &str, ctx: &SqlContext) -> Option<firesteel_protocol::QueryContext> {
    let wanted = parse_column_name(quoted).ok()?;
    let mut parser = Parser::new(text, ctx).ok()?;
    while !parser.is_end() {
        let at = parser.position();
        if let Ok(parts) = parser.name_parts()
            && parts.len() == wanted.len()
            && parts.iter().zip(&wanted).all(|(a, b)| a.eq_ignore_ascii_case(b))
        {
            return parser
                .error_from(at, firesteel_protocol::SparkError::new("TABLE_OR_VIEW_NOT_FOUND"))
                .context()
                .cloned();
        }
        parser.jump(at + 1);
    }
    None
}

/// Reads one statement; semicolons may follow it. A query's root carries the text (`common.origin.sql_text`).
pub fn parse_statement(text: &str, ctx: &SqlContext) -> Result<Statement> {
    let mut parser = Parser::new(text, ctx)?;
    let statement = parser.statement().and_then(|statement| {
        parser.expect_end()?;
        Ok(statement)
    });
    let statement = statement.map_err(|error| parser.furthest(error))?;
    Ok(match statement {
        Statement::Query(relation) => Statement::Query(Box::new(with_text(*relation, text))),
        command => command,
    })
}

/// Reads a query: `spark.sql` of a view's text, say.
pub fn parse_query(text: &str, ctx: &SqlContext) -> Result<pb::Relation> {
    let mut parser = Parser::new(text, ctx)?;
    let query = parser.query().and_then(|query| {
        parser.expect_end()?;
        Ok(query)
    });
    query.map(|query| with_text(query, text)).map_err(|error| parser.furthest(error))
}

/// Reads an expression as `expr`, `selectExpr` and string conditions take it: also `a AS b` and stars.
pub fn parse_expression(text: &str, ctx: &SqlContext) -> Result<pb::Expression> {
    let mut parser = Parser::new(text, ctx)?;
    let expression = parser.named_expression().and_then(|expression| {
        parser.expect_end()?;
        Ok(expression)
    });
    let mut expression = expression.map_err(|error| parser.furthest(error))?;
    let references = std::mem::take(&mut parser.references);
    if !references.is_empty() {
        let inner = ExpressionWithRelations { expression: Some(Box::new(expression)), references };
        expression = parser.placed(0, ExpressionKind::WithRelations(Box::new(inner)).into_expression());
    }
    let origin = expression.common.get_or_insert_default().origin.get_or_insert_with(|| parser.origin(0));
    set_text(origin, text);
    Ok(expression)
}

/// Reads a table's name in one or more parts.
pub fn parse_table_name(text: &str) -> Result<Vec<String>> {
    name::parse_parts(text)
}

/// A text's tokens with a space between each two: two texts that differ in white space and comments alone are the same then, what
/// stands in quotes stays as it is.
pub(crate) fn tokens_of(text: &str) -> Result<String> {
    let tokens = lexer::tokenize(text)?;
    Ok(tokens.iter().map(|token| token.text).collect::<Vec<_>>().join(" "))
}

/// Reads a column's name: `` a.b.`c d` ``. No keyword, no expression.
pub fn parse_column_name(text: &str) -> Result<Vec<String>> {
    name::parse_column(text)
}

/// Whether a text has parameters by name (`:a`), and by position (`?`).
pub fn parameters_in(text: &str) -> (bool, bool) {
    let ctx = SqlContext::default();
    Parser::new(text, &ctx).map(|parser| parser.parameters()).unwrap_or_default()
}

/// The whole statement as a place; with `head`, as far as its query.
pub fn place_of_statement(text: &str, head: bool, ctx: &SqlContext) -> Option<firesteel_protocol::QueryContext> {
    let mut parser = Parser::new(text, ctx).ok()?;
    let error = firesteel_protocol::SparkError::new("CAST_INVALID_INPUT");
    if !head {
        return parser.error_whole(error).context().cloned();
    }
    let mut depth = 0_usize;
    for at in 3.. {
        let token = parser.token(at);
        match token.text {
            _ if token.kind == lexer::Kind::End => return None,
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            word if depth == 0
                && ["SELECT", "VALUES", "TABLE", "FROM", "WITH"].iter().any(|own| word.eq_ignore_ascii_case(own)) =>
            {
                parser.jump(at);
                return parser.error_from(0, error).context().cloned();
            }
            _ => {}
        }
    }
    None
}

/// A relation whose places are in a text.
pub fn with_text(mut relation: pb::Relation, text: &str) -> pb::Relation {
    let origin = relation.common.get_or_insert_default().origin.get_or_insert_default();
    set_text(origin, text);
    relation
}

/// Says whose text a query is.
pub fn of_object(mut relation: pb::Relation, kind: &str, name: &str) -> pb::Relation {
    if let Some(pb::origin::Function::JvmOrigin(place)) =
        relation.common.as_mut().and_then(|common| common.origin.as_mut()).and_then(|origin| origin.function.as_mut())
    {
        place.object_type = Some(kind.to_string());
        place.object_name = Some(name.to_string());
    }
    relation
}

fn set_text(origin: &mut pb::Origin, text: &str) {
    let function = origin.function.get_or_insert_with(|| pb::origin::Function::JvmOrigin(pb::JvmOrigin::default()));
    if let pb::origin::Function::JvmOrigin(place) = function {
        place.sql_text = Some(text.to_string());
    }
}
