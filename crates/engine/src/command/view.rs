//! CREATE VIEW, ALTER VIEW, temporary views of DataFrames.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::Fields;
use firesteel_plan::sql::command::Alteration;
use firesteel_protocol::connect::{self as pb, relation::RelType};
use firesteel_protocol::extension;
use firesteel_protocol::types::{collation, declared_as, json, name, twins};
use firesteel_protocol::{Result, SparkError};

use crate::Session;
use crate::catalog::table::{Kind, Table, ViewText, declared, quoted};
use crate::catalog::{Found, Place, Search, View, Written, already_exists, quote_parts};

/// CREATE VIEW of SQL, besides its query.
#[derive(Debug, Clone)]
pub struct NewView {
    pub name: Vec<String>,
    /// Names and comments; empty when the query's are taken.
    pub columns: Vec<(String, Option<String>)>,
    /// The query as it was written.
    pub text: String,
    pub temporary: bool,
    pub global: bool,
    pub replace: bool,
    pub if_not_exists: bool,
    pub comment: Option<String>,
    pub properties: Vec<(String, String)>,
    /// What a change of the query's columns does.
    pub schema_mode: Option<String>,
}

/// Settings that mean nothing to the rows of a view: Spark does not keep them with it.
const NOT_KEPT: [&str; 6] = [
    "spark.sql.adaptive.",
    "spark.sql.codegen.",
    "spark.sql.execution.",
    "spark.sql.optimizer.",
    "spark.sql.shuffle.",
    "spark.sql.warehouse.",
];

/// `df.createOrReplaceTempView("name")`.
pub async fn create(session: &Session, message: pb::CreateDataFrameViewCommand) -> Result<()> {
    let relation = message.input.ok_or_else(|| SparkError::internal("a view without relation"))?;
    // A view that cannot be resolved fails now, not at its first use.
    let columns = session.fields(relation.clone()).await?;
    let parts = firesteel_plan::sql::parse_table_name(&message.name).map_err(|_| {
        SparkError::new("_LEGACY_ERROR_TEMP_1321")
            .with("viewName", &message.name)
            .with_message(format!("Invalid view name: {}", message.name))
    })?;
    let [name] = parts.as_slice() else {
        return Err(SparkError::new("TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS").with("actualName", quote_parts(&parts)));
    };
    // What a text says of views is what they are now: a view of this name is the old one.
    let view = View::new(inlined(session, session.expanded(relation)), columns);
    put_temp(session, name, view, message.is_global, message.replace)
}

/// Puts a temporary view; rows that were kept of the old one are not the new one's.
pub fn put_temp(session: &Session, name: &str, view: View, global: bool, replace: bool) -> Result<()> {
    session.create_temp_view(name, view, global, replace)?;
    if replace {
        let shown = if global { format!("{}.{name}", crate::catalog::GLOBAL_TEMP) } else { name.to_string() };
        session.forget_named(&[shown]);
    }
    Ok(())
}

/// CREATE VIEW.
pub async fn create_sql(session: &Session, new: NewView, query: pb::Relation) -> Result<()> {
    if new.temporary {
        return create_temporary(session, new, query).await;
    }
    let Place::Table(database, own) = session.permanent_place(&new.name, &session.views.current_database())? else {
        return Err(crate::catalog::schema_not_found(&[crate::catalog::GLOBAL_TEMP.into()]));
    };
    session.database(&database)?;
    let store = session.store()?;
    let written = new.name.last().cloned().unwrap_or_default();
    let known = store.table(&database, &own)?;
    match &known {
        Some(_) if new.if_not_exists => return Ok(()),
        Some(known) if !known.is_view() && new.replace => {
            return Err(SparkError::new("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE")
                .with("operation", "CREATE OR REPLACE VIEW")
                .with("tableName", known.quoted()));
        }
        Some(_) if !new.replace => return Err(already_exists(quoted(&database, &written))),
        _ => {}
    }
    let title = quoted(&database, &written);
    refuse_temporary(session, &title, &query).await?;
    let mut properties: BTreeMap<String, String> = new.properties.into_iter().collect();
    if !properties.contains_key(collation::DEFAULT_PROPERTY)
        && let Some(own) = session.database(&database)?.collation()
    {
        properties.insert(collation::DEFAULT_PROPERTY.into(), own.into());
    }
    let collation = properties.get(collation::DEFAULT_PROPERTY).map(String::as_str);
    let fields = checked(session, &title, &query, collation).await?;
    let path = Place::Table(database.clone(), own.clone());
    check_references(session, &title, &path, &query)?;
    let query_columns = fields.iter().map(|field| field.name().clone()).collect();
    let columns = if new.columns.is_empty() { fields } else { renamed(&title, &fields, &new.columns)? };
    check_duplicates(&columns, session.env().case_sensitive)?;
    let table = Table {
        database,
        name: own,
        kind: Kind::View,
        format: String::new(),
        columns,
        partition_columns: vec![],
        bucketing: None,
        location: String::new(),
        options: BTreeMap::new(),
        properties,
        comment: new.comment,
        created_ms: chrono::Utc::now().timestamp_millis(),
        view: Some(text(session, new.text, query_columns, new.schema_mode)),
        statistics: None,
        storage: None,
    };
    if known.is_some() {
        store.replace_table(&table, &[])?;
        super::drop::forget(session, &table);
        Ok(())
    } else if store.create_table(&table, &[])? || new.if_not_exists {
        Ok(())
    } else {
        Err(already_exists(table.quoted()))
    }
}

async fn create_temporary(session: &Session, new: NewView, query: pb::Relation) -> Result<()> {
    let own = match new.name.as_slice() {
        [own] => own.clone(),
        [.., own] => {
            return Err(SparkError::new("INVALID_TEMP_OBJ_QUALIFIER")
                .with("objectType", "VIEW")
                .with("objectName", name::quote(own))
                .with("qualifier", quote_parts(&new.name[..new.name.len() - 1])));
        }
        [] => return Err(SparkError::internal("a view without a name")),
    };
    if new.if_not_exists && session.temp_view(&own, new.global).is_some() {
        return Ok(());
    }
    if new.replace {
        check_self(session, &own, new.global, &query)?;
    }
    let mut properties: BTreeMap<String, String> = new.properties.into_iter().collect();
    let collation = properties.remove(collation::DEFAULT_PROPERTY);
    let query = extension::collated(inlined(session, query), collation.as_deref());
    let fields = session.fields(query.clone()).await?;
    let written = Some(written(session, new.text, &fields));
    let is_renamed = !new.columns.is_empty();
    let columns = if is_renamed { renamed(&name::quote(&own), &fields, &new.columns)? } else { fields };
    check_duplicates(&columns, session.env().case_sensitive)?;
    let comment = new.comment;
    let view = View { renamed: is_renamed, comment, properties, written, ..View::new(query, columns) };
    put_temp(session, &own, view, new.global, new.replace)
}

fn written(session: &Session, text: String, columns: &Fields) -> Written {
    let query_columns = columns.iter().map(|field| field.name().clone()).collect();
    Written { text, database: session.views.current_database(), query_columns }
}

/// A temporary view may not be made of the one that it replaces.
fn check_self(session: &Session, own: &str, global: bool, query: &pb::Relation) -> Result<()> {
    let place = if global { Place::Global(own.to_lowercase()) } else { Place::Temp(own.to_lowercase()) };
    let mut found = false;
    crate::catalog::visit_reads(query, &mut |read| {
        if let Some(pb::read::ReadType::NamedTable(table)) = &read.read_type {
            let parts = firesteel_plan::sql::parse_table_name(&table.unparsed_identifier);
            found = found || parts.and_then(|parts| session.place(&parts)).is_ok_and(|other| other == place);
        }
    });
    if !found {
        return Ok(());
    }
    let shown = match global {
        true => format!("`{}`.{}", crate::catalog::GLOBAL_TEMP, name::quote(own)),
        false => name::quote(own),
    };
    Err(SparkError::new("RECURSIVE_VIEW").with("viewIdent", &shown).with("newPath", format!("{shown} -> {shown}")))
}

/// `CREATE TEMPORARY VIEW .. USING format`.
pub async fn create_using(
    session: &Session,
    name: &[String],
    source: pb::read::DataSource,
    global: bool,
    replace: bool,
) -> Result<()> {
    let read = pb::Read { is_streaming: false, read_type: Some(pb::read::ReadType::DataSource(source)) };
    let plan = pb::Relation { common: None, rel_type: Some(RelType::Read(read)) };
    let columns = session.fields(plan.clone()).await?;
    let view = View::new(plan, columns);
    put_temp(session, name.last().map_or("", String::as_str), view, global, replace)
}

/// The text of a view with what it is read under.
pub(super) fn text(
    session: &Session,
    text: String,
    query_columns: Vec<String>,
    schema_mode: Option<String>,
) -> ViewText {
    let own = session.conf().get_all(Some("spark.sql."));
    let mut conf: BTreeMap<String, String> = own
        .into_iter()
        .map(|(key, value)| (format!("spark.sql.{key}"), value))
        .filter(|(key, _)| session.conf().is_modifiable(key) && !NOT_KEPT.iter().any(|prefix| key.starts_with(prefix)))
        .collect();
    if let Some(zone) = session.conf().lookup("spark.sql.session.timeZone") {
        conf.insert("spark.sql.session.timeZone".into(), zone);
    }
    let schema_mode = schema_mode.unwrap_or_else(|| "COMPENSATION".into());
    ViewText { text, database: session.views.current_database(), query_columns, conf, schema_mode }
}

/// A permanent view may name no temporary function and no variable.
pub(super) async fn refuse_temporary(session: &Session, title: &str, query: &pb::Relation) -> Result<()> {
    if session.routines.names().is_empty() && session.variables.is_empty() {
        return Ok(());
    }
    let scope = text(session, String::new(), vec![], None);
    let scope = crate::catalog::resolve::permanent_scope(session.arc(), &scope);
    let query = query.clone();
    let resolved = session.resolving(move |_, _| firesteel_plan::Resolver::new(&scope).query(&query).map(|_| ())).await;
    let Err(error) = resolved else { return Ok(()) };
    let parsed = |key: &str| firesteel_plan::sql::parse_column_name(error.param(key).unwrap_or_default()).ok();
    let family = error.condition().split('.').next().unwrap_or_default();
    let (kind, parts) = match family {
        "UNRESOLVED_COLUMN" => ("VARIABLE", parsed("objectName").unwrap_or_default()),
        "UNRESOLVED_ROUTINE" => ("FUNCTION", parsed("routineName").unwrap_or_default()),
        _ => return Ok(()),
    };
    let Some(own) = crate::variables::session_name(&parts) else { return Ok(()) };
    let known = match kind {
        "VARIABLE" => session.variables.get(&own).is_some(),
        _ => session.routines.get(&own).is_some(),
    };
    if !known {
        return Ok(());
    }
    Err(SparkError::new("INVALID_TEMP_OBJ_REFERENCE")
        .with("obj", "VIEW")
        .with("objName", title)
        .with("tempObj", kind)
        .with("tempObjName", quote_parts(&parts)))
}

/// The schema of a permanent view's query, whose columns need names of their own.
async fn checked(session: &Session, title: &str, query: &pb::Relation, collation: Option<&str>) -> Result<Fields> {
    let fields = session.fields(extension::collated(query.clone(), collation)).await?;
    let fields: Fields = fields.iter().map(|field| Arc::new(declared(field))).collect();
    if let Some(unnamed) = unnamed(query, &fields) {
        return Err(SparkError::new("CREATE_PERMANENT_VIEW_WITHOUT_ALIAS")
            .with("name", title)
            .with("attr", format!("\"{unnamed}\"")));
    }
    Ok(fields)
}

/// The first column that is an expression without a name.
fn unnamed(query: &pb::Relation, fields: &Fields) -> Option<String> {
    use pb::expression::ExprType;
    let mut current = query;
    let list = loop {
        match current.rel_type.as_ref()? {
            RelType::Project(project) => break project.expressions.clone(),
            RelType::WithRelations(with) => current = with.root.as_deref()?,
            RelType::Sort(sort) => current = sort.input.as_deref()?,
            RelType::Limit(limit) => current = limit.input.as_deref()?,
            RelType::Extension(any) => match firesteel_protocol::extension::RelationKind::from_any(any)? {
                firesteel_protocol::extension::RelationKind::Aggregate(aggregate) => break aggregate.select,
                _ => return None,
            },
            _ => return None,
        }
    };
    if list.len() != fields.len() {
        // A star is in it: no telling which column is whose.
        return None;
    }
    let is_unnamed = |expression: &pb::Expression| match &expression.expr_type {
        // A column that is cast keeps its name.
        Some(ExprType::Cast(cast)) => {
            let inner = cast.expr.as_deref().and_then(|inner| inner.expr_type.as_ref());
            !matches!(inner, Some(ExprType::UnresolvedAttribute(_) | ExprType::Alias(_)))
        }
        Some(ExprType::UnresolvedFunction(_) | ExprType::Window(_) | ExprType::SubqueryExpression(_)) => true,
        _ => false,
    };
    list.iter().zip(fields).find(|(expression, _)| is_unnamed(expression)).map(|(_, field)| field.name().clone())
}

pub(super) fn check_duplicates(columns: &Fields, case_sensitive: bool) -> Result<()> {
    super::create_table::clear_collations(columns)?;
    twins::refuse(columns.iter().map(|field| field.name().as_str()), case_sensitive)
}

/// A permanent view may refer to no temporary one, and not to itself.
pub(super) fn check_references(session: &Session, title: &str, own: &Place, query: &pb::Relation) -> Result<()> {
    let mut failure = None;
    crate::catalog::visit_reads(query, &mut |read| {
        let Some(pb::read::ReadType::NamedTable(table)) = &read.read_type else { return };
        let Ok(parts) = firesteel_plan::sql::parse_table_name(&table.unparsed_identifier) else { return };
        let Ok(place) = session.place(&parts) else { return };
        let error = match session.at(&place) {
            Ok(Some(Found::Temp(_))) => Some(
                SparkError::new("INVALID_TEMP_OBJ_REFERENCE")
                    .with("obj", "VIEW")
                    .with("objName", title)
                    .with("tempObj", "VIEW")
                    .with("tempObjName", quote_parts(&parts)),
            ),
            Ok(Some(Found::Table(table))) if table.is_view() => {
                recursion(session, own, &table, vec![title.to_string()])
            }
            _ => None,
        };
        if let Some(error) = error {
            failure.get_or_insert(error);
        }
    });
    failure.map_or(Ok(()), Err)
}

/// `RECURSIVE_VIEW` if a view leads back to the one that is being made.
fn recursion(session: &Session, own: &Place, view: &Table, mut path: Vec<String>) -> Option<SparkError> {
    path.push(view.quoted());
    if *own == Place::Table(view.database.clone(), view.name.clone()) {
        return Some(
            SparkError::new("RECURSIVE_VIEW").with("viewIdent", path[0].clone()).with("newPath", path.join(" -> ")),
        );
    }
    let text = view.view.as_ref()?;
    let query = firesteel_plan::sql::parse_query(&text.text, &firesteel_plan::sql::SqlContext::default()).ok()?;
    let mut failure = None;
    crate::catalog::visit_reads(&query, &mut |read| {
        let Some(pb::read::ReadType::NamedTable(table)) = &read.read_type else { return };
        let Ok(parts) = firesteel_plan::sql::parse_table_name(&table.unparsed_identifier) else { return };
        let Ok(place) = session.permanent_place(&parts, &text.database) else { return };
        if let Ok(Some(Found::Table(inner))) = session.at(&place) {
            if inner.is_view() && failure.is_none() {
                failure = recursion(session, own, &inner, path.clone());
            }
        }
    });
    failure
}

pub(super) fn renamed(view: &str, fields: &Fields, columns: &[(String, Option<String>)]) -> Result<Fields> {
    if fields.len() != columns.len() {
        let kind = if columns.len() > fields.len() {
            "CREATE_VIEW_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS"
        } else {
            "CREATE_VIEW_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"
        };
        return Err(SparkError::new(kind)
            .with("viewName", view)
            .with("viewColumns", columns.iter().map(|(name, _)| name::quote(name)).collect::<Vec<_>>().join(", "))
            .with("dataColumns", fields.iter().map(|f| name::quote(f.name())).collect::<Vec<_>>().join(", ")));
    }
    let one = |(field, (name, comment)): (&arrow::datatypes::FieldRef, &(String, Option<String>))| {
        let field = field.as_ref().clone().with_name(name);
        let Some(comment) = comment else { return Ok(Arc::new(field)) };
        let metadata = serde_json::json!({ "comment": comment }).to_string();
        Ok(Arc::new(declared_as(field.clone().with_metadata(json::metadata(&metadata)?), &field)))
    };
    fields.iter().zip(columns).map(one).collect()
}

/// ALTER VIEW.
pub async fn alter(
    session: &Session,
    parts: &[String],
    alteration: Alteration,
    in_context: impl Fn(pb::Relation) -> pb::Relation,
) -> Result<()> {
    let (place, found) = session.find(parts, Search::Session)?;
    let sets = matches!(alteration, Alteration::SetProperties(_));
    match (found, alteration) {
        (Found::Table(table), Alteration::SetQuery { .. }) if !table.is_view() => {
            Err(SparkError::new("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE")
                .with("operation", "ALTER VIEW ... AS")
                .with("tableName", table.quoted()))
        }
        (Found::Table(table), Alteration::SetProperties(_) | Alteration::UnsetProperties { .. })
            if !table.is_view() =>
        {
            let word = if sets { "SET" } else { "UNSET" };
            Err(SparkError::new("EXPECT_VIEW_NOT_TABLE.USE_ALTER_TABLE")
                .with("operation", format!("ALTER VIEW ... {word} TBLPROPERTIES"))
                .with("tableName", table.quoted()))
        }
        (Found::Table(table), _) if !table.is_view() => Err(SparkError::new("EXPECT_VIEW_NOT_TABLE.USE_ALTER_TABLE")
            .with("operation", "ALTER VIEW")
            .with("tableName", quote_parts(parts))
            .placeless()),
        (Found::Table(view), Alteration::RenameTo(to)) => super::alter::rename(session, &view, &to),
        (Found::Table(view), Alteration::SetProperties(properties)) => {
            let mut changed = view.as_ref().clone();
            changed.properties.extend(properties);
            session.store()?.update_table(&changed)
        }
        (Found::Table(view), Alteration::UnsetProperties { keys, .. }) => {
            let mut changed = view.as_ref().clone();
            changed.properties.retain(|key, _| !keys.contains(key));
            session.store()?.update_table(&changed)
        }
        (Found::Table(view), Alteration::SetQuery { text: own, query }) => {
            let query = in_context(*query);
            let fields = checked(session, &view.quoted(), &query, view.default_collation()).await?;
            check_references(session, &view.quoted(), &place, &query)?;
            check_duplicates(&fields, session.env().case_sensitive)?;
            let query_columns = fields.iter().map(|field| field.name().clone()).collect();
            let mode = view.view.as_ref().map(|old| old.schema_mode.clone());
            let view_text = Some(text(session, own, query_columns, mode));
            let changed = Table { columns: fields, view: view_text, ..view.as_ref().clone() };
            session.store()?.update_table(&changed)?;
            super::drop::forget(session, &view);
            Ok(())
        }
        (Found::Table(view), Alteration::SetSchemaMode(mode)) => {
            let mut changed = view.as_ref().clone();
            if let Some(text) = &mut changed.view {
                text.schema_mode = mode;
            }
            session.store()?.update_table(&changed)
        }
        (Found::Temp(view), alteration) => alter_temporary(session, &place, view, alteration, in_context).await,
        (Found::Table(_), _) => Err(SparkError::unsupported("this ALTER VIEW", "Create the view anew.")),
    }
}

async fn alter_temporary(
    session: &Session,
    place: &Place,
    view: View,
    alteration: Alteration,
    in_context: impl Fn(pb::Relation) -> pb::Relation,
) -> Result<()> {
    let (own, global) = match place {
        Place::Temp(own) => (own, false),
        Place::Global(own) => (own, true),
        Place::Table(..) => return Err(SparkError::internal("a temporary view at a table's place")),
    };
    match alteration {
        Alteration::RenameTo(to) => {
            let new = to.last().cloned().unwrap_or_default();
            put_temp(session, &new, view, global, false)?;
            session.drop_temp_view(own, global);
            Ok(())
        }
        Alteration::SetQuery { query, text } => {
            let query = inlined(session, in_context(*query));
            let columns = session.fields(query.clone()).await?;
            let written = Some(written(session, text, &columns));
            let (comment, properties) = (view.comment, view.properties);
            let changed = View { comment, properties, written, ..View::new(query, columns) };
            put_temp(session, own, changed, global, true)
        }
        Alteration::SetProperties(_) | Alteration::UnsetProperties { .. } => {
            let word = if matches!(alteration, Alteration::SetProperties(_)) { "SET" } else { "UNSET" };
            Err(SparkError::new("EXPECT_PERMANENT_VIEW_NOT_TEMP")
                .with("viewName", name::quote(own))
                .with("operation", format!("ALTER VIEW ... {word} TBLPROPERTIES")))
        }
        Alteration::SetSchemaMode(_) => {
            Err(SparkError::new("UNSUPPORTED_FEATURE.TEMPORARY_VIEW_WITH_SCHEMA_BINDING_MODE"))
        }
        _ => Err(SparkError::unsupported("this ALTER VIEW", "Create the view anew.")),
    }
}

/// The view's plan as it is at this moment: a view of the same name inside of it means the old one.
pub fn inlined(session: &Session, mut relation: pb::Relation) -> pb::Relation {
    use pb::read::ReadType;
    crate::catalog::walk(&mut relation, &mut |own| {
        let Some(RelType::Read(read)) = &own.rel_type else { return };
        let Some(ReadType::NamedTable(table)) = &read.read_type else { return };
        let Ok(parts) = firesteel_plan::sql::parse_table_name(&table.unparsed_identifier) else { return };
        let Ok(place) = session.place(&parts) else { return };
        if let (Ok(Some(Found::Temp(view))), Some(alias)) = (session.at(&place), parts.last()) {
            let common = own.common.clone();
            let inner = pb::SubqueryAlias {
                input: Some(Box::new(view.plan.as_ref().clone())),
                alias: alias.to_lowercase(),
                qualifier: vec![],
            };
            if !view.renamed {
                *own = pb::Relation { common, rel_type: Some(RelType::SubqueryAlias(Box::new(inner))) };
            }
        }
    });
    relation
}
