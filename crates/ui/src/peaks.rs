//! The most that executors have used: Spark's executor metrics, of which the largest values are kept.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// Their names, in the order in which Spark writes them.
pub const NAMES: [&str; COUNT] = [
    "JVMHeapMemory",
    "JVMOffHeapMemory",
    "OnHeapExecutionMemory",
    "OffHeapExecutionMemory",
    "OnHeapStorageMemory",
    "OffHeapStorageMemory",
    "OnHeapUnifiedMemory",
    "OffHeapUnifiedMemory",
    "DirectPoolMemory",
    "MappedPoolMemory",
    "ProcessTreeJVMVMemory",
    "ProcessTreeJVMRSSMemory",
    "ProcessTreePythonVMemory",
    "ProcessTreePythonRSSMemory",
    "ProcessTreeOtherVMemory",
    "ProcessTreeOtherRSSMemory",
    "MinorGCCount",
    "MinorGCTime",
    "MajorGCCount",
    "MajorGCTime",
    "TotalGCTime",
    "ConcurrentGCCount",
    "ConcurrentGCTime",
];

const COUNT: usize = 23;
const TOTAL_GC_TIME: usize = 20;

/// The largest values so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peaks([i64; COUNT]);

impl Default for Peaks {
    fn default() -> Self {
        Self([0; COUNT])
    }
}

impl Peaks {
    /// What an event says.
    pub fn of(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }

    /// Takes what is larger.
    pub fn raise(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = (*own).max(other);
        }
    }

    pub fn total_gc_ms(&self) -> i64 {
        self.0[TOTAL_GC_TIME]
    }

    /// Name and value of each.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, i64)> {
        NAMES.into_iter().zip(self.0)
    }

    pub fn json(&self) -> Value {
        self.pairs()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

impl<'de> Deserialize<'de> for Peaks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Peaks;

            fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
                to.write_str("executor metrics")
            }

            fn visit_unit<E>(self) -> Result<Peaks, E> {
                Ok(Peaks::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Peaks, A::Error> {
                let (mut own, mut at) = (Peaks::default(), 0);
                while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    // Most stand where Spark writes them.
                    if NAMES.get(at).is_none_or(|next| *next != name) {
                        at = NAMES.iter().position(|own| *own == name).unwrap_or(COUNT);
                    }
                    let value: i64 = map.next_value()?;
                    if let Some(own) = own.0.get_mut(at) {
                        *own = value;
                    }
                    at += 1;
                }
                Ok(own)
            }
        }
        from.deserialize_any(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_kept() {
        let mut own =
            Peaks::of(&serde_json::json!({"TotalGCTime": 7, "JVMHeapMemory": 3, "JVMOffHeapMemory": 4, "Other": 9}));
        own.raise(&Peaks::of(&serde_json::json!({"JVMHeapMemory": 5})));
        let set: Vec<_> = own.pairs().filter(|(_, value)| *value > 0).collect();
        assert_eq!(set, [("JVMHeapMemory", 5), ("JVMOffHeapMemory", 4), ("TotalGCTime", 7)]);
        assert_eq!(Peaks::of(&Value::Null), Peaks::default());
    }
}
