//! SQL and DataFrame queries: the list, and one query with its plan, numbers and advice.

use maud::{Markup, html};

use super::{NoPage, cancel_button, missing};
use crate::model::{Execution, Measured, PlanNode, Status};
use crate::web::advice::{self, Advice, Values};
use crate::web::svg::{self, Box_};
use crate::web::view::{
    Key, Order, View, column, count, duration, facts, nanos, number, short, size, status, table, time,
};

fn took(view: &View, own: &Execution) -> i64 {
    let until = if own.completed_ms > 0 { own.completed_ms } else { view.now_ms };
    (until - own.submitted_ms).max(0)
}

fn label(own: &Execution) -> String {
    let text = super::jobs::batch(&own.description).unwrap_or_else(|| short(&own.description, 200));
    if text.is_empty() { format!("query {}", own.id) } else { text }
}

pub fn list(view: &View) -> Markup {
    // What a query started for itself is on its page.
    let all = || view.store.executions.values().filter(|own| !is_part(view, own));
    let of = |wanted: Status| all().filter(|own| own.status() == wanted).collect::<Vec<_>>();
    let groups = [
        ("Running queries", "running", of(Status::Running)),
        ("Completed queries", "completed", of(Status::Succeeded)),
        ("Failed queries", "failed", of(Status::Failed)),
    ];
    view.page("SQL / DataFrame", &html! {
        h1 { "SQL / DataFrame" }
        @if view.store.forgotten.2 > 0 { p.note { (view.store.forgotten.2) " older queries are not kept (spark.sql.ui.retainedExecutions)." } }
        @for (name, id, rows) in groups {
            @if !rows.is_empty() || id == "completed" {
                h2 { (name) " " span.count { "(" (rows.len()) ")" } }
                (executions_table(view, id, rows))
            }
        }
    })
}

/// Whether another query, which is known, started this one.
fn is_part(view: &View, own: &Execution) -> bool {
    own.root != own.id && view.store.executions.contains_key(&own.root)
}

/// Queries in a table.
pub fn executions_table(view: &View, id: &str, rows: Vec<&Execution>) -> Markup {
    let columns = [
        number("ID", |own: &&Execution| own.id, |id| id.to_string()),
        column(
            "Description",
            |own: &&Execution| own.description.as_str().into(),
            |own| {
                html! {
                    a href=(view.link(&format!("SQL/execution/?id={}", own.id))) { (label(own)) }
                    @if let Some(error) = own.error.as_ref().filter(|error| !error.is_empty()) { div.bad { (short(error, 200)) } }
                }
            },
        ),
        number("Submitted", |own: &&Execution| own.submitted_ms, time),
        number("Duration", |own: &&Execution| took(view, own), duration),
        column(
            "Jobs",
            |own: &&Execution| Key::from(own.jobs.len() as i64),
            |own| {
                html! {
                    @for job in &own.jobs { a href=(view.link(&format!("jobs/job/?id={job}"))) { (job) } " " }
                }
            },
        ),
        column(
            "Remarks",
            |own: &&Execution| Key::from(remarks(own)),
            |own| {
                let count = remarks(own);
                html! { @if count > 0 { a href=(view.link(&format!("SQL/execution/?id={}#remarks", own.id))) { (count) } } }
            },
        ),
    ];
    table(view.query, id, &columns, rows, Order { column: 0, descending: true })
}

/// How many things a user may want to do something about.
fn remarks(own: &Execution) -> i64 {
    if own.status() != Status::Succeeded {
        return 0;
    }
    let values = Values::of(own);
    let mut count = 0;
    visit(&own.plan, &mut |node| count += advice::of(node, &values).iter().filter(|own| !own.to_do.is_empty()).count());
    i64::try_from(count).unwrap_or(0)
}

fn visit<'a>(node: &'a PlanNode, act: &mut dyn FnMut(&'a PlanNode)) {
    act(node);
    for child in &node.children {
        visit(child, act);
    }
}

/// An operator with its number in the plan.
struct Operator<'a> {
    node: &'a PlanNode,
    inputs: Vec<usize>,
    advice: Vec<Advice>,
}

fn operators<'a>(node: &'a PlanNode, values: &Values, all: &mut Vec<Operator<'a>>) -> usize {
    // What Spark wraps around operators that it compiles together is no operator.
    if node.name.starts_with("WholeStageCodegen") || matches!(node.name.as_str(), "InputAdapter") {
        if let [child] = node.children.as_slice() {
            return operators(child, values, all);
        }
    }
    let index = all.len();
    all.push(Operator { node, inputs: vec![], advice: advice::of(node, values) });
    for child in &node.children {
        let child = operators(child, values, all);
        all[index].inputs.push(child);
    }
    index
}

pub fn one(view: &View) -> Result<Markup, NoPage> {
    let own = view.query.int("id").and_then(|id| view.store.executions.get(&id));
    let Some(own) = own else { return missing("query", view) };
    let values = Values::of(own);
    let mut all = vec![];
    operators(&own.plan, &values, &mut all);
    // What has not ended may still change, and what was cut off says little.
    if own.status() != Status::Succeeded {
        all.iter_mut().for_each(|operator| operator.advice.clear());
    }
    let operation = own.job_tags.iter().find_map(|tag| view.store.operations.iter().find(|op| op.job_tag == *tag));
    let to_do: Vec<(usize, &Advice)> = all
        .iter()
        .enumerate()
        .flat_map(|(index, operator)| operator.advice.iter().map(move |advice| (index, advice)))
        .filter(|(_, advice)| !advice.to_do.is_empty())
        .collect();
    let running = own.status() == Status::Running;
    let parts: Vec<&Execution> =
        view.store.executions.values().filter(|part| part.root == own.id && part.id != own.id).collect();
    Ok(view.page(&format!("Query {}", own.id), &html! {
        h1 { "Query " (own.id) " " @if let (true, Some(op)) = (running, operation) { (cancel_button(view, &op.id, "this query")) } }
        (facts(&[
            ("Status", status(own.status(), own.status().execution())),
            ("Submitted", html! { (time(own.submitted_ms)) }),
            ("Duration", html! { (duration(took(view, own))) }),
            ("Jobs", html! { @for job in &own.jobs { a href=(view.link(&format!("jobs/job/?id={job}"))) { (job) } " " } @if own.jobs.is_empty() { "none" } }),
            ("Operators", html! { (all.len()) }),
            ("Part of", html! { @if is_part(view, own) { a href=(view.link(&format!("SQL/execution/?id={}", own.root))) { "query " (own.root) } } @else { "none" } }),
        ]))
        pre tabindex="0" { (own.description) }
        @if let Some(error) = own.error.as_ref().filter(|error| !error.is_empty()) { h2 { "What went wrong" } pre.error tabindex="0" { (error) } }
        @if !to_do.is_empty() {
            h2 #remarks { "What to look at" }
            @for (index, advice) in &to_do { (advice_box(advice, Some((*index, &all[*index].node.name)))) }
        }
        @if !parts.is_empty() {
            h2 { "Queries that it started " span.count { "(" (parts.len()) ")" } }
            (executions_table(view, "parts", parts))
        }
        h2 { "Plan" }
        p.soft { "Rows flow down. The numbers at the arrows are rows; boxes that took most of the time are tinted; ! marks a remark." }
        (plan_graph(&all, &values))
        h2 { "Operators" }
        @for (index, operator) in all.iter().enumerate() { (operator_box(index, operator, &values)) }
        details { summary { "Physical plan" } pre tabindex="0" { (own.physical) } }
        @if !own.modified_conf.is_empty() {
            details { summary { "Settings of the session" } (table(view.query, "conf", &[
                column("Name", |pair: &&(String, String)| pair.0.as_str().into(), |pair| html! { code { (pair.0) } }),
                column("Value", |pair: &&(String, String)| pair.1.as_str().into(), |pair| html! { code { (pair.1) } }),
            ], own.modified_conf.iter().collect(), Order { column: 0, descending: false })) }
        }
        @if !own.details.is_empty() { details { summary { "Details" } pre tabindex="0" { (own.details) } } }
    }))
}

fn advice_box(advice: &Advice, at: Option<(usize, &str)>) -> Markup {
    html! {
        div.advice {
            strong { @if let Some((index, name)) = at { a href=(format!("#op-{index}")) { (name) } ": " } (advice.what) }
            @if !advice.to_do.is_empty() { p { (advice.to_do) } }
        }
    }
}

/// Nanoseconds that an operator computed: DataFusion's and Spark's metrics.
fn time_of(node: &PlanNode, values: &Values) -> i64 {
    let own = node
        .metrics
        .iter()
        .filter(|(name, _, kind)| name == "compute time" || (kind == "timing" && name != "duration"));
    own.filter_map(|(_, id, kind)| {
        values.total(*id).map(|total| if kind == "timing" { total.saturating_mul(1_000_000) } else { total })
    })
    .sum()
}

fn plan_graph(all: &[Operator], values: &Values) -> Markup {
    let total: i64 = all.iter().map(|own| time_of(own.node, values)).sum();
    let boxes: Vec<Box_> = all
        .iter()
        .enumerate()
        .map(|(index, own)| {
            let took = time_of(own.node, values);
            let mut lines = vec![own.node.name.clone()];
            lines.push(if took > 0 { nanos(took) } else { String::new() });
            Box_ {
                lines,
                link: format!("#op-{index}"),
                is_hot: took > 1_000_000 && took * 3 > total,
                has_advice: own.advice.iter().any(|advice| !advice.to_do.is_empty()),
                inputs: own.inputs.clone(),
                edge: values.rows_below(own.node).map(|rows| format!("{} rows", count(rows))).unwrap_or_default(),
            }
        })
        .collect();
    svg::tree("The physical plan: operators and rows between them", &boxes)
}

fn operator_box(index: usize, operator: &Operator, values: &Values) -> Markup {
    let node = operator.node;
    html! {
        section.op id=(format!("op-{index}")) {
            h3 { (node.name) }
            @if !node.text.is_empty() && node.text != node.name { code { (short(&node.text, 600)) } }
            @let shown: Vec<_> = node.metrics.iter().filter_map(|(name, id, kind)| Some((name, kind, *id, values.total(*id)?))).collect();
            @if !shown.is_empty() {
                ul { @for (name, kind, id, total) in shown { li { span.soft { (name) ": " } (metric_text(kind, total, values.measured(id))) } } }
            }
            @for advice in &operator.advice {
                @if advice.to_do.is_empty() { p.soft { (advice.what) } } @else { (advice_box(advice, None)) }
            }
        }
    }
}

/// A value, with its spread over tasks where several measured it.
fn metric_text(kind: &str, total: i64, measured: Option<&Measured>) -> String {
    let shown = |value: i64| one_value(kind, value);
    let spread = measured.filter(|_| matches!(kind, "size" | "timing" | "nsTiming"));
    match spread.and_then(Measured::spread) {
        Some([min, median, max]) => {
            format!("{} (min {}, median {}, max {})", shown(total), shown(min), shown(median), shown(max))
        }
        None => shown(total),
    }
}

/// A value of a metric of some kind, as people read it.
pub fn one_value(kind: &str, value: i64) -> String {
    match kind {
        "size" => size(value),
        "timing" => duration(value.max(0)),
        "nsTiming" => nanos(value),
        // Spark's averages are counted in tenths.
        "average" => format!("{:.1}", value as f64 / 10.0),
        _ => count(value),
    }
}
