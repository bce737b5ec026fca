//! A plan's operators as Spark's REST lists them: those that only pass rows on are left out, generated code stands by itself.
//!
//! As Spark's `SparkPlanGraph`.

use serde_json::{Value, json};

use crate::model::PlanNode;
use crate::web::advice::Values;
use crate::web::page_sql_value;

/// Nodes and edges of a plan.
pub(super) struct Graph<'a> {
    values: Values<'a>,
    next: i64,
    /// The last first, as Spark lists them.
    pub(super) nodes: Vec<Value>,
    pub(super) edges: Vec<Value>,
    /// Exchanges and subqueries, which others may use again.
    shared: Vec<(&'a PlanNode, i64)>,
}

/// Where a node stands: the node that takes its rows, and the piece of generated code that it is in.
#[derive(Clone, Copy)]
struct Place<'a> {
    to: Option<i64>,
    code: Option<&'a str>,
}

impl<'a> Graph<'a> {
    pub(super) fn of(plan: &'a PlanNode, values: Values<'a>) -> Self {
        let mut own = Self { values, next: 0, nodes: vec![], edges: vec![], shared: vec![] };
        own.add(plan, Place { to: None, code: None });
        own.nodes.sort_by_key(|node: &Value| std::cmp::Reverse(node["nodeId"].as_i64()));
        own
    }

    fn add(&mut self, node: &'a PlanNode, at: Place<'a>) {
        let first = node.children.first();
        match (node.name.as_str(), first) {
            (name, Some(child)) if name.starts_with("WholeStageCodegen") => {
                self.node(node, None);
                let number = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
                self.add(child, Place { code: Some(number.unwrap_or("")), ..at });
            }
            ("InputAdapter", Some(child)) => self.add(child, Place { code: None, ..at }),
            (
                "BroadcastQueryStage" | "ResultQueryStage" | "ShuffleQueryStage" | "TableCacheQueryStage",
                Some(child),
            ) => {
                if !self.again(child, at) {
                    self.add(child, at);
                }
            }
            // Nothing is generated for subqueries.
            ("Subquery", _) if at.code.is_some() => self.add(node, Place { code: None, ..at }),
            ("Subquery", _) if self.again(node, at) => {}
            ("ReusedSubquery", Some(child)) => self.add(child, at),
            ("ReusedExchange", Some(child)) if self.again(child, at) => {}
            (name, _) => {
                let id = self.node(node, at.code);
                if name.contains("Exchange") || name.contains("Subquery") {
                    self.shared.push((node, id));
                }
                self.edge(id, at);
                node.children.iter().for_each(|child| self.add(child, Place { to: Some(id), ..at }));
            }
        }
    }

    /// Whether a node is there already; its rows then go here too.
    fn again(&mut self, node: &PlanNode, at: Place) -> bool {
        let known = self.shared.iter().find(|(own, _)| same(own, node)).map(|(_, id)| *id);
        if let Some(id) = known {
            self.edge(id, at);
        }
        known.is_some()
    }

    fn edge(&mut self, from: i64, at: Place) {
        if let Some(to) = at.to {
            self.edges.push(json!({"fromId": from, "toId": to}));
        }
    }

    fn node(&mut self, node: &PlanNode, code: Option<&str>) -> i64 {
        let id = self.next;
        self.next += 1;
        let metrics: Vec<Value> = node
            .metrics
            .iter()
            .filter_map(|(name, id, kind)| {
                let total = self.values.total(*id)?;
                Some(json!({"name": name, "value": page_sql_value(kind, total, self.values.measured(*id))}))
            })
            .collect();
        let mut own = json!({"nodeId": id, "nodeName": node.name.trim(), "metrics": metrics});
        if let Some(number) = code.and_then(|text| text.parse::<i64>().ok()) {
            own["wholeStageCodegenId"] = number.into();
        }
        self.nodes.push(own);
        id
    }
}

fn same(left: &PlanNode, right: &PlanNode) -> bool {
    left.name == right.name
        && left.text == right.text
        && left.children.len() == right.children.len()
        && left.children.iter().zip(&right.children).all(|(left, right)| same(left, right))
}
