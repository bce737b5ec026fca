//! Expressions: operators by precedence, predicates, names, access to fields and elements.
//! Calls are in `function`, literals in `literal` and `interval`.

use firesteel_protocol::connect::{
    self as pb,
    expression::{ExprType, UnresolvedStar},
    subquery_expression::SubqueryType,
};
use firesteel_protocol::extension::{ExpressionKind, StarExcept};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::lexer::Kind;
use super::name::unparse;
use super::parser::{Parser, next_id};

/// Operands of one chain of operators; deeper trees overflow stacks.
pub const MAX_CHAIN: usize = 3000;

/// Words that go on with the query behind an expression, so that they are no bare alias of it.
const AFTER_EXPRESSION: [&str; 26] = [
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "SORT",
    "CLUSTER",
    "DISTRIBUTE",
    "LIMIT",
    "OFFSET",
    "WINDOW",
    "UNION",
    "EXCEPT",
    "MINUS",
    "INTERSECT",
    "LATERAL",
    "JOIN",
    "ON",
    "USING",
    "INTO",
    "FOR",
    "THEN",
    "WHEN",
    "ELSE",
    "END",
    "QUALIFY",
];

/// Words after which a query starts.
const QUERY_STARTS: [&str; 6] = ["SELECT", "WITH", "VALUES", "FROM", "TABLE", "MAP"];

impl Parser<'_> {
    /// `expression [[AS] alias]`, also `AS (a, b)`.
    pub fn named_expression(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        let expression = self.expression()?;
        let names = if self.eat_word("AS") {
            if self.is_symbol("(") {
                self.parenthesized(Self::identifier)?
            } else if self.is_identifier_at(0) {
                vec![self.identifier()?]
            } else if self.ends_at(0) {
                // `AS` itself is the alias.
                vec![self.previous().text.to_string()]
            } else {
                return Err(self.no_name());
            }
        } else if self.is_bare_alias() {
            vec![self.identifier()?]
        } else if self.is_symbol("(") && self.is_identifier_at(1) && self.is_generator_alias() {
            self.parenthesized(Self::identifier)?
        } else {
            return Ok(expression);
        };
        Ok(self.placed(start, build::alias(expression, names)))
    }

    fn is_bare_alias(&self) -> bool {
        if self.source.is_some()
            && self.is_word("INSERT")
            && (self.is_word_at(1, "INTO") || self.is_word_at(1, "OVERWRITE"))
        {
            return false;
        }
        if !self.is_identifier_at(0) || (self.in_for && self.is_word("DO")) {
            return false;
        }
        let next = self.peek_at(1);
        let ends = next.kind == Kind::End || (next.kind == Kind::Symbol && matches!(next.text, "," | ")" | ";"));
        ends || self.peek().kind != Kind::Word || !self.is_any_word(&AFTER_EXPRESSION)
    }

    /// `(a, b)` behind a generator call.
    fn is_generator_alias(&self) -> bool {
        let mut ahead = 1;
        while self.is_identifier_at(ahead) && self.is_symbol_at(ahead + 1, ",") {
            ahead += 2;
        }
        self.is_identifier_at(ahead) && self.is_symbol_at(ahead + 1, ")")
    }

    /// An expression with every operator.
    pub fn expression(&mut self) -> Result<pb::Expression> {
        self.nested(Self::or_expression)
    }

    fn or_expression(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        let mut operands = vec![self.and_expression()?];
        while self.is_word("OR") && !self.ends_at(1) {
            self.advance();
            operands.push(self.and_expression()?);
        }
        Ok(self.balanced("or", start, operands))
    }

    fn and_expression(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        let mut operands = vec![self.not_expression()?];
        while self.is_word("AND") && !self.ends_at(1) {
            self.advance();
            operands.push(self.not_expression()?);
        }
        Ok(self.balanced("and", start, operands))
    }

    /// Long chains become shallow trees, as in Spark.
    fn balanced(&self, name: &str, start: usize, mut operands: Vec<pb::Expression>) -> pb::Expression {
        if operands.len() == 1 {
            return operands.remove(0);
        }
        let right = operands.split_off(operands.len().div_ceil(2));
        let (left, right) = (self.balanced(name, start, operands), self.balanced(name, start, right));
        self.placed(start, build::call(name, vec![left, right]))
    }

    fn not_expression(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        if self.eat_word("NOT") || self.eat_symbol("!") {
            let operand = self.nested(Self::not_expression)?;
            return Ok(self.placed(start, build::call("not", vec![operand])));
        }
        if self.is_word("EXISTS") && self.is_symbol_at(1, "(") && self.is_query_at(2) {
            self.advance();
            self.advance();
            let plan_id = self.subquery()?;
            self.expect_symbol(")")?;
            return Ok(self.placed(start, subquery(plan_id, SubqueryType::Exists, vec![])));
        }
        self.predicate()
    }

    /// Whether the text, or what is next, is over before the token `ahead`.
    pub(super) fn ends_at(&self, ahead: usize) -> bool {
        let token = self.peek_at(ahead);
        token.kind == Kind::End || (token.kind == Kind::Symbol && matches!(token.text, "," | ")" | ";"))
    }

    fn predicate(&mut self) -> Result<pb::Expression> {
        let value = self.value_expression(0)?;
        // Spark's place of a predicate is that of the words behind the value.
        let start = self.position();
        let negated = self.is_word("NOT");
        let word = usize::from(negated);
        let token = self.peek_at(word);
        if token.kind != Kind::Word || self.ends_at(word + 1) {
            return Ok(value);
        }
        let upper = token.text.to_ascii_uppercase();
        match upper.as_str() {
            "BETWEEN" | "IN" | "LIKE" | "ILIKE" | "RLIKE" | "REGEXP" => self.jump(self.position() + word + 1),
            "IS" if !negated && self.is_test_at(1) => {
                self.advance();
                return self.is_test(start, value);
            }
            _ => return Ok(value),
        }
        let result = match upper.as_str() {
            "BETWEEN" => {
                let lower = self.value_expression(0)?;
                self.expect_word("AND")?;
                let upper = self.value_expression(0)?;
                build::call("between", vec![value, lower, upper])
            }
            "IN" => self.in_list(start, value)?,
            "RLIKE" | "REGEXP" => build::call("rlike", vec![value, self.value_expression(0)?]),
            like => return self.like(start, value, &like.to_ascii_lowercase(), negated),
        };
        Ok(self.negated(start, result, negated))
    }

    fn negated(&self, start: usize, expression: pb::Expression, negated: bool) -> pb::Expression {
        let expression = self.placed(start, expression);
        if negated { self.placed(start, build::call("not", vec![expression])) } else { expression }
    }

    fn is_test_at(&self, ahead: usize) -> bool {
        let word = ahead + usize::from(self.is_word_at(ahead, "NOT"));
        ["NULL", "TRUE", "FALSE", "UNKNOWN", "DISTINCT"].iter().any(|test| self.is_word_at(word, test))
    }

    /// What follows `value IS`.
    fn is_test(&mut self, start: usize, value: pb::Expression) -> Result<pb::Expression> {
        let negated = self.eat_word("NOT");
        let test = self.advance().text.to_ascii_uppercase();
        Ok(match test.as_str() {
            "NULL" => {
                let name = if negated { "isnotnull" } else { "isnull" };
                self.placed(start, build::call(name, vec![value]))
            }
            "UNKNOWN" => {
                let name = if negated { "__is_not_unknown" } else { "__is_unknown" };
                self.placed(start, build::call(name, vec![value]))
            }
            "DISTINCT" => {
                self.expect_word("FROM")?;
                let other = self.value_expression(0)?;
                self.negated(start, build::call("<=>", vec![value, other]), !negated)
            }
            truth => self.negated(start, build::call("<=>", vec![value, build::boolean(truth == "TRUE")]), negated),
        })
    }

    /// `(a, b)` or `(SELECT ..)` behind `value IN`.
    fn in_list(&mut self, start: usize, value: pb::Expression) -> Result<pb::Expression> {
        if !self.is_symbol("(") {
            return Err(self.no_name());
        }
        self.advance();
        if self.eat_symbol(")") {
            return Err(self.error_from(start, SparkError::new("INVALID_SQL_SYNTAX.EMPTY_IN_PREDICATE")));
        }
        if self.is_query_at(0) || (self.is_symbol("(") && self.is_nested_query()) {
            let query = self.attempt(|parser| {
                let plan_id = parser.subquery()?;
                parser.expect_symbol(")")?;
                Ok(plan_id)
            });
            if let Some(plan_id) = query {
                return Ok(subquery(plan_id, SubqueryType::In, row_values(value)));
            }
        }
        let mut arguments = vec![value];
        arguments.extend(self.comma_separated(Self::expression)?);
        self.expect_symbol(")")?;
        Ok(build::call("in", arguments))
    }

    fn like(&mut self, start: usize, value: pb::Expression, name: &str, negated: bool) -> Result<pb::Expression> {
        let quantifier =
            ["ANY", "SOME", "ALL"].into_iter().find(|word| self.is_word(word) && self.is_symbol_at(1, "("));
        if let Some(quantifier) = quantifier {
            self.advance();
            self.advance();
            if self.eat_symbol(")") {
                let error =
                    SparkError::new("_LEGACY_ERROR_TEMP_0064").with("msg", "Expected something between '(' and ')'.");
                return Err(self.error_from(start, error));
            }
            let patterns = self.comma_separated(Self::expression)?;
            self.expect_symbol(")")?;
            return Ok(self.like_quantified(start, value, name, negated, quantifier == "ALL", patterns));
        }
        let mut arguments = vec![value, self.value_expression(0)?];
        if self.eat_word("ESCAPE") {
            let escape = self.string()?;
            if escape.chars().count() != 1 {
                let error = SparkError::new("INVALID_ESC").with("invalidEscape", format!("'{escape}'"));
                return Err(self.error_from(start, error));
            }
            arguments.push(build::text(escape));
        }
        Ok(self.negated(start, build::call(name, arguments), negated))
    }

    /// `LIKE ANY (..)` and `LIKE ALL (..)`; with ILIKE both sides are in lower case.
    fn like_quantified(
        &self,
        start: usize,
        value: pb::Expression,
        name: &str,
        negated: bool,
        all: bool,
        patterns: Vec<pb::Expression>,
    ) -> pb::Expression {
        if !patterns.iter().all(is_text) {
            // Of other patterns than texts Spark makes a chain.
            let tests = patterns.into_iter().map(|pattern| {
                let like = self.placed(start, build::call(name, vec![value.clone(), pattern]));
                self.negated(start, like, negated)
            });
            let operator = if all { "and" } else { "or" };
            let chain = tests.reduce(|left, right| self.placed(start, build::call(operator, vec![left, right])));
            return chain.unwrap_or(value);
        }
        let function = match (negated, all) {
            (false, false) => "likeany",
            (false, true) => "likeall",
            (true, false) => "notlikeany",
            (true, true) => "notlikeall",
        };
        let arguments = std::iter::once(value).chain(patterns);
        let lower = |argument| self.placed(start, build::call("lower", vec![argument]));
        let arguments = if name == "ilike" { arguments.map(lower).collect() } else { arguments.collect::<Vec<_>>() };
        self.placed(start, build::call(function, arguments))
    }

    /// Operators from comparison down to multiplication; `level` is the weakest that may be taken.
    pub fn value_expression(&mut self, level: usize) -> Result<pb::Expression> {
        let start = self.position();
        let mut left = self.unary()?;
        let mut length = 0;
        while let Some((name, own, tokens)) = self.binary_operator().filter(|(_, own, _)| *own >= level) {
            length += 1;
            if length > MAX_CHAIN {
                return Err(self.error_at(self.peek(), SparkError::new("FAILED_TO_PARSE_TOO_COMPLEX")));
            }
            self.jump(self.position() + tokens);
            let right = self.value_expression(own + 1)?;
            left = match name {
                "!=" => self.negated(start, build::call("=", vec![left, right]), true),
                name => self.placed(start, build::call(name, vec![left, right])),
            };
        }
        Ok(left)
    }

    /// The operator that is next: its function, its level, its number of tokens.
    fn binary_operator(&self) -> Option<(&'static str, usize, usize)> {
        let token = self.peek();
        if token.kind == Kind::Word {
            return (token.text.eq_ignore_ascii_case("DIV") && !self.ends_at(1)).then_some(("div", 6, 1));
        }
        if token.kind != Kind::Symbol {
            return None;
        }
        let repeated = |symbol: &str| -> usize {
            (0..3)
                .take_while(|n| {
                    let here = self.peek_at(*n);
                    here.kind == Kind::Symbol && here.text == symbol && here.start == token.start + n
                })
                .count()
        };
        Some(match token.text {
            "<" if repeated("<") == 2 => ("<<", 4, 2),
            ">" if repeated(">") == 3 => (">>>", 4, 3),
            ">" if repeated(">") == 2 => (">>", 4, 2),
            "=" | "==" => ("=", 0, 1),
            "<=>" => ("<=>", 0, 1),
            "<>" | "!=" => ("!=", 0, 1),
            "<" => ("<", 0, 1),
            ">" => (">", 0, 1),
            "<=" | "!>" => ("<=", 0, 1),
            ">=" | "!<" => (">=", 0, 1),
            "|" => ("|", 1, 1),
            "^" => ("^", 2, 1),
            "&" => ("&", 3, 1),
            "+" => ("+", 5, 1),
            "-" => ("-", 5, 1),
            "||" => ("concat", 5, 1),
            "*" => ("*", 6, 1),
            "/" => ("/", 6, 1),
            "%" => ("%", 6, 1),
            _ => return None,
        })
    }

    fn unary(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        let name = match self.peek().text {
            "-" if !matches!(self.peek_at(1).kind, Kind::Number(_)) => "-",
            "+" => "positive",
            "~" => "~",
            _ => return self.postfix(),
        };
        if self.peek().kind != Kind::Symbol {
            return self.postfix();
        }
        self.advance();
        let operand = self.nested(Self::unary)?;
        Ok(self.placed(start, build::call(name, vec![operand])))
    }

    /// A primary with `.field`, `[element]`, `::type`, `COLLATE name` behind it.
    fn postfix(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        let mut expression = self.primary()?;
        let mut length = 0;
        loop {
            length += 1;
            if length > MAX_CHAIN {
                return Err(self.error_at(self.peek(), SparkError::new("FAILED_TO_PARSE_TOO_COMPLEX")));
            }
            if self.is_symbol(".") && self.is_identifier_at(1) {
                self.advance();
                let field = self.operand_name()?;
                expression = self.placed(start, build::extract(expression, build::text(field)));
            } else if self.eat_symbol("[") {
                let key = self.nested(|parser| parser.value_expression(0))?;
                if !self.is_symbol("]") && self.is_identifier_at(0) {
                    return Err(self.lacking("]"));
                }
                self.expect_symbol("]")?;
                expression = self.placed(start, build::extract(expression, key));
            } else if self.eat_symbol("::") {
                let data_type = self.data_type()?;
                expression = self.placed(start, build::cast(expression, data_type, false));
            } else if self.is_symbol(":") && self.is_symbol_at(1, "*") {
                self.advance();
                return Err(self.unexpected());
            } else if self.is_symbol(":") && (self.is_identifier_at(1) || self.is_symbol_at(1, "[")) {
                expression = self.variant_path(start, expression)?;
            } else if self.is_word("COLLATE") && self.is_identifier_at(1) {
                self.advance();
                let collation = unparse(&self.name_parts()?);
                expression = self.placed(start, build::call("collate", vec![expression, build::text(collation)]));
            } else {
                return Ok(expression);
            }
        }
    }

    /// `:a.b[0]['c d']` behind a VARIANT, under the name of its last member.
    fn variant_path(&mut self, start: usize, variant: pb::Expression) -> Result<pb::Expression> {
        self.expect_symbol(":")?;
        let (mut path, mut name) = (String::from("$"), String::new());
        if !self.is_symbol("[") {
            name = self.operand_name()?;
            path.push_str(&member(&name));
        }
        loop {
            if self.is_symbol(".") && self.is_identifier_at(1) {
                self.advance();
                name = self.operand_name()?;
                path.push_str(&member(&name));
            } else if self.eat_symbol("[") {
                if self.is_text_at(0) {
                    name = self.string()?;
                    path.push_str(&member(&name));
                } else {
                    let digits = self.peek().text.to_string();
                    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                        return Err(self.unexpected());
                    }
                    self.advance();
                    path.push_str(&format!("[{digits}]"));
                }
                self.expect_symbol("]")?;
            } else {
                break;
            }
        }
        let mut part = build::function("variant_get", vec![variant, build::text(path)]);
        // Tells it from a call under a name of the user's.
        part.is_internal = Some(true);
        let part = self.placed(start, build::expr(ExprType::UnresolvedFunction(part)));
        if name.is_empty() {
            return Ok(part);
        }
        Ok(self.placed(start, build::alias(part, vec![name])))
    }

    fn primary(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        let token = self.peek();
        match token.kind {
            Kind::Number(_) => self.number(start, false),
            Kind::Text if self.is_text_at(0) => {
                let text = self.string()?;
                Ok(self.placed(start, build::text(text)))
            }
            Kind::Symbol => match token.text {
                "-" => {
                    self.advance();
                    self.number(start, true)
                }
                "(" => self.parenthesis(),
                "*" => {
                    self.advance();
                    self.star(start, None)
                }
                "?" | ":" => self.parameter(),
                _ => Err(self.unexpected()),
            },
            Kind::Word | Kind::Quoted | Kind::Text => self.word(),
            Kind::End | Kind::HintStart | Kind::Unknown | Kind::Dollar => Err(self.unexpected()),
        }
    }

    /// `:name` or `?`.
    fn parameter(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        let (name, value) = if self.eat_symbol("?") {
            self.positional += 1;
            let at = self.positional - 1;
            let column = self.token(start).start;
            (format!("_{column}"), self.ctx.positional_args.get(at).cloned())
        } else {
            self.expect_symbol(":")?;
            if !self.is_identifier_at(0) {
                return Err(self.unexpected());
            }
            let name = self.operand_name()?;
            let value = self.ctx.named_args.get(&name).cloned();
            (name, value)
        };
        if value.is_none() && self.has_both_parameters() {
            return Err(SparkError::new("INVALID_QUERY_MIXED_QUERY_PARAMETERS"));
        }
        let unbound = || self.error_from(start, SparkError::new("UNBOUND_SQL_PARAMETER").with("name", name.as_str()));
        let value = value.ok_or_else(unbound)?;
        Ok(self.placed(start, value))
    }

    /// `(query)`, `(a, b)` as a struct, or `(expression)`.
    fn parenthesis(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        if self.is_query_at(1) || self.is_nested_query() {
            let query = self.attempt(|parser| {
                parser.advance();
                let plan_id = parser.subquery()?;
                parser.expect_symbol(")")?;
                Ok(plan_id)
            });
            if let Some(plan_id) = query {
                return Ok(self.placed(start, subquery(plan_id, SubqueryType::Scalar, vec![])));
            }
        }
        self.advance();
        let first = self.named_expression()?;
        if !self.is_symbol(",") {
            // Only the items of a row may have names.
            if matches!(first.expr_type, Some(ExprType::Alias(_))) {
                return Err(self.extra());
            }
            self.expect_symbol(")")?;
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat_symbol(",") {
            items.push(self.named_expression()?);
        }
        self.expect_symbol(")")?;
        Ok(self.placed(start, row(items)))
    }

    /// Whether the parentheses that are next have a query at their innermost start.
    pub fn is_nested_query(&self) -> bool {
        let depth = (0..).take_while(|ahead| self.is_symbol_at(*ahead, "(")).count();
        depth > 1 && self.is_query_at(depth)
    }

    /// Whether a query seems to start `ahead` tokens on; the words may still be names.
    pub fn is_query_at(&self, ahead: usize) -> bool {
        QUERY_STARTS.iter().any(|word| self.is_word_at(ahead, word))
            && !(self.is_symbol_at(ahead + 1, ")")
                || self.is_symbol_at(ahead + 1, ",")
                || self.is_symbol_at(ahead + 1, "."))
    }

    /// Reads a query and keeps it as a reference of the enclosing query; its plan id.
    pub fn subquery(&mut self) -> Result<i64> {
        let mut plan = self.query()?;
        let plan_id = next_id();
        plan.common.get_or_insert_default().plan_id = Some(plan_id);
        self.references.push(plan);
        Ok(plan_id)
    }

    /// A keyword's form, a call, a typed literal or a name.
    fn word(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        if self.peek().kind == Kind::Word {
            if self.is_text_at(1) && !self.is_word("CASE") {
                return if self.is_word("INTERVAL") { self.interval() } else { self.typed_literal() };
            }
            if let Some(special) = self.keyword_form()? {
                return Ok(special);
            }
        }
        if self.is_word_at(0, "IDENTIFIER") && self.is_symbol_at(1, "(") {
            let parts = self.name_parts()?;
            return self.name_or_call(start, parts);
        }
        // Spark knows no quantified comparisons.
        if ["ALL", "ANY", "SOME"].iter().any(|word| self.is_word(word))
            && self.is_symbol_at(1, "(")
            && self.is_query_at(2)
        {
            self.advance();
            return Err(self.unexpected());
        }
        let mut quoted = self.peek().kind == Kind::Quoted;
        let mut parts = vec![self.operand_name()?];
        loop {
            if self.is_symbol(".") && self.is_symbol_at(1, "*") {
                self.advance();
                self.advance();
                return self.star(start, Some(parts));
            }
            if !self.is_symbol(".") {
                break;
            }
            if !self.is_identifier_at(1) {
                self.advance();
                return Err(self.unexpected());
            }
            self.advance();
            quoted = self.peek().kind == Kind::Quoted;
            // Behind a qualifier IDENTIFIER is the name of a function.
            let is_function = self.is_word_at(0, "IDENTIFIER") && self.is_symbol_at(1, "(");
            parts.push(if is_function { self.advance().text.to_string() } else { self.operand_name()? });
        }
        let plain = |part: &String| part.chars().all(|c| c.is_alphanumeric() || c == '_');
        let regex = quoted && self.ctx.quoted_regex && self.in_list && parts.len() < 3;
        if regex && !parts.last().is_none_or(plain) && !self.is_symbol("(") {
            let own = parts.pop().unwrap_or_default();
            let table = parts.first().map(|table| format!("{table}.")).unwrap_or_default();
            let regex = pb::expression::UnresolvedRegex { col_name: format!("{table}`{own}`"), plan_id: None };
            let kind = Some(ExprType::UnresolvedRegex(regex));
            return Ok(self.placed(start, pb::Expression { common: None, expr_type: kind }));
        }
        self.name_or_call(start, parts)
    }

    fn name_or_call(&mut self, start: usize, parts: Vec<String>) -> Result<pb::Expression> {
        if self.is_symbol("(") {
            return self.call(start, parts);
        }
        Ok(self.placed(start, build::attribute(&parts)))
    }

    /// `*` or `t.*`, perhaps with EXCEPT.
    fn star(&mut self, start: usize, target: Option<Vec<String>>) -> Result<pb::Expression> {
        let target = target.map(|parts| unparse(&parts));
        if self.is_word("EXCEPT") && self.is_symbol_at(1, "(") && !self.is_query_at(2) {
            self.advance();
            let except = self.parenthesized(Self::name_parts)?.iter().map(|parts| unparse(parts)).collect();
            let star = StarExcept { unparsed_target: target, except };
            return Ok(self.placed(start, ExpressionKind::StarExcept(star).into_expression()));
        }
        let star = UnresolvedStar { unparsed_target: target.map(|target| format!("{target}.*")), plan_id: None };
        Ok(self.placed(start, build::expr(ExprType::UnresolvedStar(star))))
    }
}

/// A member as a step of a path.
fn member(name: &str) -> String {
    let is_plain =
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit());
    match (is_plain && !name.is_empty(), name.contains('\'')) {
        (true, _) => format!(".{name}"),
        (false, true) => format!("[\"{name}\"]"),
        (false, false) => format!("['{name}']"),
    }
}

/// A literal that is a text.
fn is_text(expression: &pb::Expression) -> bool {
    use pb::expression::literal::LiteralType;
    matches!(&expression.expr_type, Some(ExprType::Literal(literal))
        if matches!(literal.literal_type, Some(LiteralType::String(_))))
}

/// A struct of the items: `named_struct` with `colN` for those without a name.
fn row(items: Vec<pb::Expression>) -> pb::Expression {
    let mut arguments = vec![];
    for (index, item) in items.into_iter().enumerate() {
        match item.expr_type {
            Some(ExprType::Alias(alias)) if alias.name.len() == 1 => {
                arguments.extend(alias.name.first().map(build::text_of));
                arguments.extend(alias.expr.map(|inner| *inner));
            }
            Some(ExprType::UnresolvedAttribute(attribute)) => {
                let parts = super::name::parse_column(&attribute.unparsed_identifier).unwrap_or_default();
                arguments.push(build::text(parts.last().cloned().unwrap_or_default()));
                arguments.push(pb::Expression {
                    expr_type: Some(ExprType::UnresolvedAttribute(attribute)),
                    common: item.common,
                });
            }
            expr_type => {
                arguments.push(build::text(format!("col{}", index + 1)));
                arguments.push(pb::Expression { expr_type, common: item.common });
            }
        }
    }
    build::call("named_struct", arguments)
}

/// The values that a row before IN compares: `(a, b)` is two.
fn row_values(value: pb::Expression) -> Vec<pb::Expression> {
    match value.expr_type {
        Some(ExprType::UnresolvedFunction(call)) if call.function_name == "named_struct" => {
            call.arguments.into_iter().skip(1).step_by(2).collect()
        }
        expr_type => vec![pb::Expression { expr_type, common: value.common }],
    }
}

fn subquery(plan_id: i64, subquery_type: SubqueryType, values: Vec<pb::Expression>) -> pb::Expression {
    build::expr(ExprType::SubqueryExpression(pb::SubqueryExpression {
        plan_id,
        subquery_type: subquery_type.into(),
        table_arg_options: None,
        in_subquery_values: values,
    }))
}
