//! CREATE FUNCTION of a Java class, DROP FUNCTION, DESCRIBE FUNCTION, SHOW FUNCTIONS.
//!
//! Spark keeps such a function without looking at its class, which it loads at the first use; there is no JVM here, so
//! that is where it fails, in Spark's words.

use firesteel_plan::sql::command::FunctionScope;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::routine;
use crate::Session;
use crate::catalog::rows::{self, Rows};
use crate::catalog::{self, CATALOG, Place, matches, quote_parts};

/// Where a permanent function is.
fn place(session: &Session, parts: &[String]) -> Result<(String, String)> {
    match session.permanent_place(parts, &session.views.current_database())? {
        Place::Table(database, own) => Ok((database, own)),
        Place::Temp(own) | Place::Global(own) => Ok((catalog::GLOBAL_TEMP.into(), own)),
    }
}

/// A built-in function of a name without a database.
pub fn builtin(parts: &[String]) -> Option<String> {
    let [own] = parts else { return None };
    let lower = own.to_lowercase();
    firesteel_functions::lookup(&lower).map(|_| lower)
}

/// A built-in function, or one that the session registered.
pub fn temporary(session: &Session, parts: &[String]) -> Option<String> {
    builtin(parts).or_else(|| match parts {
        [own] if session.functions.contains(own) => Some(own.to_lowercase()),
        _ => None,
    })
}

/// A permanent function: database, name and class.
pub fn find(session: &Session, parts: &[String]) -> Result<Option<(String, String, String)>> {
    let (database, own) = place(session, parts)?;
    let found = session.store()?.function(&database, &own)?;
    Ok(found.map(|class| (database, own, class)))
}

/// Functions that only plans and the parser name.
const UNLISTED: &[&str] = &[
    "create_map",
    "distributed_sequence_id",
    "likeall",
    "likeany",
    "notlikeall",
    "notlikeany",
    "product",
    "timediff",
    "timestampadd",
    "timestampdiff",
    "unwrap_udt",
];

/// What Spark lists as functions and the parser knows.
const SYNTAX: &[&str] = &["case", "cast", "range", "||"];

/// Names of built-in functions in order.
pub fn builtin_names() -> Vec<String> {
    let shown = firesteel_functions::registry::names().filter(|own| !own.starts_with("__") && !UNLISTED.contains(own));
    let mut names: Vec<String> = shown.chain(SYNTAX.iter().copied()).map(str::to_string).collect();
    names.sort_unstable();
    names
}

/// `CREATE [OR REPLACE] [TEMPORARY] FUNCTION name AS 'class'`.
pub fn create(
    session: &Session,
    parts: &[String],
    class: &str,
    temporary: bool,
    replace: bool,
    if_not_exists: bool,
) -> Result<()> {
    if temporary {
        return Err(no_class(class, quote_parts(parts)));
    }
    let (database, own) = place(session, parts)?;
    session.database(&database)?;
    if !session.store()?.put_function(&database, &own, class, replace)? && !if_not_exists {
        return Err(SparkError::new("ROUTINE_ALREADY_EXISTS")
            .with("routineName", format!("{}.{}", name::quote(&database), name::quote(&own)))
            .with("newRoutineType", "routine")
            .with("existingRoutineType", "routine"));
    }
    Ok(())
}

fn no_class(class: &str, function: String) -> SparkError {
    SparkError::new("CANNOT_LOAD_FUNCTION_CLASS").with("className", class).with("functionName", function)
}

/// DROP FUNCTION.
pub fn drop(session: &Session, parts: &[String], temporary: bool, if_exists: bool) -> Result<()> {
    if let Some(own) = builtin(parts) {
        return Err(SparkError::new("FORBIDDEN_OPERATION")
            .with("statement", "DROP")
            .with("objectType", "FUNCTION")
            .with("objectName", name::quote(&own)));
    }
    if temporary {
        // What `spark.udf.register` made is one too.
        let forgotten = self::temporary(session, parts).is_some_and(|own| session.functions.forget(&own));
        return if forgotten || if_exists { Ok(()) } else { Err(missing(quote_parts(parts))) };
    }
    let (database, own) = place(session, parts)?;
    let store = session.store()?;
    if store.database(&database)?.is_none() {
        return if if_exists { Ok(()) } else { Err(catalog::schema_not_found(&[database])) };
    }
    if !store.drop_function(&database, &own)? && !if_exists {
        return Err(missing(format!("{}.{}", name::quote(&database), name::quote(&own))));
    }
    Ok(())
}

fn missing(function: String) -> SparkError {
    SparkError::new("ROUTINE_NOT_FOUND").with("routineName", function)
}

/// REFRESH FUNCTION.
pub fn refresh(session: &Session, parts: &[String]) -> Result<()> {
    if let Some(own) = builtin(parts) {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1256").with("functionName", own));
    }
    match find(session, parts)? {
        Some((database, own, class)) => {
            let class = if routine::Written::decode(&class).is_some() { "sqlFunction." } else { &class };
            Err(no_class(class, catalog::table::quoted(&database, &own)))
        }
        None => {
            let (database, own) = place(session, parts)?;
            Err(missing(format!("{}.{}", name::quote(&database), name::quote(&own))))
        }
    }
}

/// DESCRIBE FUNCTION.
pub fn describe(session: &Session, parts: &[String], extended: bool) -> Result<Rows> {
    if builtin(parts).is_none()
        && let Some(function) = routine::find(session, parts)
    {
        let written = find(session, parts)?.and_then(|(_, _, class)| routine::Written::decode(&class));
        return rows::names("function_desc", routine::describe(&function, written.as_ref(), extended));
    }
    if let [own] = parts
        && !session.functions.contains(own)
        && let Some(description) = firesteel_functions::description::of(&own.to_lowercase())
    {
        return rows::names("function_desc", description.lines(extended));
    }
    let (title, class, own) = match temporary(session, parts) {
        Some(own) => (own.clone(), "built-in".to_string(), own),
        None => match find(session, parts)? {
            Some((database, own, class)) => (format!("{CATALOG}.{database}.{own}"), class, own),
            None => return Err(super::describe::routine_not_found(session, parts)),
        },
    };
    let mut lines = vec![format!("Function: {title}"), format!("Class: {class}"), "Usage: N/A.".to_string()];
    if extended {
        lines.push(format!("Extended Usage:\n    No example/argument for {own}.\n"));
    }
    rows::names("function_desc", lines)
}

/// SHOW FUNCTIONS.
pub fn show(
    session: &Session,
    scope: FunctionScope,
    database: Option<&[String]>,
    pattern: Option<&str>,
) -> Result<Rows> {
    let database = match database {
        Some(parts) => session.database_of(parts)?.name,
        None => session.views.current_database(),
    };
    let mut names = vec![];
    if scope != FunctionScope::User {
        names.extend(builtin_names().into_iter().filter(|own| matches(own, pattern)));
    }
    if scope != FunctionScope::System {
        names.extend(session.functions.names().into_iter().filter(|own| matches(own, pattern)));
        names.extend(session.routines.names().into_iter().filter(|own| matches(own, pattern)));
        let own = session.store()?.functions(&database)?;
        let own = own.into_iter().filter(|(own, _)| matches(own, pattern));
        names.extend(own.map(|(own, _)| format!("{CATALOG}.{database}.{own}")));
    }
    names.sort_unstable();
    rows::names("function", names)
}
