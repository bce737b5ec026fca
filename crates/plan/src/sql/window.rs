//! OVER, WINDOW definitions, frames and sort orders.

use std::collections::HashMap;

use firesteel_protocol::connect::{
    self as pb,
    expression::{
        ExprType, SortOrder, Window,
        sort_order::{NullOrdering, SortDirection},
        window::{
            WindowFrame,
            window_frame::{FrameBoundary, FrameType, frame_boundary::Boundary},
        },
    },
};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::lexer::Kind;
use super::parser::Parser;

impl Parser<'_> {
    /// `expression [ASC|DESC] [NULLS FIRST|LAST]`.
    pub fn sort_order(&mut self) -> Result<SortOrder> {
        let child = self.expression()?;
        let (direction, null_ordering) = self.direction()?;
        Ok(SortOrder { child: Some(Box::new(child)), direction: direction.into(), null_ordering: null_ordering.into() })
    }

    /// `[ASC|DESC] [NULLS FIRST|LAST]`; NULLs are smallest by default.
    pub fn direction(&mut self) -> Result<(SortDirection, NullOrdering)> {
        let descending = self.eat_any(&["ASC", "DESC"]) == Some("DESC");
        let nulls_last = if self.eat_word("NULLS") {
            self.eat_any(&["FIRST", "LAST"]).ok_or_else(|| self.unexpected())? == "LAST"
        } else {
            descending
        };
        let direction = if descending { SortDirection::Descending } else { SortDirection::Ascending };
        let nulls = if nulls_last { NullOrdering::SortNullsLast } else { NullOrdering::SortNullsFirst };
        Ok((direction, nulls))
    }

    /// A window specification behind OVER: a name or `(..)`.
    pub fn over(&mut self, start: usize, function: pb::Expression) -> Result<pb::Expression> {
        let spec = self.position();
        let mut window = self.window_spec(0)?;
        // What is wrong with the frame is told at the specification: the function's own place has no other use.
        let common = pb::ExpressionCommon { origin: Some(self.origin(spec)) };
        window.window_function = Some(Box::new(pb::Expression { common: Some(common), ..function }));
        Ok(self.placed(start, build::expr(ExprType::Window(Box::new(window)))))
    }

    fn window_spec(&mut self, depth: usize) -> Result<Window> {
        if !self.is_symbol("(") {
            return self.named_window(depth);
        }
        // Spark has no refinement of a named window: `(w ROWS ..)`.
        let starts = ["PARTITION", "DISTRIBUTE", "CLUSTER", "ORDER", "SORT", "ROWS", "RANGE"];
        if self.is_identifier_at(1) && !starts.iter().any(|word| self.is_word_at(1, word)) && !self.is_symbol_at(2, ")")
        {
            return Err(self.unexpected());
        }
        self.advance();
        if self.is_identifier_at(0) && self.is_symbol_at(1, ")") {
            let window = self.named_window(depth)?;
            self.expect_symbol(")")?;
            return Ok(window);
        }
        let mut window = Window::default();
        if ["PARTITION", "DISTRIBUTE", "CLUSTER"].iter().any(|word| self.eat_words(&[word, "BY"])) {
            window.partition_spec = self.comma_separated(Self::expression)?;
        }
        if self.eat_words(&["ORDER", "BY"]) || self.eat_words(&["SORT", "BY"]) {
            window.order_spec = self.comma_separated(Self::sort_order)?;
        }
        if let Some(kind) = self.eat_any(&["ROWS", "RANGE"]) {
            window.frame_spec = Some(Box::new(self.frame(kind)?));
        }
        self.expect_symbol(")")?;
        Ok(window)
    }

    /// Reads the definition of a name in the WINDOW clause of this SELECT.
    fn named_window(&mut self, depth: usize) -> Result<Window> {
        let name = self.identifier()?;
        let position = self.windows.last().and_then(|windows| windows.get(&name.to_lowercase())).copied();
        let Some(position) = position.filter(|_| depth < 50) else {
            let error = SparkError::new("MISSING_WINDOW_SPECIFICATION")
                .with("windowName", name)
                .with("docroot", "https://spark.apache.org/docs/latest");
            return Err(error);
        };
        let back = self.position();
        self.jump(position);
        let window = self.window_spec(depth + 1)?;
        self.jump(back);
        Ok(window)
    }

    fn frame(&mut self, kind: &str) -> Result<WindowFrame> {
        let (lower, upper) = if self.eat_word("BETWEEN") {
            let lower = self.boundary("PRECEDING")?;
            self.expect_word("AND")?;
            (lower, self.boundary("FOLLOWING")?)
        } else {
            (self.boundary("PRECEDING")?, FrameBoundary { boundary: Some(Boundary::CurrentRow(true)) })
        };
        let frame_type = if kind == "ROWS" { FrameType::Row } else { FrameType::Range };
        Ok(WindowFrame { frame_type: frame_type.into(), lower: Some(Box::new(lower)), upper: Some(Box::new(upper)) })
    }

    /// A frame's end. What precedes is negative in Connect's messages; an end without bound on the wrong `side` is
    /// `Unbounded(false)`, for which Connect has no word.
    fn boundary(&mut self, side: &str) -> Result<FrameBoundary> {
        let boundary = if self.eat_words(&["CURRENT", "ROW"]) {
            Boundary::CurrentRow(true)
        } else if self.eat_word("UNBOUNDED") {
            let word = self.eat_any(&["PRECEDING", "FOLLOWING"]).ok_or_else(|| self.unexpected())?;
            Boundary::Unbounded(word == side)
        } else {
            let start = self.position();
            let value = self.expression()?;
            let preceding = self.eat_any(&["PRECEDING", "FOLLOWING"]).ok_or_else(|| self.unexpected())? == "PRECEDING";
            if !is_constant(&value) {
                let error =
                    SparkError::new("_LEGACY_ERROR_TEMP_0064").with("msg", "Frame bound value must be a literal.");
                return Err(self.error_from(start, error));
            }
            // What somebody wrote with a minus sign keeps it.
            let value = match (preceding, is_negative(&value)) {
                (true, false) => negated(value),
                (true, true) => build::call("negative", vec![value]),
                (false, false) => value,
                (false, true) => build::call("positive", vec![value]),
            };
            Boundary::Value(Box::new(value))
        };
        Ok(FrameBoundary { boundary: Some(boundary) })
    }

    /// Finds the WINDOW clause of the SELECT whose list is next and notes where its definitions are.
    pub fn scan_windows(&self) -> HashMap<String, usize> {
        let mut windows = HashMap::new();
        let mut depth = 0_usize;
        let mut ahead = 0;
        loop {
            let token = self.peek_at(ahead);
            match (token.kind, token.text) {
                (Kind::End, _) => return windows,
                (Kind::Symbol, "(" | "[") => depth += 1,
                (Kind::Symbol, ")" | "]") => match depth.checked_sub(1) {
                    Some(outer) => depth = outer,
                    None => return windows,
                },
                _ if depth == 0 && self.is_set_operation_at(ahead) => return windows,
                _ if depth == 0 && self.is_window_definition(ahead, &windows) => {
                    let name = super::name::unquote_identifier(self.peek_at(ahead + 1).text);
                    windows.insert(name.to_lowercase(), self.position() + ahead + 3);
                }
                _ => {}
            }
            ahead += 1;
        }
    }

    fn is_set_operation_at(&self, ahead: usize) -> bool {
        let operator = ["UNION", "INTERSECT", "MINUS", "EXCEPT"].iter().any(|word| self.is_word_at(ahead, word));
        operator && ["SELECT", "ALL", "DISTINCT", "VALUES", "TABLE"].iter().any(|word| self.is_word_at(ahead + 1, word))
    }

    /// `WINDOW name AS`, or `, name AS` behind another definition.
    fn is_window_definition(&self, ahead: usize, windows: &HashMap<String, usize>) -> bool {
        let starts = self.is_word_at(ahead, "WINDOW") || (!windows.is_empty() && self.is_symbol_at(ahead, ","));
        starts && self.is_identifier_at(ahead + 1) && self.is_word_at(ahead + 2, "AS")
    }

    /// `WINDOW name AS spec, ..`, which [`Parser::scan_windows`] has noted.
    pub fn skip_window_clause(&mut self) -> Result<()> {
        if !self.is_word("WINDOW") || !self.is_word_at(2, "AS") {
            return Ok(());
        }
        let clause = self.position();
        self.advance();
        let references = self.references.len();
        let mut repeated = None;
        let mut names: Vec<String> = vec![];
        self.comma_separated(|parser| {
            let name = parser.identifier()?;
            if names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                repeated.get_or_insert_with(|| name.clone());
            }
            names.push(name);
            parser.expect_word("AS")?;
            parser.window_spec(0)
        })?;
        self.references.truncate(references);
        if let Some(name) = repeated {
            let error = SparkError::new("INVALID_SQL_SYNTAX.REPETITIVE_WINDOW_DEFINITION");
            return Err(self.error_from(clause, error.with("windowName", format!("`{name}`"))));
        }
        Ok(())
    }
}

/// Made of literals only.
fn is_constant(value: &pb::Expression) -> bool {
    match &value.expr_type {
        Some(ExprType::Literal(_)) => true,
        Some(ExprType::UnresolvedFunction(call)) => call.arguments.iter().all(is_constant),
        Some(ExprType::Cast(cast)) => cast.expr.as_deref().is_some_and(is_constant),
        _ => false,
    }
}

/// The value with the other sign.
fn is_negative(value: &pb::Expression) -> bool {
    use pb::expression::literal::LiteralType::{DayTimeInterval, Integer, Long, YearMonthInterval};
    let Some(ExprType::Literal(literal)) = &value.expr_type else { return false };
    match literal.literal_type {
        Some(Integer(value) | YearMonthInterval(value)) => value < 0,
        Some(Long(value) | DayTimeInterval(value)) => value < 0,
        _ => false,
    }
}

fn negated(value: pb::Expression) -> pb::Expression {
    use pb::expression::literal::LiteralType::{DayTimeInterval, Decimal, Double, Integer, Long, YearMonthInterval};
    let pb::Expression { common, expr_type } = value;
    let expr_type = match expr_type {
        Some(ExprType::Literal(mut literal)) => {
            let positive = literal.literal_type.clone();
            let negative = match &positive {
                Some(Integer(value)) => value.checked_neg().map(Integer),
                Some(Long(value)) => value.checked_neg().map(Long),
                Some(Double(value)) => Some(Double(-value)),
                Some(YearMonthInterval(value)) => value.checked_neg().map(YearMonthInterval),
                Some(DayTimeInterval(value)) => value.checked_neg().map(DayTimeInterval),
                Some(Decimal(value)) => {
                    let mut value = value.clone();
                    value.value = match value.value.strip_prefix('-') {
                        Some(positive) => positive.to_string(),
                        None => format!("-{}", value.value),
                    };
                    Some(Decimal(value))
                }
                _ => None,
            };
            if negative.is_none() {
                let literal = pb::Expression { common, expr_type: Some(ExprType::Literal(literal)) };
                return build::call("negative", vec![literal]);
            }
            literal.literal_type = negative;
            Some(ExprType::Literal(literal))
        }
        expr_type => return build::call("negative", vec![pb::Expression { common, expr_type }]),
    };
    pb::Expression { common, expr_type }
}
