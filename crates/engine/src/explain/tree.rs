//! A plan as the tree of lines that Spark prints, and as the list of operators of EXPLAIN FORMATTED.

/// An operator: what its line says, and what EXPLAIN FORMATTED tells of it.
#[derive(Debug, Default, Clone)]
pub struct Node {
    /// The operator's name in the list of EXPLAIN FORMATTED.
    pub name: String,
    /// What follows the name in the tree of EXPLAIN FORMATTED.
    pub kind: String,
    /// The whole line in the other modes.
    pub line: String,
    /// Columns that it gives, as `name#id`.
    pub output: Vec<String>,
    /// More facts for the list, each with its title.
    pub facts: Vec<(String, String)>,
    pub children: Vec<Node>,
}

impl Node {
    pub fn new(name: impl Into<String>, arguments: &str, output: Vec<String>, children: Vec<Self>) -> Self {
        let name = name.into();
        let line = if arguments.is_empty() { name.clone() } else { format!("{name} {arguments}") };
        Self { name, line, output, children, ..Self::default() }
    }

    #[must_use]
    pub fn fact(mut self, title: &str, text: impl Into<String>) -> Self {
        self.facts.push((title.to_string(), text.into()));
        self
    }

    /// A fact that is a list with its length: `Keys [1]: [a#1]`.
    #[must_use]
    pub fn list(self, title: &str, items: &[String]) -> Self {
        self.fact(&format!("{title} [{}]", items.len()), list(items))
    }

    /// The whole tree, a line an operator.
    pub fn tree(&self) -> String {
        let mut out = String::new();
        self.draw(&mut out, "", "", &|node| node.line.clone());
        out
    }

    /// EXPLAIN FORMATTED: the tree of names with numbers, then what each operator does.
    pub fn formatted(&self) -> String {
        let mut numbered = self.clone();
        let mut details = vec![];
        numbered.number(&mut details);
        let mut out = String::new();
        numbered.draw(&mut out, "", "", &|node| node.line.clone());
        out.push_str("\n\n");
        out.push_str(&details.join("\n\n"));
        out.push('\n');
        out
    }

    fn draw(&self, out: &mut String, first: &str, rest: &str, line: &dyn Fn(&Self) -> String) {
        out.push_str(first);
        out.push_str(&line(self));
        out.push('\n');
        for (at, child) in self.children.iter().enumerate() {
            let (branch, below) = if at + 1 == self.children.len() { ("+- ", "   ") } else { (":- ", ":  ") };
            child.draw(out, &format!("{rest}{branch}"), &format!("{rest}{below}"), line);
        }
    }

    /// Numbers the operators, inputs before what reads them.
    fn number(&mut self, details: &mut Vec<String>) {
        for child in &mut self.children {
            child.number(details);
        }
        let number = details.len() + 1;
        let mut lines = vec![format!("({number}) {}", self.name)];
        let listed = |title: &str, items: &[String]| format!("{title} [{}]: {}", items.len(), list(items));
        // A filter and an exchange give what they get; a join tells neither.
        match self.children.as_slice() {
            [] => lines.push(listed("Output", &self.output)),
            [_] if self.name == "AdaptiveSparkPlan" => lines.push(listed("Output", &self.output)),
            [only] => {
                if self.name == "Project" {
                    lines.push(listed("Output", &self.output));
                }
                lines.push(listed("Input", &only.output));
            }
            _ => {}
        }
        lines.extend(self.facts.iter().map(|(title, text)| format!("{title}: {text}")));
        details.push(lines.join("\n"));
        let kind = if self.kind.is_empty() { String::new() } else { format!(" {}", self.kind) };
        self.line = format!("{}{kind} ({number})", self.name);
    }
}

/// `[a, b]`.
pub fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}
