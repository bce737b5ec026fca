//! EXPLAIN in Spark's modes: parsed and analyzed plans as DataFusion's logical plan, then the physical one.

use datafusion::physical_plan::displayable;
use firesteel_protocol::Result;
use firesteel_protocol::connect::{self as pb, analyze_plan_request::explain::ExplainMode};

use crate::Session;

/// The text of EXPLAIN.
pub async fn text(session: &Session, relation: pb::Relation, mode: ExplainMode) -> Result<String> {
    if session.is_streaming(relation.clone()).await? {
        return streaming(session, relation, mode).await;
    }
    let planned = session.plan(relation).await?;
    let physical = displayable(planned.physical.as_ref()).indent(false).to_string();
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
        ExplainMode::Cost => format!("== Optimized Logical Plan ==\n{optimized}\n\n== Physical Plan ==\n{physical}\n"),
        // DataFusion generates no code.
        ExplainMode::Codegen => format!("Found 0 WholeStageCodegen subtrees.\n{physical}\n"),
        _ => format!("== Physical Plan ==\n{physical}\n"),
    })
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
