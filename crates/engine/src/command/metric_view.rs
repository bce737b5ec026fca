//! CREATE VIEW .. WITH METRICS. Spark's `CreateMetricViewCommand`: no OR REPLACE replaces one.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::Fields;
use firesteel_plan::metric_view::{self, MetricView};
use firesteel_plan::sql::metric_view::NewMetricView;
use firesteel_protocol::Result;
use serde_json::Value;

use super::{column, view};
use crate::Session;
use crate::catalog::table::{Kind, Table, declared};
use crate::catalog::{GLOBAL_TEMP, Place, already_exists, schema_not_found};

/// Makes the view, unless something of its name is there.
pub async fn create(session: &Session, new: NewMetricView) -> Result<()> {
    let Place::Table(database, own) = session.permanent_place(&new.name, &session.views.current_database())? else {
        return Err(schema_not_found(&[GLOBAL_TEMP.into()]));
    };
    session.database(&database)?;
    let described = metric_view::parse(&new.text)?;
    let mut table = Table {
        database,
        name: own,
        kind: Kind::MetricView,
        format: String::new(),
        columns: Fields::empty(),
        partition_columns: vec![],
        bucketing: None,
        location: String::new(),
        options: BTreeMap::new(),
        properties: new.properties.into_iter().chain(described.properties()).collect(),
        comment: new.comment,
        created_ms: chrono::Utc::now().timestamp_millis(),
        view: None,
        statistics: None,
        storage: None,
    };
    let title = table.quoted_short();
    let fields = fields(session, &title, &described).await?;
    let names = fields.iter().map(|field| field.name().clone()).collect();
    let fields = if new.columns.is_empty() { fields } else { view::renamed(&title, &fields, &new.columns)? };
    view::check_duplicates(&fields, session.env().case_sensitive)?;
    table.columns = described
        .columns
        .iter()
        .zip(&fields)
        .map(|(own, field)| {
            let mut metadata = column::metadata(field);
            metadata.extend(own.metadata().map(|(key, value)| (key.to_string(), Value::from(value))));
            column::with_metadata(field, metadata).map(Arc::new)
        })
        .collect::<Result<_>>()?;
    table.view = Some(view::text(session, new.text, names, None));
    if session.store()?.create_table(&table, &[])? || new.if_not_exists {
        return Ok(());
    }
    Err(already_exists(title))
}

/// The columns with their types, without what the source tells of them.
async fn fields(session: &Session, title: &str, described: &MetricView) -> Result<Fields> {
    let own = described.clone();
    let (rows, query) = session
        .resolving(move |_, resolver| {
            let ctx = resolver.sql_context();
            Ok((own.rows(&ctx)?, own.all_by_all(&ctx)?))
        })
        .await?;
    view::refuse_temporary(session, title, query.as_ref().unwrap_or(&rows)).await?;
    view::check_references(session, title, &Place::Temp(String::new()), &rows)?;
    let Some(query) = query else {
        session.fields(rows).await?;
        return Ok(Fields::empty());
    };
    let fields = session.fields(query).await?;
    let plain = |field: &Arc<arrow::datatypes::Field>| {
        column::with_metadata(&declared(field), serde_json::Map::new()).map(Arc::new)
    };
    fields.iter().map(plain).collect()
}
