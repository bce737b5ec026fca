//! Calls: plain ones with DISTINCT, FILTER, OVER and so on, and the forms with keywords between their arguments.

use firesteel_protocol::connect::{
    self as pb,
    expression::{ExprType, LambdaFunction, UnresolvedFunction, UnresolvedNamedLambdaVariable, literal::LiteralType},
};
use firesteel_protocol::extension::{ExpressionKind, SqlFunction};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::lexer::Kind;
use super::name::unparse;
use super::parser::Parser;

const DATETIME_UNITS: [&str; 12] = [
    "YEAR",
    "QUARTER",
    "MONTH",
    "WEEK",
    "DAY",
    "DAYOFYEAR",
    "HOUR",
    "MINUTE",
    "SECOND",
    "MILLISECOND",
    "MICROSECOND",
    "NANOSECOND",
];

impl Parser<'_> {
    /// CASE, CAST, EXTRACT and the like; None when the word that is next starts none of them.
    pub fn keyword_form(&mut self) -> Result<Option<pb::Expression>> {
        let start = self.position();
        let called = self.is_symbol_at(1, "(");
        let word = self.peek().text.to_ascii_uppercase();
        let expression = match word.as_str() {
            "NULL" => self.null(),
            "TRUE" | "FALSE" => {
                self.advance();
                build::boolean(word == "TRUE")
            }
            "CASE" if !self.is_name_here() => self.case()?,
            "INTERVAL" if self.is_interval() => return self.interval().map(Some),
            "CAST" | "TRY_CAST" if called => self.cast(word == "TRY_CAST")?,
            "EXTRACT" if called => match self.extract()? {
                Some(extract) => extract,
                None => return Ok(None),
            },
            "TRIM" if called => match self.trim_side()? {
                Some(trim) => trim,
                None => return Ok(None),
            },
            "TIMESTAMPADD" | "DATEADD" | "DATE_ADD" | "TIMESTAMPDIFF" | "DATEDIFF" | "DATE_DIFF"
                if called && self.is_text_at(2) =>
            {
                let name = self.peek().text.to_lowercase();
                self.refuse_unit_text(self.position(), &name)?;
                return Ok(None);
            }
            "TIMESTAMPADD" | "DATEADD" | "DATE_ADD" if called && self.is_unit_call() => {
                self.unit_call("timestampadd")?
            }
            "TIMESTAMPDIFF" | "DATEDIFF" | "DATE_DIFF" | "TIMEDIFF" if called && self.is_unit_call() => {
                self.unit_call("timestampdiff")?
            }
            _ => return Ok(None),
        };
        Ok(Some(self.placed(start, expression)))
    }

    /// Whether the word that is next is all there is of an expression.
    fn is_name_here(&self) -> bool {
        let next = self.peek_at(1);
        match next.kind {
            Kind::End => true,
            Kind::Word => self.is_word_at(1, "FROM"),
            Kind::Symbol => !matches!(next.text, "(" | "-" | "+" | "~" | "!" | "?" | ":"),
            _ => false,
        }
    }

    fn case(&mut self) -> Result<pb::Expression> {
        self.expect_word("CASE")?;
        let operand = if self.is_word("WHEN") { None } else { Some(self.expression()?) };
        let mut arguments = vec![];
        while self.eat_word("WHEN") {
            let condition = self.expression()?;
            arguments.push(match &operand {
                // Its place is that of the whole.
                Some(operand) => build::call("=", vec![operand.clone(), condition]),
                None => condition,
            });
            self.expect_word("THEN")?;
            arguments.push(self.expression()?);
        }
        if arguments.is_empty() {
            return Err(self.unexpected());
        }
        if self.eat_word("ELSE") {
            arguments.push(self.expression()?);
        }
        self.expect_word("END")?;
        Ok(build::call("when", arguments))
    }

    fn cast(&mut self, try_cast: bool) -> Result<pb::Expression> {
        self.advance();
        self.expect_symbol("(")?;
        let value = self.expression()?;
        self.expect_word("AS")?;
        let data_type = self.data_type()?;
        self.expect_symbol(")")?;
        Ok(build::cast(value, data_type, try_cast))
    }

    /// `EXTRACT(unit FROM source)`.
    fn extract(&mut self) -> Result<Option<pb::Expression>> {
        if !self.is_identifier_at(2) || !self.is_word_at(3, "FROM") {
            return Ok(None);
        }
        self.jump(self.position() + 2);
        let field = self.identifier()?;
        self.expect_word("FROM")?;
        let source = self.value_expression(0)?;
        self.expect_symbol(")")?;
        Ok(Some(build::call("extract", vec![build::text(field), source])))
    }

    /// `TRIM(BOTH|LEADING|TRAILING [characters] FROM text)`; None for other calls.
    fn trim_side(&mut self) -> Result<Option<pb::Expression>> {
        let side = ["BOTH", "LEADING", "TRAILING"].into_iter().find(|side| self.is_word_at(2, side));
        let follows = self.peek_at(3);
        let is_name = follows.kind == Kind::Symbol && !matches!(follows.text, "(" | "-" | "+" | "?" | ":");
        let Some(side) = side.filter(|_| !is_name) else { return Ok(None) };
        self.jump(self.position() + 3);
        let name = match side {
            "LEADING" => "ltrim",
            "TRAILING" => "rtrim",
            _ => "trim",
        };
        let characters =
            if self.is_word("FROM") && !self.is_word_at(1, "FROM") { None } else { Some(self.value_expression(0)?) };
        self.expect_word("FROM")?;
        let text = self.value_expression(0)?;
        self.expect_symbol(")")?;
        Ok(Some(build::call(name, characters.into_iter().chain([text]).collect())))
    }

    /// What follows the first argument of `SUBSTRING(text FROM start [FOR length])`, `TRIM(characters FROM text)` and
    /// `OVERLAY(text PLACING part FROM start [FOR length])`: the call's own name and arguments; None for a plain call.
    fn keyword_arguments(&mut self, name: &str, first: &pb::Expression) -> Result<Option<UnresolvedFunction>> {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "substring" | "substr" if self.eat_word("FROM") => {
                let mut arguments = vec![first.clone(), self.value_expression(0)?];
                if self.eat_word("FOR") {
                    arguments.push(self.value_expression(0)?);
                }
                Ok(Some(build::function("substring", arguments)))
            }
            "trim" if self.eat_word("FROM") => {
                Ok(Some(build::function("trim", vec![first.clone(), self.value_expression(0)?])))
            }
            "overlay" if self.eat_word("PLACING") => {
                let part = self.value_expression(0)?;
                self.expect_word("FROM")?;
                let from = self.value_expression(0)?;
                let length = if self.eat_word("FOR") { self.value_expression(0)? } else { build::int(-1) };
                Ok(Some(build::function("overlay", vec![first.clone(), part, from, length])))
            }
            _ => Ok(None),
        }
    }

    /// The first argument of `POSITION(part IN text)`, after which IN may come; then the call.
    fn position_in(&mut self) -> Result<Option<UnresolvedFunction>> {
        let mark = self.mark();
        let part = self.value_expression(0)?;
        if !self.eat_word("IN") {
            self.reset(mark);
            return Ok(None);
        }
        Ok(Some(build::function("locate", vec![part, self.value_expression(0)?])))
    }

    /// `DATEADD('unit', ..)`: the unit is a word, no text.
    fn refuse_unit_text(&mut self, start: usize, name: &str) -> Result<()> {
        if !self.is_text_at(2) || !self.is_symbol_at(3, ",") {
            return Ok(());
        }
        let call = self.attempt(|parser| {
            parser.jump(parser.position() + 2);
            let unit = parser.string()?;
            parser.expect_symbol(",")?;
            let rest = parser.comma_separated(Self::expression)?;
            parser.expect_symbol(")")?;
            if rest.len() == 2 { Ok(unit) } else { Err(parser.unexpected()) }
        });
        let Some(unit) = call else { return Ok(()) };
        Err(self.error_from(
            start,
            SparkError::new("INVALID_PARAMETER_VALUE.DATETIME_UNIT")
                .with("functionName", format!("`{name}`"))
                .with("parameter", "`unit`")
                .with("invalidValue", format!("'{unit}'")),
        ))
    }

    /// `DATEADD(unit, ..)`.
    fn is_unit_call(&self) -> bool {
        DATETIME_UNITS.iter().any(|unit| self.is_word_at(2, unit)) && self.is_symbol_at(3, ",")
    }

    fn unit_call(&mut self, name: &str) -> Result<pb::Expression> {
        self.jump(self.position() + 2);
        let unit = self.advance().text;
        self.expect_symbol(",")?;
        let first = self.value_expression(0)?;
        self.expect_symbol(",")?;
        let second = self.value_expression(0)?;
        self.expect_symbol(")")?;
        Ok(build::call(name, vec![build::text(unit), first, second]))
    }

    /// `name(..)` with all that may follow; `(` is next.
    pub fn call(&mut self, start: usize, parts: Vec<String>) -> Result<pb::Expression> {
        let mut call = self.arguments(parts)?;
        let mut modified = SqlFunction::default();
        if let Some(ignore) = self.nulls_inside(&mut call) {
            modified.ignore_nulls = Some(ignore);
        }
        self.expect_symbol(")")?;
        if self.is_words(&["WITHIN", "GROUP"]) && self.is_symbol_at(2, "(") {
            self.jump(self.position() + 3);
            self.expect_words(&["ORDER", "BY"])?;
            modified.within_group = self.comma_separated(Self::sort_order)?;
            self.expect_symbol(")")?;
        }
        if self.is_word("FILTER") && self.is_symbol_at(1, "(") {
            self.advance();
            self.advance();
            self.expect_word("WHERE")?;
            modified.filter = Some(Box::new(self.expression()?));
            self.expect_symbol(")")?;
        }
        if self.is_word_at(1, "NULLS")
            && let Some(nulls) = self.eat_any(&["IGNORE", "RESPECT"])
        {
            self.advance();
            modified.ignore_nulls = Some(nulls == "IGNORE");
        }
        let is_plain = modified == SqlFunction::default();
        let function = if is_plain {
            build::expr(ExprType::UnresolvedFunction(call))
        } else {
            modified.function = Some(call);
            ExpressionKind::Function(Box::new(modified)).into_expression()
        };
        let function = self.placed(start, function);
        if self.is_word("OVER") && (self.is_symbol_at(1, "(") || self.is_identifier_at(1) && self.is_window_name_at(1))
        {
            self.advance();
            return self.over(start, function);
        }
        Ok(function)
    }

    /// `OVER name`; OVER may also be an alias.
    fn is_window_name_at(&self, ahead: usize) -> bool {
        !["FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "UNION", "AS"].iter().any(|word| self.is_word_at(ahead, word))
    }

    /// The arguments in parentheses; the closing one is left.
    fn arguments(&mut self, parts: Vec<String>) -> Result<UnresolvedFunction> {
        self.expect_symbol("(")?;
        let is_count = parts.len() == 1 && parts[0].eq_ignore_ascii_case("count");
        let mut call = match <[String; 1]>::try_from(parts) {
            Ok([name]) => build::function(name, vec![]),
            Err(parts) => {
                let mut call = build::function(unparse(&parts), vec![]);
                call.is_user_defined_function = true;
                call
            }
        };
        if self.is_symbol(")") {
            return Ok(call);
        }
        // `f(distinct)` calls with a column of that name.
        let quantified = !self.is_symbol_at(1, ")") && !self.is_symbol_at(1, ",") && !self.is_symbol_at(1, ".");
        if quantified && self.eat_word("DISTINCT") {
            call.is_distinct = true;
        } else if quantified && !self.is_symbol_at(1, "(") {
            self.eat_word("ALL");
        }
        if is_count && self.is_symbol("*") && self.is_symbol_at(1, ")") && !call.is_distinct {
            self.advance();
            call.arguments.push(build::int(1));
            return Ok(call);
        }
        let named = call.function_name.eq_ignore_ascii_case("struct");
        if call.function_name.eq_ignore_ascii_case("position")
            && let Some(position) = self.position_in()?
        {
            return Ok(position);
        }
        let first = self.argument(named)?;
        if let Some(call) = self.keyword_arguments(&call.function_name, &first)? {
            return Ok(call);
        }
        call.arguments.push(first);
        while self.eat_symbol(",") {
            call.arguments.push(self.argument(named)?);
        }
        Ok(call)
    }

    /// `FIRST(value IGNORE NULLS)`.
    fn nulls_inside(&mut self, call: &mut UnresolvedFunction) -> Option<bool> {
        if call.arguments.len() != 1 || !self.is_word_at(1, "NULLS") || !self.is_symbol_at(2, ")") {
            return None;
        }
        let word = self.eat_any(&["IGNORE", "RESPECT"])?;
        self.advance();
        Some(word == "IGNORE")
    }

    /// One argument: `name => value`, a lambda, or an expression, with an alias where `named`.
    pub fn argument(&mut self, named: bool) -> Result<pb::Expression> {
        let start = self.position();
        if self.is_identifier_at(0) && self.is_symbol_at(1, "=>") {
            let key = self.identifier()?;
            self.advance();
            let value = Some(Box::new(self.expression()?));
            let argument = pb::NamedArgumentExpression { key, value };
            return Ok(self.placed(start, build::expr(ExprType::NamedArgumentExpression(Box::new(argument)))));
        }
        if let Some(names) = self.lambda_parameters()? {
            let arguments =
                names.into_iter().map(|name| UnresolvedNamedLambdaVariable { name_parts: vec![name] }).collect();
            let function = Some(Box::new(self.expression()?));
            let lambda = LambdaFunction { function, arguments };
            return Ok(self.placed(start, build::expr(ExprType::LambdaFunction(Box::new(lambda)))));
        }
        if named { self.named_expression() } else { self.expression() }
    }

    /// `x ->` or `(x, y) ->`, taken; None when something else is next.
    fn lambda_parameters(&mut self) -> Result<Option<Vec<String>>> {
        if self.is_identifier_at(0) && self.is_symbol_at(1, "->") {
            let name = self.identifier()?;
            self.advance();
            return Ok(Some(vec![name]));
        }
        if !self.is_symbol("(") {
            return Ok(None);
        }
        let mut ahead = 1;
        while self.is_identifier_at(ahead) && self.is_symbol_at(ahead + 1, ",") {
            ahead += 2;
        }
        if !self.is_identifier_at(ahead) || !self.is_symbol_at(ahead + 1, ")") || !self.is_symbol_at(ahead + 2, "->") {
            return Ok(None);
        }
        let names = self.parenthesized(Self::identifier)?;
        self.advance();
        Ok(Some(names))
    }

    /// A name whose integers are positions in ORDER BY and GROUP BY.
    pub fn ordinal(expression: &pb::Expression) -> Option<i32> {
        match expression.expr_type.as_ref()? {
            ExprType::Literal(literal) => match literal.literal_type {
                Some(LiteralType::Integer(position)) => Some(position),
                _ => None,
            },
            _ => None,
        }
    }

    /// An error of a form that Spark knows and that is not there yet.
    pub fn not_yet(&self, start: usize, feature: &str, way_round: &str) -> SparkError {
        self.error_from(start, SparkError::unsupported(feature, way_round))
    }
}
