//! `BEGIN .. END`: what a script consists of, and reading it. The engine runs it.

use firesteel_protocol::{Result, SparkError, connect as pb};

use super::command::SqlCommand;
use super::lexer::Kind;
use super::parser::Parser;

/// `[label:] BEGIN .. END [label]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Block {
    pub label: Option<String>,
    pub handlers: Vec<Handler>,
    pub steps: Vec<Step>,
}

/// `DECLARE EXIT HANDLER FOR conditions statement`.
#[derive(Debug, Clone, PartialEq)]
pub struct Handler {
    pub conditions: Vec<Trigger>,
    pub steps: Vec<Step>,
}

/// What a handler is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    SqlException,
    NotFound,
    SqlState(String),
    /// The name of an error condition.
    Condition(String),
}

/// One statement of a script.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Any statement that could stand alone, as text.
    Sql(String),
    /// DECLARE and SET of variables, with the text before and of them.
    Command(Box<SqlCommand>, String),
    Block(Block),
    /// IF, and CASE as conditions; the last branch may be without one.
    Branches(Vec<(Option<pb::Expression>, Vec<Step>)>),
    /// WHILE (the condition before), REPEAT (the end behind), LOOP.
    Loop {
        label: Option<String>,
        before: Option<pb::Expression>,
        steps: Vec<Step>,
        until: Option<pb::Expression>,
    },
    /// `FOR [variable AS] query DO .. END FOR`.
    For {
        label: Option<String>,
        variable: Option<String>,
        query: String,
        steps: Vec<Step>,
    },
    Leave(String),
    Iterate(String),
}

/// What is wrong with a second handler for the same.
fn duplicate(trigger: &Trigger) -> SparkError {
    let condition = |name: &str| SparkError::new("DUPLICATE_EXCEPTION_HANDLER.CONDITION").with("condition", name);
    match trigger {
        Trigger::SqlState(state) => {
            SparkError::new("DUPLICATE_EXCEPTION_HANDLER.SQLSTATE").with("sqlState", state.as_str())
        }
        Trigger::SqlException => condition("SQLEXCEPTION"),
        Trigger::NotFound => condition("NOT FOUND"),
        Trigger::Condition(name) => condition(name),
    }
}

/// What is wrong with a handler that names something twice.
fn repeated(trigger: &Trigger) -> SparkError {
    let condition = |name: &str| {
        SparkError::new("INVALID_HANDLER_DECLARATION.DUPLICATE_CONDITION_IN_HANDLER_DECLARATION")
            .with("condition", name)
    };
    match trigger {
        Trigger::SqlState(state) => {
            SparkError::new("INVALID_HANDLER_DECLARATION.DUPLICATE_SQLSTATE_IN_HANDLER_DECLARATION")
                .with("sqlState", state.as_str())
        }
        Trigger::SqlException => condition("SQLEXCEPTION"),
        Trigger::NotFound => condition("NOT FOUND"),
        Trigger::Condition(name) => condition(name),
    }
}

/// In front of the label of a block, among those in sight.
const BLOCK: char = '\u{1}';
/// In front of a variable of FOR, which is no label but takes the name of one.
const VARIABLE: char = '\u{2}';

impl Parser<'_> {
    /// A whole script.
    pub fn script(&mut self) -> Result<Block> {
        let mut labels = vec![];
        self.in_script = true;
        let block = self.block(None, &mut labels)?;
        self.in_script = false;
        if self.is_symbol(";") && self.peek_at(1).kind == Kind::Word {
            self.advance();
            return Err(self.unexpected());
        }
        match self.late.take() {
            Some(error) => Err(error),
            None => Ok(block),
        }
    }

    fn later(&mut self, error: SparkError) {
        self.late.get_or_insert(error);
    }

    fn block(&mut self, label: Option<String>, labels: &mut Vec<String>) -> Result<Block> {
        self.expect_word("BEGIN")?;
        self.eat_words(&["NOT", "ATOMIC"]);
        self.blocks += 1;
        let known = labels.len();
        let conditions = self.conditions.len();
        self.enter(label.as_deref().map(|name| format!("{BLOCK}{name}")), labels);
        let mut block = Block { label, ..Block::default() };
        while !self.is_word("END") {
            if self.is_end() {
                return Err(self.unexpected());
            }
            let begun = block.steps.iter().any(|step| !is_declaration(step));
            if self.is_word("DECLARE") && self.is_word_at(2, "CONDITION") {
                if begun {
                    let name = self.token(self.position() + 1).text.to_uppercase();
                    let error = "INVALID_ERROR_CONDITION_DECLARATION.NOT_AT_START_OF_COMPOUND_STATEMENT";
                    self.later(SparkError::new(error).with("conditionName", format!("`{name}`")).placeless());
                }
                self.condition(conditions)?;
                self.expect_symbol(";")?;
                continue;
            }
            let declares = self.is_word("DECLARE") && !self.is_word_at(2, "HANDLER");
            if declares && self.is_word_at(2, "CURSOR") {
                self.later(no_cursors());
                self.skip_statement();
                self.expect_symbol(";")?;
                continue;
            }
            if declares && (!block.handlers.is_empty() || begun) {
                let name = self.token(self.position() + 1).text.to_string();
                let error = SparkError::new("INVALID_VARIABLE_DECLARATION.ONLY_AT_BEGINNING");
                self.later(error.with("varName", format!("`{name}`")).raised_as("LABELS_MISMATCH").placeless());
            }
            if self.is_word("DECLARE") && self.is_any_word_at(1, &["EXIT", "CONTINUE"]) && self.is_word_at(2, "HANDLER")
            {
                if begun {
                    let error = SparkError::new("INVALID_HANDLER_DECLARATION.WRONG_PLACE_OF_DECLARATION");
                    self.later(error.placeless());
                }
                let handler = self.handler(labels)?;
                for own in &handler.conditions {
                    if block.handlers.iter().any(|known| known.conditions.contains(own)) {
                        self.later(duplicate(own).placeless());
                    }
                }
                block.handlers.push(handler);
            } else {
                block.steps.push(self.step(labels)?);
            }
            self.expect_symbol(";")?;
        }
        self.expect_word("END")?;
        self.end_label(block.label.as_deref())?;
        self.blocks -= 1;
        labels.truncate(known);
        self.conditions.truncate(conditions);
        Ok(block)
    }

    /// A label or a variable of FOR begins to be in sight; those around it may not have its name.
    fn enter(&mut self, name: Option<String>, labels: &mut Vec<String>) {
        let Some(name) = name else { return };
        let bare = |name: &str| name.trim_start_matches([BLOCK, VARIABLE]).to_lowercase();
        if labels.iter().any(|known| bare(known) == bare(&name)) {
            let error = SparkError::new("LABEL_OR_FOR_VARIABLE_ALREADY_EXISTS");
            self.later(error.with("label", format!("`{}`", bare(&name))).placeless());
        }
        labels.push(name);
    }

    /// `DECLARE name CONDITION [FOR SQLSTATE 'state']`.
    fn condition(&mut self, from: usize) -> Result<()> {
        self.expect_word("DECLARE")?;
        let name = self.identifier()?.to_uppercase();
        self.expect_word("CONDITION")?;
        if self.conditions[from..].contains(&name) {
            let error = SparkError::new("DUPLICATE_CONDITION_IN_SCOPE").with("condition", format!("`{name}`"));
            self.later(error.placeless());
        }
        let mut state = "45000".to_string();
        if self.eat_word("FOR") {
            if self.is_text_at(0) {
                return Err(self.lacking("SQLSTATE"));
            }
            self.expect_word("SQLSTATE")?;
            self.eat_word("VALUE");
            state = self.string()?;
        }
        self.check_state(&state);
        self.conditions.push(name);
        Ok(())
    }

    /// `INVALID_SQLSTATE` for what is none, or none of an error.
    fn check_state(&mut self, state: &str) {
        let valid = state.len() == 5 && state.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
        if !valid || ["00", "01", "XX"].contains(&&state[..2]) {
            self.later(SparkError::new("INVALID_SQLSTATE").with("sqlState", state).placeless());
        }
    }

    /// To the semicolon behind a statement.
    fn skip_statement(&mut self) {
        while !self.is_end() && !self.is_symbol(";") {
            self.advance();
        }
    }

    pub fn is_any_word_at(&self, ahead: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word_at(ahead, word))
    }

    /// The label behind END, which must be that of the beginning.
    fn end_label(&mut self, label: Option<&str>) -> Result<()> {
        if !self.is_identifier_at(0) {
            return Ok(());
        }
        let start = self.position();
        if label.is_none() && self.blocks == 1 {
            return Err(self.extra());
        }
        let end = self.identifier()?;
        match label {
            Some(label) if label.eq_ignore_ascii_case(&end) => Ok(()),
            Some(label) => Err(self.error_from(
                start,
                SparkError::new("LABELS_MISMATCH").with("beginLabel", label.to_uppercase()).with("endLabel", end),
            )),
            None => Err(self.error_from(
                start,
                SparkError::new("END_LABEL_WITHOUT_BEGIN_LABEL").with("endLabel", end.to_uppercase()),
            )),
        }
    }

    /// [`Parser::end_label`] of a loop, which Spark words otherwise.
    fn end_loop_label(&mut self, label: Option<&str>) -> Result<()> {
        if let (Some(label), true) = (label, self.is_identifier_at(0))
            && !self.peek().text.eq_ignore_ascii_case(label)
        {
            let end = self.identifier()?;
            return Err(SparkError::new("LABELS_MISMATCH")
                .with("beginLabel", super::name::quote_parts(&[label.to_lowercase()]))
                .with("endLabel", super::name::quote_parts(&[end.to_lowercase()]))
                .placeless());
        }
        self.end_label(label)
    }

    fn handler(&mut self, labels: &mut Vec<String>) -> Result<Handler> {
        self.expect_word("DECLARE")?;
        if self.eat_word("CONTINUE") {
            self.later(SparkError::new("UNSUPPORTED_FEATURE.CONTINUE_EXCEPTION_HANDLER").placeless());
            self.expect_words(&["HANDLER", "FOR"])?;
        } else {
            self.expect_words(&["EXIT", "HANDLER", "FOR"])?;
        }
        let conditions = self.comma_separated(|parser| {
            if parser.eat_word("SQLEXCEPTION") {
                return Ok(Trigger::SqlException);
            }
            if parser.eat_words(&["NOT", "FOUND"]) {
                return Ok(Trigger::NotFound);
            }
            if parser.eat_word("SQLSTATE") {
                parser.eat_word("VALUE");
                let state = parser.string()?;
                parser.check_state(&state);
                return Ok(Trigger::SqlState(state));
            }
            let name = parser.name_parts()?.join(".").to_uppercase();
            if !parser.conditions.contains(&name) && !firesteel_protocol::condition::is_known(&name) {
                let error = SparkError::new("INVALID_HANDLER_DECLARATION.CONDITION_NOT_FOUND");
                parser.later(error.with("condition", name.as_str()).placeless());
            }
            Ok(Trigger::Condition(name))
        })?;
        for (index, own) in conditions.iter().enumerate() {
            if conditions[..index].contains(own) {
                self.later(repeated(own).placeless());
            }
        }
        let general = |own: &Trigger| matches!(own, Trigger::SqlException | Trigger::NotFound);
        if conditions.iter().any(general) && !conditions.iter().all(general) {
            let error = SparkError::new("INVALID_HANDLER_DECLARATION.INVALID_CONDITION_COMBINATION");
            self.later(error.placeless());
        }
        let steps = vec![self.step(labels)?];
        Ok(Handler { conditions, steps })
    }

    /// Statements up to one of `ends`.
    fn steps(&mut self, ends: &[&str], labels: &mut Vec<String>) -> Result<Vec<Step>> {
        let mut steps = vec![];
        while !self.is_any_word(ends) {
            if self.is_end() {
                return Err(self.unexpected());
            }
            if self.is_word("DECLARE") && self.is_identifier_at(1) && !self.is_any_word_at(2, &["HANDLER", "CONDITION"])
            {
                let name = self.token(self.position() + 1).text.to_string();
                let error = SparkError::new("INVALID_VARIABLE_DECLARATION.NOT_ALLOWED_IN_SCOPE");
                self.later(error.with("varName", format!("`{name}`")).raised_as("LABELS_MISMATCH").placeless());
            }
            steps.push(self.step(labels)?);
            self.expect_symbol(";")?;
        }
        Ok(steps)
    }

    fn step(&mut self, labels: &mut Vec<String>) -> Result<Step> {
        // In a script there is only SET: the word behind it names the variable.
        if self.is_word("SET") && self.is_any_word_at(1, &["VAR", "VARIABLE"]) && self.is_identifier_at(2) {
            self.advance();
            self.advance();
            return Err(self.extra());
        }
        self.nested(|parser| parser.any_step(labels))
    }

    fn any_step(&mut self, labels: &mut Vec<String>) -> Result<Step> {
        let start = self.position();
        let label = if self.is_identifier_at(0) && self.is_symbol_at(1, ":") {
            let label = self.identifier()?;
            self.advance();
            Some(label)
        } else {
            None
        };
        let word = if self.peek().kind == Kind::Word { self.peek().text.to_ascii_uppercase() } else { String::new() };
        let known = labels.len();
        if word != "BEGIN" {
            self.enter(label.clone(), labels);
        }
        let step = match word.as_str() {
            "BEGIN" => Step::Block(self.block(label, labels)?),
            "WHILE" => {
                self.advance();
                let before = Some(self.standalone_expression()?);
                self.expect_word("DO")?;
                let steps = self.steps(&["END"], labels)?;
                self.expect_words(&["END", "WHILE"])?;
                self.end_loop_label(label.as_deref())?;
                Step::Loop { label, before, steps, until: None }
            }
            "REPEAT" => {
                self.advance();
                let steps = self.steps(&["UNTIL"], labels)?;
                self.expect_word("UNTIL")?;
                let until = Some(self.standalone_expression()?);
                self.expect_words(&["END", "REPEAT"])?;
                self.end_loop_label(label.as_deref())?;
                Step::Loop { label, before: None, steps, until }
            }
            "LOOP" => {
                self.advance();
                let steps = self.steps(&["END"], labels)?;
                self.expect_words(&["END", "LOOP"])?;
                self.end_loop_label(label.as_deref())?;
                Step::Loop { label, before: None, steps, until: None }
            }
            "FOR" => self.for_step(label, labels)?,
            "IF" => self.if_step(labels)?,
            "CASE" => self.case_step(labels)?,
            "LEAVE" | "ITERATE" => {
                self.advance();
                let target = self.identifier()?;
                let block = format!("{BLOCK}{target}");
                let of_block = labels.iter().any(|label| label.eq_ignore_ascii_case(&block));
                if of_block && word == "ITERATE" {
                    let error = SparkError::new("INVALID_LABEL_USAGE.ITERATE_IN_COMPOUND");
                    self.later(error.with("labelName", target.to_uppercase()).placeless());
                }
                if !of_block && !labels.iter().any(|label| label.eq_ignore_ascii_case(&target)) {
                    let error = SparkError::new("INVALID_LABEL_USAGE.DOES_NOT_EXIST")
                        .with("labelName", target.to_uppercase())
                        .with("statementType", word.as_str());
                    self.later(error.placeless().in_parser());
                }
                if word == "LEAVE" { Step::Leave(target) } else { Step::Iterate(target) }
            }
            "OPEN" | "FETCH" | "CLOSE" if self.is_identifier_at(1) => {
                self.later(no_cursors());
                self.skip_statement();
                Step::Branches(vec![])
            }
            "DECLARE" => {
                let command = Box::new(self.declare()?);
                Step::Command(command, self.padded(start))
            }
            "SET" => {
                let variables = self.is_any_word_at(1, &["VAR", "VARIABLE"]);
                if !variables {
                    // In a script SET is for variables, with or without the word.
                    self.expect_word("SET")?;
                } else {
                    self.advance();
                    self.advance();
                }
                let command = Box::new(self.assignments()?);
                Step::Command(command, self.padded(start))
            }
            _ => {
                let first = self.position();
                if let Err(error) = self.statement() {
                    let at = match error.context() {
                        Some(firesteel_protocol::QueryContext::Sql { start, .. }) => Some(*start),
                        _ => None,
                    };
                    let is_first = error.is_syntax() && at == Some(self.token(first).start);
                    self.jump(if is_first { first } else { self.position() });
                    // What no statement begins with would be a label.
                    if is_first && self.is_identifier_at(0) {
                        self.advance();
                        return Err(self.unexpected());
                    }
                    return Err(error);
                }
                Step::Sql(self.padded(start))
            }
        };
        labels.truncate(known);
        Ok(step)
    }

    fn for_step(&mut self, label: Option<String>, labels: &mut Vec<String>) -> Result<Step> {
        self.expect_word("FOR")?;
        let variable = if self.is_identifier_at(0) && self.is_word_at(1, "AS") {
            let name = self.identifier()?;
            self.advance();
            Some(name)
        } else {
            None
        };
        self.enter(variable.as_deref().map(|name| format!("{VARIABLE}{name}")), labels);
        let start = self.position();
        self.in_for = true;
        let read = self.query();
        self.in_for = false;
        read?;
        let query = self.padded(start);
        self.expect_word("DO")?;
        let steps = self.steps(&["END"], labels)?;
        self.expect_words(&["END", "FOR"])?;
        self.end_loop_label(label.as_deref())?;
        Ok(Step::For { label, variable, query, steps })
    }

    fn if_step(&mut self, labels: &mut Vec<String>) -> Result<Step> {
        const ENDS: &[&str] = &["ELSEIF", "ELSE", "END"];
        self.expect_word("IF")?;
        let mut branches = vec![];
        loop {
            let condition = self.standalone_expression()?;
            if !self.is_word("THEN")
                && self.is_any_word(&["SELECT", "SET", "BEGIN", "IF", "INSERT", "VALUES", "DECLARE"])
            {
                return Err(self.lacking("THEN"));
            }
            self.expect_word("THEN")?;
            branches.push((Some(condition), self.steps(ENDS, labels)?));
            if !self.eat_word("ELSEIF") {
                break;
            }
        }
        if self.eat_word("ELSE") {
            branches.push((None, self.steps(&["END"], labels)?));
        }
        self.expect_words(&["END", "IF"])?;
        Ok(Step::Branches(branches))
    }

    fn case_step(&mut self, labels: &mut Vec<String>) -> Result<Step> {
        const ENDS: &[&str] = &["WHEN", "ELSE", "END"];
        self.expect_word("CASE")?;
        let operand = if self.is_word("WHEN") { None } else { Some(self.standalone_expression()?) };
        let mut branches = vec![];
        while self.eat_word("WHEN") {
            let value = self.standalone_expression()?;
            let condition = match &operand {
                Some(operand) => super::build::call("=", vec![operand.clone(), value]),
                None => value,
            };
            self.expect_word("THEN")?;
            branches.push((Some(condition), self.steps(ENDS, labels)?));
        }
        if self.eat_word("ELSE") {
            branches.push((None, self.steps(&["END"], labels)?));
        }
        self.expect_words(&["END", "CASE"])?;
        Ok(Step::Branches(branches))
    }
}

/// `UNSUPPORTED_FEATURE.SQL_CURSOR`: Spark knows cursors behind a setting only.
pub fn no_cursors() -> SparkError {
    SparkError::new("UNSUPPORTED_FEATURE.SQL_CURSOR").raised_as("LABELS_MISMATCH").placeless()
}

/// DECLARE.
fn is_declaration(step: &Step) -> bool {
    matches!(step, Step::Command(command, _) if matches!(**command, SqlCommand::DeclareVariable { .. }))
}
