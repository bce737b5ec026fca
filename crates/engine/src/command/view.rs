//! Temporary views of DataFrames.

use std::sync::Arc;

use firesteel_protocol::{Result, SparkError, connect as pb};

use crate::Session;
use crate::catalog::View;

/// `df.createOrReplaceTempView("name")`.
pub async fn create(session: &Session, message: pb::CreateDataFrameViewCommand) -> Result<()> {
    let relation = message.input.ok_or_else(|| SparkError::internal("a view without relation"))?;
    // A view that cannot be resolved fails now, not at its first use.
    let columns = session.fields(relation.clone()).await?;
    let parts = firesteel_plan::sql::parse_table_name(&message.name)?;
    let [name] = parts.as_slice() else {
        return Err(SparkError::new("TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS").with(
            "actualName",
            parts.iter().map(|p| firesteel_protocol::types::name::quote(p)).collect::<Vec<_>>().join("."),
        ));
    };
    let view = View { plan: Arc::new(inlined(session, relation)), columns, renamed: false, comment: None };
    session.create_temp_view(name, view, message.is_global, message.replace)
}

/// The view's plan as it is at this moment: a view of the same name inside of it means the old one.
pub(crate) fn inlined(session: &Session, mut relation: pb::Relation) -> pb::Relation {
    use pb::read::ReadType;
    use pb::relation::RelType;
    crate::catalog::walk(&mut relation, &mut |own| {
        let Some(RelType::Read(read)) = &own.rel_type else { return };
        let Some(ReadType::NamedTable(table)) = &read.read_type else { return };
        let Ok(parts) = firesteel_plan::sql::parse_table_name(&table.unparsed_identifier) else { return };
        let Ok(place) = session.place(&parts) else { return };
        if !matches!(place, crate::catalog::Place::Temp(_) | crate::catalog::Place::Global(_)) {
            return;
        }
        if let (Some(view), Some(alias)) = (session.view(&place), parts.last()) {
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
