//! Temporary functions that users wrote in SQL. The catalog keeps the others.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use firesteel_plan::routine::UserFunction;

/// Functions by name.
#[derive(Debug, Default)]
pub struct Routines(RwLock<BTreeMap<String, Arc<UserFunction>>>);

impl Routines {
    pub fn get(&self, name: &str) -> Option<Arc<UserFunction>> {
        self.0.read().expect("no panics while locked").get(name).cloned()
    }

    pub fn put(&self, name: &str, function: UserFunction) {
        self.0.write().expect("no panics while locked").insert(name.to_string(), Arc::new(function));
    }

    /// Whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        self.0.write().expect("no panics while locked").remove(name).is_some()
    }

    /// All names.
    pub fn names(&self) -> Vec<String> {
        self.0.read().expect("no panics while locked").keys().cloned().collect()
    }

    pub fn copy_from(&self, other: &Self) {
        let own = other.0.read().expect("no panics while locked").clone();
        *self.0.write().expect("no panics while locked") = own;
    }
}
