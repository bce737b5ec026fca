//! EXPLAIN in Spark's modes: parsed and analyzed plans as DataFusion's logical plan, then the physical one.

use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use firesteel_protocol::Result;
use firesteel_protocol::connect::{self as pb, analyze_plan_request::explain::ExplainMode};

use crate::Session;

/// The text of EXPLAIN.
pub async fn text(session: &Session, relation: pb::Relation, mode: ExplainMode) -> Result<String> {
    if session.is_streaming(relation.clone()).await? {
        return streaming(session, relation, mode).await;
    }
    let cached = session.cache.level(&session.canonical(&relation)).is_some();
    let planned = session.plan(relation).await?;
    let mut physical = displayable(planned.physical.as_ref()).indent(false).to_string();
    if cached {
        let columns: Vec<String> =
            planned.relation.output.iter().map(|own| format!("{}#{}", own.name(), own.id)).collect();
        let below = physical.lines().map(|line| format!("   {line}\n")).collect::<String>();
        physical = format!("InMemoryTableScan [{}]\n{below}", columns.join(", "));
    }
    let analyzed = planned.relation.plan.display_indent().to_string();
    let optimized = planned.optimized.display_indent().to_string();
    Ok(match mode {
        ExplainMode::Extended => {
            let parsed = &analyzed;
            format!(
                "== Parsed Logical Plan ==\n{parsed}\n\n== Analyzed Logical Plan ==\n{}\n{analyzed}\n\n\
                 == Optimized Logical Plan ==\n{optimized}\n\n== Physical Plan ==\n{physical}\n",
                types(&planned.relation)
            )
        }
        ExplainMode::Cost => {
            let optimized = with_statistics(&optimized, planned.physical.as_ref());
            format!("== Optimized Logical Plan ==\n{optimized}\n\n== Physical Plan ==\n{physical}\n")
        }
        // DataFusion generates no code.
        ExplainMode::Codegen => "Found 0 WholeStageCodegen subtrees.\n".to_string(),
        _ => format!("== Physical Plan ==\n{physical}\n"),
    })
}

/// A plan's text with what is known of its size in the first line.
fn with_statistics(text: &str, physical: &dyn ExecutionPlan) -> String {
    let known = StatisticsContext::new().compute(physical, &StatisticsArgs::new()).ok();
    let number = |value: Option<usize>| value.map_or("unknown".to_string(), |value| value.to_string());
    let size = number(known.as_ref().and_then(|all| all.total_byte_size.get_value().copied()));
    let rows = number(known.as_ref().and_then(|all| all.num_rows.get_value().copied()));
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    format!("{first}, Statistics(sizeInBytes={size}, rowCount={rows})\n{rest}")
}

/// A stream has no physical plan before it is started.
async fn streaming(session: &Session, relation: pb::Relation, mode: ExplainMode) -> Result<String> {
    let analyzed = session
        .resolving(move |_, resolver| resolver.query(&relation).map(|r| r.plan.display_indent().to_string()))
        .await?;
    Ok(match mode {
        ExplainMode::Extended => {
            format!("== Analyzed Logical Plan ==\n{analyzed}\n\n== Physical Plan ==\nStreamingRelation\n")
        }
        _ => format!("== Physical Plan ==\nStreamingRelation\n{analyzed}\n"),
    })
}

fn types(relation: &firesteel_plan::Relation) -> String {
    let column = |attribute: &firesteel_plan::Attribute| {
        format!("{}: {}", attribute.name(), firesteel_protocol::types::name::simple_of_field(&attribute.field))
    };
    relation.output.iter().map(column).collect::<Vec<_>>().join(", ")
}
