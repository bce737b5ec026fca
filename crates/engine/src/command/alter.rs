//! ALTER TABLE, COMMENT ON TABLE. What Spark refuses for tables in files is refused here.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use firesteel_plan::relation::to_schema::all_nullable;
use firesteel_plan::sql::command::{Alteration, ColumnDefinition};
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::{collation, name, proto};
use firesteel_protocol::{Result, SparkError};
use serde_json::Value;

use super::create_table::unsupported;
use super::{column, partition};
use crate::Session;
use crate::catalog::hive::{self, Storage};
use crate::catalog::table::{CLUSTERING, Kind, Table, clustering_text};
use crate::catalog::{Found, Search, already_exists, expect_table, leftover, quote_parts};

/// ALTER TABLE.
pub async fn table(session: &Session, parts: &[String], alteration: Alteration) -> Result<()> {
    match alteration {
        Alteration::AddPartitions { partitions, if_not_exists } => {
            partition::add(session, parts, partitions, if_not_exists).await
        }
        Alteration::DropPartitions { partitions, if_exists, .. } => {
            partition::drop(session, parts, partitions, if_exists).await
        }
        Alteration::RenamePartition { from, to } => partition::rename(session, parts, &from, &to).await,
        Alteration::SetLocation { location, partition: Some(spec) } => {
            partition::set_location(session, parts, &spec, &location).await
        }
        Alteration::RecoverPartitions => {
            partition::repair(session, parts, "ALTER TABLE RECOVER PARTITIONS", true, false)
        }
        Alteration::RenameTo(to) => {
            // Here Spark names a view as it was written.
            match session.find(parts, Search::Session)?.1 {
                Found::Table(table) if !table.is_view() => rename(session, &table, &to),
                _ => Err(expect_table("ALTER TABLE", &quote_parts(parts))),
            }
        }
        Alteration::SetProperties(properties) => {
            hive::check_properties(session, &properties)?;
            let table = target(session, parts, "ALTER TABLE ... SET TBLPROPERTIES")?;
            let mut changed = table.as_ref().clone();
            changed.properties.extend(properties);
            session.store()?.update_table(&changed)
        }
        Alteration::UnsetProperties { keys, .. } => {
            let table = target(session, parts, "ALTER TABLE ... UNSET TBLPROPERTIES")?;
            let mut changed = table.as_ref().clone();
            changed.properties.retain(|key, _| !keys.contains(key));
            session.store()?.update_table(&changed)
        }
        Alteration::SetLocation { location, partition: None } => {
            let table = target(session, parts, "ALTER TABLE ... SET LOCATION ...")?;
            let changed = Table { location: session.absolute(&location)?, statistics: None, ..table.as_ref().clone() };
            session.store()?.update_table(&changed)?;
            partition::written(session, &table);
            Ok(())
        }
        Alteration::AddColumns { columns, one } => {
            let word = if one { "ALTER TABLE ... ADD COLUMN" } else { "ALTER TABLE ... ADD COLUMNS" };
            let table = target(session, parts, word)?;
            add_columns(session, &table, &columns).await
        }
        Alteration::ChangeColumn { column, data_type, comment, nullable, default } => {
            let table = target(session, parts, "ALTER TABLE ... CHANGE COLUMN")?;
            change_column(session, &table, &column, data_type, comment, nullable, default).await
        }
        Alteration::ClusterBy(columns) => {
            let table = target(session, parts, "ALTER TABLE ... CLUSTER BY")?;
            let columns = super::create_table::clustered(&table.columns, &columns)?;
            let mut changed = table.as_ref().clone();
            changed.properties.insert(CLUSTERING.into(), clustering_text(&columns));
            session.store()?.update_table(&changed)
        }
        Alteration::MoveColumn => {
            let table = target(session, parts, "ALTER TABLE ... ALTER COLUMN")?;
            Err(unsupported(&table.quoted(), "ALTER COLUMN ... FIRST | AFTER"))
        }
        Alteration::DropColumns { columns, if_exists } => {
            let table = target(session, parts, "ALTER TABLE ... DROP COLUMNS")?;
            if !if_exists {
                columns.iter().try_for_each(|column| known_column(&table, column))?;
            }
            Err(unsupported(&table.quoted(), "DROP COLUMN"))
        }
        Alteration::RenameColumn { from, .. } => {
            let table = target(session, parts, "ALTER TABLE ... RENAME COLUMN")?;
            known_column(&table, &from)?;
            Err(unsupported(&table.quoted(), "RENAME COLUMN"))
        }
        Alteration::ReplaceColumns => {
            Err(unsupported(&target(session, parts, "ALTER TABLE ... REPLACE COLUMNS")?.quoted(), "REPLACE COLUMNS"))
        }
        Alteration::Refused(what) => Err(unsupported(&target(session, parts, "ALTER TABLE")?.quoted(), what)),
        Alteration::SetSerde { class, properties } => {
            let table = target(session, parts, "ALTER TABLE ... SET [SERDE|SERDEPROPERTIES]")?;
            if let Some(storage) = &table.storage {
                let storage = Storage { serde: class, ..storage.clone() };
                let mut changed = table.as_ref().clone();
                changed.format = hive::source(&storage)?;
                changed.columns = hive::columns(&storage, &table.columns, &table.partition_columns, &table.quoted())?;
                changed.storage = Some(storage);
                changed.options.extend(properties);
                return session.store()?.update_table(&changed);
            }
            Err(SparkError::new("UNSUPPORTED_FEATURE.ALTER_TABLE_SERDE_FOR_DATASOURCE_TABLE")
                .with("tableName", table.quoted())
                .raised_as("UNRESOLVED_COLUMN"))
        }
        Alteration::SetOptions(options) => {
            let table = target(session, parts, "ALTER TABLE ... SET [SERDE|SERDEPROPERTIES]")?;
            let mut changed = table.as_ref().clone();
            changed.options.extend(options);
            session.store()?.update_table(&changed)
        }
        Alteration::SetQuery { .. } | Alteration::SetSchemaMode(_) => {
            Err(SparkError::internal("ALTER TABLE with what views have"))
        }
    }
}

/// `UNRESOLVED_COLUMN` for a name that no column has.
fn known_column(table: &Table, parts: &[String]) -> Result<()> {
    let known = |own: &&FieldRef| parts.first().is_some_and(|name| own.name().eq_ignore_ascii_case(name));
    if table.columns.iter().any(|field| known(&field)) {
        return Ok(());
    }
    let columns: Vec<String> = table.columns.iter().map(|field| name::quote(field.name())).collect();
    Err(SparkError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION")
        .with("objectName", quote_parts(parts))
        .with("proposal", columns.join(", ")))
}

fn target(session: &Session, parts: &[String], operation: &str) -> Result<Arc<Table>> {
    session.find_table(parts, Search::Session, operation)
}

/// RENAME TO of a table or permanent view, within its database.
pub fn rename(session: &Session, table: &Table, to: &[String]) -> Result<()> {
    let (database, new) = match to {
        [new] => (table.database.clone(), new),
        [.., database, new] => (database.to_lowercase(), new),
        [] => return Err(SparkError::internal("a table without a name")),
    };
    if database != table.database {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1073").with("db", &table.database).with("newDb", database));
    }
    let lower = new.to_lowercase();
    let store = session.store()?;
    let taken = || already_exists(format!("{}.{}", name::quote(&table.database), name::quote(new)));
    if store.table(&table.database, &lower)?.is_some() {
        return Err(taken());
    }
    // A managed table's folder has the table's name, unless it was moved.
    let own = session.table_folder(&session.database(&table.database)?, &table.name);
    let moves = table.kind == Kind::Managed && table.location == own;
    let location =
        if moves { session.table_folder(&session.database(&table.database)?, &lower) } else { table.location.clone() };
    if moves {
        if std::path::Path::new(&location).exists() {
            return Err(SparkError::new("LOCATION_ALREADY_EXISTS")
                .with("location", format!("'{}'", crate::catalog::uri(&location)))
                .with("identifier", crate::catalog::table::quoted(&table.database, new)));
        }
    }
    if !store.rename_table(table, &lower, &location)? {
        return Err(taken());
    }
    if moves {
        leftover::finish_move(&store, &location)?;
    }
    super::drop::forget(session, table);
    Ok(())
}

async fn add_columns(session: &Session, table: &Table, columns: &[ColumnDefinition]) -> Result<()> {
    if columns.iter().any(|column| !column.nullable) {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1052"));
    }
    let mut columns = columns.to_vec();
    if let Some(own) = table.default_collation() {
        columns.iter_mut().for_each(|column| collation::fill(&mut column.data_type, own));
    }
    let new = column::definitions(session, &columns, "ALTER TABLE ADD COLUMNS").await?;
    let mut seen: Vec<String> = table.columns.iter().map(|field| field.name().to_lowercase()).collect();
    for field in &new {
        let lower = field.name().to_lowercase();
        if seen.contains(&lower) {
            return Err(SparkError::new("COLUMN_ALREADY_EXISTS").with("columnName", name::quote(&lower)));
        }
        seen.push(lower);
    }
    let (partitions, data): (Vec<FieldRef>, Vec<FieldRef>) =
        table.columns.iter().cloned().partition(|field| table.is_partition_column(field.name()));
    let new = new.iter().map(|field| Arc::new(all_nullable(field)));
    let columns: Fields = data.into_iter().chain(new).chain(partitions).collect();
    session.store()?.update_table(&Table { columns, ..table.clone() })?;
    partition::written(session, table);
    Ok(())
}

async fn change_column(
    session: &Session,
    table: &Table,
    parts: &[String],
    data_type: Option<pb::DataType>,
    comment: Option<String>,
    nullable: Option<bool>,
    default: Option<Option<String>>,
) -> Result<()> {
    if parts.len() > 1 && table.columns.iter().any(|field| field.name().eq_ignore_ascii_case(&parts[0])) {
        return Err(unsupported(&table.quoted(), "ALTER COLUMN with qualified column"));
    }
    let found = match parts {
        [column] => table.columns.iter().find(|field| field.name().eq_ignore_ascii_case(column)),
        _ => None,
    };
    let Some(field) = found else {
        let columns: Vec<String> = table.columns.iter().map(|field| name::quote(field.name())).collect();
        return Err(SparkError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION")
            .with("objectName", quote_parts(parts))
            .with("proposal", columns.join(", ")));
    };
    if table.is_partition_column(field.name()) {
        return Err(SparkError::new("CANNOT_ALTER_PARTITION_COLUMN")
            .with("tableName", table.quoted())
            .with("columnName", name::quote(field.name())));
    }
    if nullable.is_some() {
        return Err(unsupported(&table.quoted(), "ALTER COLUMN ... SET NOT NULL"));
    }
    let mut collated = None;
    if let Some(data_type) = data_type {
        let wanted = proto::decode_field(field.name(), &data_type, true, std::collections::HashMap::new())?;
        let texts = |own: &Field| {
            let declared = firesteel_protocol::types::CHAR_VARCHAR_KEY;
            own.data_type() == &DataType::Utf8 && !own.metadata().contains_key(declared)
        };
        let same = texts(&wanted) && texts(field)
            || all_nullable(&wanted).data_type() == all_nullable(field).data_type()
                && name::simple_of_field(&wanted) == name::simple_of_field(field);
        if !same {
            let quoted = name::quote(field.name());
            return Err(SparkError::new("NOT_SUPPORTED_CHANGE_COLUMN")
                .with("table", table.quoted())
                .with("originName", &quoted)
                .with("originType", format!("\"{}\"", name::simple_of_field(field).to_uppercase()))
                .with("newName", &quoted)
                .with("newType", format!("\"{}\"", name::simple_of_field(&wanted).to_uppercase())));
        }
        // STRING alone leaves the collation as it is.
        let said = matches!(&data_type.kind, Some(pb::data_type::Kind::String(text)) if !text.collation.is_empty());
        collated = said.then(|| collation::of(wanted.metadata()).to_string());
    }
    let mut own = column::metadata(field);
    if let Some(comment) = comment {
        own.insert("comment".into(), Value::String(comment));
    }
    match default {
        Some(Some(text)) => {
            // Checked as for a new column; rows that are there keep what they have.
            column::default_value(session, field, &text, "ALTER TABLE ALTER COLUMN", &[]).await?;
            own.insert(column::CURRENT_DEFAULT.into(), Value::String(text));
        }
        Some(None) => {
            own.remove(column::CURRENT_DEFAULT);
        }
        None => {}
    }
    let mut changed = column::with_metadata(field, own)?;
    if let Some(wanted) = collated {
        let mut metadata = changed.metadata().clone();
        collation::record(&wanted, &mut metadata);
        changed = changed.with_metadata(metadata);
    }
    let changed = Arc::new(changed);
    let replace = |field: &FieldRef| {
        if field.name() == changed.name() { Arc::clone(&changed) } else { Arc::clone(field) }
    };
    let columns: Fields = table.columns.iter().map(replace).collect();
    session.store()?.update_table(&Table { columns, ..table.clone() })
}

/// COMMENT ON TABLE, for views too.
pub fn comment(session: &Session, parts: &[String], comment: Option<String>) -> Result<()> {
    match session.find(parts, Search::Session)?.1 {
        Found::Table(view) if view.is_view() => Err(expect_table("COMMENT ON TABLE", &view.quoted())),
        Found::Table(table) => session.store()?.update_table(&Table { comment, ..table.as_ref().clone() }),
        Found::Temp(_) => Err(expect_table("COMMENT ON TABLE", &quote_parts(parts))),
    }
}
