//! Variables of SQL: those of the session (DECLARE, SET VAR) and those of a running script.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use firesteel_plan::context::Variable;
use firesteel_protocol::connect as pb;

/// A declared variable.
#[derive(Debug, Clone)]
pub struct Declared {
    pub data_type: DataType,
    /// What metadata says of the type: a collation, units of intervals.
    pub metadata: HashMap<String, String>,
    pub value: ScalarValue,
    /// What `SET VAR a = DEFAULT` computes anew.
    pub default: Option<pb::Expression>,
}

/// Variables of a session, by lower-case name.
#[derive(Debug, Default)]
pub struct Variables(Mutex<BTreeMap<String, Declared>>);

/// Variables of one block, loop row or script.
#[derive(Debug, Default)]
pub struct Frame {
    /// The block's label or the loop's variable; one that nobody writes where there is none.
    pub label: Option<String>,
    pub variables: BTreeMap<String, Declared>,
}

impl Frame {
    /// Of a block or loop with that label.
    pub fn of(label: Option<String>) -> Self {
        let label = label.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        Self { label: Some(label), variables: BTreeMap::new() }
    }
}

/// The blocks that a script is in, innermost last.
pub type Frames = Arc<Mutex<Vec<Frame>>>;

tokio::task_local! {
    /// The variables of the script that this task runs.
    pub static FRAMES: Frames;
}

/// The frames of the script that runs here, if one does.
pub fn frames() -> Option<Frames> {
    FRAMES.try_with(Arc::clone).ok()
}

/// The name of a session variable in one, two or three parts; None for other names.
pub fn session_name(parts: &[String]) -> Option<String> {
    let same = |part: &String, word: &str| part.eq_ignore_ascii_case(word);
    match parts {
        [name] => Some(name.to_lowercase()),
        [session, name] if same(session, "session") => Some(name.to_lowercase()),
        [system, session, name] if same(system, "system") && same(session, "session") => Some(name.to_lowercase()),
        _ => None,
    }
}

impl Variables {
    pub fn get(&self, name: &str) -> Option<Declared> {
        self.0.lock().expect("no panics while locked").get(name).cloned()
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().expect("no panics while locked").is_empty()
    }

    pub fn put(&self, name: &str, declared: Declared) {
        self.0.lock().expect("no panics while locked").insert(name.to_string(), declared);
    }

    /// Whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        self.0.lock().expect("no panics while locked").remove(name).is_some()
    }

    pub fn copy_from(&self, other: &Self) {
        let own = other.0.lock().expect("no panics while locked").clone();
        *self.0.lock().expect("no panics while locked") = own;
    }
}

/// The variable that a name means: the innermost one of the script, then the session's.
pub fn find(session: &Variables, frames: Option<&Frames>, parts: &[String]) -> Option<Variable> {
    if let Some(frames) = frames {
        let frames = frames.lock().expect("no panics while locked");
        if let Some((name, declared)) = frames.iter().rev().find_map(|frame| in_frame(frame, parts)) {
            return Some(Variable { name, value: declared.value.clone(), metadata: declared.metadata.clone() });
        }
    }
    let name = session_name(parts)?;
    let declared = session.get(&name)?;
    Some(Variable { name: format!("system.session.{name}"), value: declared.value, metadata: declared.metadata })
}

/// A frame's variable, by its name or the label and its name.
pub fn in_frame<'f>(frame: &'f Frame, parts: &[String]) -> Option<(String, &'f Declared)> {
    let label = frame.label.as_deref().unwrap_or_default();
    let name = match parts {
        [name] => name,
        [own, name] if own.eq_ignore_ascii_case(label) => name,
        _ => return None,
    };
    let declared = frame.variables.get(&name.to_lowercase())?;
    let parts = [label.to_lowercase(), name.to_lowercase()];
    let shown = parts.iter().map(|part| firesteel_protocol::types::name::quote_if_needed(part));
    Some((format!("local.{}", shown.collect::<Vec<_>>().join(".")), declared))
}
