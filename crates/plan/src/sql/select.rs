//! One SELECT: list, FROM, WHERE, GROUP BY, HAVING, DISTINCT, hints.

use firesteel_functions::{Kind as FunctionKind, lookup};
use firesteel_protocol::connect::{
    self as pb,
    expression::{ExprType, UnresolvedFunction},
    relation::RelType,
};
use firesteel_protocol::extension::{ExpressionKind, GroupingSet, Qualify, RelationKind, SqlAggregate};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::lexer::Kind;
use super::parser::Parser;
use super::query::to_ordinal;

/// A hint's name and parameters.
type Hint = (String, Vec<pb::Expression>);

/// GROUP BY as read.
#[derive(Default)]
struct Grouping {
    /// Expressions with their normalized texts, by which equal ones are told.
    expressions: Vec<(String, pb::Expression)>,
    /// One list for each ROLLUP, CUBE, GROUPING SETS or plain expression: positions in `expressions`.
    parts: Vec<Vec<Vec<u32>>>,
    /// Whether there is ROLLUP, CUBE or GROUPING SETS.
    has_sets: bool,
    all: bool,
}

impl Parser<'_> {
    /// `SELECT .. FROM ..`.
    pub fn select(&mut self) -> Result<pb::Relation> {
        self.select_over(None)
    }

    /// A SELECT; `input` is what a FROM before it reads.
    pub fn select_over(&mut self, input: Option<pb::Relation>) -> Result<pb::Relation> {
        let windows = self.scan_windows();
        self.windows.push(windows);
        let select = self.select_in_windows(input, false);
        self.windows.pop();
        select
    }

    /// `|> SELECT ..`: a list, and perhaps WINDOW.
    pub fn select_in_pipe(&mut self, input: pb::Relation) -> Result<pb::Relation> {
        let windows = self.scan_windows();
        self.windows.push(windows);
        let select = self.select_in_windows(Some(input), true);
        self.windows.pop();
        select
    }

    fn select_in_windows(&mut self, input: Option<pb::Relation>, in_pipe: bool) -> Result<pb::Relation> {
        let start = self.position();
        let script = if in_pipe { None } else { self.script_transform()? };
        let (mut hints, mut distinct) = (vec![], false);
        let (list, script) = match script {
            Some((list, script)) => (list, Some(script)),
            None => {
                self.expect_word("SELECT")?;
                hints = self.hints()?;
                distinct = self.set_quantifier();
                let around = std::mem::replace(&mut self.in_list, true);
                let list = self.comma_separated(Self::named_expression);
                self.in_list = around;
                (list?, None)
            }
        };
        let from = if input.is_none() && self.is_word("FROM") {
            self.advance();
            Some(self.relation_list()?)
        } else {
            input
        };
        if let (None, Some(ExprType::Alias(alias))) = (&from, list.last().and_then(|item| item.expr_type.as_ref()))
            && list.len() > 1
            && matches!(alias.expr.as_deref().and_then(|e| e.expr_type.as_ref()), Some(ExprType::UnresolvedAttribute(a)) if a.unparsed_identifier.eq_ignore_ascii_case("from"))
        {
            let at = self.position().saturating_sub(2);
            return Err(self
                .error_from(at, SparkError::new("TRAILING_COMMA_IN_SELECT"))
                .raised_as("UNRESOLVED_COLUMN"));
        }
        let mut input = from;
        if in_pipe && (self.is_any_word(&["WHERE", "HAVING", "QUALIFY"]) || self.is_words(&["LATERAL", "VIEW"])) {
            return Err(self.unexpected());
        }
        while self.is_words(&["LATERAL", "VIEW"]) {
            let base = input.take().unwrap_or_else(build::one_row);
            input = Some(self.lateral_view(base)?);
        }
        let mut filtered = false;
        if self.eat_word("WHERE") {
            let condition = self.expression()?;
            let base = input.take().unwrap_or_else(build::one_row);
            input = Some(build::filter(base, condition));
            filtered = true;
        }
        let clause = self.position();
        let grouping = if self.eat_words(&["GROUP", "BY"]) { Some(self.grouping()?) } else { None };
        // An aggregation is where its GROUP BY is.
        let place = grouping.as_ref().map(|_| self.origin(clause));
        let having = if self.is_word("HAVING") && self.peek_at(1).kind != Kind::End {
            self.advance();
            Some(self.expression()?)
        } else {
            None
        };
        self.skip_window_clause()?;
        let qualify = if self.is_word("QUALIFY") && self.peek_at(1).kind != Kind::End {
            self.advance();
            Some(self.expression()?)
        } else {
            None
        };
        self.skip_window_clause()?;
        if filtered {
            // A condition is where its SELECT is.
            input = input.map(|input| self.placed_relation(start, input));
        }
        let mut plan = self.aggregated(input, grouping, list, having);
        plan = self.placed_relation(start, plan);
        if let (Some(place), Some(common)) = (place, plan.common.as_mut()) {
            common.origin = Some(place);
        }
        if let Some(script) = script {
            return self.script_over(start, plan, script);
        }
        if qualify.is_some() {
            let filter = Qualify { input: Some(Box::new(plan)), condition: qualify };
            plan = self.placed_relation(start, RelationKind::Qualify(Box::new(filter)).into_relation());
        }
        if distinct {
            let deduplicate =
                pb::Deduplicate { input: Some(Box::new(plan)), all_columns_as_keys: Some(true), ..Default::default() };
            plan = self.placed_relation(start, build::rel(RelType::Deduplicate(Box::new(deduplicate))));
        }
        Ok(hints.into_iter().rev().fold(plan, |plan, (name, parameters)| {
            build::rel(RelType::Hint(Box::new(pb::Hint { input: Some(Box::new(plan)), name, parameters })))
        }))
    }

    /// DISTINCT or ALL, unless it is a column's name.
    fn set_quantifier(&mut self) -> bool {
        let next = self.peek_at(1);
        let is_name = next.kind == Kind::End
            || (next.kind == Kind::Symbol && matches!(next.text, "," | "." | ")" | "=" | ";"))
            || self.is_word_at(1, "FROM") && !self.is_word_at(2, "FROM");
        if is_name {
            return false;
        }
        if self.eat_word("DISTINCT") {
            return true;
        }
        if !self.is_symbol_at(1, "(") {
            self.eat_word("ALL");
        }
        false
    }

    /// `/*+ A(t), B */`, any number of times.
    fn hints(&mut self) -> Result<Vec<Hint>> {
        let mut hints = vec![];
        while self.peek().kind == Kind::HintStart {
            self.advance();
            loop {
                let name = self.identifier()?;
                let parameters = if self.eat_symbol("(") {
                    let parameters = if self.is_symbol(")") {
                        vec![]
                    } else {
                        self.comma_separated(|parser| parser.value_expression(0))?
                    };
                    self.expect_symbol(")")?;
                    parameters
                } else {
                    vec![]
                };
                hints.push((name, parameters));
                self.eat_symbol(",");
                if self.eat_symbol("*/") {
                    break;
                }
            }
        }
        Ok(hints)
    }

    /// `Project`, or `SqlAggregate` where there is GROUP BY, HAVING or surely an aggregate.
    fn aggregated(
        &self,
        input: Option<pb::Relation>,
        grouping: Option<Grouping>,
        list: Vec<pb::Expression>,
        having: Option<pb::Expression>,
    ) -> pb::Relation {
        let grouped = grouping.is_some();
        if !grouped && having.is_none() && !list.iter().any(has_aggregate) {
            return build::project(input, list);
        }
        // HAVING without GROUP BY and aggregates is a filter on the one group of everything, too.
        let grouping = grouping.unwrap_or_default();
        let grouping_sets = if grouping.has_sets { products(&grouping.parts) } else { vec![] };
        let aggregate = SqlAggregate {
            input: input.map(Box::new),
            grouping: grouping.expressions.into_iter().map(|(_, expression)| expression).collect(),
            grouping_sets,
            group_by_all: grouping.all,
            select: list,
            having,
            pipe_keys: None,
        };
        RelationKind::Aggregate(Box::new(aggregate)).into_relation()
    }

    /// What follows GROUP BY.
    fn grouping(&mut self) -> Result<Grouping> {
        let mut grouping = Grouping::default();
        let next = self.peek_at(1);
        if self.is_word("ALL") && !(next.kind == Kind::Symbol && matches!(next.text, "," | "." | "(")) {
            self.advance();
            grouping.all = true;
            return Ok(grouping);
        }
        loop {
            if self.is_words(&["GROUPING", "SETS"]) && self.is_symbol_at(2, "(") {
                // `GROUP BY a, GROUPING SETS (..)`.
            } else if !self.analytics(&mut grouping)? {
                let position = self.grouping_expression(&mut grouping)?;
                grouping.parts.push(vec![vec![position]]);
                if !self.eat_symbol(",") {
                    break;
                }
                continue;
            }
            if self.is_words(&["GROUPING", "SETS"]) {
                let sets = self.grouping_sets(&mut grouping)?;
                grouping.parts.push(sets);
                grouping.has_sets = true;
            }
            if !self.eat_symbol(",") {
                break;
            }
        }
        self.grouping_suffix(&mut grouping)?;
        Ok(grouping)
    }

    /// `WITH ROLLUP`, `WITH CUBE`, or GROUPING SETS over the expressions before them.
    fn grouping_suffix(&mut self, grouping: &mut Grouping) -> Result<()> {
        let all: Vec<Vec<u32>> = grouping.parts.iter().flat_map(|part| part.iter().cloned()).collect();
        if self.eat_words(&["WITH", "ROLLUP"]) {
            grouping.parts = vec![rollup(&all)];
            grouping.has_sets = true;
        } else if self.eat_words(&["WITH", "CUBE"]) {
            grouping.parts = vec![cube(&all)];
            grouping.has_sets = true;
        } else if self.is_word("WITH") {
            self.advance();
            return Err(if self.is_end() { self.unexpected() } else { self.extra() });
        } else if self.is_words(&["GROUPING", "SETS"]) {
            let sets = self.grouping_sets(grouping)?;
            grouping.parts = vec![sets];
            grouping.has_sets = true;
        }
        Ok(())
    }

    /// `ROLLUP (..)` or `CUBE (..)`, taken; false when something else is next.
    fn analytics(&mut self, grouping: &mut Grouping) -> Result<bool> {
        // Of nothing they are functions that there are not.
        if !self.is_any_word(&["ROLLUP", "CUBE"]) || !self.is_symbol_at(1, "(") || self.is_symbol_at(2, ")") {
            return Ok(false);
        }
        let is_rollup = self.advance().text.eq_ignore_ascii_case("ROLLUP");
        let sets = self.parenthesized(|parser| parser.grouping_set(grouping))?;
        if !is_rollup && sets.len() > 20 {
            return Err(self.not_yet(self.position(), "CUBE of more than 20 columns", "use GROUPING SETS"));
        }
        grouping.parts.push(if is_rollup { rollup(&sets) } else { cube(&sets) });
        grouping.has_sets = true;
        Ok(true)
    }

    /// `GROUPING SETS (..)`; its entries may be sets, ROLLUP, CUBE or GROUPING SETS again.
    fn grouping_sets(&mut self, grouping: &mut Grouping) -> Result<Vec<Vec<u32>>> {
        self.nested(|parser| {
            parser.expect_words(&["GROUPING", "SETS"])?;
            let sets = parser.parenthesized(|parser| {
                if parser.is_words(&["GROUPING", "SETS"]) {
                    return parser.grouping_sets(grouping);
                }
                let has_sets = grouping.has_sets;
                if parser.analytics(grouping)? {
                    grouping.has_sets = has_sets;
                    return Ok(grouping.parts.pop().unwrap_or_default());
                }
                Ok(vec![parser.grouping_set(grouping)?])
            })?;
            Ok(sets.concat())
        })
    }

    /// `(a, b)`, `()` or one expression.
    fn grouping_set(&mut self, grouping: &mut Grouping) -> Result<Vec<u32>> {
        if self.is_symbol("(") {
            let known = grouping.expressions.len();
            let set = self.attempt(|parser| {
                parser.advance();
                if parser.eat_symbol(")") {
                    return Ok(vec![]);
                }
                let mark: Vec<u32> = parser.comma_separated(|parser| parser.grouping_expression(grouping))?;
                parser.expect_symbol(")")?;
                if parser.is_symbol(",") || parser.is_symbol(")") { Ok(mark) } else { Err(parser.unexpected()) }
            });
            if let Some(set) = set {
                return Ok(set);
            }
            grouping.expressions.truncate(known);
        }
        Ok(vec![self.grouping_expression(grouping)?])
    }

    /// Reads one expression; its position among those known.
    fn grouping_expression(&mut self, grouping: &mut Grouping) -> Result<u32> {
        let start = self.position();
        let mut expression = self.expression()?;
        if self.ctx.group_by_ordinal {
            to_ordinal(&mut expression);
        }
        let text = self.normalized(start, self.position());
        let known = grouping.expressions.iter().position(|(known, _)| *known == text);
        let position = known.unwrap_or(grouping.expressions.len());
        if known.is_none() {
            grouping.expressions.push((text, expression));
        }
        u32::try_from(position).map_err(|_| SparkError::internal("too many grouping expressions"))
    }
}

/// `(a, b), (a), ()`.
fn rollup(parts: &[Vec<u32>]) -> Vec<Vec<u32>> {
    (0..=parts.len()).rev().map(|length| parts[..length].concat()).collect()
}

/// All subsets, as binary numbers count down.
fn cube(parts: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let Some((first, rest)) = parts.split_first() else { return vec![vec![]] };
    let without = cube(rest);
    let with = without.iter().map(|set| [first.clone(), set.clone()].concat());
    with.chain(without.iter().cloned()).collect()
}

/// Every combination of one set from each part.
fn products(parts: &[Vec<Vec<u32>>]) -> Vec<GroupingSet> {
    let mut sets: Vec<Vec<u32>> = vec![vec![]];
    for part in parts {
        sets = sets.iter().flat_map(|set| part.iter().map(|more| [set.clone(), more.clone()].concat())).collect();
    }
    let distinct = |set: Vec<u32>| {
        let mut columns: Vec<u32> = vec![];
        for column in set {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        GroupingSet { columns }
    };
    sets.into_iter().map(distinct).collect()
}

/// Whether an expression of a select list surely aggregates: a known aggregate function outside of OVER.
fn has_aggregate(expression: &pb::Expression) -> bool {
    let any = |expressions: &[pb::Expression]| expressions.iter().any(has_aggregate);
    let inner = |expression: &Option<Box<pb::Expression>>| expression.as_deref().is_some_and(has_aggregate);
    match expression.expr_type.as_ref() {
        Some(ExprType::UnresolvedFunction(call)) => is_aggregate(call) || any(&call.arguments),
        Some(ExprType::Alias(alias)) => inner(&alias.expr),
        Some(ExprType::Cast(cast)) => inner(&cast.expr),
        Some(ExprType::UnresolvedExtractValue(extract)) => inner(&extract.child) || inner(&extract.extraction),
        Some(ExprType::LambdaFunction(lambda)) => inner(&lambda.function),
        Some(ExprType::NamedArgumentExpression(named)) => inner(&named.value),
        Some(ExprType::SubqueryExpression(subquery)) => any(&subquery.in_subquery_values),
        Some(ExprType::Window(window)) => {
            let argument = window.window_function.as_deref();
            let arguments = match argument.and_then(|function| function.expr_type.as_ref()) {
                Some(ExprType::UnresolvedFunction(call)) => any(&call.arguments),
                _ => false,
            };
            let order = window.order_spec.iter().any(|order| order.child.as_deref().is_some_and(has_aggregate));
            arguments || any(&window.partition_spec) || order
        }
        Some(ExprType::Extension(extension)) => match ExpressionKind::from_any(extension) {
            Some(ExpressionKind::Function(function)) => {
                function.function.as_ref().is_some_and(|call| is_aggregate(call) || any(&call.arguments))
            }
            _ => false,
        },
        _ => false,
    }
}

fn is_aggregate(call: &UnresolvedFunction) -> bool {
    matches!(lookup(&call.function_name).map(|entry| &entry.kind), Some(FunctionKind::Aggregate(_)))
}
