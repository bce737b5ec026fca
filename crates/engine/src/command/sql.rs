//! `spark.sql(text)`: queries are handed back as relations, statements run at once.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, SchemaRef};
use arrow::record_batch::RecordBatch;
use firesteel_functions::kernel::from_arrow;
use firesteel_plan::sql::command::{ExplainMode, ExplainTarget, InsertMode, SqlCommand};
use firesteel_plan::sql::{self, Statement};
use firesteel_protocol::connect::{self as pb, execute_plan_response::ResponseType, relation::RelType};
use firesteel_protocol::types::{json, name, proto};
use firesteel_protocol::{Result, SparkError};

use super::table;
use crate::catalog::{self, Place, View, matches, strings};
use crate::{OperationHandle, Session};

type Answer = Result<(SchemaRef, Vec<RecordBatch>)>;

/// Runs a SQL text. The answer is a relation: the query itself, or a command's rows.
pub async fn run(session: &Session, message: pb::SqlCommand, operation: OperationHandle) -> Result<Vec<ResponseType>> {
    let input = match message.input {
        Some(input) => input,
        None => {
            #[expect(deprecated, reason = "clients before 4.0 send the text here")]
            let sql = pb::Sql {
                query: message.sql,
                args: message.args,
                pos_args: message.pos_args,
                named_arguments: message.named_arguments,
                pos_arguments: message.pos_arguments,
            };
            pb::Relation { common: None, rel_type: Some(RelType::Sql(sql)) }
        }
    };
    let relation = match statement(session, &input)? {
        Statement::Query(_) => {
            // A query that cannot be resolved fails here, as it does in Spark.
            session.fields(input.clone()).await?;
            input
        }
        Statement::Command(command) => {
            let (schema, batches) = Box::pin(command_rows(session, *command, &input, operation)).await?;
            local(&schema, &batches)?
        }
    };
    let result = pb::execute_plan_response::SqlCommandResult { relation: Some(relation) };
    Ok(vec![ResponseType::SqlCommandResult(result)])
}

fn statement(session: &Session, input: &pb::Relation) -> Result<Statement> {
    let text = match &input.rel_type {
        Some(RelType::Sql(text)) => text,
        Some(RelType::WithRelations(with)) => match with.root.as_deref().and_then(|root| root.rel_type.as_ref()) {
            Some(RelType::Sql(text)) => text,
            _ => return Err(SparkError::internal("a SQL command without text")),
        },
        _ => return Err(SparkError::internal("a SQL command without text")),
    };
    let ctx = session.resolve_context(&crate::CancelToken::new());
    let resolver = firesteel_plan::Resolver::new(&ctx);
    let sql_ctx = firesteel_plan::relation::with_arguments(resolver.sql_context(), text);
    sql::parse_statement(&text.query, &sql_ctx)
}

/// Rows as a local relation that the client sends back.
fn local(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<pb::Relation> {
    let mut data = vec![];
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut data, schema).map_err(from_arrow)?;
    for batch in batches {
        writer.write(batch).map_err(from_arrow)?;
    }
    writer.finish().map_err(from_arrow)?;
    drop(writer);
    let schema = json::to_json(&DataType::Struct(schema.fields().clone())).to_string();
    let local = pb::LocalRelation { data: Some(data.into()), schema: Some(schema) };
    Ok(pb::Relation { common: None, rel_type: Some(RelType::LocalRelation(local)) })
}

fn nothing() -> Answer {
    Ok((Arc::new(arrow::datatypes::Schema::empty()), vec![]))
}

fn quoted(parts: &[String]) -> String {
    parts.iter().map(|part| name::quote(part)).collect::<Vec<_>>().join(".")
}

/// Puts the subquery plans and named DataFrames of the text's relation round a query of the statement.
fn in_context(input: &pb::Relation, query: pb::Relation) -> pb::Relation {
    match &input.rel_type {
        Some(RelType::WithRelations(with)) => {
            let with = pb::WithRelations { root: Some(Box::new(query)), references: with.references.clone() };
            pb::Relation { common: None, rel_type: Some(RelType::WithRelations(Box::new(with))) }
        }
        _ => query,
    }
}

async fn command_rows(
    session: &Session,
    command: SqlCommand,
    input: &pb::Relation,
    operation: OperationHandle,
) -> Answer {
    match command {
        SqlCommand::CreateView { name, columns, query, temporary, global, replace, if_not_exists, comment, .. } => {
            let query = super::view::inlined(session, in_context(input, *query));
            let fields = session.fields(query.clone()).await?;
            let renamed = !columns.is_empty();
            let fields = if renamed { renamed_fields(&name, &fields, &columns)? } else { fields };
            let view = View { plan: Arc::new(query), columns: fields, renamed, comment };
            let last = name.last().cloned().unwrap_or_default();
            if temporary || global {
                session.create_temp_view(&last, view, global, replace)?;
                return nothing();
            }
            let Place::Table(database, own) = permanent(session, &name)? else { return nothing() };
            let place = Place::Table(database.clone(), own.clone());
            if session.table(&place).is_some() || (session.view(&place).is_some() && !replace) {
                if if_not_exists {
                    return nothing();
                }
                return Err(SparkError::new("TABLE_OR_VIEW_ALREADY_EXISTS")
                    .with("relationName", format!("`spark_catalog`.`{database}`.`{own}`")));
            }
            session.put_view(&database, &own, view)?;
            nothing()
        }
        SqlCommand::CreateTempViewUsing { name, columns, format, options, global, replace } => {
            let schema = (!columns.is_empty()).then(|| definitions(&columns)).transpose()?;
            let source = pb::read::DataSource {
                format: Some(format),
                schema: schema.map(|fields| name::ddl(&fields)),
                options: options.into_iter().collect(),
                ..Default::default()
            };
            let read = pb::Read { is_streaming: false, read_type: Some(pb::read::ReadType::DataSource(source)) };
            let plan = pb::Relation { common: None, rel_type: Some(RelType::Read(read)) };
            let columns = session.fields(plan.clone()).await?;
            let view = View { plan: Arc::new(plan), columns, renamed: false, comment: None };
            session.create_temp_view(name.last().map_or("", String::as_str), view, global, replace)?;
            nothing()
        }
        SqlCommand::CreateTable { name, spec, query, if_not_exists, replace, .. } => {
            if spec.bucketing.is_some() {
                return Err(SparkError::unsupported(
                    "CLUSTERED BY .. INTO BUCKETS",
                    "Leave it out: it changes no results.",
                ));
            }
            let mut partition_by = spec.partition_columns.clone();
            partition_by.extend(spec.partition_definitions.iter().map(|column| column.name.clone()));
            match query {
                Some(query) => {
                    let mut options = spec.options.clone();
                    if let Some(location) = spec.location.clone() {
                        options.push(("path".into(), location));
                    }
                    let mode = match (replace, if_not_exists) {
                        (true, _) => firesteel_sources::sink::SaveMode::Overwrite,
                        (_, true) => firesteel_sources::sink::SaveMode::Ignore,
                        _ => firesteel_sources::sink::SaveMode::ErrorIfExists,
                    };
                    let save = table::SaveAs { format: spec.format.clone(), mode, options, partition_by };
                    table::save_as(session, &name, in_context(input, *query), save, operation).await?;
                }
                None => {
                    let mut columns = spec.columns.clone();
                    columns.extend(spec.partition_definitions.iter().cloned());
                    let fields = (!columns.is_empty()).then(|| definitions(&columns)).transpose()?;
                    let fields = fields.map(|fields| partitions_last(&fields, &partition_by));
                    if replace {
                        if let Ok((database, own, _)) = table::existing(session, &name) {
                            session.remove_table(&database, &own)?;
                        }
                    }
                    let location = spec.location.clone().or_else(|| {
                        spec.options.iter().find(|(k, _)| k.eq_ignore_ascii_case("path")).map(|(_, v)| v.clone())
                    });
                    table::create(
                        session,
                        &name,
                        spec.format.clone(),
                        fields,
                        location,
                        partition_by,
                        spec.options.clone(),
                        if_not_exists,
                    )
                    .await?;
                }
            }
            nothing()
        }
        SqlCommand::DropTable { name, if_exists, .. } => {
            let place = session.place(&name)?;
            match &place {
                Place::Temp(view) => {
                    session.drop_temp_view(view, false);
                }
                Place::Global(view) => {
                    session.drop_temp_view(view, true);
                }
                Place::Table(database, own) => {
                    if session.view(&place).is_some() {
                        return Err(SparkError::new("WRONG_COMMAND_FOR_OBJECT_TYPE")
                            .with("operation", "DROP TABLE")
                            .with("requiredType", "EXTERNAL or MANAGED")
                            .with("objectName", format!("spark_catalog.{database}.{own}"))
                            .with("foundType", "VIEW")
                            .with("alternative", "DROP VIEW"));
                    }
                    if !session.remove_table(database, own)? && !if_exists {
                        return Err(SparkError::new("TABLE_OR_VIEW_NOT_FOUND").with("relationName", quoted(&name)));
                    }
                }
            }
            nothing()
        }
        SqlCommand::DropView { name, if_exists } => {
            let place = session.place(&name)?;
            let dropped = match &place {
                Place::Temp(view) => session.drop_temp_view(view, false),
                Place::Global(view) => session.drop_temp_view(view, true),
                Place::Table(database, view) => session.remove_view(database, view),
            };
            if !dropped && !if_exists {
                return Err(SparkError::new("TABLE_OR_VIEW_NOT_FOUND").with("relationName", quoted(&name)));
            }
            nothing()
        }
        SqlCommand::CreateDatabase { name, if_not_exists, comment, location, .. } => {
            session.create_database(name.last().map_or("", String::as_str), comment, location, if_not_exists)?;
            nothing()
        }
        SqlCommand::DropDatabase { name, if_exists, cascade } => {
            session.drop_database(name.last().map_or("", String::as_str), if_exists, cascade)?;
            nothing()
        }
        SqlCommand::Use { name } => {
            session.use_database(name.last().map_or("", String::as_str))?;
            nothing()
        }
        SqlCommand::SetCatalog { name } if name == catalog::CATALOG => nothing(),
        SqlCommand::Insert { table: target, mode, partition, columns, by_name, query, .. } => {
            if !partition.is_empty() || matches!(mode, InsertMode::ReplaceWhere(_)) {
                return Err(SparkError::unsupported(
                    "INSERT with PARTITION or REPLACE WHERE",
                    "Use df.write.partitionBy with partitionOverwriteMode=dynamic.",
                ));
            }
            let query = in_context(input, *query);
            let overwrite = mode == InsertMode::Overwrite;
            if columns.is_empty() && !by_name {
                table::insert(session, &target, query, overwrite, operation).await?;
            } else {
                let (_, _, own) = table::existing(session, &target)?;
                let query = if columns.is_empty() {
                    query
                } else {
                    let renamed = pb::ToDf { input: Some(Box::new(query)), column_names: columns };
                    pb::Relation { common: None, rel_type: Some(RelType::ToDf(Box::new(renamed))) }
                };
                table::store(session, &own, query, overwrite, vec![], operation).await?;
            }
            nothing()
        }
        SqlCommand::InsertDirectory { path, format, options, query, .. } => {
            let mut own = firesteel_sources::Options::default();
            for (key, value) in &options {
                own.set(key, value);
            }
            let path = path.or_else(|| own.get("path").map(str::to_string)).unwrap_or_default();
            let request = firesteel_sources::sink::WriteRequest {
                format,
                mode: firesteel_sources::sink::SaveMode::Overwrite,
                options: own,
                path,
                partition_by: vec![],
                bucket_by: vec![],
                sort_by: vec![],
                static_partitions: vec![],
            };
            super::write::save(session, request, in_context(input, *query), operation).await?;
            nothing()
        }
        SqlCommand::ShowTables { database, pattern } => show_tables(session, database, pattern.as_deref()),
        SqlCommand::ShowViews { database, pattern } => show_views(session, database, pattern.as_deref()),
        SqlCommand::ShowDatabases { pattern, .. } => {
            let names = session.database_names().into_iter().filter(|own| matches(own, pattern.as_deref())).collect();
            strings(&[("namespace", false)], vec![names])
        }
        SqlCommand::ShowCatalogs { pattern } => {
            let names =
                [catalog::CATALOG.to_string()].into_iter().filter(|own| matches(own, pattern.as_deref())).collect();
            strings(&[("catalog", false)], vec![names])
        }
        SqlCommand::ShowColumns { table, database } => {
            let parts = database.unwrap_or_default().into_iter().chain(table).collect::<Vec<_>>();
            let fields = session.fields(catalog::named(&quoted(&parts))).await?;
            strings(&[("col_name", false)], vec![fields.iter().map(|f| f.name().clone()).collect()])
        }
        SqlCommand::ShowFunctions { pattern, .. } => {
            let mut names: Vec<String> = firesteel_functions::registry::names().map(str::to_string).collect();
            names.retain(|own| matches(own, pattern.as_deref()));
            names.sort();
            strings(&[("function", false)], vec![names])
        }
        SqlCommand::ShowCurrentNamespace => strings(
            &[("catalog", false), ("namespace", false)],
            vec![vec![catalog::CATALOG.into()], vec![session.views.current_database()]],
        ),
        SqlCommand::DescribeTable { table, column: None, as_json: false, extended, .. } => {
            let fields = session.fields(catalog::named(&quoted(&table))).await?;
            let place = session.place(&table)?;
            describe(&fields, session.table(&place), extended, &place)
        }
        SqlCommand::DescribeQuery { query } => {
            let fields = session.fields(in_context(input, *query)).await?;
            describe(&fields, None, false, &Place::Temp(String::new()))
        }
        SqlCommand::SetAll { .. } => {
            let (keys, values) = session.conf().get_all(None).into_iter().unzip();
            strings(&[("key", false), ("value", false)], vec![keys, values])
        }
        SqlCommand::ShowSetting { key } => {
            let value = session.conf().lookup(&key).unwrap_or_else(|| "<undefined>".into());
            strings(&[("key", false), ("value", false)], vec![vec![key], vec![value]])
        }
        SqlCommand::SetSetting { key, value } => {
            session.conf().set(&key, &value)?;
            strings(&[("key", false), ("value", false)], vec![vec![key], vec![value]])
        }
        SqlCommand::SetTimeZone { zone } => {
            match zone {
                Some(zone) => session.conf().set("spark.sql.session.timeZone", &zone).map(|_| ())?,
                None => session.conf().unset("spark.sql.session.timeZone")?,
            }
            let value = session.conf().lookup("spark.sql.session.timeZone").unwrap_or_default();
            strings(&[("key", false), ("value", false)], vec![vec!["spark.sql.session.timeZone".into()], vec![value]])
        }
        SqlCommand::Reset { key } => {
            match key {
                Some(key) => session.conf().unset(&key)?,
                None => {
                    for (key, _) in session.conf().get_all(Some("spark.sql.")) {
                        session.conf().unset(&format!("spark.sql.{key}"))?;
                    }
                }
            }
            nothing()
        }
        SqlCommand::CacheTable { table, lazy, query, .. } => {
            if let Some(query) = query {
                let query = in_context(input, *query);
                let columns = session.fields(query.clone()).await?;
                let view = View { plan: Arc::new(query), columns, renamed: false, comment: None };
                session.create_temp_view(table.last().map_or("", String::as_str), view, false, false)?;
            }
            let relation = catalog::named(&quoted(&table));
            session.fields(relation.clone()).await?;
            session.cache.persist(&relation, crate::cache::default_level());
            if !lazy {
                session.plan(relation).await?;
            }
            nothing()
        }
        SqlCommand::UncacheTable { table, if_exists } => {
            let relation = catalog::named(&quoted(&table));
            if !if_exists {
                session.fields(relation.clone()).await?;
            }
            session.cache.unpersist(&relation);
            nothing()
        }
        SqlCommand::ClearCache => {
            session.cache.clear();
            nothing()
        }
        SqlCommand::RefreshTable { table } => {
            session.fields(catalog::named(&quoted(&table))).await.and_then(|_| nothing())
        }
        // Files are listed anew by every query.
        SqlCommand::RefreshPath { .. } => nothing(),
        SqlCommand::Explain { mode, statement } => explain(session, mode, statement, input).await,
        SqlCommand::ShowTblProperties { table: target, key } => {
            let (_, _, own) = table::existing(session, &target)?;
            let rows = own.properties.into_iter().filter(|(own, _)| key.as_ref().is_none_or(|key| key == own));
            let (keys, values) = rows.unzip();
            strings(&[("key", false), ("value", false)], vec![keys, values])
        }
        SqlCommand::DescribeDatabase { name: parts, .. } => {
            let own = parts.last().cloned().unwrap_or_default();
            let database = session.database(&own)?;
            let rows = [
                ("Catalog Name", catalog::CATALOG.to_string()),
                ("Namespace Name", own),
                ("Comment", database.comment),
                ("Location", format!("file:{}", database.location)),
                ("Owner", session.user().to_string()),
            ];
            let (names, values) = rows.into_iter().map(|(n, v)| (n.to_string(), v)).unzip();
            strings(&[("info_name", false), ("info_value", true)], vec![names, values])
        }
        other => {
            let word = format!("{other:?}");
            let word = word.split([' ', '{', '(']).next().unwrap_or_default().to_string();
            Err(SparkError::unsupported(format!("the statement {word}"), "The DataFrame API may offer what it does."))
        }
    }
}

fn permanent(session: &Session, parts: &[String]) -> Result<Place> {
    match parts {
        [own] => Ok(Place::Table(session.views.current_database(), own.to_lowercase())),
        _ => session.place(parts),
    }
}

fn renamed_fields(view: &[String], fields: &Fields, columns: &[(String, Option<String>)]) -> Result<Fields> {
    if fields.len() != columns.len() {
        let kind = if columns.len() > fields.len() {
            "CREATE_VIEW_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS"
        } else {
            "CREATE_VIEW_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"
        };
        return Err(SparkError::new(kind)
            .with("viewName", quoted(view))
            .with("viewColumns", columns.iter().map(|(name, _)| name::quote(name)).collect::<Vec<_>>().join(", "))
            .with("dataColumns", fields.iter().map(|f| name::quote(f.name())).collect::<Vec<_>>().join(", ")));
    }
    Ok(fields.iter().zip(columns).map(|(field, (name, _))| Arc::new(field.as_ref().clone().with_name(name))).collect())
}

fn definitions(columns: &[firesteel_plan::sql::command::ColumnDefinition]) -> Result<Fields> {
    let mut fields: Vec<Field> = vec![];
    for column in columns {
        if column.default.is_some() {
            return Err(SparkError::unsupported("DEFAULT values of columns", "Give the value in the INSERT."));
        }
        let mut metadata = HashMap::new();
        if let Some(comment) = &column.comment {
            metadata = json::metadata(&serde_json::json!({ "comment": comment }).to_string())?;
        }
        fields.push(proto::decode_field(&column.name, &column.data_type, column.nullable, metadata)?);
    }
    Ok(Fields::from(fields))
}

fn partitions_last(fields: &Fields, partition_by: &[String]) -> Fields {
    let is_partition = |field: &&Arc<Field>| partition_by.iter().any(|own| own.eq_ignore_ascii_case(field.name()));
    let data = fields.iter().filter(|field| !is_partition(field));
    data.chain(fields.iter().filter(is_partition)).cloned().collect()
}

fn show_tables(session: &Session, database: Option<Vec<String>>, pattern: Option<&str>) -> Answer {
    let database = database
        .and_then(|parts| parts.last().map(|own| own.to_lowercase()))
        .unwrap_or_else(|| session.views.current_database());
    let own = session.database(&database)?;
    let mut rows: Vec<(String, String, bool)> =
        own.tables.keys().chain(own.views.keys()).map(|table| (database.clone(), table.clone(), false)).collect();
    rows.extend(session.temp_view_names().into_iter().map(|view| (String::new(), view, true)));
    rows.retain(|(_, table, _)| matches(table, pattern));
    rows.sort();
    let schema = Arc::new(arrow::datatypes::Schema::new(vec![
        Field::new("namespace", DataType::Utf8, false),
        Field::new("tableName", DataType::Utf8, false),
        Field::new("isTemporary", DataType::Boolean, false),
    ]));
    let columns: Vec<arrow::array::ArrayRef> = vec![
        Arc::new(arrow::array::StringArray::from_iter_values(rows.iter().map(|row| &row.0))),
        Arc::new(arrow::array::StringArray::from_iter_values(rows.iter().map(|row| &row.1))),
        Arc::new(arrow::array::BooleanArray::from_iter(rows.iter().map(|row| Some(row.2)))),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?;
    Ok((schema, vec![batch]))
}

fn show_views(session: &Session, database: Option<Vec<String>>, pattern: Option<&str>) -> Answer {
    let database = database
        .and_then(|parts| parts.last().map(|own| own.to_lowercase()))
        .unwrap_or_else(|| session.views.current_database());
    let own = session.database(&database)?;
    let mut rows: Vec<(String, String, bool)> =
        own.views.keys().map(|view| (database.clone(), view.clone(), false)).collect();
    rows.extend(session.temp_view_names().into_iter().map(|view| (String::new(), view, true)));
    rows.retain(|(_, view, _)| matches(view, pattern));
    let schema = Arc::new(arrow::datatypes::Schema::new(vec![
        Field::new("namespace", DataType::Utf8, false),
        Field::new("viewName", DataType::Utf8, false),
        Field::new("isTemporary", DataType::Boolean, false),
    ]));
    let columns: Vec<arrow::array::ArrayRef> = vec![
        Arc::new(arrow::array::StringArray::from_iter_values(rows.iter().map(|row| &row.0))),
        Arc::new(arrow::array::StringArray::from_iter_values(rows.iter().map(|row| &row.1))),
        Arc::new(arrow::array::BooleanArray::from_iter(rows.iter().map(|row| Some(row.2)))),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?;
    Ok((schema, vec![batch]))
}

fn describe(fields: &Fields, table: Option<crate::catalog::Table>, extended: bool, place: &Place) -> Answer {
    let mut rows: Vec<(String, String, Option<String>)> =
        fields.iter().map(|field| (field.name().clone(), name::simple_of_field(field), json::comment(field))).collect();
    if let Some(table) = &table {
        if !table.partition_columns.is_empty() {
            rows.push(("# Partition Information".into(), String::new(), Some(String::new())));
            rows.push(("# col_name".into(), "data_type".into(), Some("comment".into())));
            let is_partition =
                |field: &&Arc<Field>| table.partition_columns.iter().any(|own| own.eq_ignore_ascii_case(field.name()));
            rows.extend(
                fields
                    .iter()
                    .filter(is_partition)
                    .map(|f| (f.name().clone(), name::simple_of_field(f), json::comment(f))),
            );
        }
        if extended {
            rows.push((String::new(), String::new(), Some(String::new())));
            rows.push(("# Detailed Table Information".into(), String::new(), Some(String::new())));
            rows.push(("Catalog".into(), catalog::CATALOG.into(), Some(String::new())));
            if let Place::Table(database, own) = place {
                rows.push(("Database".into(), database.clone(), Some(String::new())));
                rows.push(("Table".into(), own.clone(), Some(String::new())));
            }
            rows.push(("Type".into(), if table.managed { "MANAGED" } else { "EXTERNAL" }.into(), Some(String::new())));
            rows.push(("Provider".into(), table.format.clone(), Some(String::new())));
            rows.push(("Location".into(), format!("file:{}", table.location), Some(String::new())));
        }
    }
    let schema = Arc::new(arrow::datatypes::Schema::new(vec![
        Field::new("col_name", DataType::Utf8, false),
        Field::new("data_type", DataType::Utf8, false),
        Field::new("comment", DataType::Utf8, true),
    ]));
    let columns: Vec<arrow::array::ArrayRef> = vec![
        Arc::new(arrow::array::StringArray::from_iter_values(rows.iter().map(|row| &row.0))),
        Arc::new(arrow::array::StringArray::from_iter_values(rows.iter().map(|row| &row.1))),
        Arc::new(rows.iter().map(|row| row.2.clone()).collect::<arrow::array::StringArray>()),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?;
    Ok((schema, vec![batch]))
}

async fn explain(session: &Session, mode: ExplainMode, target: ExplainTarget, input: &pb::Relation) -> Answer {
    use pb::analyze_plan_request::explain::ExplainMode as Mode;
    let mode = match mode {
        ExplainMode::Simple => Mode::Simple,
        ExplainMode::Extended => Mode::Extended,
        ExplainMode::Codegen => Mode::Codegen,
        ExplainMode::Cost => Mode::Cost,
        ExplainMode::Formatted => Mode::Formatted,
    };
    let text = match target {
        ExplainTarget::Query(query) => crate::explain::text(session, in_context(input, *query), mode).await?,
        ExplainTarget::Command(mut command) => match command.query_mut() {
            Some(query) => crate::explain::text(session, in_context(input, query.clone()), mode).await?,
            None => "== Physical Plan ==\nExecute command\n".to_string(),
        },
    };
    strings(&[("plan", true)], vec![vec![text]])
}
