//! Kept rows and what they were made of: a table that is written or dropped takes along what was kept of it.

use std::path::Path;

use firesteel_protocol::connect::{self as pb, read::ReadType, relation::RelType};

use super::{Found, Place, visit_reads, walk};
use crate::Session;

/// Views within views are followed so far.
const MAX_DEPTH: usize = 100;

/// What a relation reads.
enum Read<'a> {
    /// A folder or file.
    Path(&'a str),
    /// A table or view as it is named.
    Name(&'a Place),
}

impl Session {
    /// Forgets rows that were computed from files in a folder, or above or below it.
    pub(crate) fn forget_rows(&self, folder: &str) {
        let folder = Path::new(folder);
        self.forget(&|read| match read {
            Read::Path(path) => Path::new(path).starts_with(folder) || folder.starts_with(path),
            Read::Name(_) => false,
        });
    }

    /// Forgets rows of tables and views by these names, and what was computed from them.
    pub(crate) fn forget_named(&self, names: &[String]) {
        let places: Vec<Place> = names
            .iter()
            .filter_map(|name| firesteel_plan::sql::parse_table_name(name).ok())
            .flat_map(|parts| {
                let temporary = match parts.as_slice() {
                    [own] => Some(Place::Temp(own.to_lowercase())),
                    _ => None,
                };
                let permanent = self.permanent_place(&parts, &self.views.current_database()).ok();
                temporary.into_iter().chain(permanent)
            })
            .collect();
        self.forget(&|read| match read {
            Read::Path(_) => false,
            Read::Name(place) => places.contains(place),
        });
    }

    fn forget(&self, test: &dyn Fn(&Read<'_>) -> bool) {
        if !self.cache.is_empty() {
            self.cache.retain(|relation| !self.depends(relation, test, None, 0));
        }
    }

    /// Whether a relation reads what the test says, itself or through views.
    fn depends(
        &self,
        relation: &pb::Relation,
        test: &dyn Fn(&Read<'_>) -> bool,
        database: Option<&str>,
        depth: usize,
    ) -> bool {
        if depth > MAX_DEPTH {
            return true;
        }
        let expanded = self.expanded(relation.clone());
        let mut found = false;
        visit_reads(&expanded, &mut |read| {
            if found {
                return;
            }
            match &read.read_type {
                Some(ReadType::DataSource(source)) => {
                    let option = source.options.iter().find(|(key, _)| key.eq_ignore_ascii_case("path"));
                    let paths = source.paths.iter().chain(option.map(|(_, path)| path));
                    found = paths.filter_map(|path| self.absolute(path).ok()).any(|path| test(&Read::Path(&path)));
                }
                Some(ReadType::NamedTable(table)) => {
                    found = self.name_depends(&table.unparsed_identifier, test, database, depth)
                }
                None => {}
            }
        });
        found
    }

    fn name_depends(&self, name: &str, test: &dyn Fn(&Read<'_>) -> bool, database: Option<&str>, depth: usize) -> bool {
        let Ok(parts) = firesteel_plan::sql::parse_table_name(name) else { return false };
        let place = match database {
            Some(database) => self.permanent_place(&parts, database),
            None => self.place(&parts),
        };
        let Ok(place) = place else { return false };
        if test(&Read::Name(&place)) {
            return true;
        }
        match self.at(&place) {
            Ok(Some(Found::Temp(view))) => self.depends(&view.plan, test, None, depth + 1),
            Ok(Some(Found::Table(table))) => match &table.view {
                Some(view) => {
                    let ctx = firesteel_plan::sql::SqlContext::default();
                    match firesteel_plan::sql::parse_query(&view.text, &ctx) {
                        Ok(query) => self.depends(&query, test, Some(&view.database), depth + 1),
                        // What cannot be read any more was not kept.
                        Err(_) => false,
                    }
                }
                None => test(&Read::Path(&table.location)),
            },
            // `parquet.`/path``.
            _ => match parts.as_slice() {
                [_, path] => self.absolute(path).is_ok_and(|path| test(&Read::Path(&path))),
                _ => false,
            },
        }
    }

    /// The relation with SQL texts in it as the queries that they are.
    pub(crate) fn expanded(&self, mut relation: pb::Relation) -> pb::Relation {
        walk(&mut relation, &mut |own| {
            let Some(RelType::Sql(text)) = &own.rel_type else { return };
            let ctx = self.resolve_context(&crate::CancelToken::new());
            let resolver = firesteel_plan::Resolver::new(&ctx);
            let sql = firesteel_plan::relation::with_arguments(resolver.sql_context(), text);
            // What cannot be read fails where it is used.
            if let Ok(firesteel_plan::sql::Statement::Query(query)) =
                firesteel_plan::sql::parse_statement(&text.query, &sql)
            {
                let common = own.common.take();
                *own = *query;
                if let (Some(id), Some(kept)) = (common.and_then(|common| common.plan_id), own.common.as_mut()) {
                    kept.plan_id = Some(id);
                }
            }
        });
        relation
    }
}
