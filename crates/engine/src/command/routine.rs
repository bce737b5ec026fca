//! Functions with a body in SQL: CREATE FUNCTION, DESCRIBE FUNCTION. The catalog keeps the statement that made one; it is
//! read again at each use, so that other processes' functions are there too.

use std::collections::BTreeMap;
use std::sync::Arc;

use firesteel_plan::expression::routine;
use firesteel_plan::routine::{Returns, UserFunction};
use firesteel_plan::sql::{self, SqlCommand, SqlContext, Statement};
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::{self, name, proto};
use firesteel_protocol::{Result, SparkError};
use serde_json::{Value, json};

use crate::Session;
use crate::catalog::{self, CATALOG};

/// How CREATE FUNCTION treats a function of that name.
#[derive(Debug, Clone, Copy)]
pub struct Creation {
    pub temporary: bool,
    pub replace: bool,
    pub if_not_exists: bool,
}

/// CREATE FUNCTION.
pub async fn create(session: &Session, parts: &[String], mut function: UserFunction, creation: Creation) -> Result<()> {
    let last = parts.last().cloned().unwrap_or_default().to_lowercase();
    let database = if creation.temporary { String::new() } else { database(session, parts)? };
    function.name = if creation.temporary { last.clone() } else { format!("{CATALOG}.{database}.{last}") };
    let known = match creation.temporary {
        true => session.routines.get(&last).is_some(),
        false => session.store()?.function(&database, &last)?.is_some(),
    };
    if known && !creation.replace {
        if creation.if_not_exists {
            return Ok(());
        }
        let shown = if creation.temporary { name::quote(&last) } else { catalog::quote_parts(&[database, last]) };
        return Err(SparkError::new("ROUTINE_ALREADY_EXISTS")
            .with("routineName", shown)
            .with("newRoutineType", "routine")
            .with("existingRoutineType", "routine"));
    }
    if !creation.temporary
        && function.collation.is_none()
        && let Some(own) = session.database(&database)?.collation()
    {
        function.collate(own);
    }
    refuse_signature(&last, &function)?;
    if !creation.temporary {
        refuse_temporary(session, &catalog::quote_parts(&[database.clone(), last.clone()]), &function)?;
    }
    let checked = function.clone();
    let checked = session.resolving(move |_, resolver| routine::check(resolver, &checked)).await;
    checked.map_err(|error| {
        // The function itself, which is not there yet.
        if !creation.temporary
            && error.condition() == "UNRESOLVED_ROUTINE"
            && error.param("routineName").is_some_and(|own| own.eq_ignore_ascii_case(&name::quote(&last)))
        {
            let shown = catalog::quote_parts(&[database.clone(), last.clone()]);
            return SparkError::new("ROUTINE_NOT_FOUND").with("routineName", shown);
        }
        let late = ["DATATYPE_MISMATCH", "INVALID_SUBQUERY_EXPRESSION"];
        if error.context().is_none() && late.iter().any(|own| error.condition().starts_with(own)) {
            let ctx = session.resolve_context();
            let context = firesteel_plan::Resolver::new(&ctx).sql_context();
            if let Some(place) = sql::place_of_statement(&function.text, false, &context) {
                return error.with_context(place);
            }
        }
        error
    })?;
    if creation.temporary {
        session.routines.put(&last, function);
    } else {
        session.store()?.put_function(&database, &last, &Written::new(session, &function).encode(), true)?;
    }
    Ok(())
}

/// A permanent function may call no temporary one.
fn refuse_temporary(session: &Session, own: &str, function: &UserFunction) -> Result<()> {
    use firesteel_plan::expression::walk;
    let firesteel_plan::routine::Body::Value(body) = &function.body else { return Ok(()) };
    let temporary = |part: &pb::Expression| {
        let name = walk::function_name(part)?;
        session.routines.get(&name.to_lowercase()).map(|_| name)
    };
    let Some(called) = walk::find(body, &|part| temporary(part).is_some()).first().and_then(temporary) else {
        return Ok(());
    };
    Err(SparkError::new("INVALID_TEMP_OBJ_REFERENCE")
        .with("obj", "FUNCTION")
        .with("objName", own)
        .with("tempObj", "FUNCTION")
        .with("tempObjName", name::quote(&called)))
}

/// What is wrong with the parameters, or with what kind of body there is.
fn refuse_signature(own: &str, function: &UserFunction) -> Result<()> {
    let parameters = &function.parameters;
    let mut twice: Vec<String> = vec![];
    for (index, parameter) in parameters.iter().enumerate() {
        let quoted = name::quote(&parameter.name.to_lowercase());
        let repeated = parameters[..index].iter().any(|known| known.name.eq_ignore_ascii_case(&parameter.name));
        if repeated && !twice.contains(&quoted) {
            twice.push(quoted);
        }
    }
    if !twice.is_empty() {
        return Err(SparkError::new("DUPLICATE_ROUTINE_PARAMETER_NAMES")
            .with("routineName", own)
            .with("names", twice.join(", ")));
    }
    let text = |data_type: &pb::DataType| {
        use pb::data_type::Kind;
        matches!(data_type.kind, Some(Kind::Char(_) | Kind::VarChar(_)))
    };
    let mut types: Vec<&pb::DataType> = parameters.iter().map(|own| &own.data_type).collect();
    match &function.returns {
        Returns::Value(data_type) => types.push(data_type),
        Returns::Rows(columns) => {
            types.extend(columns.iter().map(|column| &column.data_type));
            let mut twice: Vec<String> = vec![];
            for (index, column) in columns.iter().enumerate() {
                if columns[..index].iter().any(|known| known.name.eq_ignore_ascii_case(&column.name)) {
                    twice.push(name::quote(&column.name.to_lowercase()));
                }
            }
            if !twice.is_empty() {
                return Err(SparkError::new("DUPLICATE_ROUTINE_RETURNS_COLUMNS")
                    .with("routineName", own)
                    .with("columns", twice.join(", ")));
            }
        }
        Returns::Any => {}
    }
    if types.into_iter().any(text) {
        return Err(SparkError::new("UNSUPPORTED_CHAR_OR_VARCHAR_AS_STRING"));
    }
    let queries = |default: &pb::Expression| {
        use firesteel_plan::expression::walk;
        !walk::find(default, &|part| walk::is_subquery(part, &|_| true)).is_empty()
    };
    if let Some(parameter) = parameters.iter().find(|own| own.default.as_ref().is_some_and(queries)) {
        return Err(SparkError::new("USER_DEFINED_FUNCTIONS.NOT_A_VALID_DEFAULT_EXPRESSION")
            .with("functionName", own)
            .with("parameterName", parameter.name.as_str()));
    }
    if let Some(pair) = parameters.windows(2).find(|pair| pair[0].default.is_some() && pair[1].default.is_none()) {
        return Err(SparkError::new("USER_DEFINED_FUNCTIONS.NOT_A_VALID_DEFAULT_PARAMETER_POSITION")
            .with("functionName", own)
            .with("parameterName", pair[0].name.as_str())
            .with("nextParameterName", pair[1].name.as_str()));
    }
    let rows = matches!(function.returns, Returns::Rows(_));
    if rows && matches!(function.body, firesteel_plan::routine::Body::Value(_)) {
        return Err(SparkError::new("USER_DEFINED_FUNCTIONS.SQL_TABLE_UDF_BODY_MUST_BE_A_QUERY").with("name", own));
    }
    Ok(())
}

/// Whether a temporary function in SQL goes by that name.
pub fn is_temporary(session: &Session, parts: &[String]) -> bool {
    parts.last().is_some_and(|last| session.routines.get(&last.to_lowercase()).is_some())
}

/// DROP TEMPORARY FUNCTION.
pub fn drop_temporary(session: &Session, parts: &[String]) {
    if let Some(last) = parts.last() {
        session.routines.remove(&last.to_lowercase());
    }
}

fn database(session: &Session, parts: &[String]) -> Result<String> {
    let own = match parts {
        [_] => session.views.current_database(),
        [database, _] | [_, database, _] => database.to_lowercase(),
        _ => {
            return Err(SparkError::new("REQUIRES_SINGLE_PART_NAMESPACE")
                .with("sessionCatalog", CATALOG)
                .with("identifier", catalog::quote_parts(parts)));
        }
    };
    session.database(&own)?;
    Ok(own)
}

/// The function of that name in SQL: a temporary one, or one of the catalog.
pub fn find(session: &Session, parts: &[String]) -> Option<Arc<UserFunction>> {
    if let [own] = parts
        && let Some(function) = session.routines.get(&own.to_lowercase())
    {
        return Some(function);
    }
    let is = |part: &str, word: &str| part.eq_ignore_ascii_case(word);
    match parts {
        [qualifier, own] if is(qualifier, "session") => return session.routines.get(&own.to_lowercase()),
        [system, qualifier, own] if is(system, "system") && is(qualifier, "session") => {
            return session.routines.get(&own.to_lowercase());
        }
        _ => {}
    }
    let (database, own) = match parts {
        [own] => (session.views.current_database(), own),
        [database, own] => (database.to_lowercase(), own),
        [catalog, database, own] if catalog.eq_ignore_ascii_case(CATALOG) => (database.to_lowercase(), own),
        _ => return None,
    };
    let own = own.to_lowercase();
    let class = session.store().ok()?.function(&database, &own).ok()??;
    Written::decode(&class)?.read(&format!("{CATALOG}.{database}.{own}"))
}

/// What the catalog keeps of a function in SQL, in the place of a class: the statement that made it.
#[derive(Debug)]
pub struct Written {
    text: String,
    created_ms: i64,
    /// Settings by which the statement is read.
    conf: BTreeMap<String, String>,
    /// DEFAULT COLLATION of the function, or of its schema when it was made.
    collation: Option<String>,
}

impl Written {
    fn new(session: &Session, function: &UserFunction) -> Self {
        let conf = ["spark.sql.ansi.enabled", "spark.sql.session.timeZone"]
            .into_iter()
            .filter_map(|key| Some((key.to_string(), session.conf().get(key).ok()??)))
            .collect();
        let (text, collation) = (function.statement.clone(), function.collation.clone());
        Self { text, created_ms: chrono::Utc::now().timestamp_millis(), conf, collation }
    }

    fn encode(&self) -> String {
        let (text, collation) = (&self.text, &self.collation);
        json!({ "sql": text, "createdMs": self.created_ms, "conf": self.conf, "collation": collation }).to_string()
    }

    /// None for the name of a class.
    pub fn decode(class: &str) -> Option<Self> {
        let value: Value = class.starts_with('{').then(|| serde_json::from_str(class).ok())??;
        let conf = value["conf"].as_object()?.iter();
        Some(Self {
            text: value["sql"].as_str()?.to_string(),
            created_ms: value["createdMs"].as_i64().unwrap_or_default(),
            collation: value["collation"].as_str().map(str::to_string),
            conf: conf.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_string()))).collect(),
        })
    }

    fn read(&self, name: &str) -> Option<Arc<UserFunction>> {
        let ansi = self.conf.get("spark.sql.ansi.enabled").is_none_or(|value| value == "true");
        let zone = self.conf.get("spark.sql.session.timeZone").cloned().unwrap_or_else(|| "UTC".into());
        let context = SqlContext { ansi, time_zone: zone, ..SqlContext::default() };
        match sql::parse_statement(&self.text, &context) {
            Ok(Statement::Command(command)) => match *command {
                SqlCommand::CreateSqlFunction { mut function, .. } => {
                    function.name = name.to_string();
                    if let Some(own) = &self.collation {
                        function.collate(own);
                    }
                    Some(Arc::from(function))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// DESCRIBE FUNCTION.
pub fn describe(function: &UserFunction, written: Option<&Written>, extended: bool) -> Vec<String> {
    let mut entries: Vec<(&str, Vec<String>)> = vec![("Function:", vec![function.name.clone()])];
    let table = matches!(function.returns, Returns::Rows(_));
    entries.push(("Type:", vec![if table { "TABLE" } else { "SCALAR" }.to_string()]));
    let shown = |data_type: &pb::DataType| {
        let field = proto::decode_field("", data_type, true, std::collections::HashMap::new());
        field.map(|own| types::name::sql_of_field(&own)).unwrap_or_default()
    };
    let aligned = |columns: Vec<(String, String)>| -> Vec<String> {
        let width =
            |of: fn(&(String, String)) -> &String| columns.iter().map(|column| of(column).chars().count()).max();
        let (names, types) = (width(|column| &column.0).unwrap_or(0), width(|column| &column.1).unwrap_or(0));
        columns.iter().map(|(own, data_type)| format!("{own:names$} {data_type:types$}")).collect()
    };
    let inputs: Vec<(String, String)> =
        function.parameters.iter().map(|own| (own.name.clone(), shown(&own.data_type))).collect();
    let defaults = function.parameters.iter().map(|own| own.default_text.as_ref().filter(|_| extended));
    let inputs = match inputs.is_empty() {
        true => vec!["()".into()],
        false => {
            let line = |(line, default): (String, Option<&String>)| match default {
                Some(default) => format!("{line} DEFAULT {default}"),
                None => line,
            };
            aligned(inputs).into_iter().zip(defaults).map(line).collect()
        }
    };
    entries.push(("Input:", inputs));
    entries.push((
        "Returns:",
        match &function.returns {
            Returns::Value(data_type) => vec![shown(data_type)],
            Returns::Rows(columns) => {
                aligned(columns.iter().map(|column| (column.name.clone(), shown(&column.data_type))).collect())
            }
            Returns::Any => vec![],
        },
    ));
    if extended {
        if let Some(comment) = &function.comment {
            entries.push(("Comment:", vec![comment.clone()]));
        }
        if let Some(own) = &function.collation {
            entries.push(("Collation:", vec![own.clone()]));
        }
        entries.push(("Deterministic:", vec!["true".into()]));
        entries.push(("Data Access:", vec!["CONTAINS SQL".into()]));
        if let Some(written) = written {
            entries.push(("Configs:", written.conf.iter().map(|(key, value)| format!("{key}={value}")).collect()));
            let created = chrono::DateTime::from_timestamp_millis(written.created_ms).unwrap_or_default();
            entries.push(("Create Time:", vec![created.format("%a %b %d %H:%M:%S UTC %Y").to_string()]));
        }
        entries.push(("Body:", vec![body(&function.statement)]));
    }
    entries.retain(|(_, lines)| !lines.is_empty());
    let width = entries.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let mut shown = vec![];
    for (key, lines) in entries {
        for (index, line) in lines.iter().enumerate() {
            shown.push(format!("{:width$} {line}", if index == 0 { key } else { "" }));
        }
    }
    shown
}

/// What follows the last RETURN outside of RETURNS.
fn body(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    let starts = upper.match_indices("RETURN").map(|(at, word)| at + word.len());
    let at = starts.filter(|end| !upper[*end..].starts_with('S')).min().unwrap_or(0);
    text[at..].trim().trim_end_matches(';').trim().to_string()
}
