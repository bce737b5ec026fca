//! EXPLAIN of statements that are no queries: the operator that Spark runs them by, with what it is given. How that is laid out is
//! in `told`.

use std::fmt::Write;

use firesteel_plan::sql::command::{FunctionScope, SqlCommand, TableSpec};
use firesteel_protocol::types::{name, proto};

use super::told::{Columns, Told};
use super::words;
use crate::Session;
use crate::catalog::{CATALOG, Found, Search};

/// What the session's catalog is called in plans.
const V2: &str = "V2SessionCatalog(spark_catalog)";

/// The query in a command, in its words.
#[derive(Debug, Default)]
pub struct Query {
    /// Before names are looked up.
    pub parsed: String,
    /// None: it cannot be analyzed.
    pub analyzed: Option<String>,
    /// Names of its columns.
    pub columns: Vec<String>,
}

impl Query {
    fn has_names(&self) -> bool {
        self.parsed.replace("'Project", "").contains('\'')
    }

    /// The query as it was read: one without names is resolved at once.
    fn words(&self, analyzed: Option<&str>) -> String {
        if self.has_names() { self.parsed.clone() } else { analyzed.unwrap_or_default().trim_end().to_string() }
    }
}

/// The plans of a command; None where it is told in no more than a word yet.
pub fn told(session: &Session, command: &SqlCommand, query: &Query) -> Option<Told> {
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
    let asked = |parts: &Option<Vec<String>>| match parts {
        Some(parts) => unresolved_namespace(parts),
        None => "'CurrentNamespace$".to_string(),
    };
    let before = |pattern: &Option<String>| pattern.as_ref().map(|own| format!("{own}, ")).unwrap_or_default();
    let behind = |pattern: &Option<String>| pattern.as_ref().map(|own| format!(", {own}")).unwrap_or_default();
    let analyzed = query.analyzed.as_deref();
    Some(match command {
        C::ShowTables { database, pattern } => {
            let columns = Columns::new(&["namespace", "tableName", "isTemporary: boolean"]);
            let (shown, arguments) = (columns.shown(), format!("{}{}", before(pattern), columns.shown()));
            Told::new("ShowTables", &arguments)
                .parsed(format!("'ShowTables {arguments}"), [asked(database)])
                .about("ResolvedNamespace", format!("{V2}, [{}]", namespace(database)))
                .operator(format!("{shown}, {V2}, [{}]{}", namespace(database), behind(pattern)))
                .output(&columns)
        }
        C::ShowDatabases { parent: None, pattern } => {
            let columns = Columns::new(&["namespace"]);
            let arguments = format!("{}{}", before(pattern), columns.shown());
            Told::new("ShowNamespacesCommand", &arguments)
                .parsed(format!("'ShowNamespacesCommand {arguments}"), ["'UnresolvedNamespace false".to_string()])
                .about("ResolvedNamespace", V2)
                .output(&columns)
        }
        C::ShowFunctions { scope, database, pattern } => {
            let (user, system) = match scope {
                FunctionScope::All => (true, true),
                FunctionScope::User => (true, false),
                FunctionScope::System => (false, true),
            };
            let columns = Columns::new(&["function"]);
            let (shown, pattern) = (columns.shown(), before(pattern));
            Told::new("ShowFunctionsCommand", format!("{}, {pattern}{user}, {system}, {shown}", namespace(database)))
                .parsed(format!("'ShowFunctions {user}, {system}, {pattern}{shown}"), [asked(database)])
                .output(&columns)
        }
        C::ShowPartitions { table: own, partition: None } => {
            let columns = Columns::new(&["partition"]);
            let shown = columns.shown();
            Told::new("ShowPartitionsCommand", format!("{}, {shown}", table(own)))
                .parsed(format!("'ShowPartitions {shown}"), [unresolved_table(own, "SHOW PARTITIONS")])
                .output(&columns)
        }
        C::ShowViews { database, pattern } => {
            let columns = Columns::new(&["namespace", "viewName", "isTemporary: boolean"]);
            let (shown, pattern) = (columns.shown(), before(pattern));
            Told::new("ShowViewsCommand", format!("{}, {pattern}{shown}", namespace(database)))
                .parsed(format!("'ShowViews {pattern}{shown}"), [asked(database)])
                .output(&columns)
        }
        C::ShowColumns { table: own, database: None } => {
            let columns = Columns::new(&["col_name"]);
            let shown = columns.shown();
            let (kind, about) = resolved(session, own)?;
            Told::new("ShowColumnsCommand", format!("{}, {shown}", table(own)))
                .parsed(format!("'ShowColumns {shown}"), [unresolved_either(own, "SHOW COLUMNS, true, Ddl")])
                .about(kind, about)
                .output(&columns)
        }
        C::ShowTblProperties { table: parts, key } => {
            let columns = Columns::new(&["key", "value"]);
            let (shown, key_first) = (columns.shown(), before(key));
            let ("ResolvedTable", about) = resolved(session, parts)? else { return None };
            let (database, own) = own(parts);
            Told::new("ShowTableProperties", format!("{key_first}{shown}"))
                .parsed(
                    format!("'ShowTableProperties {key_first}{shown}"),
                    [unresolved_either(parts, "SHOW TBLPROPERTIES, true, Ddl")],
                )
                .about("ResolvedTable", about)
                .operator(format!("{shown}, V1Table({database}.{own}), {CATALOG}.{database}.{own}{}", behind(key)))
                .output(&columns)
        }
        C::ShowCreateTable { table: parts, as_serde: false } => {
            let columns = Columns::new(&["createtab_stmt"]);
            let shown = columns.shown();
            let (kind @ "ResolvedTable", about) = resolved(session, parts)? else { return None };
            Told::new("ShowCreateTable", format!("false, {shown}"))
                .parsed(
                    format!("'ShowCreateTable false, {shown}"),
                    [unresolved_either(parts, "SHOW CREATE TABLE, false, Ddl")],
                )
                .about(kind, &about)
                .operator(format!("{shown}, {kind} {about}"))
                .output(&columns)
        }
        C::DescribeTable { table: parts, extended, partition, column: None, as_json: false }
            if partition.is_empty() =>
        {
            let columns = Columns::new(&["col_name", "data_type", "comment"]);
            let shown = columns.shown();
            let (kind, about) = resolved(session, parts)?;
            Told::new("DescribeTableCommand", format!("{}, {extended}, {shown}", table(parts)))
                .parsed(
                    format!("'DescribeRelation {extended}, {shown}"),
                    [unresolved_either(parts, "DESCRIBE TABLE, true, QueryLike")],
                )
                .about(kind, about)
                .output(&columns)
        }
        C::DescribeTable { table: parts, extended, partition, column: Some(column), as_json: false }
            if partition.is_empty() && column.len() == 1 =>
        {
            let columns = Columns::new(&["info_name", "info_value"]);
            let (shown, (database, own)) = (columns.shown(), own(parts));
            let named = format!("[{CATALOG}, {database}, {own}, {}]", column[0]);
            resolved(session, parts)?;
            Told::new("DescribeColumnCommand", format!("{}, {named}, {extended}, {shown}", table(parts)))
                .parsed(
                    format!("'DescribeColumn '{}, {extended}, {shown}", column[0]),
                    [unresolved_either(parts, "DESCRIBE TABLE, true, QueryLike")],
                )
                .output(&columns)
        }
        C::ListResources { kind, paths } if paths.is_empty() && kind.to_uppercase().starts_with("JAR") => {
            Told::new("ListJarsCommand", "").output(&Columns::new(&["Results"]))
        }
        C::ListResources { kind, paths } if paths.is_empty() && kind.to_uppercase().starts_with("FILE") => {
            Told::new("ListFilesCommand", "").output(&Columns::new(&["Results"]))
        }
        C::ShowCurrentNamespace => {
            Told::new("ShowCurrentNamespaceCommand", "").output(&Columns::new(&["catalog", "namespace"]))
        }
        C::ShowCatalogs { pattern } => {
            Told::new("ShowCatalogsCommand", pattern.clone().unwrap_or_default()).output(&Columns::new(&["catalog"]))
        }
        C::DescribeDatabase { name, extended } => {
            let columns = Columns::new(&["info_name", "info_value"]);
            let (own, shown) = (name.last()?, columns.shown());
            Told::new("DescribeNamespace", format!("{extended}, {shown}"))
                .parsed(format!("'DescribeNamespace {extended}, {shown}"), [unresolved_namespace(name)])
                .about("ResolvedNamespace", format!("{V2}, [{own}]"))
                .operator(format!("{shown}, {V2}, [{own}], {extended}"))
                .output(&columns)
        }
        C::DropView { name, if_exists } => {
            let told = match name.as_slice() {
                [view] if session.temp_view(view, false).is_some() => {
                    Told::new("DropTempViewCommand", format!("{view}, {if_exists}"))
                }
                _ => Told::new("DropTableCommand", format!("{}, {if_exists}, true, false", table(name))),
            };
            told.parsed(format!("'DropView {if_exists}"), [unresolved_identifier(name, true)])
        }
        C::CreateTable { name, spec, query: None, if_not_exists, replace: false, .. } => {
            Told::new("CreateDataSourceTableCommand", format!("{}, {if_not_exists}", table(name)))
                .parsed(create_table(spec, *if_not_exists), [unresolved_identifier(name, false)])
        }
        C::CreateTable { name, spec, query: Some(_), if_not_exists, replace: false, .. } => {
            let (mode, listed) = (if *if_not_exists { "Ignore" } else { "ErrorIfExists" }, query.columns.join(", "));
            let asked = create_table(spec, *if_not_exists).split_once("], ")?.1.to_string();
            Told::new("CreateDataSourceTableAsSelectCommand", format!("{}, {mode}, [{listed}]", table(name)))
                .parsed(
                    format!("'CreateTableAsSelect {asked}, false"),
                    [unresolved_identifier(name, false), query.words(analyzed)],
                )
                .query(analyzed)
        }
        C::CreateDatabase { name, if_not_exists, .. } => {
            let own = name.last()?;
            Told::new("CreateNamespace", if_not_exists.to_string())
                .parsed(format!("'CreateNamespace {if_not_exists}"), [unresolved_namespace(name)])
                .about("ResolvedNamespace", format!("{V2}, [{own}]"))
                .operator(format!("{V2}, [{own}], {if_not_exists}"))
        }
        C::DropDatabase { name, if_exists, cascade } => {
            let own = name.last()?;
            Told::new("DropNamespace", format!("{if_exists}, {cascade}"))
                .parsed(format!("'DropNamespace {if_exists}, {cascade}"), [unresolved_namespace(name)])
                .about("ResolvedNamespace", format!("{V2}, [{own}]"))
                .operator(format!("{V2}, [{own}], {if_exists}, {cascade}"))
        }
        C::CreateView { name, text, temporary, global, replace, if_not_exists, columns, .. } if columns.is_empty() => {
            let (view, kind) = match (temporary, global) {
                (true, true) => (name::quote(name.last()?), "GlobalTempView, UNSUPPORTED"),
                (true, false) => (name::quote(name.last()?), "LocalTempView, UNSUPPORTED"),
                (false, _) => (table(name), "PersistedView, COMPENSATION"),
            };
            let arguments = format!("{view}, {text}, {if_not_exists}, {replace}, {kind}");
            let told = Told::new("CreateViewCommand", format!("{arguments}, true")).query(analyzed);
            let parsed = query.words(analyzed);
            if *temporary {
                let mark = if query.has_names() { "'" } else { "" };
                told.parsed(format!("{mark}CreateViewCommand {arguments}, false"), [parsed])
            } else {
                let command = format!("'CreateView {text}, {if_not_exists}, {replace}, COMPENSATION, false");
                told.parsed(command, [unresolved_identifier(name, false), parsed])
            }
        }
        C::SetSetting { key, value } => set(&format!("({key},Some({value}))")),
        C::ShowSetting { key } => set(&format!("({key},None)")),
        C::SetAll { verbose: false } => set(""),
        C::SetAll { verbose: true } => {
            Told::new("SetCommand", "(-v,None)").output(&Columns::new(&["key", "value", "meaning", "Since version"]))
        }
        C::Reset { key } => Told::new("ResetCommand", key.clone().unwrap_or_default()),
        C::ClearCache => Told::new("ClearCacheCommand$", ""),
        C::RefreshTable { table: own } => Told::new("RefreshTableCommand", table(own))
            .parsed("'RefreshTable".into(), [unresolved_either(own, "REFRESH TABLE, true, Ddl")]),
        C::TruncateTable { table: own, partition } if partition.is_empty() => {
            Told::new("TruncateTableCommand", table(own))
                .parsed("'TruncateTable".into(), [unresolved_table(own, "TRUNCATE TABLE")])
        }
        C::AnalyzeTable { table: own, partition, noscan, columns: None } if partition.is_empty() => {
            Told::new("AnalyzeTableCommand", format!("{}, {noscan}", table(own)))
                .parsed(format!("'AnalyzeTable {noscan}"), [unresolved_either(own, "ANALYZE TABLE, false, Ddl")])
        }
        C::RepairTable { table: own, add, drop } => {
            let clause = match (add, drop) {
                (true, true) => " ... SYNC PARTITIONS",
                (false, true) => " ... DROP PARTITIONS",
                _ => "",
            };
            Told::new("RepairTableCommand", format!("{}, {add}, {drop}, MSCK REPAIR TABLE", table(own))).parsed(
                format!("'RepairTable {add}, {drop}"),
                [unresolved_table(own, &format!("MSCK REPAIR TABLE{clause}"))],
            )
        }
        C::AddResource { kind, paths } if kind.eq_ignore_ascii_case("JAR") => {
            Told::new("AddJarsCommand", format!("[{}]", paths.join(", ")))
        }
        C::AddResource { kind, paths } if kind.eq_ignore_ascii_case("FILE") => {
            Told::new("AddFilesCommand", format!("[{}]", paths.join(", ")))
        }
        C::DropVariable { name, if_exists } => {
            let own = name.last()?;
            Told::new("DropVariable", if_exists.to_string())
                .parsed(format!("'DropVariable {if_exists}"), [unresolved_identifier(name, false)])
                .about("ResolvedIdentifier", format!("FakeSystemCatalog, session.{own}"))
                .operator(format!("{own}, {if_exists}"))
        }
        C::DropFunction { name, temporary: true, if_exists } => {
            Told::new("DropFunctionCommand", format!("{}, {if_exists}, true", name.join(".")))
        }
        C::DropFunction { name, temporary: false, if_exists } => {
            let (database, own) = own(name);
            Told::new("DropFunctionCommand", format!("{CATALOG}.{database}.{own}, {if_exists}, false"))
                .parsed(format!("'DropFunction {if_exists}"), [unresolved_identifier(name, false)])
        }
        C::CacheTable { table: named, lazy, query: Some(_), text: Some(text), .. } => {
            let own = named.last()?;
            let root = analyzed.and_then(|plan| plan.lines().next()).unwrap_or_default();
            Told::new("CacheTableAsSelect", format!("{own}, {text}, {lazy}, true"))
                .parsed(format!("'CacheTableAsSelect {own}, {text}, {lazy}, false"), [query.parsed.clone()])
                .query(analyzed)
                .operator(format!("{own}, {root}, {text}, {lazy}"))
        }
        C::CacheTable { table: named, lazy, query: None, .. } => {
            let (database, own_name) = own(named);
            let parts = named.join(", ");
            // The table itself, without the projection to its visible columns.
            let relation = analyzed.map(|plan| plan.split_once("\n+- ").map_or(plan, |(_, below)| below));
            let rows = relation.map(|own| format!("SubqueryAlias {CATALOG}.{database}.{own_name}\n+- {}", own.trim()));
            Told::new("CacheTable", format!("[{parts}], {lazy}, true"))
                .parsed(
                    format!("'CacheTable [{parts}], {lazy}, false"),
                    [format!("'UnresolvedRelation [{parts}], [], false")],
                )
                .query(rows.as_deref())
                .operator(format!("SubqueryAlias {CATALOG}.{database}.{own_name}, [{parts}], {lazy}"))
        }
        _ => return None,
    })
}

fn set(arguments: &str) -> Told {
    Told::new("SetCommand", arguments).output(&Columns::new(&["key", "value"]))
}

fn unresolved_namespace(parts: &[String]) -> String {
    format!("'UnresolvedNamespace [{}], false", parts.join(", "))
}

fn unresolved_table(parts: &[String], command: &str) -> String {
    format!("'UnresolvedTable [{}], {command}, false", parts.join(", "))
}

fn unresolved_either(parts: &[String], rest: &str) -> String {
    format!("'UnresolvedTableOrView [{}], {rest}", parts.join(", "))
}

fn unresolved_identifier(parts: &[String], may_be_temporary: bool) -> String {
    format!("'UnresolvedIdentifier [{}], {may_be_temporary}", parts.join(", "))
}

/// A table or a permanent view as plans name it.
fn resolved(session: &Session, parts: &[String]) -> Option<(&'static str, String)> {
    let Found::Table(table) = session.find(parts, Search::Session).ok()?.1 else { return None };
    let own = format!("{}.{}", table.database, table.name);
    if table.is_view() {
        return Some(("ResolvedPersistentView", format!("{V2}, {own}, {CATALOG}.{own}")));
    }
    let mut columns = vec![];
    for field in &table.columns {
        let numbered = format!("{}#{}", field.name(), firesteel_plan::attribute::next_id());
        columns.push(words::column(&numbered, Some(field.data_type())));
    }
    Some(("ResolvedTable", format!("{V2}, {own}, V1Table({own}), [{}]", columns.join(", "))))
}

/// CREATE TABLE as it was asked for.
fn create_table(spec: &TableSpec, if_not_exists: bool) -> String {
    let some = |text: &Option<String>| text.as_ref().map_or("None".to_string(), |own| format!("Some({own})"));
    let pairs = |pairs: &[(String, String)]| {
        pairs.iter().map(|(key, value)| format!("({key},{value})")).collect::<Vec<_>>().join(", ")
    };
    let columns = spec.columns.iter().map(|column| {
        let kind = proto::decode(&column.data_type).map(|own| name::class(&own)).unwrap_or_default();
        let default = column.default.as_ref().map(|text| format!("default({text}, sql='{text}')"));
        format!(
            "columndefinition({}, {kind}, {}, {}, {}, None, None, {{}})",
            column.name,
            column.nullable,
            some(&column.comment),
            some(&default)
        )
    });
    let mut text = format!("'CreateTable [{}], ", columns.collect::<Vec<_>>().join(", "));
    if !spec.partition_columns.is_empty() {
        let parts: Vec<String> = spec.partition_columns.iter().map(|own| format!("identity({own})")).collect();
        // Writing to a text does not fail.
        let _ = write!(text, "[{}], ", parts.join(", "));
    }
    let properties = if spec.properties.is_empty() { String::new() } else { format!("{}, ", pairs(&spec.properties)) };
    let _ = write!(
        text,
        "unresolvedtablespec({properties}{}, optionlist({}), {}, {}, None, None, false), {if_not_exists}",
        some(&spec.format),
        pairs(&spec.options),
        some(&spec.location),
        some(&spec.comment)
    );
    text
}
