//! A command in all of its plans: as it was asked for, with its names looked up, and as it runs. Spark runs most commands by
//! one operator, `ExecutedCommandExec`, which tells the command below itself; others have an operator of their own.

use firesteel_plan::attribute::next_id;
use firesteel_plan::sql::command::ExplainMode;

/// New columns as plans print them.
#[derive(Debug, Default, Clone)]
pub struct Columns {
    names: Vec<String>,
    types: Vec<String>,
}

impl Columns {
    /// Columns of texts; `name: type` for others.
    pub fn new(columns: &[&str]) -> Self {
        let parts = |own: &&str| own.split_once(": ").map(|(a, b)| (a.to_string(), b.to_string()));
        let parts = |own: &&str| parts(own).unwrap_or_else(|| ((*own).to_string(), "string".to_string()));
        let all: Vec<(String, String)> = columns.iter().map(parts).collect();
        Self {
            names: all.iter().map(|(name, _)| format!("{name}#{}", next_id())).collect(),
            types: all.iter().map(|(name, own)| format!("{name}: {own}")).collect(),
        }
    }

    /// `[a#1, b#2]`.
    pub fn shown(&self) -> String {
        format!("[{}]", self.names.join(", "))
    }
}

/// What the plans say.
#[derive(Debug, Default)]
pub struct Told {
    name: String,
    arguments: String,
    /// The command before names are looked up, and what it has below; empty if it has no names.
    parsed: Vec<String>,
    /// What the command is about.
    about: Option<(String, String)>,
    /// The analyzed plan of the query in it.
    query: Option<String>,
    output: Columns,
    /// Arguments of an operator of its own.
    operator: Option<String>,
}

impl Told {
    pub fn new(name: &str, arguments: impl Into<String>) -> Self {
        Self { name: name.to_string(), arguments: arguments.into(), ..Self::default() }
    }

    /// The plan before names are looked up: the command's line, and the trees below.
    #[must_use]
    pub fn parsed(mut self, command: String, below: impl IntoIterator<Item = String>) -> Self {
        self.parsed = std::iter::once(command).chain(below).collect();
        self
    }

    #[must_use]
    pub fn about(mut self, name: &str, arguments: impl Into<String>) -> Self {
        self.about = Some((name.to_string(), arguments.into()));
        self
    }

    #[must_use]
    pub fn query(mut self, query: Option<&str>) -> Self {
        self.query = query.map(|own| own.trim_end().to_string());
        self
    }

    #[must_use]
    pub fn output(mut self, columns: &Columns) -> Self {
        self.output = columns.clone();
        self
    }

    #[must_use]
    pub fn operator(mut self, arguments: impl Into<String>) -> Self {
        self.operator = Some(arguments.into());
        self
    }

    /// The text of EXPLAIN in a mode.
    pub fn text(&self, mode: ExplainMode) -> String {
        match mode {
            ExplainMode::Codegen => "Found 0 WholeStageCodegen subtrees.\n".to_string(),
            ExplainMode::Simple => format!("== Physical Plan ==\n{}\n\n", self.physical()),
            ExplainMode::Cost => {
                format!(
                    "== Optimized Logical Plan ==\n{}\n\n== Physical Plan ==\n{}\n\n",
                    self.logical(),
                    self.physical()
                )
            }
            ExplainMode::Formatted => format!("== Physical Plan ==\n{}\n\n", self.formatted()),
            ExplainMode::Extended => {
                let (logical, mut types) = (self.logical(), self.output.types.join(", "));
                if !types.is_empty() {
                    types.push('\n');
                }
                format!(
                    "== Parsed Logical Plan ==\n{}\n\n== Analyzed Logical Plan ==\n{types}{logical}\n\n\
                     == Optimized Logical Plan ==\n{logical}\n\n== Physical Plan ==\n{}\n",
                    self.unresolved(),
                    self.physical()
                )
            }
        }
    }

    fn unresolved(&self) -> String {
        let Some((command, below)) = self.parsed.split_first() else { return line(&self.name, &self.arguments) };
        let last = below.len().saturating_sub(1);
        let tree = |(at, own): (usize, &String)| {
            let (first, rest) = if at == last { ("+- ", "   ") } else { (":- ", ":  ") };
            indented(own, first, rest)
        };
        command.clone() + &below.iter().enumerate().map(tree).collect::<String>()
    }

    fn logical(&self) -> String {
        let about = self.about.as_ref().map(|(name, arguments)| indented(&line(name, arguments), "+- ", "   "));
        let query = self.query.as_ref().map(|query| indented(query, "   +- ", "      "));
        line(&self.name, &self.arguments) + &about.unwrap_or_default() + &query.unwrap_or_default()
    }

    fn physical(&self) -> String {
        match &self.operator {
            Some(arguments) => line(&self.name, arguments),
            None => format!("Execute {}{}", self.name, indented(&self.logical(), "   +- ", "      ")),
        }
    }

    fn formatted(&self) -> String {
        let (name, output) = (&self.name, &self.output);
        if let Some(arguments) = &self.operator {
            let shown = format!("Output [{}]: {}\n", output.names.len(), output.shown());
            let shown = if output.names.is_empty() { String::new() } else { shown };
            return format!("{name} (1)\n\n\n(1) {name}\n{shown}Arguments: {arguments}");
        }
        // What is below a command has the smaller number; what is below a query's operator likewise.
        let query: Vec<(&str, String)> = self.query.iter().flat_map(|own| own.lines().map(operator)).collect();
        let number = if self.about.is_some() { 3 } else { 2 };
        let mut tree = format!("Execute {name} (1)\n   +- {name} ({number})");
        let mut facts = vec![];
        if let Some((about, arguments)) = &self.about {
            tree.push_str(&format!("\n      +- {about} (2)"));
            facts.push(described(2, about, arguments));
        }
        facts.push(described(number, name, &self.arguments));
        let count = query.len();
        for (at, (name, _)) in query.iter().enumerate() {
            tree.push_str(&format!("\n{}+- {name} ({})", "   ".repeat(at + 3), number + count - at));
        }
        for (at, (name, arguments)) in query.iter().rev().enumerate() {
            facts.push(described(number + at + 1, name, arguments));
        }
        let shown = match output.names.len() {
            0 => "Output: []".to_string(),
            count => format!("Output [{count}]: {}", output.shown()),
        };
        format!("{tree}\n\n\n(1) Execute {name}\n{shown}\n\n{}", facts.join("\n\n"))
    }
}

fn line(name: &str, arguments: &str) -> String {
    if arguments.is_empty() { name.to_string() } else { format!("{name} {arguments}") }
}

fn described(number: usize, name: &str, arguments: &str) -> String {
    let arguments = if arguments.is_empty() { String::new() } else { format!("\nArguments: {arguments}") };
    format!("({number}) {name}{arguments}")
}

fn indented(text: &str, first: &str, rest: &str) -> String {
    let lines = text.lines().enumerate();
    lines.map(|(at, line)| format!("\n{}{line}", if at == 0 { first } else { rest })).collect()
}

/// The name and the arguments of an operator in a query's plan, as EXPLAIN FORMATTED has them.
fn operator(line: &str) -> (&str, String) {
    let own = line.trim_start_matches([' ', ':', '+', '-']);
    let (name, arguments) = own.split_once(' ').unwrap_or((own, ""));
    match (name, arguments.split_once('['), arguments.rsplit_once("] ")) {
        ("Relation", Some((table, _)), Some((columns, format))) => {
            let quoted: Vec<String> = table.split('.').map(firesteel_protocol::types::name::quote).collect();
            let columns = columns.split_once('[').map_or("", |(_, columns)| columns).replace(',', ", ");
            ("LogicalRelation", format!("{format}, [{columns}], {}, false", quoted.join(".")))
        }
        _ => (name, arguments.to_string()),
    }
}
