//! EXPLAIN of statements that are no queries: the operator that Spark runs them by, with what it is given.

use firesteel_plan::attribute::next_id;
use firesteel_plan::sql::command::{ExplainMode, FunctionScope, SqlCommand};
use firesteel_protocol::types::name;

use crate::Session;
use crate::catalog::CATALOG;

/// What the session's catalog is called in plans.
const V2: &str = "V2SessionCatalog(spark_catalog)";

/// The physical plan of a command; None where it is told in no more than a word yet. `query` is the analyzed plan of the query
/// in it.
pub fn text(session: &Session, command: &SqlCommand, query: Option<&str>) -> Option<String> {
    use SqlCommand as C;
    let database = session.views.current_database();
    let own = |parts: &[String]| match parts {
        [table] => (database.clone(), table.clone()),
        [.., database, table] => (database.clone(), table.clone()),
        [] => (database.clone(), String::new()),
    };
    let table = |parts: &[String]| {
        let (database, table) = own(parts);
        format!("`{CATALOG}`.{}.{}", name::quote(&database), name::quote(&table))
    };
    let namespace = |parts: &Option<Vec<String>>| match parts {
        Some(parts) => parts.last().cloned().unwrap_or_default(),
        None => database.clone(),
    };
    let pattern = |pattern: &Option<String>| pattern.as_ref().map(|own| format!(", {own}")).unwrap_or_default();
    Some(match command {
        C::ShowTables { database, pattern: own } => {
            let columns = columns(&["namespace", "tableName", "isTemporary"]);
            format!("ShowTables {columns}, {V2}, [{}]{}", namespace(database), pattern(own))
        }
        C::ShowDatabases { parent: None, pattern: None } => {
            let columns = columns(&["namespace"]);
            executed("ShowNamespacesCommand", &format!("{columns}\n      +- ResolvedNamespace {V2}"))
        }
        C::ShowFunctions { scope, database, pattern } => {
            let (user, system) = match scope {
                FunctionScope::All => (true, true),
                FunctionScope::User => (true, false),
                FunctionScope::System => (false, true),
            };
            let own = pattern.as_ref().map(|own| format!("{own}, ")).unwrap_or_default();
            let columns = columns(&["function"]);
            executed("ShowFunctionsCommand", &format!("{}, {own}{user}, {system}, {columns}", namespace(database)))
        }
        C::ShowPartitions { table: own, partition: None } => {
            executed("ShowPartitionsCommand", &format!("{}, {}", table(own), columns(&["partition"])))
        }
        C::ShowViews { database, pattern: own } => {
            let columns = columns(&["namespace", "viewName", "isTemporary"]);
            executed("ShowViewsCommand", &format!("{}{}, {columns}", namespace(database), pattern(own)))
        }
        C::ShowCurrentNamespace => executed("ShowCurrentNamespaceCommand", ""),
        C::ShowCatalogs { pattern } => executed("ShowCatalogsCommand", pattern.as_deref().unwrap_or_default()),
        C::DescribeDatabase { name, extended } => {
            let own = name.last()?;
            format!("DescribeNamespace {}, {V2}, [{own}], {extended}", columns(&["info_name", "info_value"]))
        }
        C::DropView { name, if_exists } if name.len() == 1 && session.temp_view(&name[0], false).is_some() => {
            executed("DropTempViewCommand", &format!("{}, {if_exists}", name[0]))
        }
        C::DropView { name, if_exists } => {
            executed("DropTableCommand", &format!("{}, {if_exists}, true, false", table(name)))
        }
        C::CreateTable { name, query: None, if_not_exists, replace: false, .. } => {
            executed("CreateDataSourceTableCommand", &format!("{}, {if_not_exists}", table(name)))
        }
        C::CreateDatabase { name, if_not_exists, .. } => {
            format!("CreateNamespace {V2}, [{}], {if_not_exists}", name.last()?)
        }
        C::DropDatabase { name, if_exists, cascade } => {
            format!("DropNamespace {V2}, [{}], {if_exists}, {cascade}", name.last()?)
        }
        C::CreateView { name, text, temporary, global, replace, if_not_exists, columns, .. } if columns.is_empty() => {
            let (view, kind) = match (temporary, global) {
                (true, true) => (name::quote(name.last()?), "GlobalTempView, UNSUPPORTED"),
                (true, false) => (name::quote(name.last()?), "LocalTempView, UNSUPPORTED"),
                (false, _) => (table(name), "PersistedView, COMPENSATION"),
            };
            let arguments = format!("{view}, {text}, {if_not_exists}, {replace}, {kind}, true");
            executed("CreateViewCommand", &arguments) + &below(query)
        }
        C::SetSetting { key, value } => executed("SetCommand", &format!("({key},Some({value}))")),
        C::ShowSetting { key } => executed("SetCommand", &format!("({key},None)")),
        C::SetAll { verbose: false } => executed("SetCommand", ""),
        C::Reset { key } => executed("ResetCommand", key.as_deref().unwrap_or_default()),
        C::ClearCache => executed("ClearCacheCommand$", ""),
        C::RefreshTable { table: own } => executed("RefreshTableCommand", &table(own)),
        C::TruncateTable { table: own, partition } if partition.is_empty() => {
            executed("TruncateTableCommand", &table(own))
        }
        C::AnalyzeTable { table: own, partition, noscan, columns: None } if partition.is_empty() => {
            executed("AnalyzeTableCommand", &format!("{}, {noscan}", table(own)))
        }
        C::RepairTable { table: own, add, drop } => {
            executed("RepairTableCommand", &format!("{}, {add}, {drop}, MSCK REPAIR TABLE", table(own)))
        }
        C::AddResource { kind, paths } if kind.eq_ignore_ascii_case("JAR") => {
            executed("AddJarsCommand", &format!("[{}]", paths.join(", ")))
        }
        C::AddResource { kind, paths } if kind.eq_ignore_ascii_case("FILE") => {
            executed("AddFilesCommand", &format!("[{}]", paths.join(", ")))
        }
        C::DropVariable { name, if_exists } => format!("DropVariable {}, {if_exists}", name.last()?),
        C::DropFunction { name, temporary: true, if_exists } => {
            executed("DropFunctionCommand", &format!("{}, {if_exists}, true", name.join(".")))
        }
        C::CacheTable { table: named, lazy, query: None, .. } => {
            let (database, own_name) = own(named);
            let shown = format!("{CATALOG}.{database}.{own_name}");
            format!("CacheTable SubqueryAlias {shown}, [{}], {lazy}", named.join(", "))
        }
        _ => return None,
    })
}

/// The text of EXPLAIN in a mode.
pub fn in_mode(plan: &str, mode: ExplainMode) -> String {
    match mode {
        ExplainMode::Codegen => "Found 0 WholeStageCodegen subtrees.\n".to_string(),
        _ => format!("== Physical Plan ==\n{plan}\n\n"),
    }
}

/// `ExecutedCommandExec` with the command that it runs.
fn executed(command: &str, arguments: &str) -> String {
    let separator = if arguments.is_empty() { "" } else { " " };
    format!("Execute {command}\n   +- {command}{separator}{arguments}")
}

/// A plan below a command.
fn below(query: Option<&str>) -> String {
    let lines = query.unwrap_or_default().trim_end().lines().enumerate();
    lines.map(|(at, line)| format!("\n         {}{line}", if at == 0 { "+- " } else { "   " })).collect()
}

/// New columns as plans print them.
fn columns(names: &[&str]) -> String {
    let all: Vec<String> = names.iter().map(|own| format!("{own}#{}", next_id())).collect();
    format!("[{}]", all.join(", "))
}
