//! The cursor over a text's tokens that all parts of the grammar share: looking ahead, expecting, going back,
//! places for errors and expressions, and Spark's words for syntax errors.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use firesteel_protocol::{QueryContext, Result, SparkError, connect as pb};

use super::SqlContext;
use super::lexer::{Kind, Token, tokenize};

/// More nested parentheses and operators than this are `FAILED_TO_PARSE_TOO_COMPLEX`.
const MAX_DEPTH: usize = 500;

/// Words that may not be used bare as a table's alias, since they go on with the query.
const STRICT_NON_RESERVED: [&str; 16] = [
    "ANTI",
    "CROSS",
    "EXCEPT",
    "FULL",
    "INNER",
    "INTERSECT",
    "JOIN",
    "LATERAL",
    "LEFT",
    "NATURAL",
    "ON",
    "RIGHT",
    "SEMI",
    "MINUS",
    "UNION",
    "USING",
];

static NEXT_ID: AtomicI64 = AtomicI64::new(1 << 40);

/// An id for a subquery's plan or a CTE; unlike any that a client makes.
pub fn next_id() -> i64 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

/// A parse in progress.
pub struct Parser<'a> {
    pub text: &'a str,
    pub ctx: &'a SqlContext,
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: Cell<usize>,
    /// Plans of subqueries that the enclosing query has yet to take over.
    pub references: Vec<pb::Relation>,
    /// CTEs in sight: lower-case name, id, being defined right now.
    pub ctes: Vec<CteName>,
    /// WINDOW definitions of the SELECTs that are being read, inner ones last; token positions by name.
    pub windows: Vec<HashMap<String, usize>>,
    /// The failure that got furthest, from readings that were given up.
    furthest: Option<(usize, SparkError)>,
    /// How many `?` were met.
    pub positional: usize,
    /// Conditions that the blocks of a script declare, inner ones last: names in capitals.
    pub conditions: Vec<String>,
    /// A select list is being read, in which quoted names may be regular expressions.
    pub in_list: bool,
    /// The query of a FOR loop is being read: DO ends it.
    pub in_for: bool,
    /// A script is being read: its variables have no values yet.
    pub in_script: bool,
    /// How many blocks of a script are open.
    pub blocks: usize,
    /// What stands behind the FROM before several INSERTs, and the subqueries in it.
    pub source: Option<(pb::Relation, Vec<pb::Relation>)>,
    /// What is wrong with a script that reads well: told when all of it was read.
    pub late: Option<SparkError>,
}

/// A CTE's name in scope.
#[derive(Debug, Clone)]
pub struct CteName {
    pub name: String,
    pub id: i64,
    pub in_definition: bool,
}

/// A state to go back to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    at: usize,
    references: usize,
    ctes: usize,
    windows: usize,
    positional: usize,
}

/// A place in a text as errors carry it.
pub fn context(text: &str, start: usize, stop: usize, line: usize, column: usize) -> QueryContext {
    QueryContext::Sql {
        text: text.into(),
        start,
        stop,
        line,
        column,
        object_type: String::new(),
        object_name: String::new(),
    }
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str, ctx: &'a SqlContext) -> Result<Self> {
        Ok(Self {
            text,
            ctx,
            tokens: tokenize(text)?,
            at: 0,
            depth: Cell::new(0),
            references: vec![],
            ctes: vec![],
            windows: vec![],
            furthest: None,
            positional: 0,
            conditions: vec![],
            in_list: false,
            in_for: false,
            in_script: false,
            blocks: 0,
            source: None,
            late: None,
        })
    }

    // Looking.

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn peek(&self) -> Token<'a> {
        self.peek_at(0)
    }

    /// The token `ahead` tokens further on.
    pub fn peek_at(&self, ahead: usize) -> Token<'a> {
        let last = self.tokens.len() - 1;
        self.tokens[(self.at + ahead).min(last)]
    }

    pub fn token(&self, position: usize) -> Token<'a> {
        self.tokens[position.min(self.tokens.len() - 1)]
    }

    pub fn previous(&self) -> Token<'a> {
        self.tokens[self.at.saturating_sub(1)]
    }

    pub fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        let token = self.peek_at(ahead);
        token.kind == Kind::Word && token.text.eq_ignore_ascii_case(word)
    }

    pub fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    pub fn is_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.is_word_at(ahead, word))
    }

    pub fn is_any_word(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }

    pub fn is_symbol_at(&self, ahead: usize, symbol: &str) -> bool {
        let token = self.peek_at(ahead);
        token.kind == Kind::Symbol && token.text == symbol
    }

    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.is_symbol_at(0, symbol)
    }

    pub fn is_end(&self) -> bool {
        self.peek().kind == Kind::End
    }

    /// A string literal: with double-quoted identifiers, `".."` is none.
    pub fn is_text_at(&self, ahead: usize) -> bool {
        let token = self.peek_at(ahead);
        token.kind == Kind::Text && !(self.ctx.double_quoted_identifiers && token.text.starts_with('"'))
    }

    pub fn is_identifier_at(&self, ahead: usize) -> bool {
        let token = self.peek_at(ahead);
        match token.kind {
            Kind::Word if self.ctx.reserved_words => !self.is_reserved_at(ahead, true),
            Kind::Word | Kind::Quoted => true,
            Kind::Text => self.ctx.double_quoted_identifiers && token.text.starts_with('"'),
            _ => false,
        }
    }

    /// A word that may be no name, since the session wants reserved words kept. Some are names of functions, and `in_expression`
    /// some are values.
    fn is_reserved_at(&self, ahead: usize, in_expression: bool) -> bool {
        const VALUES: [&str; 5] = ["CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_USER", "USER", "SESSION_USER"];
        const FUNCTIONS: [&str; 3] = ["LEFT", "RIGHT", "FILTER"];
        let word = self.peek_at(ahead).text;
        let among = |words: &[&str]| words.iter().any(|own| word.eq_ignore_ascii_case(own));
        self.ctx.reserved_words
            && self.peek_at(ahead).kind == Kind::Word
            && firesteel_functions::is_reserved_word(word)
            && !(in_expression && among(&VALUES))
            && !(self.is_symbol_at(ahead + 1, "(") && among(&FUNCTIONS))
    }

    /// Whether the text has `:name`, and `?`.
    pub fn parameters(&self) -> (bool, bool) {
        let symbol = |token: &Token<'_>, text: &str| token.kind == Kind::Symbol && token.text == text;
        let named = self.tokens.windows(2).any(|pair| symbol(&pair[0], ":") && pair[1].kind == Kind::Word);
        (named, self.tokens.iter().any(|token| symbol(token, "?")))
    }

    /// Whether the text has both `?` and `:name`.
    pub fn has_both_parameters(&self) -> bool {
        let symbol = |token: &Token<'_>, text: &str| token.kind == Kind::Symbol && token.text == text;
        let named = self.tokens.windows(2).any(|pair| symbol(&pair[0], ":") && pair[1].kind == Kind::Word);
        named && self.tokens.iter().any(|token| symbol(token, "?"))
    }

    // Taking.

    pub fn advance(&mut self) -> Token<'a> {
        let token = self.peek();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    pub fn jump(&mut self, position: usize) {
        self.at = position;
    }

    pub fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    /// Takes all words or none.
    pub fn eat_words(&mut self, words: &[&str]) -> bool {
        let found = self.is_words(words);
        self.at += if found { words.len() } else { 0 };
        found
    }

    /// The word of the list that was taken.
    pub fn eat_any(&mut self, words: &[&'static str]) -> Option<&'static str> {
        let found = words.iter().copied().find(|word| self.is_word(word));
        self.at += usize::from(found.is_some());
        found
    }

    pub fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    pub fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.missing(word)) }
    }

    pub fn expect_words(&mut self, words: &[&str]) -> Result<()> {
        words.iter().try_for_each(|word| self.expect_word(word))
    }

    pub fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(self.missing(symbol)) }
    }

    pub fn expect_end(&mut self) -> Result<()> {
        let before = self.at;
        while self.eat_symbol(";") {}
        if self.is_end() {
            return Ok(());
        }
        let lone = self.peek_at(1).kind == Kind::End || self.is_symbol_at(1, ";");
        Err(if lone || self.at > before { self.extra() } else { self.unexpected() })
    }

    /// A name, bare or in back quotes.
    pub fn identifier(&mut self) -> Result<String> {
        if !self.is_identifier_at(0) || self.is_reserved_at(0, false) {
            return Err(self.unexpected());
        }
        if self.is_word_at(0, "IDENTIFIER") && self.is_symbol_at(1, "(") {
            let parts = self.identifier_clause()?;
            let [name] = <[String; 1]>::try_from(parts).map_err(|parts| {
                SparkError::new("IDENTIFIER_TOO_MANY_NAME_PARTS")
                    .with("identifier", super::name::quote_parts(&parts))
                    .with("limit", "1")
            })?;
            return Ok(name);
        }
        let token = self.advance();
        self.check_hyphen(token)?;
        Ok(super::name::unquote_identifier(token.text))
    }

    /// A name inside of an expression, where `a-b` is a difference.
    pub fn operand_name(&mut self) -> Result<String> {
        if !self.is_identifier_at(0) || self.is_word_at(0, "IDENTIFIER") && self.is_symbol_at(1, "(") {
            return self.identifier();
        }
        let token = self.advance();
        Ok(super::name::unquote_identifier(token.text))
    }

    /// `a-b` as a name is an error of its own.
    fn check_hyphen(&self, token: Token<'a>) -> Result<()> {
        let hyphen = self.peek();
        let next = self.peek_at(1);
        let glued = token.kind == Kind::Word
            && hyphen.text == "-"
            && next.kind == Kind::Word
            && hyphen.start == token.end
            && next.start == hyphen.end;
        if !glued {
            return Ok(());
        }
        Err(self.error_at(
            token,
            SparkError::new("INVALID_IDENTIFIER").with("ident", format!("{}-{}", token.text, next.text)),
        ))
    }

    /// `a.b.c`.
    pub fn name_parts(&mut self) -> Result<Vec<String>> {
        if self.is_word_at(0, "IDENTIFIER") && self.is_symbol_at(1, "(") {
            return self.identifier_clause();
        }
        let mut parts = vec![self.identifier()?];
        while self.is_symbol(".") && self.is_identifier_at(1) {
            self.advance();
            parts.push(self.identifier()?);
        }
        if self.is_symbol(".") {
            self.advance();
            return Err(self.unexpected());
        }
        Ok(parts)
    }

    /// `IDENTIFIER(constant string)`.
    fn identifier_clause(&mut self) -> Result<Vec<String>> {
        let clause = self.position();
        self.expect_word("IDENTIFIER")?;
        self.expect_symbol("(")?;
        let start = self.position();
        let expression = self.expression()?;
        let wrong = super::literal::wrong_type(&expression).map(|(shown, data_type)| {
            let error = SparkError::new("NOT_A_CONSTANT_STRING.WRONG_TYPE").with("name", "IDENTIFIER");
            self.error_from(start, error.with("expr", shown).with("dataType", data_type)).raised_as("UNRESOLVED_COLUMN")
        });
        let shown = self.source(start).to_string();
        let computed = SparkError::new("NOT_A_CONSTANT_STRING.NOT_CONSTANT").with("name", "IDENTIFIER");
        let computed = self.error_from(start, computed.with("expr", shown)).raised_as("UNRESOLVED_COLUMN");
        self.expect_symbol(")")?;
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        let text = match super::literal::constant_text(&expression) {
            Some(text) => text,
            None => match self.computed_text(&expression) {
                Some((_, Some(text))) => text,
                Some((shown, None)) => {
                    let error = SparkError::new("NOT_A_CONSTANT_STRING.NULL").with("name", "IDENTIFIER");
                    return Err(self.error_from(start, error.with("expr", shown)).raised_as("UNRESOLVED_COLUMN"));
                }
                None if self.in_script => "identifier".to_string(),
                None => return Err(computed),
            },
        };
        super::name::parse_parts(&text).map_err(|error| {
            match self.error_from(clause, SparkError::new("PARSE_SYNTAX_ERROR")).context() {
                Some(place) => error.embedded(place.clone()).in_parser(),
                None => error,
            }
        })
    }

    /// The value of a string that the session can compute without rows, of variables and functions, behind its name.
    fn computed_text(&self, expression: &pb::Expression) -> Option<(String, Option<String>)> {
        let ctx = self.ctx.session.as_ref()?;
        let resolver = crate::Resolver::new(ctx);
        let nothing = crate::relation::project::one_row();
        let inputs = [&nothing];
        let typed = resolver.expression(expression, &resolver.scope(&inputs, None)).ok()?;
        let typed = crate::expression::unaliased(typed);
        match crate::expression::select::evaluate_constant(&typed.expr) {
            Ok(Some(datafusion::scalar::ScalarValue::Utf8(text))) => Some((typed.name, text)),
            _ => None,
        }
    }

    /// One `'..'`.
    pub fn single_string(&mut self) -> Result<String> {
        if !self.is_text_at(0) {
            return Err(self.unexpected());
        }
        Ok(super::literal::unquote_text(self.advance().text, self.ctx.escaped_string_literals))
    }

    /// `'..'`, and adjacent strings joined.
    pub fn string(&mut self) -> Result<String> {
        let mut text = self.single_string()?;
        while self.is_text_at(0) {
            text.push_str(&self.single_string()?);
        }
        Ok(text)
    }

    /// A bare integer.
    pub fn integer(&mut self) -> Result<i32> {
        let token = self.peek();
        match token.kind {
            Kind::Number(super::lexer::NumberKind::Integer) => {
                let value = token.text.parse().map_err(|_| self.unexpected())?;
                self.advance();
                Ok(value)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Items between commas.
    pub fn comma_separated<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Items between commas in parentheses, at least one.
    pub fn parenthesized<T>(&mut self, item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect_symbol("(")?;
        let items = self.comma_separated(item)?;
        self.expect_symbol(")")?;
        Ok(items)
    }

    // Going back.

    pub fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            references: self.references.len(),
            ctes: self.ctes.len(),
            windows: self.windows.len(),
            positional: self.positional,
        }
    }

    pub fn reset(&mut self, mark: Mark) {
        self.at = mark.at;
        self.references.truncate(mark.references);
        self.ctes.truncate(mark.ctes);
        self.windows.truncate(mark.windows);
        self.positional = mark.positional;
    }

    /// Tries one reading; when it fails, the cursor is back and the failure kept in mind.
    pub fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Option<T> {
        let mark = self.mark();
        match read(self) {
            Ok(value) => Some(value),
            Err(error) => {
                self.keep_furthest(error);
                self.reset(mark);
                None
            }
        }
    }

    fn keep_furthest(&mut self, error: SparkError) {
        let place = match error.context() {
            Some(QueryContext::Sql { start, .. }) => *start,
            _ => 0,
        };
        if self.furthest.as_ref().is_none_or(|(furthest, _)| *furthest <= place) {
            self.furthest = Some((place, error));
        }
    }

    /// Of this failure and those of given-up readings, the one that got furthest.
    pub fn furthest(&mut self, error: SparkError) -> SparkError {
        let Some((place, earlier)) = self.furthest.take() else { return error };
        match error.context() {
            Some(QueryContext::Sql { start, .. }) if *start < place => earlier,
            _ => error,
        }
    }

    /// Guards a recursion.
    pub fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth.get() >= MAX_DEPTH {
            return Err(self.error_at(self.peek(), SparkError::new("FAILED_TO_PARSE_TOO_COMPLEX")));
        }
        self.depth.set(self.depth.get() + 1);
        let result = read(self);
        self.depth.set(self.depth.get() - 1);
        result
    }

    // Failing.

    /// Places an error at a token.
    pub fn error_at(&self, token: Token<'_>, error: SparkError) -> SparkError {
        let stop = token.end.max(token.start + 1) - 1;
        error.with_context(context(self.text, token.start, stop, token.line, token.column)).in_parser()
    }

    /// Places an error at the tokens from `start` to the last one taken.
    pub fn error_from(&self, start: usize, error: SparkError) -> SparkError {
        let (first, last) = (self.token(start), self.previous());
        let stop = last.end.max(first.end).max(first.start + 1) - 1;
        error.with_context(context(self.text, first.start, stop, first.line, first.column)).in_parser()
    }

    /// Places an error at the whole statement.
    pub fn error_whole(&self, error: SparkError) -> SparkError {
        let is_last =
            |token: &&Token<'_>| token.kind != Kind::End && !(token.kind == Kind::Symbol && token.text == ";");
        let (first, last) = (self.token(0), self.tokens.iter().rev().find(is_last).copied());
        let stop = last.unwrap_or(first).end.max(first.start + 1) - 1;
        error.with_context(context(self.text, first.start, stop, first.line, first.column)).in_parser()
    }

    /// The text before a token as blanks, then the text from there to the last token taken: its places are the same.
    pub fn padded(&self, start: usize) -> String {
        let before: String =
            self.text.chars().take(self.token(start).start).map(|c| if c == '\n' { c } else { ' ' }).collect();
        before + self.source(start)
    }

    fn syntax_error(&self, token: Token<'_>, hint: String) -> SparkError {
        if token.kind == Kind::End && self.tokens.len() == 1 && self.text.trim().is_empty() {
            return self.error_at(token, SparkError::new("PARSE_EMPTY_STATEMENT"));
        }
        let error = match token.kind {
            Kind::End => "end of input".to_string(),
            // A text in dollars is told by its mark.
            Kind::Dollar => format!("'{}'", &token.text[..super::lexer::dollar_mark(token.text).unwrap_or_default()]),
            _ => format!("'{}'", token.text),
        };
        self.error_at(token, SparkError::new("PARSE_SYNTAX_ERROR").with("error", error).with("hint", hint))
    }

    /// The next token does not fit.
    pub fn unexpected(&self) -> SparkError {
        self.syntax_error(self.peek(), String::new())
    }

    /// The text would be right without the next token.
    pub fn extra(&self) -> SparkError {
        let token = self.peek();
        self.syntax_error(token, format!(": extra input '{}'", token.text))
    }

    /// A setting of the session; its default where there is none.
    pub fn is_set(&self, key: &str, default: bool) -> bool {
        self.ctx.session.as_ref().map_or(default, |session| session.conf_bool(key, default))
    }

    /// Something else than a name, which is one too many where nothing follows it.
    pub fn no_name(&self) -> SparkError {
        let is_literal = self.is_text_at(0) || matches!(self.peek().kind, Kind::Number(_));
        let is_last = is_literal && (self.peek_at(1).kind == Kind::End || self.is_symbol_at(1, ";"));
        if is_last { self.extra() } else { self.unexpected() }
    }

    /// The text would be right with `wanted` before the next token.
    pub fn lacking(&self, wanted: &str) -> SparkError {
        self.syntax_error(self.peek(), format!(": missing '{wanted}'"))
    }

    /// `wanted` is not there; when it comes right behind the next token, that token is one too many.
    fn missing(&self, wanted: &str) -> SparkError {
        let is_symbol = !wanted.starts_with(|c: char| c.is_ascii_alphabetic());
        let follows = if is_symbol { self.is_symbol_at(1, wanted) } else { self.is_word_at(1, wanted) };
        if follows && !self.is_end() { self.extra() } else { self.unexpected() }
    }

    // Places.

    /// Where the tokens from `start` to the last one taken are.
    pub fn origin(&self, start: usize) -> pb::Origin {
        let first = self.token(start);
        let last = if self.at > start { self.previous() } else { first };
        let origin = pb::JvmOrigin {
            line: Some(first.line as i32),
            start_position: Some(first.column as i32),
            start_index: Some(first.start as i32),
            stop_index: Some(last.end.max(first.start + 1) as i32 - 1),
            ..Default::default()
        };
        pb::Origin { function: Some(pb::origin::Function::JvmOrigin(origin)) }
    }

    /// Gives an expression the place from token `start` on.
    pub fn placed(&self, start: usize, mut expression: pb::Expression) -> pb::Expression {
        expression.common = Some(pb::ExpressionCommon { origin: Some(self.origin(start)) });
        expression
    }

    /// Gives a relation the place from token `start` on.
    pub fn placed_relation(&self, start: usize, mut relation: pb::Relation) -> pb::Relation {
        relation.common.get_or_insert_default().origin = Some(self.origin(start));
        relation
    }

    /// The text of the tokens `start..end`, single-spaced and in lower case unless quoted: equal for equal expressions.
    pub fn normalized(&self, start: usize, end: usize) -> String {
        let words = self.tokens[start..end].iter().map(|token| match token.kind {
            Kind::Word => token.text.to_lowercase(),
            _ => token.text.to_string(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// The characters of the text from token `start` to the last one taken.
    pub fn source(&self, start: usize) -> &'a str {
        if self.at <= start {
            return "";
        }
        let base = self.text.as_ptr() as usize;
        let first = self.token(start).text.as_ptr() as usize - base;
        let last = self.previous().text;
        &self.text[first..last.as_ptr() as usize - base + last.len()]
    }

    /// Whether the next word can be a bare alias of a table.
    pub fn is_table_alias(&self) -> bool {
        self.is_identifier_at(0)
            && !(self.peek().kind == Kind::Word
                && STRICT_NON_RESERVED.iter().any(|word| self.peek().text.eq_ignore_ascii_case(word)))
    }
}
