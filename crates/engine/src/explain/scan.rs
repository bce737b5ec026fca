//! `FileScan`: which files are read, which columns, and the conditions by which readers leave out what cannot match.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, Column, DynamicFilterPhysicalExpr, InListExpr, IsNotNullExpr, IsNullExpr, Literal, NotExpr,
};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr, split_conjunction};
use datafusion::physical_plan::projection::ProjectionExpr;
use firesteel_plan::relation::read::shown_name;
use firesteel_protocol::types::name;

use super::logical::Scans;
use super::physical;
use super::tree::{Node, list};
use super::words;

/// The node of a scan of files, with what it computes as a projection above; None for another scan.
pub fn node(own: &DataSourceExec, scans: &Scans) -> Option<Node> {
    let config = own.data_source().downcast_ref::<FileScanConfig>()?;
    let source = config.file_source();
    let table = Arc::clone(source.table_schema().table_schema());
    let items = items(config);
    let partition = config.table_partition_cols();
    let is_partition = |name: &str| partition.iter().any(|field| field.name() == name && !name.starts_with("__"));
    let predicate = source.filter();
    let conditions: Vec<&Arc<dyn PhysicalExpr>> = predicate.as_ref().map(split_conjunction).unwrap_or_default();
    // What a join tells the scan while it runs is no condition of the query.
    let conditions = conditions.into_iter().filter(|own| own.downcast_ref::<DynamicFilterPhysicalExpr>().is_none());
    let conditions: Vec<&Arc<dyn PhysicalExpr>> = conditions.collect();
    let tested: BTreeSet<String> = conditions.iter().flat_map(|condition| columns_of(condition)).collect();
    let names = Names::of(&items, &tested, &table, scans);
    let columns: Vec<String> = names.read.iter().map(|field| names.column(field)).collect();
    let (of_partitions, of_data): (Vec<_>, Vec<_>) =
        conditions.into_iter().partition(|condition| columns_of(condition).iter().all(|name| is_partition(name)));
    let pushed: Vec<String> = not_null(&of_data)
        .into_iter()
        .map(|column| format!("IsNotNull({column})"))
        .chain(of_data.iter().filter_map(|condition| filter(condition)))
        .collect();
    let schema = names.schema(&table);
    let shown = |conditions: &[&Arc<dyn PhysicalExpr>]| {
        let nulls = not_null(conditions).into_iter().map(|column| format!("isnotnull({})", names.named(&column)));
        let texts = conditions.iter().map(|condition| physical::text(&names.renamed(condition), &schema));
        list(&nulls.chain(texts).collect::<Vec<_>>())
    };
    let read: Vec<&Arc<Field>> = names.read.iter().filter(|field| !is_partition(field.name())).collect();
    let read = read.iter().map(|field| format!("{}:{}", field.name(), name::simple_of_field(field)));
    let read = format!("struct<{}>", read.collect::<Vec<_>>().join(","));
    let format = source.file_type();
    let (first, rest) = format.split_at(1.min(format.len()));
    let title = format!("{}{rest}", first.to_uppercase());
    let title = if matches!(format, "csv" | "json" | "orc" | "xml") { format.to_uppercase() } else { title };
    let batched = matches!(format, "parquet" | "orc");
    let relation = if names.table.is_empty() { String::new() } else { format!(" {}", names.table) };
    let (count, folders) = folders(config);
    let line = format!(
        "FileScan {format}{relation}{} Batched: {batched}, DataFilters: {}, Format: {title}, Location: \
         InMemoryFileIndex({count} paths)[{folders}], PartitionFilters: {}, PushedFilters: {}, ReadSchema: {read}",
        list(&columns).replace(", ", ","),
        shown(&of_data),
        shown(&of_partitions),
        list(&pushed),
    );
    let scan = Node { line, ..Node::new(format!("Scan {format}{relation}"), "", columns, vec![]) };
    let scan = scan.fact("Batched", batched.to_string()).fact("Location", format!("InMemoryFileIndex [{folders}]"));
    let scan = if of_partitions.is_empty() { scan } else { scan.fact("PartitionFilters", shown(&of_partitions)) };
    let scan = if pushed.is_empty() { scan } else { scan.fact("PushedFilters", list(&pushed)) };
    let scan = scan.fact("ReadSchema", read);
    // The scan filters, too: what Spark has an operator of its own for.
    let nulls = not_null(&of_data).into_iter().map(|column| format!("isnotnull({})", names.named(&column)));
    let tests = of_data.iter().map(|own| physical::text(&names.renamed(own), &schema));
    let scan = match nulls.chain(tests).reduce(|left, right| format!("({left} AND {right})")) {
        Some(condition) => {
            Node::new("Filter", &condition, scan.output.clone(), vec![scan]).fact("Condition ", condition)
        }
        None => scan,
    };
    if names.is_whole {
        return Some(scan);
    }
    let renamed: Vec<ProjectionExpr> = items
        .iter()
        .map(|item| ProjectionExpr { expr: names.renamed(&item.expr), alias: item.alias.clone() })
        .collect();
    let output = physical::projected(&renamed, &schema);
    Some(Node::new("Project", &list(&output), output, vec![scan]))
}

/// The names that a plan gives to the columns of a scan of files.
pub fn names(own: &DataSourceExec, scans: &Scans) -> Option<HashMap<String, String>> {
    let config = own.data_source().downcast_ref::<FileScanConfig>()?;
    Some(Names::of(&items(config), &BTreeSet::new(), config.file_source().table_schema().table_schema(), scans).aliases)
}

/// What a scan gives.
fn items(config: &FileScanConfig) -> Vec<ProjectionExpr> {
    let source = config.file_source();
    if let Some(projection) = source.projection() {
        return projection.iter().cloned().collect();
    }
    let fields = source.table_schema().table_schema().fields().iter().enumerate();
    let column = |(at, field): (usize, &Arc<Field>)| ProjectionExpr {
        expr: Arc::new(Column::new(field.name(), at)),
        alias: field.name().clone(),
    };
    fields.map(column).collect()
}

/// What columns of files are called in the plan.
struct Names {
    /// The columns that are read, in the order of the scan.
    read: Vec<Arc<Field>>,
    /// `name#id` by the name in the file.
    aliases: HashMap<String, String>,
    /// The table's name, if it has one.
    table: String,
    /// Whether the scan computes nothing.
    is_whole: bool,
}

impl Names {
    fn of(items: &[ProjectionExpr], tested: &BTreeSet<String>, table: &Schema, scans: &Scans) -> Self {
        let mut own = Self { read: vec![], aliases: HashMap::new(), table: String::new(), is_whole: true };
        for item in items.iter().filter(|item| !words::is_hidden(&item.alias)) {
            match item.expr.downcast_ref::<Column>() {
                Some(column) if !physical::is_bare(&item.alias) => {
                    own.aliases.entry(column.name().to_string()).or_insert_with(|| item.alias.clone());
                }
                Some(_) => {}
                None => own.is_whole = false,
            }
        }
        let mut wanted: BTreeSet<String> = items.iter().flat_map(|item| columns_of(&item.expr)).collect();
        // Columns of conditions are read, and not given on.
        own.is_whole &= tested.is_subset(&wanted);
        wanted.extend(tested.iter().cloned());
        let is_shown = |field: &&Arc<Field>| wanted.contains(field.name()) && !words::is_hidden(field.name());
        own.read = table.fields().iter().filter(is_shown).cloned().collect();
        // The scan of the analyzed plan that has these columns, under the names that are known.
        let fits = |names: &HashMap<String, String>| {
            own.read.iter().all(|field| names.contains_key(field.name()))
                && own.aliases.iter().all(|(column, alias)| names.get(column) == Some(alias))
        };
        let mut found: Vec<(&String, &HashMap<String, String>)> =
            scans.iter().filter(|(_, names)| fits(names)).collect();
        found.sort_by_key(|(scan, _)| *scan);
        if let Some((scan, names)) = found.first() {
            own.table = shown_name(scan).map(|(_, name)| name.to_string()).unwrap_or_default();
            for (column, alias) in *names {
                own.aliases.entry(column.clone()).or_insert_with(|| alias.clone());
            }
        }
        own
    }

    fn named(&self, column: &str) -> String {
        self.aliases.get(column).cloned().unwrap_or_else(|| column.to_string())
    }

    fn column(&self, field: &Field) -> String {
        words::column(&self.named(field.name()), Some(field.data_type()))
    }

    /// The table's schema under the names in the plan.
    fn schema(&self, table: &Schema) -> SchemaRef {
        let fields = table.fields().iter();
        let fields = fields.map(|field| field.as_ref().clone().with_name(self.named(field.name())));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// An expression over columns of files as one over columns of the plan.
    fn renamed(&self, expr: &Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
        use datafusion::common::tree_node::{Transformed, TreeNode};
        let rename = |node: Arc<dyn PhysicalExpr>| {
            let alias = node.downcast_ref::<Column>().and_then(|column| {
                let alias = self.aliases.get(column.name())?;
                Some(Column::new(alias, column.index()))
            });
            Ok(match alias {
                Some(column) => Transformed::yes(Arc::new(column) as Arc<dyn PhysicalExpr>),
                None => Transformed::no(node),
            })
        };
        Arc::clone(expr).transform(rename).map_or_else(|_| Arc::clone(expr), |renamed| renamed.data)
    }
}

/// The folders of the files that are read, and how many they are.
fn folders(config: &FileScanConfig) -> (usize, String) {
    let files = config.file_groups.iter().flat_map(|group| group.iter());
    let paths: BTreeSet<String> = files
        .map(|file| {
            let path = file.object_meta.location.to_string();
            path.rsplit_once('/').map_or(path.clone(), |(folder, _)| folder.to_string())
        })
        .collect();
    let shown: Vec<String> = paths.iter().take(10).map(|path| format!("file:/{path}")).collect();
    let more = if paths.len() > shown.len() { ", ..." } else { "" };
    (paths.len(), format!("{}{more}", shown.join(", ")))
}

fn columns_of(expr: &Arc<dyn PhysicalExpr>) -> BTreeSet<String> {
    let columns = datafusion::physical_expr::utils::collect_columns(expr);
    columns.into_iter().map(|column| column.name().to_string()).collect()
}

/// Columns that cannot be NULL where all conditions hold, in their order.
fn not_null(conditions: &[&Arc<dyn PhysicalExpr>]) -> Vec<String> {
    let mut found: Vec<String> = vec![];
    for condition in conditions {
        let strict = match condition.downcast_ref::<BinaryExpr>() {
            Some(own) => matches!(
                own.op(),
                Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
            ),
            None => false,
        };
        let own = if strict { columns_of(condition) } else { BTreeSet::new() };
        found.extend(own.into_iter().filter(|name| !found.contains(name)).collect::<Vec<_>>());
    }
    found
}

/// A condition as data sources are told it; None for one that they are not told.
fn filter(expr: &Arc<dyn PhysicalExpr>) -> Option<String> {
    if let Some(own) = expr.downcast_ref::<BinaryExpr>() {
        let (left, right) = (own.left(), own.right());
        let joined = |name: &str| Some(format!("{name}({},{})", filter(left)?, filter(right)?));
        match own.op() {
            Operator::And => return joined("And"),
            Operator::Or => return joined("Or"),
            _ => {}
        }
        let (column, value, op) = match (column(left), constant(right)) {
            (Some(column), Some(value)) => (column, value, *own.op()),
            _ => (column(right)?, constant(left)?, own.op().swap()?),
        };
        let name = match op {
            Operator::Eq => "EqualTo",
            Operator::IsNotDistinctFrom => "EqualNullSafe",
            Operator::Gt => "GreaterThan",
            Operator::GtEq => "GreaterThanOrEqual",
            Operator::Lt => "LessThan",
            Operator::LtEq => "LessThanOrEqual",
            Operator::NotEq => return Some(format!("Not(EqualTo({column},{value}))")),
            _ => return None,
        };
        return Some(format!("{name}({column},{value})"));
    }
    if let Some(own) = expr.downcast_ref::<NotExpr>() {
        return Some(format!("Not({})", filter(own.arg())?));
    }
    if let Some(own) = expr.downcast_ref::<IsNullExpr>() {
        return Some(format!("IsNull({})", column(own.arg())?));
    }
    if let Some(own) = expr.downcast_ref::<IsNotNullExpr>() {
        return Some(format!("IsNotNull({})", column(own.arg())?));
    }
    if let Some(own) = expr.downcast_ref::<InListExpr>() {
        let items: Option<Vec<String>> = own.list().iter().map(constant).collect();
        let test = format!("In({}, [{}])", column(own.expr())?, items?.join(","));
        return Some(if own.negated() { format!("Not({test})") } else { test });
    }
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    let name = match call.name().trim_start_matches("spark_") {
        "starts_with" => "StringStartsWith",
        "ends_with" => "StringEndsWith",
        "contains" => "StringContains",
        _ => return None,
    };
    Some(format!("{name}({},{})", column(call.args().first()?)?, constant(call.args().get(1)?)?))
}

fn column(expr: &Arc<dyn PhysicalExpr>) -> Option<String> {
    if let Some(own) = expr.downcast_ref::<CastExpr>() {
        return column(own.expr());
    }
    Some(expr.downcast_ref::<Column>()?.name().to_string())
}

fn constant(expr: &Arc<dyn PhysicalExpr>) -> Option<String> {
    Some(words::literal(expr.downcast_ref::<Literal>()?.value()))
}
