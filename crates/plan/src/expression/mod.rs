//! Connect's expressions to DataFusion's: one `match`, a file for each larger kind.

pub mod aggregate;
pub mod extract;
pub mod frame;
pub mod function;
pub mod lambda;
pub mod literal;
pub mod named;
pub(crate) mod outer_aggregate;
pub mod python;
pub mod regex;
pub mod routine;
pub mod select;
pub mod star;
pub mod subquery;
pub mod update_fields;
pub mod walk;
pub mod window;

use std::cmp::Ordering;
use std::collections::HashMap;

use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Sort as SortExpr;
use firesteel_functions::cast::{EvalMode, cast_to};
use firesteel_functions::{Typed, collation};
use firesteel_protocol::connect::{self as pb, expression::ExprType};
use firesteel_protocol::extension::{EXPRESSION_URL, ExpressionKind};
use firesteel_protocol::types::{CHAR_VARCHAR_KEY, METADATA_KEY, ddl, proto, with_lengths};
use firesteel_protocol::{Result, SparkError};

use crate::Resolver;
use crate::scope::Scope;
use crate::sql;

impl Resolver<'_> {
    /// Resolves an expression that yields one column.
    pub fn expression(&self, expression: &pb::Expression, scope: &Scope) -> Result<Typed> {
        let inside = self.in_expression.replace(true);
        let mut typed = self.expression_here(expression, scope);
        if !inside {
            typed = self.worded(typed, || self.expression_here(expression, scope));
        }
        self.in_expression.set(inside);
        typed
    }

    /// Gives an error about types its text: Spark finds it when it has taken the aliases inside of structs away.
    pub(crate) fn worded<T>(&self, first: Result<T>, again: impl FnOnce() -> Result<T>) -> Result<T> {
        match first {
            Err(error) if !self.bare_structs.get() && walk::prints_aliases(&error) => {
                self.bare_structs.set(true);
                let again = again();
                self.bare_structs.set(false);
                again
            }
            first => first,
        }
    }

    fn expression_here(&self, expression: &pb::Expression, scope: &Scope) -> Result<Typed> {
        let origin = expression.common.as_ref().and_then(|common| common.origin.as_ref());
        self.placed(origin, || self.expression_kind(expression, scope))
    }

    fn expression_kind(&self, expression: &pb::Expression, scope: &Scope) -> Result<Typed> {
        let kind = expression.expr_type.as_ref().ok_or_else(|| SparkError::internal("an expression without kind"))?;
        match kind {
            ExprType::Literal(literal) => literal::resolve(literal, self.env()).map(|typed| self.by_default(typed)),
            ExprType::UnresolvedAttribute(attribute) => self.attribute(attribute, scope),
            ExprType::UnresolvedFunction(call) => function::resolve(self, call, scope),
            ExprType::CallFunction(call) => function::resolve_call(self, call, scope),
            ExprType::ExpressionString(text) => {
                let text = self.substituted(&text.expression);
                let parsed = sql::parse_expression(&text, &self.sql_context())?;
                self.with_sql_text(&text, || self.expression(&parsed, scope))
            }
            ExprType::Alias(alias) => self.alias(alias, scope),
            ExprType::Cast(message) => self.cast(message, scope),
            ExprType::Window(window) => window::resolve(self, window, scope),
            ExprType::UnresolvedExtractValue(extract) => {
                extract::resolve(self, extract, scope).map_err(|error| match error.condition() {
                    // Spark knows no place here.
                    "INVALID_EXTRACT_BASE_FIELD_TYPE"
                    | "INVALID_EXTRACT_FIELD_TYPE"
                    | "FIELD_NOT_FOUND"
                    | "AMBIGUOUS_REFERENCE_TO_FIELDS" => error.placeless(),
                    _ => error,
                })
            }
            ExprType::UpdateFields(update) => update_fields::resolve(self, update, scope),
            ExprType::SubqueryExpression(subquery) => subquery::resolve(self, subquery, scope),
            ExprType::UnresolvedNamedLambdaVariable(variable) => lambda::variable(self, &variable.name_parts, scope),
            ExprType::SortOrder(order) => {
                self.expression(order.child.as_deref().ok_or_else(|| missing("child", "SortOrder"))?, scope)
            }
            ExprType::UnresolvedStar(_) | ExprType::UnresolvedRegex(_) => {
                let mut columns = self.expressions(std::slice::from_ref(expression), scope)?;
                match columns.len() {
                    1 => Ok(columns.remove(0)),
                    _ => {
                        let elem = match kind {
                            ExprType::UnresolvedRegex(regex) => {
                                let own = regex.col_name.rsplit(".`").next().unwrap_or_default();
                                format!("regular expression '{}'", own.trim_matches('`'))
                            }
                            _ => "'*'".to_string(),
                        };
                        Err(SparkError::new("INVALID_USAGE_OF_STAR_OR_REGEX")
                            .with("elem", elem)
                            .with("prettyName", "expression"))
                    }
                }
            }
            ExprType::LambdaFunction(_) => {
                Err(SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION")
                    .with("class", "expression"))
            }
            ExprType::NamedArgumentExpression(named) => self
                .expression(named.value.as_deref().ok_or_else(|| missing("value", "NamedArgumentExpression"))?, scope),
            ExprType::CommonInlineUserDefinedFunction(udf) => python::resolve(self, udf, scope),
            ExprType::TypedAggregateExpression(_) => Err(SparkError::unsupported(
                "typed aggregates of the Scala client",
                "Use an untyped aggregate function.",
            )),
            ExprType::MergeAction(_) => {
                Err(SparkError::unsupported("MERGE INTO", "Write the merged rows with overwrite."))
            }
            ExprType::DirectShufflePartitionId(_) => {
                Err(SparkError::unsupported("direct partition ids", "Use repartition with columns."))
            }
            ExprType::Extension(any) => match (any.type_url == EXPRESSION_URL)
                .then(|| ExpressionKind::from_any(any))
                .flatten()
            {
                Some(ExpressionKind::Function(call)) => function::resolve_sql(self, &call, scope),
                Some(ExpressionKind::WithRelations(with)) => {
                    let root =
                        with.expression.as_deref().ok_or_else(|| missing("expression", "ExpressionWithRelations"))?;
                    self.register_references(&with.references);
                    self.expression(root, scope)
                }
                Some(ExpressionKind::StarExcept(_)) => Err(SparkError::new("INVALID_USAGE_OF_STAR_OR_REGEX")
                    .with("elem", "'*'")
                    .with("prettyName", "expression")),
                Some(ExpressionKind::Ordinal(ordinal)) => literal::resolve(&literal::int(ordinal.position), self.env()),
                None => Err(SparkError::unsupported("this expression extension", "Use the functions of Spark itself.")),
            },
        }
    }

    /// A string as one of the collation that strings have here which say none.
    pub(crate) fn by_default(&self, typed: Typed) -> Typed {
        match self.collation.borrow().as_deref() {
            Some(own) if typed.data_type == DataType::Utf8 && !collation::has_own(&typed) => {
                collation::with(typed, own, false)
            }
            _ => typed,
        }
    }

    /// Resolves a list in which stars and regular expressions stand for several columns.
    pub fn expressions(&self, list: &[pb::Expression], scope: &Scope) -> Result<Vec<Typed>> {
        let mut columns = Vec::with_capacity(list.len());
        for expression in list {
            match star::expand(self, expression, scope).map_err(|error| self.at_expression(error, expression))? {
                Some(expanded) => columns.extend(expanded),
                None => columns.push(self.listed(expression, scope)?),
            }
        }
        Ok(columns)
    }

    /// A named column: by plan id (`df["a"]`) or by name.
    fn attribute(&self, message: &pb::expression::UnresolvedAttribute, scope: &Scope) -> Result<Typed> {
        let parts = sql::parse_column_name(&message.unparsed_identifier)?;
        if let Some(plan_id) = message.plan_id {
            return self.attribute_of_plan(&parts, plan_id, scope);
        }
        self.column(&parts, scope)
    }

    /// A column by its name, lambda variables first, then this query, then the query around it.
    pub(crate) fn column(&self, parts: &[String], scope: &Scope) -> Result<Typed> {
        if parts.is_empty() {
            return Err(SparkError::internal("a column without a name"));
        }
        if let Some(variable) = lambda::lookup(self, parts)? {
            return Ok(variable);
        }
        if let Some(found) = scope.find(parts)? {
            return self.found(&found, parts);
        }
        if let Some(found) = self.lateral_alias(parts, scope)? {
            return Ok(found);
        }
        if let Some(id) = parts[0].strip_prefix('#').and_then(|id| id.parse::<u64>().ok()) {
            if let Some(attribute) = scope.output().find(|attribute| attribute.id == id) {
                return Ok(attribute.typed());
            }
        }
        // A subquery sees the query around it, but none further out.
        if let Some(enclosing) = scope.outer
            && let Some(found) = enclosing.find(parts)?
        {
            {
                let column = datafusion::common::Column::new_unqualified(found.attribute.column.as_ref());
                let field = Field::new(found.attribute.column.as_ref(), found.attribute.data_type().clone(), true);
                let mut typed = found.attribute.typed();
                typed.expr = Expr::OuterReferenceColumn(field.into(), column);
                let qualified = || {
                    let parts = found.attribute.qualifier.iter().map(String::as_str).chain([found.attribute.name()]);
                    let quoted = parts.map(firesteel_protocol::types::name::quote_if_needed);
                    quoted.collect::<Vec<_>>().join(".")
                };
                typed.name = match self.names.get() {
                    walk::Names::Unwrapped => found.attribute.name().to_string(),
                    walk::Names::Qualified | walk::Names::OuterQualified => format!("outer({})", qualified()),
                    _ => format!("outer({})", found.attribute.name()),
                };
                return self.nested(typed, found.rest);
            }
        }
        if let [name] = parts {
            if let Some(typed) = function::without_parentheses(self, name)? {
                return Ok(typed);
            }
        }
        // Behind a variable's name there may be fields of it.
        for end in (1..=parts.len()).rev() {
            let Some(variable) = self.ctx.catalog.variable(&parts[..end]) else { continue };
            let field = Field::new("", variable.value.data_type(), true).with_metadata(variable.metadata.clone());
            let own = collation::of_column(&field);
            let shown = match literal::sql_text(&variable.value, self.env())? {
                _ if variable.value.is_null() && !variable.value.data_type().is_null() => {
                    format!("CAST(NULL AS {})", firesteel_protocol::types::name::sql_of_field(&field))
                }
                shown
                    if own != firesteel_protocol::types::collation::BINARY && field.data_type() == &DataType::Utf8 =>
                {
                    format!("{shown} collate {own}")
                }
                shown => shown,
            };
            let name = format!("{VARIABLE}{}={shown})", variable.name);
            let typed = Typed { metadata: variable.metadata, ..Typed::literal(variable.value, name) };
            return self.nested(typed, &parts[end..]);
        }
        Err(scope.unresolved_column(parts))
    }

    /// An alias further left in the same select list.
    fn lateral_alias(&self, parts: &[String], scope: &Scope) -> Result<Option<Typed>> {
        let found = {
            let lateral = self.lateral.borrow();
            let same =
                |own: &str| if scope.case_sensitive { own == parts[0] } else { own.eq_ignore_ascii_case(&parts[0]) };
            let found: Vec<&Typed> = lateral.iter().filter(|typed| same(&typed.name)).collect();
            if found.len() > 1 {
                return Err(SparkError::new("AMBIGUOUS_LATERAL_COLUMN_ALIAS")
                    .with("name", firesteel_protocol::types::name::quote(&parts[0]))
                    .with("n", found.len().to_string()));
            }
            found.first().map(|typed| (*typed).clone())
        };
        match found {
            Some(typed) => {
                let name = typed.name.clone();
                let mut typed = self.nested(unaliased(typed).named(name), &parts[1..])?;
                // Inside of calls it goes by the name of Spark's `LateralColumnAliasReference`.
                let last = parts.last().map_or("", String::as_str);
                typed.unaliased_name = Some(format!("lateralAliasReference({last})"));
                Ok(Some(typed))
            }
            None => Ok(None),
        }
    }

    fn attribute_of_plan(&self, parts: &[String], plan_id: i64, scope: &Scope) -> Result<Typed> {
        let outputs = self.outputs.borrow();
        let missing =
            || SparkError::new("CANNOT_RESOLVE_DATAFRAME_COLUMN").with("name", format!("\"{}\"", parts.join(".")));
        let Some(occurrences) = outputs.get(&plan_id) else {
            return Err(missing());
        };
        // A DataFrame may occur in both sides of a join, there as itself and here below others: the join's condition means the
        // nearest one, what is above the join could mean either.
        let in_condition = scope.inputs.len() > 1;
        let mut nearest: Vec<(usize, u64, Typed)> = vec![];
        for occurrence in occurrences {
            let all: Vec<&crate::Attribute> = occurrence.output.iter().collect();
            let Some(found) = crate::scope::find_in(&all, parts, scope.case_sensitive)? else { continue };
            let in_sight = |attribute: &&crate::Attribute| attribute.id == found.attribute.id;
            let current = scope.output().find(in_sight);
            let current = current.or_else(|| scope.inputs.iter().flat_map(|r| r.hidden.iter()).find(in_sight));
            let Some(current) = current else { continue };
            let typed = self.found(&crate::scope::Found { attribute: current.clone(), rest: found.rest }, parts)?;
            match nearest.first().map(|(depth, ..)| occurrence.depth.cmp(depth)) {
                Some(Ordering::Greater) if in_condition => continue,
                Some(Ordering::Less) if in_condition => nearest.clear(),
                _ => {}
            }
            if !nearest.iter().any(|(_, id, _)| *id == current.id) {
                nearest.push((occurrence.depth, current.id, typed));
            }
        }
        match nearest.len() {
            1 => Ok(nearest.remove(0).2),
            0 => Err(missing()),
            _ => {
                let name = format!("\"{}\"", parts.join("."));
                Err(SparkError::new("AMBIGUOUS_COLUMN_REFERENCE").with("name", name))
            }
        }
    }

    /// A found column goes by the user's spelling of its name.
    fn found(&self, found: &crate::scope::Found, parts: &[String]) -> Result<Typed> {
        let mut typed = found.attribute.typed();
        if let Some(own) = parts.len().checked_sub(found.rest.len() + 1).map(|at| &parts[at]) {
            typed.name.clone_from(own);
        }
        match self.names.get() {
            walk::Names::Plain | walk::Names::OuterQualified | walk::Names::Unwrapped => {}
            walk::Names::Qualified => {
                let qualifier =
                    found.attribute.qualifier.iter().map(|part| firesteel_protocol::types::name::quote_if_needed(part));
                let parts = qualifier.chain([firesteel_protocol::types::name::quote_if_needed(found.attribute.name())]);
                typed.name = parts.collect::<Vec<_>>().join(".");
            }
            walk::Names::WithIds => typed.name = format!("{}#{}", found.attribute.name(), found.attribute.id),
        }
        self.nested(typed, found.rest)
    }

    /// `column.rest[0].rest[1]`.
    pub(crate) fn nested(&self, column: Typed, rest: &[String]) -> Result<Typed> {
        let mut column = column;
        for field in rest {
            if let Some(path) = column.unaliased_name.take() {
                column.name = path;
            }
            let name = Typed::literal(datafusion::scalar::ScalarValue::Utf8(Some(field.clone())), field.as_str());
            column = firesteel_functions::collection::extract_value(column, name, &self.env_here())?;
            // A nested column's own name is that of the field; inside of calls it goes by its whole path.
            let path = std::mem::replace(&mut column.name, field.clone());
            column.unaliased_name = Some(path);
        }
        Ok(column)
    }

    fn alias(&self, alias: &pb::expression::Alias, scope: &Scope) -> Result<Typed> {
        let inner = alias.expr.as_deref().ok_or_else(|| missing("expr", "Alias"))?;
        let mut typed = self.expression(inner, scope)?;
        let [name] = alias.name.as_slice() else {
            return Err(SparkError::new("MULTI_ALIAS_WITHOUT_GENERATOR")
                .with("expr", format!("\"{}\"", typed.name))
                .with("names", alias.name.join(", ")));
        };
        if let Some(text) = &alias.metadata {
            let mut own = firesteel_protocol::types::json::metadata(text)?;
            // The declared type of a column that is a text by now.
            if own.remove(CHAR_VARCHAR_KEY).is_some() {
                own.insert(METADATA_KEY.into(), text.clone());
            }
            typed.metadata.extend(own);
        }
        // A part of a VARIANT goes by its name where it is a column, else by all that Spark's alias prints.
        if matches!(&inner.expr_type, Some(ExprType::UnresolvedFunction(call)) if call.is_internal == Some(true)) {
            let quoted = firesteel_protocol::types::name::quote_if_needed(name);
            typed.unaliased_name = Some(format!("{} AS {quoted}", typed.name));
            return Ok(typed.named(name.clone()));
        }
        // The alias node tells a renamed column from the column itself.
        typed.expr = typed.expr.alias(name.clone());
        typed.unaliased_name = Some(std::mem::replace(&mut typed.name, name.clone()));
        Ok(typed)
    }

    fn cast(&self, message: &pb::expression::Cast, scope: &Scope) -> Result<Typed> {
        use pb::expression::cast::{CastToType, EvalMode as Mode};
        let inner = message.expr.as_deref().ok_or_else(|| missing("expr", "Cast"))?;
        let target = match message.cast_to_type.as_ref().ok_or_else(|| missing("type", "Cast"))? {
            CastToType::Type(data_type) => proto::decode_field("", data_type, true, HashMap::new())?,
            CastToType::TypeStr(text) => ddl::parse_type(text)?,
        };
        // A cast to CHAR or VARCHAR is one to STRING.
        let target = with_lengths(&target, &|_| None);
        let unsaid = match &message.cast_to_type {
            Some(CastToType::Type(pb::DataType { kind: Some(pb::data_type::Kind::String(text)) })) => {
                text.collation.is_empty()
            }
            _ => false,
        };
        let mode = match message.eval_mode() {
            Mode::Legacy => EvalMode::Legacy,
            Mode::Ansi => EvalMode::Ansi,
            Mode::Try => EvalMode::Try,
            Mode::Unspecified if self.env().ansi => EvalMode::Ansi,
            Mode::Unspecified => EvalMode::Legacy,
        };
        let mut arg = self.expression(inner, scope)?;
        if let Some(shown) = arg.unaliased_name.take_if(|shown| shown.starts_with("lateralAliasReference(")) {
            arg.name = shown;
        }
        let arg = match (&arg.expr, arg.unaliased_name.clone()) {
            (Expr::Alias(_), _) | (_, None) => unaliased(arg),
            (_, Some(path)) => arg.named(path),
        };
        let typed = cast_to(arg, &target, mode, &self.env_here())?;
        Ok(if unsaid { self.by_default(typed) } else { typed })
    }

    /// In a list Spark names `CAST(a AS INT)` of a plain column by the column alone, and a variable by its own name.
    fn listed(&self, expression: &pb::Expression, scope: &Scope) -> Result<Typed> {
        let mut typed = self.expression(expression, scope)?;
        if let Some(ExprType::UnresolvedAttribute(attribute)) = &expression.expr_type
            && typed.name.starts_with(VARIABLE)
        {
            let parts = sql::parse_column_name(&attribute.unparsed_identifier)?;
            typed.name = parts.last().cloned().unwrap_or_default();
            return Ok(typed);
        }
        if let Some(ExprType::Cast(message)) = &expression.expr_type {
            if let Some(ExprType::UnresolvedAttribute(_) | ExprType::Alias(_)) =
                message.expr.as_deref().and_then(|inner| inner.expr_type.as_ref())
            {
                let inner = message.expr.as_deref().ok_or_else(|| missing("expr", "Cast"))?;
                let own = self.expression(inner, scope)?;
                // A field of a struct is shown by its path.
                let is_path =
                    own.unaliased_name.as_ref().is_some_and(|path| !path.starts_with("lateralAliasReference("));
                if is_path && matches!(&inner.expr_type, Some(ExprType::UnresolvedAttribute(_))) {
                    return Ok(typed);
                }
                typed.name.clone_from(&own.name);
                let units = typed.units();
                let collated = firesteel_functions::collation::of_column(&typed.field()).to_string();
                typed.metadata = own.metadata;
                firesteel_protocol::types::collation::record(&collated, &mut typed.metadata);
                if let Some(units) = units {
                    units.record(&mut typed.metadata);
                }
                typed.expr = typed.expr.alias(&typed.name);
            }
        }
        Ok(typed)
    }

    /// Resolves a sort order; Spark puts NULLs first ascending, last descending.
    pub fn sort_order(&self, order: &pb::expression::SortOrder, scope: &Scope) -> Result<SortExpr> {
        let child = order.child.as_deref().ok_or_else(|| missing("child", "SortOrder"))?;
        let typed = self.expression(child, scope)?;
        let (ascending, nulls_first) = sort_direction(order);
        let checked = self.worded(check_orderable(&typed), || check_orderable(&self.expression(child, scope)?));
        checked.map_err(|error| self.at_expression(error, child))?;
        let key = firesteel_functions::collation::key(&unaliased(typed), &self.env_here());
        Ok(SortExpr::new(key.expr, ascending, nulls_first))
    }

    /// Settings of the SQL front door.
    pub fn sql_context(&self) -> sql::SqlContext {
        let cte_policy = |policy: &str| {
            let own = self.ctx.conf("spark.sql.legacy.ctePrecedencePolicy");
            own.is_some_and(|own| own.eq_ignore_ascii_case(policy))
        };
        sql::SqlContext {
            ansi: self.env().ansi,
            double_quoted_identifiers: self.ctx.conf_bool("spark.sql.ansi.doubleQuotedIdentifiers", false),
            escaped_string_literals: self.ctx.conf_bool("spark.sql.parser.escapedStringLiterals", false),
            quoted_regex: self.ctx.conf_bool("spark.sql.parser.quotedRegexColumnNames", false),
            group_by_ordinal: self.ctx.conf_bool("spark.sql.groupByOrdinal", true),
            order_by_ordinal: self.ctx.conf_bool("spark.sql.orderByOrdinal", true),
            case_sensitive: self.env().case_sensitive,
            reserved_words: self.env().ansi && self.ctx.conf_bool("spark.sql.ansi.enforceReservedKeywords", false),
            equal_set_operations: self.ctx.conf_bool("spark.sql.legacy.setopsPrecedence.enabled", false),
            distinct_ctes: cte_policy("EXCEPTION"),
            outer_ctes_first: cte_policy("LEGACY"),
            pipes: self.ctx.conf_bool("spark.sql.operatorPipeSyntaxEnabled", true),
            timestamp_ntz: self
                .ctx
                .conf("spark.sql.timestampType")
                .is_some_and(|t| t.eq_ignore_ascii_case("TIMESTAMP_NTZ")),
            time_zone: self.env().time_zone.to_string(),
            session: Some(self.ctx.clone()),
            ..Default::default()
        }
    }

    /// The text with settings in the place of `${key}`, unless `spark.sql.variable.substitute` is off.
    pub fn substituted<'t>(&self, text: &'t str) -> std::borrow::Cow<'t, str> {
        if !text.contains("${") || !self.ctx.conf_bool("spark.sql.variable.substitute", true) {
            return text.into();
        }
        sql::substitute::settings(text, |key| self.ctx.conf(key)).into()
    }

    /// Runs `resolve` with `text` as the SQL text that positions refer to.
    pub(crate) fn with_sql_text<T>(&self, text: &str, resolve: impl FnOnce() -> Result<T>) -> Result<T> {
        self.sql_texts.borrow_mut().push(text.into());
        let result = resolve();
        self.sql_texts.borrow_mut().pop();
        result
    }
}

/// How Spark prints a variable inside of an expression.
const VARIABLE: &str = "variablereference(";

/// `(ascending, nulls_first)`.
pub(crate) fn sort_direction(order: &pb::expression::SortOrder) -> (bool, bool) {
    use pb::expression::sort_order::{NullOrdering, SortDirection};
    let ascending = order.direction() != SortDirection::Descending;
    let nulls_first = match order.null_ordering() {
        NullOrdering::SortNullsFirst => true,
        NullOrdering::SortNullsLast => false,
        NullOrdering::SortNullsUnspecified => ascending,
    };
    (ascending, nulls_first)
}

fn check_orderable(typed: &Typed) -> Result<()> {
    fn orderable(data_type: &arrow::datatypes::DataType) -> bool {
        use arrow::datatypes::{DataType, IntervalUnit};
        match data_type {
            variant if firesteel_protocol::types::is_variant(variant) => false,
            DataType::Map(..) | DataType::Interval(IntervalUnit::MonthDayNano) => false,
            DataType::List(element) => orderable(element.data_type()),
            DataType::Struct(fields) => fields.iter().all(|field| orderable(field.data_type())),
            _ => true,
        }
    }
    if orderable(&typed.data_type) {
        return Ok(());
    }
    Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
        .with("sqlExpr", format!("\"{} ASC NULLS FIRST\"", typed.name))
        .with("functionName", "`sortorder`")
        .with("dataType", format!("\"{}\"", firesteel_protocol::types::name::sql(&typed.data_type))))
}

/// The expression below its aliases; the name stays.
pub fn unaliased(mut typed: Typed) -> Typed {
    while let Expr::Alias(alias) = typed.expr {
        typed.expr = *alias.expr;
    }
    typed
}

/// A message lacks a part that the protocol requires.
pub(crate) fn missing(part: &str, message: &str) -> SparkError {
    SparkError::internal(format!("the Connect message {message} has no {part}"))
}
