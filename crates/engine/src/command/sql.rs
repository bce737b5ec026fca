//! `spark.sql(text)`: queries are handed back as relations, statements run at once. Which file runs what, in one match.

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use firesteel_functions::kernel::from_arrow;
use firesteel_plan::sql::command::{CommentTarget, ExplainMode, ExplainTarget, HiveClauses, InsertMode, SqlCommand};
use firesteel_plan::sql::{self, Statement};
use firesteel_protocol::connect::{self as pb, execute_plan_response::ResponseType, relation::RelType};
use firesteel_protocol::types::{json, name};
use firesteel_protocol::{Result, SparkError};
use futures::future::BoxFuture;

use super::insert::{Columns, Insert};
use super::statistics::Analyze;
use super::view::NewView;
use super::{
    alter, cached, column, create_table, database, describe, drop, function, insert, load, metric_view, partition,
    resource, setting, show, statistics, variable, view, write,
};
use crate::catalog::rows::{self, Rows, cells, maybe, nothing, text};
use crate::catalog::{CATALOG, Found, Search, call, expect_table, hive, quote_parts};
use crate::{OperationHandle, Session};

/// Runs a SQL text. The answer is a relation: the query itself, or a command's rows.
pub async fn run(session: &Session, message: pb::SqlCommand, operation: OperationHandle) -> Result<Vec<ResponseType>> {
    let input = match message.input {
        Some(input) => input,
        None => {
            #[expect(deprecated, reason = "clients before 4.0 send the text here")]
            let sql = pb::Sql {
                query: message.sql,
                args: message.args.into_iter().collect(),
                pos_args: message.pos_args,
                named_arguments: message.named_arguments.into_iter().collect(),
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
        Statement::Command(command) => match *command {
            SqlCommand::ExecuteImmediate { text, into, using } if into.is_empty() => {
                let sql = super::variable::immediate(session, *text, using, text_of(&input)).await?;
                let text = sql.query.clone();
                let input = in_context(&input, pb::Relation { common: None, rel_type: Some(RelType::Sql(sql)) });
                let message = pb::SqlCommand { input: Some(input), ..Default::default() };
                return boxed(session, message, operation).await.map_err(|error| immediately(error, &text));
            }
            command => {
                let place = Whole::of(&command);
                let drops = matches!(command, SqlCommand::DropTable { .. } | SqlCommand::DropView { .. });
                let rows = Box::pin(command_rows(session, command, &input, operation)).await;
                let (schema, batches) =
                    rows.map_err(|error| if drops { error } else { at_name(session, &input, place, error) })?;
                local(&schema, &batches)?
            }
        },
    };
    let result = pb::execute_plan_response::SqlCommandResult { relation: Some(relation) };
    Ok(vec![ResponseType::SqlCommandResult(result)])
}

/// Which part of a statement is the place of what is wrong with its columns and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    /// All of it.
    Statement,
    /// What stands before the query of an INSERT.
    Head,
    None,
}

impl Whole {
    fn of(command: &SqlCommand) -> Self {
        match command {
            SqlCommand::AlterTable { .. } | SqlCommand::DeclareVariable { .. } | SqlCommand::SetVariables { .. } => {
                Self::Statement
            }
            SqlCommand::DescribeTable { column: Some(_), .. } => Self::Statement,
            SqlCommand::Insert { .. } => Self::Head,
            _ => Self::None,
        }
    }

    fn has(self, condition: &str) -> bool {
        let family = condition.split('.').next().unwrap_or_default();
        match self {
            Self::Statement => {
                matches!(
                    family,
                    "UNRESOLVED_COLUMN"
                        | "NOT_SUPPORTED_CHANGE_COLUMN"
                        | "CAST_INVALID_INPUT"
                        | "CAST_OVERFLOW"
                        | "UNSUPPORTED_EXPR_FOR_OPERATOR"
                        | "INVALID_EXTRACT_BASE_FIELD_TYPE"
                )
            }
            Self::Head => matches!(family, "UNRESOLVED_COLUMN" | "CAST_INVALID_INPUT" | "_LEGACY_ERROR_TEMP_1012"),
            Self::None => false,
        }
    }
}

/// `UNRESOLVED_COLUMN` for a variable that is no variable.
fn error_of_name(name: &str) -> SparkError {
    SparkError::new("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION").with("objectName", name)
}

/// The text of a statement.
fn text_of(input: &pb::Relation) -> Option<&str> {
    let root = match &input.rel_type {
        Some(RelType::WithRelations(with)) => with.root.as_deref().and_then(|root| root.rel_type.as_ref()),
        other => other.as_ref(),
    };
    match root {
        Some(RelType::Sql(sql)) if !sql.query.is_empty() => Some(&sql.query),
        _ => None,
    }
}

/// An error of the text that EXECUTE IMMEDIATE runs.
fn immediately(error: SparkError, text: &str) -> SparkError {
    if error.is_syntax() {
        let all = firesteel_protocol::QueryContext::Sql {
            text: text.into(),
            start: 0,
            stop: text.chars().count().saturating_sub(1),
            line: 1,
            column: 0,
            object_type: "EXECUTE IMMEDIATE".into(),
            object_name: String::new(),
        };
        return if error.condition() == "PARSE_EMPTY_STATEMENT" { error } else { error.embedded(all) };
    }
    if error.condition() == "UNBOUND_SQL_PARAMETER" {
        return error;
    }
    error.of_object("EXECUTE IMMEDIATE", "")
}

/// An error about a table or view that the statement names, with the place of the name.
fn at_name(session: &Session, input: &pb::Relation, place: Whole, error: SparkError) -> SparkError {
    let root = match &input.rel_type {
        Some(RelType::WithRelations(with)) => with.root.as_deref().and_then(|root| root.rel_type.as_ref()),
        other => other.as_ref(),
    };
    let (Some(RelType::Sql(text)), None) = (root, error.context()) else { return error };
    if place.has(error.condition()) {
        let ctx = session.resolve_context();
        let resolver = firesteel_plan::Resolver::new(&ctx);
        let sql_ctx = firesteel_plan::relation::with_arguments(resolver.sql_context(), text);
        return match sql::place_of_statement(&text.query, place == Whole::Head, &sql_ctx) {
            Some(place) => error.with_context(place),
            None => error,
        };
    }
    let parameter = match error.condition().split('.').next() {
        Some("TABLE_OR_VIEW_NOT_FOUND") => "relationName",
        Some("EXPECT_TABLE_NOT_VIEW" | "EXPECT_PERMANENT_VIEW_NOT_TEMP") => "viewName",
        Some("EXPECT_VIEW_NOT_TABLE") => "tableName",
        Some("UNRESOLVED_VARIABLE") => "variableName",
        Some("UNRESOLVED_COLUMN") if place == Whole::None => "objectName",
        Some("UNRESOLVED_ROUTINE") => "routineName",
        Some("_LEGACY_ERROR_TEMP_1256") => "functionName",
        _ => return error,
    };
    let ctx = session.resolve_context();
    let resolver = firesteel_plan::Resolver::new(&ctx);
    let sql_ctx = firesteel_plan::relation::with_arguments(resolver.sql_context(), text);
    let find = |name: &str| sql::place_of_name(&text.query, name, &sql_ctx);
    // A name is told in full, and written shorter.
    let place = error.param(parameter).and_then(|name| {
        let parts = sql::parse_column_name(name).unwrap_or_default();
        let quoted = |from: usize| quote_parts(&parts[from..]);
        find(name).or_else(|| (1..parts.len()).find_map(|from| find(&quoted(from))))
    });
    match place {
        Some(place) => error.with_context(place),
        None => error,
    }
}

/// [`at_name`] for a step of a script.
pub(super) fn placed(session: &Session, input: &pb::Relation, command: &SqlCommand, error: SparkError) -> SparkError {
    at_name(session, input, Whole::of(command), error)
}

pub(super) fn statement(session: &Session, input: &pb::Relation) -> Result<Statement> {
    let text = match &input.rel_type {
        Some(RelType::Sql(text)) => text,
        Some(RelType::WithRelations(with)) => match with.root.as_deref().and_then(|root| root.rel_type.as_ref()) {
            Some(RelType::Sql(text)) => text,
            _ => return Err(SparkError::internal("a SQL command without text")),
        },
        _ => return Err(SparkError::internal("a SQL command without text")),
    };
    let ctx = session.resolve_context();
    let resolver = firesteel_plan::Resolver::new(&ctx);
    let sql_ctx = firesteel_plan::relation::with_arguments(resolver.sql_context(), text);
    sql::parse_statement(&resolver.substituted(&text.query), &sql_ctx)
}

/// [`run`] where a statement runs another one.
fn boxed(
    session: &Session,
    message: pb::SqlCommand,
    operation: OperationHandle,
) -> BoxFuture<'_, Result<Vec<ResponseType>>> {
    Box::pin(run(session, message, operation))
}

/// [`command_rows`] where a script runs a command.
pub(super) fn boxed_rows<'a>(
    session: &'a Session,
    command: SqlCommand,
    input: &'a pb::Relation,
    operation: OperationHandle,
) -> BoxFuture<'a, Result<Rows>> {
    Box::pin(command_rows(session, command, input, operation))
}

/// What a command of a script shows.
pub(super) async fn answer(
    session: &Session,
    command: SqlCommand,
    input: &pb::Relation,
    operation: OperationHandle,
) -> Result<Option<(SchemaRef, Vec<RecordBatch>)>> {
    if let SqlCommand::ExecuteImmediate { text, into, using } = &command
        && into.is_empty()
    {
        let sql = super::variable::immediate(session, text.as_ref().clone(), using.clone(), text_of(input)).await?;
        let text = sql.query.clone();
        let relation = pb::Relation { common: None, rel_type: Some(RelType::Sql(sql)) };
        // The text does not see the variables of the script.
        let nothing = crate::variables::Frames::default();
        let run = crate::variables::FRAMES.scope(nothing, async {
            match statement(session, &relation)? {
                Statement::Query(_) => {
                    let planned = session.plan(relation).await?;
                    session.collect(planned, operation).await.map(Some)
                }
                Statement::Command(command) => boxed_rows(session, *command, &relation, operation).await.map(Some),
            }
        });
        return run.await.map_err(|error| immediately(error, &text));
    }
    boxed_rows(session, command, input, operation).await.map(Some)
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

/// Statements that define or change something, then [`inquiry`].
async fn command_rows(
    session: &Session,
    command: SqlCommand,
    input: &pb::Relation,
    operation: OperationHandle,
) -> Result<Rows> {
    match command {
        SqlCommand::CreateView {
            name,
            columns,
            query,
            text,
            temporary,
            global,
            replace,
            if_not_exists,
            comment,
            properties,
            schema_mode,
        } => {
            let new = NewView {
                name,
                columns,
                text,
                temporary,
                global,
                replace,
                if_not_exists,
                comment,
                properties,
                schema_mode,
            };
            view::create_sql(session, new, in_context(input, *query)).await?;
        }
        SqlCommand::CreateMetricView(new) => metric_view::create(session, new).await?,
        SqlCommand::CreateTempViewUsing { name, columns, format, options, global, replace } => {
            let schema = match columns.is_empty() {
                true => None,
                false => Some(name::ddl(&column::definitions(session, &columns, "CREATE TEMPORARY VIEW").await?)),
            };
            let options = options.into_iter().collect();
            let source = pb::read::DataSource { format: Some(format), schema, options, ..Default::default() };
            view::create_using(session, &name, source, global, replace).await?;
        }
        SqlCommand::CreateTable { name, query, replace: true, .. } => {
            let operation = if query.is_some() { "REPLACE TABLE AS SELECT" } else { "REPLACE TABLE" };
            return Err(create_table::refused(session, &name, operation)?);
        }
        SqlCommand::CreateTable { name, spec, query, if_not_exists, external, .. } => {
            let query = query.map(|query| in_context(input, *query));
            create_table::sql(session, &name, *spec, query, if_not_exists, external, operation).await?;
        }
        SqlCommand::CreateTableLike { name, source, spec, if_not_exists } => {
            create_table::like(session, &name, &source, *spec, if_not_exists)?;
        }
        SqlCommand::DropTable { name, if_exists, .. } => drop::table(session, &name, if_exists)?,
        SqlCommand::DropView { name, if_exists } => drop::view(session, &name, if_exists)?,
        SqlCommand::CreateDatabase { name, if_not_exists, comment, location, properties } => {
            database::create(session, &name, comment, location, properties, if_not_exists)?;
        }
        SqlCommand::DropDatabase { name, if_exists, cascade } => database::drop(session, &name, if_exists, cascade)?,
        SqlCommand::AlterDatabaseProperties { name, properties } => {
            database::set_properties(session, &name, properties)?;
        }
        SqlCommand::AlterDatabaseUnset { name, keys } => database::unset_properties(session, &name, &keys)?,
        SqlCommand::AlterDatabaseLocation { name, location } => database::set_location(session, &name, &location)?,
        SqlCommand::Use { name } => database::use_database(session, &name)?,
        SqlCommand::SetCatalog { name } => call::set_catalog(&name)?,
        SqlCommand::Insert { mode: InsertMode::ReplaceWhere(_), table, .. } => {
            let found = session.find(&table, Search::Everywhere)?.1;
            let identifier = match found {
                Found::Table(table) => table.quoted(),
                Found::Temp(_) => quote_parts(&table),
            };
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1012").with("identifier", identifier));
        }
        SqlCommand::Insert { table, mode: InsertMode::ReplaceRows, .. } => {
            return Err(row_change(session, &table, "INSERT INTO ... REPLACE ON/USING")?);
        }
        SqlCommand::Insert { table, mode: InsertMode::WithSchemaEvolution, .. } => {
            session.find(&table, Search::Everywhere)?;
            return Err(SparkError::new("UNSUPPORTED_INSERT_WITH_SCHEMA_EVOLUTION").placeless());
        }
        SqlCommand::Insert { table, mode, partition, if_partition_not_exists, columns, by_name, options, query } => {
            let columns = match (by_name, columns.is_empty()) {
                (true, _) => Columns::Name,
                (false, true) => Columns::Position,
                (false, false) => Columns::Listed(columns),
            };
            let overwrite = mode == InsertMode::Overwrite;
            let insert = Insert { table, overwrite, partition, if_partition_not_exists, columns, options };
            insert::run(session, insert, in_context(input, *query), operation).await?;
        }
        SqlCommand::Inserts(inserts) => {
            for insert in inserts {
                boxed_rows(session, insert, input, operation.clone()).await?;
            }
        }
        SqlCommand::InsertDirectory { path, format: None, hive, query, .. } => {
            let (format, options) = hive_folder(session, &hive.unwrap_or_default())?;
            insert_directory(session, path, Some(format), &options, in_context(input, *query), operation).await?;
        }
        SqlCommand::LoadData { path, local, overwrite, table, partition } => {
            load::run(session, &table, load::Load { path, local, overwrite, partition }).await?;
        }
        SqlCommand::InsertDirectory { path, format, options, query, .. } => {
            insert_directory(session, path, format, &options, in_context(input, *query), operation).await?;
        }
        SqlCommand::DeclareVariable { names, data_type, default, text, replace } => {
            let twice = names.iter().enumerate().find(|(index, own)| {
                names[..*index].iter().any(|known| known.join(".").eq_ignore_ascii_case(&own.join(".")))
            });
            if let Some((_, own)) = twice {
                return Err(variable::declared_twice(own));
            }
            for name in names {
                let default = default.as_deref().cloned();
                let (data_type, shown) = (data_type.clone(), text.clone());
                variable::declare(session, &name, data_type, default, shown, replace, text_of(input)).await?;
            }
        }
        SqlCommand::DropVariable { name, if_exists } => {
            variable::drop(session, &name, if_exists)?;
        }
        SqlCommand::SetVariables { assignments } => {
            variable::assign(session, assignments, text_of(input)).await?;
        }
        SqlCommand::SetVariablesFromQuery { names, query } => {
            variable::assign_row(session, names, in_context(input, *query)).await?;
        }
        SqlCommand::ExecuteImmediate { text, into, using } => {
            let sql = variable::immediate(session, *text, using, text_of(input)).await?;
            let query = pb::Relation { common: None, rel_type: Some(RelType::Sql(sql)) };
            if let Statement::Command(_) = statement(session, &query)? {
                let text = match &query.rel_type {
                    Some(RelType::Sql(sql)) => sql.query.clone(),
                    _ => String::new(),
                };
                return Err(
                    SparkError::new("INVALID_STATEMENT_FOR_EXECUTE_INTO").with("sqlString", text.to_uppercase())
                );
            }
            for (index, parts) in into.iter().enumerate() {
                variable::known(session, parts).map_err(|error| match error.param("variableName") {
                    Some(name) => at_name(session, input, Whole::None, error_of_name(name)),
                    None => error,
                })?;
                if into[..index].iter().any(|earlier| earlier.join(".").eq_ignore_ascii_case(&parts.join("."))) {
                    let list = quote_parts(parts);
                    return Err(SparkError::new("DUPLICATE_ASSIGNMENTS").with("nameList", list));
                }
            }
            variable::assign_row(session, into, in_context(input, query)).await?;
        }
        SqlCommand::Script(block) => {
            if let Some(output) = Box::pin(super::script::run(session, *block, text_of(input), operation)).await? {
                return Ok(output);
            }
        }
        SqlCommand::CreateSqlFunction { name, function, temporary, replace, if_not_exists } => {
            let creation = super::routine::Creation { temporary, replace, if_not_exists };
            super::routine::create(session, &name, *function, creation).await?;
        }
        SqlCommand::TruncateTable { table, partition } => partition::truncate(session, &table, &partition).await?,
        SqlCommand::AlterTable { name, alteration } => alter::table(session, &name, alteration).await?,
        SqlCommand::AlterView { name, alteration } => {
            view::alter(session, &name, alteration, |query| in_context(input, query)).await?;
        }
        SqlCommand::RepairTable { table, add, drop } => {
            partition::repair(session, &table, "MSCK REPAIR TABLE", add, drop)?;
        }
        SqlCommand::CommentOn { target: CommentTarget::Table, name, comment } => {
            alter::comment(session, &name, comment)?;
        }
        SqlCommand::CommentOn { target: CommentTarget::Database, name, comment } => {
            database::comment(session, &name, comment)?;
        }
        SqlCommand::AnalyzeTable { table, partition, noscan, columns } => {
            statistics::table(session, &table, Analyze { partition, noscan, columns }).await?;
        }
        SqlCommand::AnalyzeTables { database, noscan } => {
            statistics::tables(session, database.as_deref(), noscan).await?;
        }
        SqlCommand::RowChange { table, operation, checks } => {
            for check in checks {
                let check = in_context(input, check);
                session.resolving(move |_, resolver| resolver.query(&check).map(|_| ())).await?;
            }
            return Err(row_change(session, &table, operation)?);
        }
        SqlCommand::Reset { key } => setting::reset(session, key.as_deref())?,
        SqlCommand::CacheTable { table, lazy, options, query, .. } => {
            let query = query.map(|query| in_context(input, *query));
            cached::cache(session, &table, lazy, &options, query).await?;
        }
        SqlCommand::UncacheTable { table, if_exists } => cached::uncache(session, &table, if_exists)?,
        SqlCommand::ClearCache => session.cache.clear(),
        SqlCommand::AddResource { kind, paths } => resource::add(session, &kind, &paths)?,
        SqlCommand::RefreshTable { table } => cached::refresh(session, &table)?,
        SqlCommand::RefreshPath { path } => cached::refresh_path(session, &path)?,
        SqlCommand::CreateFunction { name, class, temporary, replace, if_not_exists } => {
            function::create(session, &name, &class, temporary, replace, if_not_exists)?;
        }
        SqlCommand::DropFunction { name, temporary, if_exists } => {
            match temporary && super::routine::is_temporary(session, &name) {
                true => super::routine::drop_temporary(session, &name),
                false => function::drop(session, &name, temporary, if_exists)?,
            }
        }
        SqlCommand::RefreshFunction { name } => function::refresh(session, &name)?,
        other => return inquiry(session, other, input).await,
    }
    nothing()
}

/// Statements that show something.
async fn inquiry(session: &Session, command: SqlCommand, input: &pb::Relation) -> Result<Rows> {
    match command {
        SqlCommand::ShowTables { database, pattern } => show::tables(session, database.as_deref(), pattern.as_deref()),
        SqlCommand::ShowTableExtended { database, pattern, partition } => {
            show::table_extended(session, database.as_deref(), &pattern, partition.as_ref()).await
        }
        SqlCommand::ShowViews { database, pattern } => show::views(session, database.as_deref(), pattern.as_deref()),
        SqlCommand::ShowDatabases { parent, pattern } => {
            show::databases(session, parent.as_deref(), pattern.as_deref())
        }
        SqlCommand::ListResources { kind, paths } => resource::list(session, &kind, &paths),
        SqlCommand::ShowCollations { pattern } => show::collations(&pattern),
        SqlCommand::ShowCatalogs { pattern } => show::catalogs(pattern.as_deref()),
        SqlCommand::ShowColumns { table, database } => show::columns(session, &table, database.as_deref()),
        SqlCommand::ShowFunctions { scope, database, pattern } => {
            function::show(session, scope, database.as_deref(), pattern.as_deref())
        }
        SqlCommand::ShowPartitions { table, partition } => partition::show(session, &table, partition.as_ref()).await,
        SqlCommand::ShowCreateTable { table, as_serde } => show::create_table(session, &table, as_serde),
        SqlCommand::ShowTblProperties { table, key } => show::properties(session, &table, key.as_deref()),
        SqlCommand::ShowCurrentNamespace => rows::rows(
            &[text("catalog"), text("namespace")],
            [cells![CATALOG, name::quote_if_needed(&session.views.current_database())]],
        ),
        SqlCommand::DescribeTable { table, as_json: true, partition, .. } => {
            describe::as_json(session, &table, &partition).await
        }
        SqlCommand::DescribeTable { table, column: Some(column), extended, .. } => {
            describe::column(session, &table, &column, extended)
        }
        SqlCommand::DescribeTable { table, extended, partition, .. } => {
            describe::table(session, &table, extended, &partition).await
        }
        SqlCommand::DescribeQuery { query } => describe::query(&session.fields(in_context(input, *query)).await?),
        SqlCommand::DescribeDatabase { name, extended } => database::describe(session, &name, extended),
        SqlCommand::DescribeFunction { name, extended } => function::describe(session, &name, extended),
        SqlCommand::SetAll { verbose } => setting::all(session, verbose),
        SqlCommand::ShowSetting { key } => setting::show(session, &key),
        SqlCommand::SetSetting { key, value } => setting::set(session, &key, value),
        SqlCommand::SetTimeZone { zone } => setting::time_zone(session, zone),
        SqlCommand::Explain { mode, statement } => explain(session, mode, statement, input).await,
        other => {
            let word = format!("{other:?}");
            let word = word.split([' ', '{', '(']).next().unwrap_or_default().to_string();
            Err(SparkError::unsupported(format!("the statement {word}"), "The DataFrame API may offer what it does."))
        }
    }
}

/// `df.mergeInto(..)`: no table here takes it, as none of Spark's own does.
pub(super) fn refused_merge(session: &Session, merge: &pb::MergeIntoTableCommand) -> Result<SparkError> {
    if merge.match_actions.is_empty()
        && merge.not_matched_actions.is_empty()
        && merge.not_matched_by_source_actions.is_empty()
    {
        return Ok(SparkError::new("NO_MERGE_ACTION_SPECIFIED").raised_as("USER_RAISED_EXCEPTION"));
    }
    let table = firesteel_plan::sql::parse_column_name(&merge.target_table_name)?;
    row_change(session, &table, "MERGE INTO TABLE")
}

/// DELETE, UPDATE, MERGE: files cannot.
fn row_change(session: &Session, parts: &[String], operation: &str) -> Result<SparkError> {
    Ok(match session.find(parts, Search::Everywhere)?.1 {
        Found::Table(table) if !table.is_view() => create_table::unsupported(&table.quoted(), operation),
        Found::Table(view) => expect_table(operation, &view.quoted()),
        Found::Temp(_) => expect_table(operation, &quote_parts(parts)),
    })
}

/// The format and options of a folder that Hive would write.
fn hive_folder(session: &Session, clauses: &HiveClauses) -> Result<(String, Vec<(String, String)>)> {
    let checked = hive::check_enabled(session, "INSERT OVERWRITE DIRECTORY with the Hive format");
    let named = clauses != &HiveClauses::default();
    checked.map_err(|error| if named { error.raised_as("UNRESOLVED_COLUMN").placeless() } else { error })?;
    let own = hive::of_clauses(session, clauses)?;
    Ok((own.format, own.properties.into_iter().collect()))
}

/// INSERT OVERWRITE DIRECTORY.
async fn insert_directory(
    session: &Session,
    path: Option<String>,
    format: Option<String>,
    options: &[(String, String)],
    query: pb::Relation,
    operation: OperationHandle,
) -> Result<()> {
    let mut own = firesteel_sources::Options::default();
    for (key, value) in options {
        own.set(key, value);
    }
    let path = path.or_else(|| own.get("path").map(str::to_string)).unwrap_or_default();
    let request = firesteel_sources::sink::WriteRequest {
        format,
        mode: firesteel_sources::sink::SaveMode::Overwrite,
        options: own,
        path,
        ..Default::default()
    };
    write::save(session, request, query, write::Store::Path, operation).await
}

async fn explain(session: &Session, mode: ExplainMode, target: ExplainTarget, input: &pb::Relation) -> Result<Rows> {
    use pb::analyze_plan_request::explain::ExplainMode as Mode;
    if let ExplainTarget::Command(command) = &target {
        let mut own = command.clone();
        let query = match (own.query_mut(), command.as_ref()) {
            (Some(query), _) => Some(query.clone()),
            (None, SqlCommand::CacheTable { table, .. }) => Some(crate::catalog::resolve::named(&quote_parts(table))),
            _ => None,
        };
        let mut words = crate::explain::command::Query::default();
        if let Some(query) = query {
            words.parsed = crate::explain::parsed_plan(&query).trim_end().to_string();
            if let Ok((plan, columns)) = analyzed(session, in_context(input, query)).await {
                words.analyzed = Some(plan);
                words.columns = columns;
            }
        }
        if let Some(told) = crate::explain::command::told(session, command, &words) {
            return rows::rows(&[maybe("plan")], [cells![told.text(mode)]]);
        }
    }
    let mode = match mode {
        ExplainMode::Simple => Mode::Simple,
        ExplainMode::Extended => Mode::Extended,
        ExplainMode::Codegen => Mode::Codegen,
        ExplainMode::Cost => Mode::Cost,
        ExplainMode::Formatted => Mode::Formatted,
    };
    let query = match target {
        ExplainTarget::Query(query) => Some(*query),
        ExplainTarget::Command(mut command) => command.query_mut().map(|query| query.clone()),
    };
    let explained = match query {
        Some(query) => match crate::explain::text(session, in_context(input, query.clone()), mode).await {
            Ok(text) => vec![text],
            Err(error) => crate::explain::failed(&query, error, mode)?,
        },
        None => vec!["== Physical Plan ==\nExecute command\n".to_string()],
    };
    rows::rows(&[maybe("plan")], explained.into_iter().map(|line| cells![line]))
}

/// The analyzed plan of a query in Spark's words, and its columns.
async fn analyzed(session: &Session, query: pb::Relation) -> Result<(String, Vec<String>)> {
    let told = |own: firesteel_plan::Relation| {
        let names = own.output.iter().map(|column| column.name().to_string()).collect();
        (crate::explain::logical_plan(&own.plan), names)
    };
    session.resolving(move |_, resolver| resolver.query(&query).map(told)).await
}
