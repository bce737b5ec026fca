//! XPath 1.0 over a parsed document: what Spark's `xpath` functions evaluate.

use std::iter::Peekable;
use std::vec::IntoIter;

use roxmltree::Node;

/// An expression.
#[derive(Debug, Clone)]
pub enum Expr {
    Number(f64),
    Text(String),
    Binary(Op, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    Call(String, Vec<Expr>),
    /// From the root or the context node, or from what another expression gives.
    Path {
        start: Start,
        steps: Vec<Step>,
    },
}

#[derive(Debug, Clone)]
pub enum Start {
    Root,
    Here,
    Of(Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Union,
}

#[derive(Debug, Clone)]
pub struct Step {
    axis: Axis,
    test: Test,
    predicates: Vec<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Axis {
    Child,
    Descendant,
    DescendantOrSelf,
    Attribute,
    Own,
    Parent,
    Ancestor,
    FollowingSibling,
    PrecedingSibling,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Any,
    AnyNode,
    Text,
    Comment,
    Name(String),
}

/// A node, or an attribute of an element by its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'d> {
    Node(Node<'d, 'd>),
    Attribute(Node<'d, 'd>, usize),
}

impl<'d> Item<'d> {
    /// All text in it.
    pub fn text(self) -> String {
        match self {
            Self::Attribute(node, at) => node.attributes().nth(at).map_or("", |a| a.value()).to_string(),
            Self::Node(node) if node.is_text() || node.is_comment() => node.text().unwrap_or_default().to_string(),
            Self::Node(node) => {
                node.descendants().filter(Node::is_text).map(|text| text.text().unwrap_or_default()).collect()
            }
        }
    }

    /// Its own value: elements have none.
    pub fn value(self) -> Option<String> {
        match self {
            Self::Node(node) if node.is_element() || node.is_root() => None,
            other => Some(other.text()),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Node(node) => node.tag_name().name().to_string(),
            Self::Attribute(node, at) => node.attributes().nth(at).map_or("", |a| a.name()).to_string(),
        }
    }

    /// Place in the document.
    fn order(self) -> (usize, usize) {
        match self {
            Self::Node(node) => (node.id().get_usize(), 0),
            Self::Attribute(node, at) => (node.id().get_usize(), at + 1),
        }
    }
}

/// What an expression gives.
#[derive(Debug, Clone)]
pub enum Value<'d> {
    Nodes(Vec<Item<'d>>),
    Number(f64),
    Text(String),
    Bool(bool),
}

impl<'d> Value<'d> {
    pub fn text(&self) -> String {
        match self {
            Self::Nodes(nodes) => nodes.first().map(|node| node.text()).unwrap_or_default(),
            Self::Number(number) => format_number(*number),
            Self::Text(text) => text.clone(),
            Self::Bool(value) => value.to_string(),
        }
    }

    pub fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Bool(value) => f64::from(u8::from(*value)),
            other => parse_number(&other.text()),
        }
    }

    pub fn bool(&self) -> bool {
        match self {
            Self::Nodes(nodes) => !nodes.is_empty(),
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Bool(value) => *value,
        }
    }
}

fn parse_number(text: &str) -> f64 {
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    if plain { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

fn format_number(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    if number == 0.0 { "0".into() } else { number.to_string() }
}

/// Reads an expression; the error says what is wrong.
pub fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable() };
    let expr = parser.binary(0)?;
    match parser.tokens.next() {
        None => Ok(expr),
        Some(token) => Err(format!("Extra illegal tokens: '{}'", token.text())),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Symbol(&'static str),
    Name(String),
    Number(f64),
    Text(String),
}

impl Token {
    fn text(&self) -> String {
        match self {
            Self::Symbol(symbol) => (*symbol).to_string(),
            Self::Name(name) | Self::Text(name) => name.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

const SYMBOLS: [&str; 22] = [
    "//", "::", "..", "!=", "<=", ">=", "/", "(", ")", "[", "]", ".", "@", ",", "|", "+", "-", "=", "<", ">", "*", "$",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut out = vec![];
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if matches!(first, '\'' | '"') {
            let (inner, tail) = rest[1..].split_once(first).ok_or("misquoted literal... expected single quote!")?;
            out.push(Token::Text(inner.to_string()));
            rest = tail;
        } else if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            out.push(Token::Number(rest[..end].parse().map_err(|_| format!("'{}' is no number", &rest[..end]))?));
            rest = &rest[end..];
        } else if first.is_alphabetic() || first == '_' {
            let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            let mut end = rest.find(|c: char| !part(c)).unwrap_or(rest.len());
            // A prefix is part of the name, an axis is not.
            if rest[end..].starts_with(':') && !rest[end..].starts_with("::") {
                let after = &rest[end + 1..];
                end += 1 + after.find(|c: char| !part(c)).unwrap_or(after.len());
            }
            out.push(Token::Name(rest[..end].to_string()));
            rest = &rest[end..];
        } else {
            let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
            let symbol = symbol.ok_or_else(|| format!("Unknown character '{first}'"))?;
            out.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        }
        rest = rest.trim_start();
    }
    Ok(out)
}

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
}

/// Operators from the loosest to the tightest.
const LEVELS: &[&[(&str, Op)]] = &[
    &[("or", Op::Or)],
    &[("and", Op::And)],
    &[("=", Op::Equal), ("!=", Op::NotEqual)],
    &[("<", Op::Less), ("<=", Op::LessEqual), (">", Op::Greater), (">=", Op::GreaterEqual)],
    &[("+", Op::Add), ("-", Op::Subtract)],
    &[("*", Op::Multiply), ("div", Op::Divide), ("mod", Op::Modulo)],
];

impl Parser {
    fn eat(&mut self, symbol: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Symbol(own) if *own == symbol)).is_some()
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.eat(symbol) { Ok(()) } else { Err(format!("Expected {symbol}, but found: {}", self.found())) }
    }

    fn found(&mut self) -> String {
        self.tokens.peek().map_or_else(|| "nothing".to_string(), Token::text)
    }

    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        loop {
            let word = match self.tokens.peek() {
                Some(Token::Symbol(symbol)) => (*symbol).to_string(),
                Some(Token::Name(name)) => name.clone(),
                _ => return Ok(left),
            };
            let Some((_, op)) = operators.iter().find(|(own, _)| *own == word) else { return Ok(left) };
            self.tokens.next();
            left = Expr::Binary(*op, Box::new(left), Box::new(self.binary(level + 1)?));
        }
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.eat("-") {
            return Ok(Expr::Negate(Box::new(self.unary()?)));
        }
        let mut left = self.path()?;
        while self.eat("|") {
            left = Expr::Binary(Op::Union, Box::new(left), Box::new(self.path()?));
        }
        Ok(left)
    }

    fn path(&mut self) -> Result<Expr, String> {
        if self.eat("//") {
            let mut steps = vec![everything()];
            self.steps(&mut steps)?;
            return Ok(Expr::Path { start: Start::Root, steps });
        }
        if self.eat("/") {
            let mut steps = vec![];
            if self.starts_step() {
                self.steps(&mut steps)?;
            }
            return Ok(Expr::Path { start: Start::Root, steps });
        }
        let start = match self.tokens.peek().cloned() {
            Some(Token::Number(number)) => {
                self.tokens.next();
                Expr::Number(number)
            }
            Some(Token::Text(text)) => {
                self.tokens.next();
                Expr::Text(text)
            }
            Some(Token::Symbol("(")) => {
                self.tokens.next();
                let inner = self.binary(0)?;
                self.expect(")")?;
                inner
            }
            Some(Token::Name(name)) if self.is_call(&name) => {
                self.tokens.next();
                self.expect("(")?;
                let mut args = vec![];
                while !self.eat(")") {
                    if !args.is_empty() {
                        self.expect(",")?;
                    }
                    args.push(self.binary(0)?);
                }
                Expr::Call(name, args)
            }
            _ if self.starts_step() => {
                let mut steps = vec![];
                self.steps(&mut steps)?;
                return Ok(Expr::Path { start: Start::Here, steps });
            }
            None => {
                return Err(
                    "A location path was expected, but the end of the XPath expression was found instead.".into()
                );
            }
            Some(token) => return Err(format!("A location path was expected, but '{}' was found.", token.text())),
        };
        let predicates = self.predicates()?;
        let mut steps = vec![];
        if !predicates.is_empty() {
            steps.push(Step { axis: Axis::Own, test: Test::AnyNode, predicates });
        }
        if self.eat("//") {
            steps.push(everything());
            self.steps(&mut steps)?;
        } else if self.eat("/") {
            self.steps(&mut steps)?;
        }
        if steps.is_empty() { Ok(start) } else { Ok(Expr::Path { start: Start::Of(Box::new(start)), steps }) }
    }

    fn is_call(&mut self, name: &str) -> bool {
        let mut ahead = self.tokens.clone();
        ahead.next();
        ahead.next() == Some(Token::Symbol("(")) && !matches!(name, "text" | "node" | "comment")
    }

    fn starts_step(&mut self) -> bool {
        matches!(self.tokens.peek(), Some(Token::Name(_) | Token::Symbol("." | ".." | "@" | "*")))
    }

    fn steps(&mut self, steps: &mut Vec<Step>) -> Result<(), String> {
        loop {
            steps.push(self.step()?);
            if self.eat("//") {
                steps.push(everything());
            } else if !self.eat("/") {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<Step, String> {
        if self.eat("..") {
            return Ok(Step { axis: Axis::Parent, test: Test::AnyNode, predicates: self.predicates()? });
        }
        if self.eat(".") {
            return Ok(Step { axis: Axis::Own, test: Test::AnyNode, predicates: self.predicates()? });
        }
        let mut axis = if self.eat("@") { Axis::Attribute } else { Axis::Child };
        let mut ahead = self.tokens.clone();
        if let (Some(Token::Name(name)), Some(Token::Symbol("::"))) = (ahead.next(), ahead.next()) {
            axis = match name.as_str() {
                "child" => Axis::Child,
                "descendant" => Axis::Descendant,
                "descendant-or-self" => Axis::DescendantOrSelf,
                "attribute" => Axis::Attribute,
                "self" => Axis::Own,
                "parent" => Axis::Parent,
                "ancestor" => Axis::Ancestor,
                "following-sibling" => Axis::FollowingSibling,
                "preceding-sibling" => Axis::PrecedingSibling,
                other => return Err(format!("The axis {other} is not supported")),
            };
            self.tokens.next();
            self.tokens.next();
        }
        let test = if self.eat("*") {
            Test::Any
        } else {
            let Some(Token::Name(name)) = self.tokens.next_if(|token| matches!(token, Token::Name(_))) else {
                return match self.tokens.peek() {
                    None => {
                        Err("A location path was expected, but the end of the XPath expression was found instead."
                            .into())
                    }
                    Some(token) => Err(format!("A location path was expected, but '{}' was found.", token.text())),
                };
            };
            if self.eat("(") {
                self.expect(")")?;
                match name.as_str() {
                    "text" => Test::Text,
                    "comment" => Test::Comment,
                    _ => Test::AnyNode,
                }
            } else {
                Test::Name(name.rsplit(':').next().unwrap_or_default().to_string())
            }
        };
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn predicates(&mut self) -> Result<Vec<Expr>, String> {
        let mut predicates = vec![];
        while self.eat("[") {
            predicates.push(self.binary(0)?);
            self.expect("]")?;
        }
        Ok(predicates)
    }
}

fn everything() -> Step {
    Step { axis: Axis::DescendantOrSelf, test: Test::AnyNode, predicates: vec![] }
}

/// Where an expression is evaluated.
#[derive(Clone, Copy)]
struct Context<'d> {
    item: Item<'d>,
    position: usize,
    size: usize,
}

/// Evaluates an expression at the root of a document.
pub fn evaluate<'d>(expr: &Expr, document: &'d roxmltree::Document<'d>) -> Result<Value<'d>, String> {
    of(expr, Context { item: Item::Node(document.root()), position: 1, size: 1 })
}

fn of<'d>(expr: &Expr, context: Context<'d>) -> Result<Value<'d>, String> {
    Ok(match expr {
        Expr::Number(number) => Value::Number(*number),
        Expr::Text(text) => Value::Text(text.clone()),
        Expr::Negate(inner) => Value::Number(-of(inner, context)?.number()),
        Expr::Binary(Op::Or, left, right) => Value::Bool(of(left, context)?.bool() || of(right, context)?.bool()),
        Expr::Binary(Op::And, left, right) => Value::Bool(of(left, context)?.bool() && of(right, context)?.bool()),
        Expr::Binary(op, left, right) => binary(*op, of(left, context)?, of(right, context)?)?,
        Expr::Call(name, args) => {
            let args = args.iter().map(|arg| of(arg, context)).collect::<Result<Vec<_>, _>>()?;
            super::path_functions::call(name, &args, context.item, context.position, context.size)?
        }
        Expr::Path { start, steps } => {
            let mut nodes = match start {
                Start::Here => vec![context.item],
                Start::Root => {
                    let (Item::Node(node) | Item::Attribute(node, _)) = context.item;
                    vec![Item::Node(node.document().root())]
                }
                Start::Of(inner) => match of(inner, context)? {
                    Value::Nodes(nodes) => nodes,
                    _ => return Err("Can not convert a value to a NodeList".into()),
                },
            };
            for step in steps {
                nodes = walk(&nodes, step)?;
            }
            Value::Nodes(nodes)
        }
    })
}

fn walk<'d>(from: &[Item<'d>], step: &Step) -> Result<Vec<Item<'d>>, String> {
    let mut all = vec![];
    for item in from {
        let mut found: Vec<Item<'d>> = along(*item, step.axis).into_iter().filter(|own| passes(*own, step)).collect();
        for predicate in &step.predicates {
            let size = found.len();
            let mut kept = vec![];
            for (index, own) in found.into_iter().enumerate() {
                let context = Context { item: own, position: index + 1, size };
                let keep = match of(predicate, context)? {
                    Value::Number(place) => place == (index + 1) as f64,
                    other => other.bool(),
                };
                if keep {
                    kept.push(own);
                }
            }
            found = kept;
        }
        all.extend(found);
    }
    all.sort_by_key(|item| item.order());
    all.dedup();
    Ok(all)
}

fn along(item: Item<'_>, axis: Axis) -> Vec<Item<'_>> {
    let node = match item {
        Item::Node(node) => node,
        Item::Attribute(node, _) => {
            return match axis {
                Axis::Own | Axis::DescendantOrSelf => vec![item],
                Axis::Parent => vec![Item::Node(node)],
                _ => vec![],
            };
        }
    };
    match axis {
        Axis::Child => node.children().map(Item::Node).collect(),
        Axis::Descendant => node.descendants().skip(1).map(Item::Node).collect(),
        Axis::DescendantOrSelf => node.descendants().map(Item::Node).collect(),
        Axis::Attribute => (0..node.attributes().len()).map(|at| Item::Attribute(node, at)).collect(),
        Axis::Own => vec![item],
        Axis::Parent => node.parent().map(Item::Node).into_iter().collect(),
        Axis::Ancestor => node.ancestors().skip(1).map(Item::Node).collect(),
        Axis::FollowingSibling => node.next_siblings().skip(1).map(Item::Node).collect(),
        Axis::PrecedingSibling => node.prev_siblings().skip(1).map(Item::Node).collect(),
    }
}

fn passes(item: Item<'_>, step: &Step) -> bool {
    let principal = match item {
        Item::Node(node) => node.is_element(),
        Item::Attribute(..) => true,
    };
    match &step.test {
        Test::AnyNode => true,
        Test::Any => principal,
        Test::Text => matches!(item, Item::Node(node) if node.is_text()),
        Test::Comment => matches!(item, Item::Node(node) if node.is_comment()),
        Test::Name(name) => principal && item.name() == *name,
    }
}

fn binary<'d>(op: Op, left: Value<'d>, right: Value<'d>) -> Result<Value<'d>, String> {
    let numbers = || (left.number(), right.number());
    Ok(match op {
        Op::Add => Value::Number(numbers().0 + numbers().1),
        Op::Subtract => Value::Number(numbers().0 - numbers().1),
        Op::Multiply => Value::Number(numbers().0 * numbers().1),
        Op::Divide => Value::Number(numbers().0 / numbers().1),
        Op::Modulo => Value::Number(numbers().0 % numbers().1),
        Op::Union => match (left, right) {
            (Value::Nodes(mut nodes), Value::Nodes(others)) => {
                nodes.extend(others);
                nodes.sort_by_key(|item| item.order());
                nodes.dedup();
                Value::Nodes(nodes)
            }
            _ => return Err("Can not convert a value to a NodeList".into()),
        },
        _ => Value::Bool(compare(op, &left, &right)),
    })
}

/// Sets of nodes compare by any of their nodes.
fn compare(op: Op, left: &Value<'_>, right: &Value<'_>) -> bool {
    if let Value::Nodes(nodes) = left {
        if let Value::Bool(_) = right {
            return test(op, &Value::Bool(left.bool()), right);
        }
        return nodes.iter().any(|node| compare(op, &Value::Text(node.text()), right));
    }
    if let Value::Nodes(nodes) = right {
        if let Value::Bool(_) = left {
            return test(op, left, &Value::Bool(right.bool()));
        }
        return nodes.iter().any(|node| compare(op, left, &Value::Text(node.text())));
    }
    test(op, left, right)
}

fn test(op: Op, left: &Value<'_>, right: &Value<'_>) -> bool {
    let equal = match (left, right) {
        (Value::Bool(_), _) | (_, Value::Bool(_)) => left.bool() == right.bool(),
        (Value::Number(_), _) | (_, Value::Number(_)) => left.number() == right.number(),
        _ => left.text() == right.text(),
    };
    match op {
        Op::Equal => equal,
        Op::NotEqual => !equal,
        Op::Less => left.number() < right.number(),
        Op::LessEqual => left.number() <= right.number(),
        Op::Greater => left.number() > right.number(),
        _ => left.number() >= right.number(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(xml: &str, path: &str) -> String {
        let document = roxmltree::Document::parse(xml).unwrap();
        evaluate(&parse(path).unwrap(), &document).unwrap().text()
    }

    #[test]
    fn paths_predicates_and_functions() {
        let xml = "<a><b i='1'>x</b><b i='2'>y</b><c>3</c></a>";
        for (path, want) in [
            ("a/b[2]", "y"),
            ("//b[@i='1']", "x"),
            ("a/b/@i", "1"),
            ("count(//b) + a/c * 2", "8"),
            ("a/*[last()]", "3"),
            ("concat(a/b, '-', name(a/c))", "x-c"),
            ("a/b[. = 'y']/@i", "2"),
            ("boolean(a/d) or a/c > 2", "true"),
        ] {
            assert_eq!(eval(xml, path), want, "{path}");
        }
        assert!(parse("a[").is_err());
    }
}
