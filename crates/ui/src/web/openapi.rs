//! Describes REST: one table, as a page for people and as an OpenAPI document for programs.

use maud::html;
use serde_json::{Value, json};

use super::route::Reply;
use super::view::{encoded, frame};

/// A parameter behind the `?`.
struct Parameter {
    name: &'static str,
    /// `integer`, `boolean`, `string`, or the words that may stand there with `|` between them.
    kind: &'static str,
    what: &'static str,
}

/// An address. Parts in braces stand for ids.
struct Endpoint {
    path: &'static str,
    what: &'static str,
    /// What comes: a `list` or an `object` of JSON, else the type of a file.
    gives: &'static str,
    parameters: &'static [Parameter],
}

const fn own(name: &'static str, kind: &'static str, what: &'static str) -> Parameter {
    Parameter { name, kind, what }
}

const fn get(
    path: &'static str,
    gives: &'static str,
    what: &'static str,
    parameters: &'static [Parameter],
) -> Endpoint {
    Endpoint { path, what, gives, parameters }
}

const QUANTILES: Parameter =
    own("quantiles", "string", "Shares from 0 to 1, with commas; 0.05,0.25,0.5,0.75,0.95 if not given");
const OFFSET: Parameter = own("offset", "integer", "How many are left out; 0 if not given");
const LENGTH: Parameter = own("length", "integer", "How many come at most; 20 if not given");
const STAGE: &[Parameter] = &[
    own("details", "boolean", "With all tasks"),
    own("withSummaries", "boolean", "With quantiles of what tasks measured"),
    QUANTILES,
];
const DETAILS: Parameter = own("details", "boolean", "With the operators; true if not given");
const PLAN: Parameter = own("planDescription", "boolean", "With the plan's text; true if not given");

const ENDPOINTS: &[Endpoint] = &[
    get("/version", "object", "The version of Spark whose behaviour this is", &[]),
    get(
        "/applications",
        "list",
        "All applications",
        &[
            own("status", "running|completed", "Only these"),
            own("minDate", "string", "Begun at this time or later: 2026-11-20, or 2026-11-20T10:00:00.000GMT"),
            own("maxDate", "string", "Begun at this time or before"),
            own("minEndDate", "string", "Ended at this time or later"),
            own("maxEndDate", "string", "Ended at this time or before"),
            own("limit", "integer", "How many come at most"),
        ],
    ),
    get("/applications/{app}", "object", "One application", &[]),
    get(
        "/applications/{app}/jobs",
        "list",
        "Jobs, the latest first",
        &[own("status", "running|succeeded|failed|unknown", "Only these")],
    ),
    get("/applications/{app}/jobs/{job}", "object", "One job", &[]),
    get(
        "/applications/{app}/stages",
        "list",
        "Stages, the latest first",
        &[
            own("status", "active|complete|pending|failed|skipped", "Only these"),
            own("details", "boolean", "With all tasks"),
            own("withSummaries", "boolean", "With quantiles of what tasks measured"),
            QUANTILES,
        ],
    ),
    get("/applications/{app}/stages/{stage}", "list", "All attempts of a stage", STAGE),
    get("/applications/{app}/stages/{stage}/{attempt}", "object", "One attempt of a stage", STAGE),
    get(
        "/applications/{app}/stages/{stage}/{attempt}/taskList",
        "list",
        "Tasks of a stage",
        &[
            OFFSET,
            LENGTH,
            own("sortBy", "ID|runtime|-runtime|+runtime", "What comes first: -runtime, the longest"),
            own("status", "running|success|failed|killed|unknown", "Only these"),
        ],
    ),
    get(
        "/applications/{app}/stages/{stage}/{attempt}/taskSummary",
        "object",
        "Quantiles of what the tasks of a stage measured",
        &[QUANTILES],
    ),
    get("/applications/{app}/executors", "list", "Executors that are alive", &[]),
    get("/applications/{app}/allexecutors", "list", "All executors", &[]),
    get(
        "/applications/{app}/executors/{executor}/threads",
        "list",
        "What the threads of the running application do",
        &[],
    ),
    get("/applications/{app}/storage/rdd", "list", "Rows that are kept between queries", &[]),
    get("/applications/{app}/storage/rdd/{rdd}", "object", "One of them, with its blocks", &[]),
    get("/applications/{app}/environment", "object", "Settings", &[]),
    get("/applications/{app}/sql", "list", "SQL and DataFrame queries", &[OFFSET, LENGTH, DETAILS, PLAN]),
    get("/applications/{app}/sql/{query}", "object", "One query with its operators", &[DETAILS, PLAN]),
    get(
        "/applications/{app}/structuredstreaming",
        "list",
        "Streaming queries with their last reports; not in Spark",
        &[],
    ),
    get(
        "/applications/{app}/structuredstreaming/{query}",
        "object",
        "One of them, by its id or its run's; not in Spark",
        &[],
    ),
    get("/applications/{app}/logs", "application/zip", "The event log; of the history server only", &[]),
];

fn schema(parameter: &Parameter) -> Value {
    match parameter.kind {
        kind if kind.contains('|') => json!({"type": "string", "enum": kind.split('|').collect::<Vec<_>>()}),
        kind => json!({"type": kind}),
    }
}

/// Names of the parts in braces.
fn places(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn described(endpoint: &Endpoint) -> Value {
    let in_path = places(endpoint.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let in_query = endpoint.parameters.iter().map(|parameter| {
        json!({"name": parameter.name, "in": "query", "description": parameter.what, "schema": schema(parameter)})
    });
    let content = match endpoint.gives {
        "list" => json!({"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}}),
        "object" => json!({"application/json": {"schema": {"type": "object"}}}),
        file => json!({file: {"schema": {"type": "string", "format": "binary"}}}),
    };
    json!({"get": {
        "summary": endpoint.what,
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": {
            "200": {"description": "OK", "content": content},
            "400": {"description": "A parameter makes no sense: a line of text"},
            "404": {"description": "Not there: a line of text"},
        },
    }})
}

/// The OpenAPI document.
pub fn json() -> Reply {
    let paths: serde_json::Map<String, Value> =
        ENDPOINTS.iter().map(|endpoint| (endpoint.path.to_string(), described(endpoint))).collect();
    Reply::json(&json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Firesteel, status of applications",
            "version": "v1",
            "description": "Spark's monitoring REST: the same paths and names.",
        },
        "servers": [{"url": "/api/v1"}],
        "paths": paths,
    }))
}

/// The page. Addresses that need no other id than the application's are links.
pub fn page(root: &str, app: &str) -> Reply {
    let has_app = !app.starts_with(':');
    let link = |path: &str| {
        let path = if has_app { path.replace("{app}", &encoded(app)) } else { path.to_string() };
        (!path.contains('{') && !path.ends_with("/logs")).then(|| format!("{root}/api/v1{path}"))
    };
    let nav = html! { nav aria-label="Pages" { a href=(format!("{root}/")) { "To the pages" } } };
    let body = html! {
        h1 { "REST" }
        p.soft { "Spark's monitoring REST: the same paths and names, as JSON. For programs: " a href=(format!("{root}/api/v1/openapi.json")) { "openapi.json" } "." }
        @for endpoint in ENDPOINTS {
            section.op {
                h2.path { code { "GET /api/v1" (endpoint.path) } }
                p { (endpoint.what) ". " span.soft { "Gives " (match endpoint.gives { "list" => "a list", "object" => "an object", file => file }) "." } }
                @if let Some(to) = link(endpoint.path) { p { a href=(to) { "Open " (to) } } }
                @if !endpoint.parameters.is_empty() {
                    dl.parameters { @for parameter in endpoint.parameters {
                        dt { code { (parameter.name) } " " span.soft { (parameter.kind.replace('|', ", ")) } }
                        dd { (parameter.what) }
                    } }
                }
            }
        }
    };
    Reply::html(200, frame(root, "REST", &format!("{root}/"), &nav, false, &body, &html! {}))
}
