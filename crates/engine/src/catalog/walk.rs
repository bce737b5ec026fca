//! Visits the relations of a message.

use firesteel_protocol::connect::{self as pb, relation::RelType};
use firesteel_protocol::extension::RelationKind;

/// Takes the ids off that clients give to relations, so that the same query made twice is the same.
pub(crate) fn strip_plan_ids(relation: &mut pb::Relation) {
    walk(relation, &mut |relation| relation.common = None);
}

/// Visits a relation and all relations below it.
pub fn walk(relation: &mut pb::Relation, visit: &mut dyn FnMut(&mut pb::Relation)) {
    visit(relation);
    if let Some(RelType::Extension(any)) = &relation.rel_type {
        if let Some(mut kind) = RelationKind::from_any(any) {
            let inner = extension_children(&mut kind);
            if !inner.is_empty() {
                inner.into_iter().for_each(|child| walk(child, visit));
                relation.rel_type = kind.into_relation().rel_type;
            }
        }
        return;
    }
    for child in children(relation) {
        walk(child, visit);
    }
}

/// The relations in a message of ours.
fn extension_children(kind: &mut RelationKind) -> Vec<&mut pb::Relation> {
    match kind {
        RelationKind::Aggregate(m) => m.input.as_deref_mut().into_iter().collect(),
        RelationKind::LateralView(m) => m.input.as_deref_mut().into_iter().collect(),
        RelationKind::ColumnAliases(m) => m.input.as_deref_mut().into_iter().collect(),
        RelationKind::Pivot(m) => m.input.as_deref_mut().into_iter().collect(),
        RelationKind::Unpivot(m) => m.input.as_deref_mut().into_iter().collect(),
        RelationKind::Limit(m) => m.input.as_deref_mut().into_iter().collect(),
        RelationKind::Collated(m) => m.input.as_deref_mut().into_iter().collect(),
        RelationKind::OrderByAll(m) => m.input.as_deref_mut().into_iter().collect(),
        RelationKind::NaturalJoin(m) => m.left.as_deref_mut().into_iter().chain(m.right.as_deref_mut()).collect(),
        RelationKind::WithCte(m) => {
            m.ctes.iter_mut().filter_map(|cte| cte.plan.as_mut()).chain(m.input.as_deref_mut()).collect()
        }
        _ => vec![],
    }
}

/// Visits every `Read` of a relation.
pub(crate) fn visit_reads(relation: &pb::Relation, visit: &mut dyn FnMut(&pb::Read)) {
    let mut copy = relation.clone();
    walk(&mut copy, &mut |relation| {
        if let Some(RelType::Read(read)) = &relation.rel_type {
            visit(read);
        }
    });
}

fn children(relation: &mut pb::Relation) -> Vec<&mut pb::Relation> {
    macro_rules! one {
        ($message:expr) => {
            $message.input.as_deref_mut().into_iter().collect()
        };
    }
    match relation.rel_type.as_mut() {
        Some(RelType::Project(m)) => one!(m),
        Some(RelType::Filter(m)) => one!(m),
        Some(RelType::Sort(m)) => one!(m),
        Some(RelType::Limit(m)) => one!(m),
        Some(RelType::Offset(m)) => one!(m),
        Some(RelType::Tail(m)) => one!(m),
        Some(RelType::Aggregate(m)) => one!(m),
        Some(RelType::Sample(m)) => one!(m),
        Some(RelType::Deduplicate(m)) => one!(m),
        Some(RelType::SubqueryAlias(m)) => one!(m),
        Some(RelType::Repartition(m)) => one!(m),
        Some(RelType::RepartitionByExpression(m)) => one!(m),
        Some(RelType::ToDf(m)) => one!(m),
        Some(RelType::WithColumns(m)) => one!(m),
        Some(RelType::WithColumnsRenamed(m)) => one!(m),
        Some(RelType::Drop(m)) => one!(m),
        Some(RelType::Hint(m)) => one!(m),
        Some(RelType::Unpivot(m)) => one!(m),
        Some(RelType::ToSchema(m)) => one!(m),
        Some(RelType::FillNa(m)) => one!(m),
        Some(RelType::DropNa(m)) => one!(m),
        Some(RelType::Replace(m)) => one!(m),
        Some(RelType::ShowString(m)) => one!(m),
        Some(RelType::HtmlString(m)) => one!(m),
        Some(RelType::CollectMetrics(m)) => one!(m),
        Some(RelType::WithWatermark(m)) => one!(m),
        Some(RelType::Parse(m)) => one!(m),
        Some(RelType::Transpose(m)) => one!(m),
        Some(RelType::Join(m)) => m.left.as_deref_mut().into_iter().chain(m.right.as_deref_mut()).collect(),
        Some(RelType::LateralJoin(m)) => m.left.as_deref_mut().into_iter().chain(m.right.as_deref_mut()).collect(),
        Some(RelType::SetOp(m)) => {
            m.left_input.as_deref_mut().into_iter().chain(m.right_input.as_deref_mut()).collect()
        }
        Some(RelType::WithRelations(m)) => m.root.as_deref_mut().into_iter().chain(m.references.iter_mut()).collect(),
        _ => vec![],
    }
}
