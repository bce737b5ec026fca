//! `/sql`: executions with their operators.

use serde_json::{Value, json};

use super::graph::Graph;
use super::{Answer, query_flag};
use crate::json::rest_time;
use crate::model::{Execution, Status};
use crate::web::advice::Values;
use crate::web::view::View;

pub(super) fn sql(view: &View) -> Answer {
    let details = query_flag(view, "details", true);
    let plan = query_flag(view, "planDescription", true);
    let (offset, length) = (view.query.int("offset").unwrap_or(0), view.query.int("length").unwrap_or(20));
    if offset < 0 || length < 0 {
        return Answer::Bad("offset and length must not be negative".into());
    }
    let (skip, take) = (usize::try_from(offset).unwrap_or(0), usize::try_from(length).unwrap_or(0));
    let own = view.store.executions.values().skip(skip).take(take);
    Answer::Json(own.map(|own| execution(view, own, details, plan)).collect())
}

pub(super) fn execution(view: &View, own: &Execution, details: bool, plan: bool) -> Value {
    let jobs = |wanted: Status| -> Vec<i64> {
        own.jobs.iter().copied().filter(|id| view.store.jobs.get(id).is_some_and(|job| job.status == wanted)).collect()
    };
    let until = if own.completed_ms > 0 { own.completed_ms } else { view.now_ms };
    let mut out = json!({
        "id": own.id,
        "status": own.status().execution(),
        "description": own.description,
        "planDescription": if plan { own.physical.as_str() } else { "" },
        "submissionTime": rest_time(own.submitted_ms),
        "duration": until - own.submitted_ms,
        "runningJobIds": jobs(Status::Running),
        "successJobIds": jobs(Status::Succeeded),
        "failedJobIds": jobs(Status::Failed),
        "nodes": [],
        "edges": [],
    });
    if details {
        let graph = Graph::of(&own.plan, Values::of(own));
        out["nodes"] = graph.nodes.into();
        out["edges"] = graph.edges.into();
    }
    if let Some(id) = &own.query_id {
        out["queryId"] = id.as_str().into();
    }
    if let Some(error) = &own.error {
        out["errorMessage"] = error.as_str().into();
    }
    out["rootExecutionId"] = own.root.into();
    out
}
