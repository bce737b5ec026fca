//! AnalyzePlan: what clients ask of a plan without running it.

use std::hash::{DefaultHasher, Hash, Hasher};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use firesteel_functions::kernel::from_datafusion;
use firesteel_protocol::connect::{
    self as pb, analyze_plan_request::Analyze, analyze_plan_response as response,
    analyze_plan_response::Result as Answer, plan::OpType, relation::RelType,
};
use firesteel_protocol::types::{ddl, json, name, proto};
use firesteel_protocol::{Result, SparkError};

use crate::{SPARK_VERSION, Session, cache, explain};

impl Session {
    /// Answers a question about a plan.
    pub async fn analyze(&self, request: Analyze) -> Result<Answer> {
        Ok(match request {
            Analyze::Schema(message) => {
                let fields = self.fields(root(message.plan)?).await?;
                Answer::Schema(response::Schema { schema: Some(proto::encode_schema(&fields)) })
            }
            Analyze::Explain(message) => {
                let mode = message.explain_mode();
                let explain_string = explain::text(self, root(message.plan)?, mode).await?;
                Answer::Explain(response::Explain { explain_string })
            }
            Analyze::TreeString(message) => {
                let fields = self.fields(root(message.plan)?).await?;
                Answer::TreeString(response::TreeString { tree_string: name::tree(&fields, message.level) })
            }
            Analyze::IsLocal(message) => {
                Answer::IsLocal(response::IsLocal { is_local: is_local(&root(message.plan)?) })
            }
            Analyze::IsStreaming(message) => {
                let relation = root(message.plan)?;
                let is_streaming = self.is_streaming(relation).await?;
                Answer::IsStreaming(response::IsStreaming { is_streaming })
            }
            Analyze::InputFiles(message) => {
                let files = self.input_files(root(message.plan)?).await?;
                Answer::InputFiles(response::InputFiles { files })
            }
            Analyze::SparkVersion(_) => Answer::SparkVersion(response::SparkVersion { version: SPARK_VERSION.into() }),
            Analyze::DdlParse(message) => {
                let parsed = match ddl::parse_type(&message.ddl_string) {
                    Ok(field) => proto::encode_field(&field),
                    Err(_) => proto::encode_schema(&ddl::parse_schema(&message.ddl_string)?),
                };
                Answer::DdlParse(response::DdlParse { parsed: Some(parsed) })
            }
            Analyze::JsonToDdl(message) => {
                let ddl_string = match json::parse(&message.json_string)? {
                    arrow::datatypes::DataType::Struct(fields) => name::ddl(&fields),
                    other => name::sql(&other),
                };
                Answer::JsonToDdl(response::JsonToDdl { ddl_string })
            }
            Analyze::SameSemantics(message) => {
                let (target, other) = (root(message.target_plan)?, root(message.other_plan)?);
                let result = self.semantics(target).await? == self.semantics(other).await?;
                Answer::SameSemantics(response::SameSemantics { result })
            }
            Analyze::SemanticHash(message) => {
                let text = self.semantics(root(message.plan)?).await?;
                let mut hasher = DefaultHasher::new();
                text.hash(&mut hasher);
                Answer::SemanticHash(response::SemanticHash { result: hasher.finish() as i32 })
            }
            Analyze::Persist(message) => {
                let relation = message.relation.ok_or_else(|| SparkError::internal("persist without relation"))?;
                self.refuse_streams(relation.clone()).await?;
                self.cache
                    .persist(&self.canonical(&relation), message.storage_level.unwrap_or_else(cache::default_level));
                Answer::Persist(response::Persist {})
            }
            Analyze::Unpersist(message) => {
                let relation = message.relation.ok_or_else(|| SparkError::internal("unpersist without relation"))?;
                self.cache.unpersist(&self.canonical(&relation));
                Answer::Unpersist(response::Unpersist {})
            }
            Analyze::GetStorageLevel(message) => {
                let relation =
                    message.relation.ok_or_else(|| SparkError::internal("a storage level without relation"))?;
                let none = pb::StorageLevel { replication: 1, ..Default::default() };
                let storage_level = Some(self.cache.level(&self.canonical(&relation)).unwrap_or(none));
                Answer::GetStorageLevel(response::GetStorageLevel { storage_level })
            }
        })
    }

    /// Spark's schema of a relation.
    pub async fn fields(&self, relation: pb::Relation) -> Result<arrow::datatypes::Fields> {
        self.resolving(move |_, resolver| resolver.query(&relation).map(|resolved| resolved.fields())).await
    }

    /// Whether a relation reads a stream.
    pub async fn is_streaming(&self, relation: pb::Relation) -> Result<bool> {
        let streaming =
            |plan: &datafusion::logical_expr::LogicalPlan| firesteel_sources::stream::table::is_streaming(plan);
        self.resolving(move |_, resolver| resolver.query(&relation).map(|resolved| streaming(&resolved.plan))).await
    }

    /// What is computed at once cannot be a stream.
    pub async fn refuse_streams(&self, relation: pb::Relation) -> Result<()> {
        match self.is_streaming(relation).await? {
            false => Ok(()),
            true => Err(firesteel_sources::stream::table::must_be_started("")),
        }
    }

    /// The resolved plan as text in which ids are numbered by their first appearance.
    async fn semantics(&self, relation: pb::Relation) -> Result<String> {
        let text = self.resolving(move |_, resolver| described(&resolver.query(&relation)?.plan)).await?;
        Ok(renumbered(&text))
    }

    /// Files that the scans of a relation would read.
    pub(crate) async fn input_files(&self, relation: pb::Relation) -> Result<Vec<String>> {
        self.resolving(move |session, _| {
            let mut reads = vec![];
            crate::catalog::visit_reads(&relation, &mut |read| reads.push(read.clone()));
            if let Some(read) = reads.iter().find(|read| read.is_streaming) {
                let text = match session.read_request(read)? {
                    Some(request) => format!("FileSource[{}]", request.paths.join(",")),
                    None => String::new(),
                };
                return Err(firesteel_sources::stream::table::must_be_started(&text));
            }
            let ctx = session.source_context(session.env());
            let mut files = vec![];
            for read in reads {
                let request = session.read_request(&read)?;
                if let Some(request) = request {
                    files.extend(firesteel_sources::open(&request, &ctx)?.input_files);
                }
            }
            files.dedup();
            Ok(files)
        })
        .await
    }
}

/// A plan with every expression in it. DataFusion's text of a plan alone leaves out the settings of our functions:
/// `id * 2` and `id + 2` are one function there.
fn described(plan: &LogicalPlan) -> Result<String> {
    let mut text = plan.display_indent().to_string();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|inner| {
                if !matches!(inner, Expr::Alias(_) | Expr::Column(_)) {
                    text.push('\n');
                    text.push_str(&inner.schema_name().to_string());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    Ok(text)
}

/// Replaces columns (`name#12`) and generated table names (`_t12`) by the order of their first appearance: names do
/// not change what a plan means.
fn renumbered(text: &str) -> String {
    let mut seen: Vec<String> = vec![];
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_alphanumeric() || matches!(c, '_' | '#') {
            word.push(c);
            continue;
        }
        let number = word.rsplit_once('#').map(|(_, number)| number).or_else(|| word.strip_prefix("_t"));
        match number.filter(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())) {
            Some(number) => {
                let index = seen.iter().position(|own| own == number).unwrap_or_else(|| {
                    seen.push(number.to_string());
                    seen.len() - 1
                });
                out.push_str(&format!("#{index}"));
            }
            None => out.push_str(&word),
        }
        word.clear();
        out.push(c);
    }
    out
}

fn root(plan: Option<pb::Plan>) -> Result<pb::Relation> {
    match plan.and_then(|plan| plan.op_type) {
        Some(OpType::Root(relation)) => Ok(relation),
        _ => Err(SparkError::internal("a plan without root relation")),
    }
}

fn is_local(relation: &pb::Relation) -> bool {
    matches!(
        relation.rel_type,
        Some(
            RelType::LocalRelation(_)
                | RelType::CachedLocalRelation(_)
                | RelType::ChunkedCachedLocalRelation(_)
                | RelType::Sql(_)
        )
    )
}
