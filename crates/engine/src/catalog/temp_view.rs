//! Temporary views: a session's own, and global ones that all sessions of the process share.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use arrow::datatypes::Fields;
use firesteel_protocol::connect::relation::RelType;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError, connect as pb};

use super::DEFAULT_DATABASE;
use crate::Session;
use crate::cache::Kept;

/// A temporary view: its plan and the schema it had when it was made.
#[derive(Debug, Clone)]
pub struct View {
    pub plan: Arc<pb::Relation>,
    pub columns: Fields,
    /// The names come from the statement, not from the plan.
    pub renamed: bool,
    pub comment: Option<String>,
    pub properties: BTreeMap<String, String>,
    pub created_ms: i64,
    /// What its statement said; None: it is that of a DataFrame or of files.
    pub written: Option<Written>,
    /// Kept rows that the plan reads, by their ids: they live as long as the view.
    pub kept: Vec<(String, Arc<Kept>)>,
}

/// The statement of a temporary view.
#[derive(Debug, Clone)]
pub struct Written {
    /// The query.
    pub text: String,
    /// The current database when it was made.
    pub database: String,
    pub query_columns: Vec<String>,
}

impl View {
    /// A view of a plan with these columns, made now.
    pub fn new(plan: pb::Relation, columns: Fields) -> Self {
        Self {
            plan: Arc::new(plan),
            columns,
            renamed: false,
            comment: None,
            properties: BTreeMap::new(),
            created_ms: chrono::Utc::now().timestamp_millis(),
            written: None,
            kept: vec![],
        }
    }
}

/// Views that all sessions of the process share.
#[derive(Debug, Default)]
pub struct GlobalViews {
    views: RwLock<BTreeMap<String, View>>,
}

/// A session's own names.
#[derive(Debug, Default)]
pub struct TempViews {
    views: RwLock<BTreeMap<String, View>>,
    current: RwLock<Option<String>>,
}

impl TempViews {
    pub fn current_database(&self) -> String {
        self.current.read().expect("no panics while locked").clone().unwrap_or_else(|| DEFAULT_DATABASE.into())
    }

    pub fn set_current_database(&self, name: &str) {
        *self.current.write().expect("no panics while locked") = Some(name.to_lowercase());
    }

    pub fn copy_from(&self, other: &Self) {
        let views = other.views.read().expect("no panics while locked").clone();
        *self.views.write().expect("no panics while locked") = views;
        *self.current.write().expect("no panics while locked") = Some(other.current_database());
    }
}

impl Session {
    fn temp_views(&self, global: bool) -> &RwLock<BTreeMap<String, View>> {
        if global { &self.engine.global_views.views } else { &self.views.views }
    }

    /// The temporary view of that name, whatever its case.
    pub(crate) fn temp_view(&self, name: &str, global: bool) -> Option<View> {
        self.temp_views(global).read().expect("no panics while locked").get(&name.to_lowercase()).cloned()
    }

    /// Makes or replaces a temporary view.
    pub fn create_temp_view(&self, name: &str, mut view: View, global: bool, replace: bool) -> Result<()> {
        view.kept = self.kept_within(&view.plan);
        let mut views = self.temp_views(global).write().expect("no panics while locked");
        if !replace && views.contains_key(&name.to_lowercase()) {
            return Err(SparkError::new("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS").with("relationName", name::quote(name)));
        }
        views.insert(name.to_lowercase(), view);
        Ok(())
    }

    /// The kept rows that a plan reads.
    fn kept_within(&self, plan: &pb::Relation) -> Vec<(String, Arc<Kept>)> {
        let mut found = vec![];
        super::walk(&mut plan.clone(), &mut |relation| {
            if let Some(RelType::CachedRemoteRelation(remote)) = &relation.rel_type {
                let id = &remote.relation_id;
                found.extend(self.kept_rows(id).map(|kept| (id.clone(), kept)));
            }
        });
        found
    }

    /// Kept rows that a temporary view reads, though its maker has let go of them.
    pub(crate) fn kept_by_views(&self, id: &str) -> Option<Arc<Kept>> {
        [false, true].into_iter().find_map(|global| {
            let views = self.temp_views(global).read().expect("no panics while locked");
            let mut kept = views.values().flat_map(|view| &view.kept);
            kept.find(|(own, _)| own == id).map(|(_, kept)| Arc::clone(kept))
        })
    }

    /// The view that was there.
    pub(crate) fn drop_temp_view(&self, name: &str, global: bool) -> Option<View> {
        self.temp_views(global).write().expect("no panics while locked").remove(&name.to_lowercase())
    }

    /// Names of temporary views in order.
    pub(crate) fn temp_view_names(&self, global: bool) -> Vec<String> {
        self.temp_views(global).read().expect("no panics while locked").keys().cloned().collect()
    }
}
