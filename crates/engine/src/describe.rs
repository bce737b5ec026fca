//! What a client asked for, in a line that people read: the SQL text, or the steps of a DataFrame.

use firesteel_protocol::connect::{self as pb, command::CommandType, plan::OpType, read::ReadType, relation::RelType};

/// Characters of a description that are kept.
const MAX_CHARS: usize = 4000;
/// Steps of a DataFrame that are named.
const MAX_STEPS: usize = 6;

/// A line about a plan.
pub fn plan(plan: &pb::Plan) -> String {
    let text = match &plan.op_type {
        Some(OpType::Root(root)) => relation(root),
        Some(OpType::Command(own)) => command(own),
        _ => String::new(),
    };
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn command(command: &pb::Command) -> String {
    let input = |input: Option<&pb::Relation>| input.map(relation).unwrap_or_default();
    match &command.command_type {
        Some(CommandType::SqlCommand(own)) => match own.input.as_ref().map(relation) {
            Some(text) => text,
            #[expect(deprecated, reason = "clients of Spark 3.5 send the text here")]
            None => own.sql.clone(),
        },
        Some(CommandType::WriteOperation(own)) => {
            let target = match &own.save_type {
                Some(pb::write_operation::SaveType::Path(path)) => path.clone(),
                Some(pb::write_operation::SaveType::Table(table)) => table.table_name.clone(),
                None => String::new(),
            };
            let format = own.source.as_deref().unwrap_or("table");
            format!("save {format} {target}: {}", input(own.input.as_ref()))
        }
        Some(CommandType::WriteOperationV2(own)) => {
            format!("save {}: {}", own.table_name, input(own.input.as_ref()))
        }
        Some(CommandType::CreateDataframeView(own)) => format!("create view {}", own.name),
        Some(CommandType::WriteStreamOperationStart(own)) => format!("start stream {}", own.query_name),
        Some(CommandType::CheckpointCommand(own)) => format!("checkpoint: {}", input(own.relation.as_ref())),
        _ => "command".into(),
    }
}

/// The SQL text that a relation comes from, else its steps from the last to the first.
fn relation(root: &pb::Relation) -> String {
    let mut steps: Vec<String> = vec![];
    let mut current = Some(root);
    while let Some(relation) = current {
        if let Some(RelType::Sql(sql)) = &relation.rel_type {
            let text = sql.query.trim();
            steps.retain(|step| step != "with" && step != "show");
            return if steps.is_empty() { text.to_string() } else { format!("{} of {text}", shown(&steps)) };
        }
        let (name, next) = step(relation);
        steps.push(name);
        current = next;
    }
    shown(&steps)
}

fn shown(steps: &[String]) -> String {
    if steps.len() <= MAX_STEPS {
        return steps.join(" \u{2190} ");
    }
    let (first, last) = (&steps[..MAX_STEPS - 1], &steps[steps.len() - 1]);
    format!("{} \u{2190} ... \u{2190} {last}", first.join(" \u{2190} "))
}

/// What a relation does, and its first input.
fn step(relation: &pb::Relation) -> (String, Option<&pb::Relation>) {
    macro_rules! one {
        ($name:expr, $message:expr) => {
            ($name.to_string(), $message.input.as_deref())
        };
    }
    match relation.rel_type.as_ref() {
        Some(RelType::Project(m)) => one!("select", m),
        Some(RelType::Filter(m)) => one!("filter", m),
        Some(RelType::Sort(m)) => one!("sort", m),
        Some(RelType::Limit(m)) => one!(format!("limit {}", m.limit), m),
        Some(RelType::Offset(m)) => one!("offset", m),
        Some(RelType::Tail(m)) => one!("tail", m),
        Some(RelType::Aggregate(m)) => one!("aggregate", m),
        Some(RelType::Sample(m)) => one!("sample", m),
        Some(RelType::Deduplicate(m)) => one!("distinct", m),
        Some(RelType::SubqueryAlias(m)) => one!(format!("as {}", m.alias), m),
        Some(RelType::Repartition(m)) => one!("repartition", m),
        Some(RelType::RepartitionByExpression(m)) => one!("repartition", m),
        Some(RelType::ToDf(m)) => one!("toDF", m),
        Some(RelType::WithColumns(m)) => one!("withColumns", m),
        Some(RelType::WithColumnsRenamed(m)) => one!("withColumnsRenamed", m),
        Some(RelType::Drop(m)) => one!("drop", m),
        Some(RelType::Unpivot(m)) => one!("unpivot", m),
        Some(RelType::ShowString(m)) => one!("show", m),
        Some(RelType::HtmlString(m)) => one!("show", m),
        Some(RelType::CollectMetrics(m)) => one!("observe", m),
        Some(RelType::MapPartitions(m)) => one!("mapPartitions", m),
        Some(RelType::GroupMap(m)) => one!("applyInPandas", m),
        Some(RelType::Join(m)) => ("join".into(), m.left.as_deref()),
        Some(RelType::SetOp(m)) => ("union, intersect or except".into(), m.left_input.as_deref()),
        Some(RelType::WithRelations(m)) => ("with".into(), m.root.as_deref()),
        Some(RelType::Range(m)) => (format!("range {}", m.end), None),
        Some(RelType::LocalRelation(_) | RelType::CachedLocalRelation(_)) => ("local rows".into(), None),
        Some(RelType::Read(m)) => (read(m), None),
        _ => ("relation".into(), None),
    }
}

fn read(read: &pb::Read) -> String {
    match &read.read_type {
        Some(ReadType::NamedTable(table)) => format!("table {}", table.unparsed_identifier),
        Some(ReadType::DataSource(source)) => {
            format!("{} {}", source.format.as_deref().unwrap_or("files"), source.paths.join(", "))
        }
        None => "read".into(),
    }
}
