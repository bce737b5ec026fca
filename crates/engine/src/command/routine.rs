//! CREATE FUNCTION with a body in SQL, DROP FUNCTION.

use firesteel_plan::expression::routine;
use firesteel_plan::routine::UserFunction;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::Session;
use crate::catalog::CATALOG;

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
    let (store, key) = if creation.temporary {
        function.name = last.clone();
        (&session.routines, last)
    } else {
        let database = database(session, parts)?;
        function.name = format!("{CATALOG}.{database}.{last}");
        (&session.engine.routines, format!("{database}.{last}"))
    };
    if store.get(&key).is_some() && !creation.replace {
        if creation.if_not_exists {
            return Ok(());
        }
        let shown: Vec<String> = if creation.temporary {
            vec![function.name]
        } else {
            function.name.split('.').map(str::to_string).collect()
        };
        return Err(SparkError::new("ROUTINE_ALREADY_EXISTS")
            .with("routineName", shown.iter().map(|part| name::quote(part)).collect::<Vec<_>>().join("."))
            .with("newRoutineType", "routine")
            .with("existingRoutineType", "routine"));
    }
    let checked = function.clone();
    session.resolving(move |_, resolver| routine::check(resolver, &checked)).await?;
    store.put(&key, function);
    Ok(())
}

/// Whether a function in SQL goes by that name.
pub fn exists(session: &Session, parts: &[String], temporary: bool) -> bool {
    let last = parts.last().cloned().unwrap_or_default().to_lowercase();
    if temporary {
        return session.routines.get(&last).is_some();
    }
    database(session, parts).is_ok_and(|own| session.engine.routines.get(&format!("{own}.{last}")).is_some())
}

/// DROP FUNCTION.
pub fn drop(session: &Session, parts: &[String], temporary: bool, if_exists: bool) -> Result<()> {
    let last = parts.last().cloned().unwrap_or_default().to_lowercase();
    let (removed, shown) = if temporary {
        (session.routines.remove(&last), name::quote(&last))
    } else {
        let database = database(session, parts)?;
        let shown = [CATALOG, &database, &last].map(name::quote).join(".");
        (session.engine.routines.remove(&format!("{database}.{last}")), shown)
    };
    if removed || if_exists {
        return Ok(());
    }
    let database = session.views.current_database();
    Err(SparkError::new("ROUTINE_NOT_FOUND")
        .with("routineName", shown)
        .with("searchPath", format!("[`system`.`builtin`, `system`.`session`, `{CATALOG}`.`{database}`]")))
}

fn database(session: &Session, parts: &[String]) -> Result<String> {
    let own = match parts {
        [_] => session.views.current_database(),
        [database, _] | [_, database, _] => database.to_lowercase(),
        _ => return Err(SparkError::internal("a function's name has one to three parts")),
    };
    session.database(&own)?;
    Ok(own)
}
