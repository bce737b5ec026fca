//! EXPLAIN in Spark's modes and words. What runs are DataFusion's operators: `physical` and `logical` tell them under the names
//! that Spark has for what they do, `parsed` what was asked for; `scan` is the line of a scan of files, `words` are
//! expressions, `tree` the layout; `command` with `told` tells statements that are no queries.

pub mod command;
mod logical;
mod parsed;
mod physical;
mod scan;
mod told;
mod tree;
mod words;

use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use firesteel_protocol::connect::{self as pb, analyze_plan_request::explain::ExplainMode};
use firesteel_protocol::{Result, SparkError};

use crate::Session;
use physical::Known;
use tree::Node;

/// The text of EXPLAIN.
pub async fn text(session: &Session, relation: pb::Relation, mode: ExplainMode) -> Result<String> {
    if session.is_streaming(relation.clone()).await? {
        return streaming(session, relation, mode).await;
    }
    let cached = session.cache.level(&session.canonical(&relation)).is_some();
    let parsed = parsed::tree(&relation).tree();
    let planned = session.plan(relation).await?;
    let scans = logical::scans(&planned.relation.plan);
    let known = Known {
        scans: scans.clone(),
        adaptive: session.conf().lookup("spark.sql.adaptive.enabled").is_none_or(|value| value != "false"),
    };
    let mut physical = physical::tree(&planned.physical, &known);
    if cached {
        let output: Vec<String> =
            planned.relation.output.iter().map(|own| words::column(&own.column, Some(own.data_type()))).collect();
        physical = Node::new("InMemoryTableScan", &tree::list(&output), output, vec![physical]);
    }
    let optimized = logical::tree(&planned.optimized, &scans);
    Ok(match mode {
        ExplainMode::Extended => {
            let analyzed = logical::tree(&planned.relation.plan, &scans).tree();
            format!(
                "== Parsed Logical Plan ==\n{parsed}\n== Analyzed Logical Plan ==\n{}\n{analyzed}\n\
                 == Optimized Logical Plan ==\n{}\n== Physical Plan ==\n{}",
                types(&planned.relation),
                optimized.tree(),
                physical.tree(),
            )
        }
        ExplainMode::Cost => {
            let optimized = with_statistics(&optimized.tree(), planned.physical.as_ref());
            format!("== Optimized Logical Plan ==\n{optimized}\n== Physical Plan ==\n{}\n", physical.tree())
        }
        // DataFusion generates no code.
        ExplainMode::Codegen => "Found 0 WholeStageCodegen subtrees.\n".to_string(),
        ExplainMode::Formatted => format!("== Physical Plan ==\n{}\n", physical.formatted()),
        _ => format!("== Physical Plan ==\n{}\n", physical.tree()),
    })
}

/// A query as it was asked for, in Spark's words.
pub fn parsed_plan(relation: &pb::Relation) -> String {
    parsed::tree(relation).tree()
}

/// A logical plan in Spark's words.
pub fn logical_plan(plan: &LogicalPlan) -> String {
    logical::tree(plan, &logical::scans(plan)).tree()
}

/// The physical plan of an optimized one in Spark's words, as streams have it: without `AdaptiveSparkPlan`.
pub fn physical_plan(plan: &Arc<dyn ExecutionPlan>, optimized: &LogicalPlan) -> String {
    physical::tree(plan, &Known { scans: logical::scans(optimized), adaptive: false }).tree()
}

/// The rows of EXPLAIN for a query that cannot be analyzed: Spark tells the error where the plan would stand. The error itself
/// if it is of another kind.
pub fn failed(relation: &pb::Relation, error: SparkError, mode: ExplainMode) -> Result<Vec<String>> {
    if !error.classes().first().is_some_and(|class| class.ends_with(".AnalysisException")) {
        return Err(error);
    }
    let parsed = parsed::tree(relation).tree();
    Ok(match mode {
        ExplainMode::Extended => vec![format!(
            "== Parsed Logical Plan ==\n{parsed}\n== Analyzed Logical Plan ==\n\
             org.apache.spark.sql.AnalysisException: {error};\n{parsed}"
        )],
        _ => {
            let told = format!("Error occurred during query planning: \n{error};\n{parsed}");
            told.lines().map(str::to_string).collect()
        }
    })
}

/// A plan's text with what is known of its size in the first line.
fn with_statistics(text: &str, physical: &dyn ExecutionPlan) -> String {
    let known = StatisticsContext::new().compute(physical, &StatisticsArgs::new()).ok();
    let size = known.as_ref().and_then(|all| all.total_byte_size.get_value().copied());
    let rows = known.as_ref().and_then(|all| all.num_rows.get_value().copied());
    let mut facts = vec![format!("sizeInBytes={}", bytes(size))];
    facts.extend(rows.map(|rows| format!("rowCount={rows}")));
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    format!("{first}, Statistics({})\n{rest}", facts.join(", "))
}

/// A size as Spark writes it; one that nobody knows is `spark.sql.defaultSizeInBytes`.
fn bytes(size: Option<usize>) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let Some(size) = size else { return "8.0 EiB".into() };
    let mut value = size as f64;
    let mut unit = 0;
    // A number of two digits of a larger unit would lose too much.
    while value >= 2048.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A stream has no physical plan before it is started.
async fn streaming(session: &Session, relation: pb::Relation, mode: ExplainMode) -> Result<String> {
    let parsed = parsed::tree(&relation).tree();
    let (types, analyzed) = session
        .resolving(move |_, resolver| resolver.query(&relation).map(|own| (types(&own), logical_plan(&own.plan))))
        .await?;
    Ok(match mode {
        ExplainMode::Extended => format!(
            "== Parsed Logical Plan ==\n{parsed}\n== Analyzed Logical Plan ==\n{types}\n{analyzed}\n\
             == Optimized Logical Plan ==\n{analyzed}\n== Physical Plan ==\nStreamingRelation\n"
        ),
        _ => format!("== Physical Plan ==\nStreamingRelation\n{analyzed}\n"),
    })
}

fn types(relation: &firesteel_plan::Relation) -> String {
    let column = |attribute: &firesteel_plan::Attribute| {
        format!("{}: {}", attribute.name(), firesteel_protocol::types::name::simple_of_field(&attribute.field))
    };
    relation.output.iter().map(column).collect::<Vec<_>>().join(", ")
}
