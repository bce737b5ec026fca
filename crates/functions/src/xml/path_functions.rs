//! The functions of XPath 1.0.

use super::path::{Item, Value};

/// Calls a function with evaluated arguments; `item`, `position` and `size` are the context.
pub fn call<'d>(
    name: &str,
    args: &[Value<'d>],
    item: Item<'d>,
    position: usize,
    size: usize,
) -> Result<Value<'d>, String> {
    let own = || args.first().map_or_else(|| item.text(), Value::text);
    let text = |index: usize| args.get(index).map(Value::text).unwrap_or_default();
    let number = |index: usize| args.get(index).map_or(f64::NAN, Value::number);
    let nodes = || match args.first() {
        Some(Value::Nodes(nodes)) => Ok(nodes.clone()),
        None => Ok(vec![item]),
        Some(_) => Err(format!("Can not convert the argument of {name} to a NodeList")),
    };
    Ok(match (name, args.len()) {
        ("last", 0) => Value::Number(size as f64),
        ("position", 0) => Value::Number(position as f64),
        ("count", 1) => Value::Number(nodes()?.len() as f64),
        ("sum", 1) => Value::Number(nodes()?.into_iter().map(|node| Value::Text(node.text()).number()).sum()),
        ("name" | "local-name", 0 | 1) => {
            let first = nodes()?.first().copied();
            Value::Text(match first {
                Some(Item::Node(node)) => node.tag_name().name().to_string(),
                Some(Item::Attribute(node, at)) => {
                    node.attributes().nth(at).map_or("", |attribute| attribute.name()).to_string()
                }
                None => String::new(),
            })
        }
        ("string", 0 | 1) => Value::Text(own()),
        ("concat", 2..) => Value::Text(args.iter().map(Value::text).collect()),
        ("starts-with", 2) => Value::Bool(text(0).starts_with(&text(1))),
        ("contains", 2) => Value::Bool(text(0).contains(&text(1))),
        ("substring-before", 2) => {
            Value::Text(text(0).split_once(&text(1)).map(|(before, _)| before.to_string()).unwrap_or_default())
        }
        ("substring-after", 2) => {
            Value::Text(text(0).split_once(&text(1)).map(|(_, after)| after.to_string()).unwrap_or_default())
        }
        ("substring", 2 | 3) => {
            let start = round(number(1));
            let end = if args.len() == 3 { start + round(number(2)) } else { f64::INFINITY };
            let inside = |place: usize| (place as f64 + 1.0) >= start && (place as f64 + 1.0) < end;
            Value::Text(text(0).chars().enumerate().filter(|(at, _)| inside(*at)).map(|(_, c)| c).collect())
        }
        ("string-length", 0 | 1) => Value::Number(own().chars().count() as f64),
        ("normalize-space", 0 | 1) => Value::Text(own().split_whitespace().collect::<Vec<_>>().join(" ")),
        ("translate", 3) => {
            let (from, to): (Vec<char>, Vec<char>) = (text(1).chars().collect(), text(2).chars().collect());
            let moved = |c: char| match from.iter().position(|own| *own == c) {
                Some(at) => to.get(at).copied(),
                None => Some(c),
            };
            Value::Text(text(0).chars().filter_map(moved).collect())
        }
        ("boolean", 1) => Value::Bool(args[0].bool()),
        ("not", 1) => Value::Bool(!args[0].bool()),
        ("true", 0) => Value::Bool(true),
        ("false", 0) => Value::Bool(false),
        ("number", 0) => Value::Number(Value::Text(item.text()).number()),
        ("number", 1) => Value::Number(number(0)),
        ("floor", 1) => Value::Number(number(0).floor()),
        ("ceiling", 1) => Value::Number(number(0).ceil()),
        ("round", 1) => Value::Number(round(number(0))),
        _ => return Err(format!("Could not find function: {name} with {} arguments", args.len())),
    })
}

/// Half is rounded towards positive infinity.
fn round(number: f64) -> f64 {
    (number + 0.5).floor()
}
