//! What was asked for, before any name was looked up. Names that are not resolved have an apostrophe, as in Spark.

use firesteel_protocol::connect::{self as pb, expression::ExprType, read::ReadType, relation::RelType};
use firesteel_protocol::extension::{ExpressionKind, RelationKind};
use firesteel_protocol::types::{name, proto};

use super::tree::{Node, list};
use super::words;

/// The relation as a tree.
pub fn tree(relation: &pb::Relation) -> Node {
    let Some(kind) = &relation.rel_type else { return of("'UnresolvedRelation", "", []) };
    match kind {
        RelType::Read(own) => match &own.read_type {
            Some(ReadType::NamedTable(table)) => {
                let arguments = format!("[{}], [], {}", table.unparsed_identifier, own.is_streaming);
                of("'UnresolvedRelation", &arguments, [])
            }
            Some(ReadType::DataSource(source)) => {
                let format = source.format.as_deref().unwrap_or("parquet");
                of("'UnresolvedDataSource", &format!("format: {format}, isStreaming: {}", own.is_streaming), [])
            }
            None => of("'UnresolvedRelation", "", []),
        },
        RelType::Project(own) if own.input.is_none() && own.expressions.is_empty() => of("OneRowRelation", "", []),
        RelType::Project(own) => match &own.input {
            Some(input) => of("'Project", &list(&all(&own.expressions)), [input.as_ref()]),
            None => {
                let row = Node::new("OneRowRelation", "", vec![], vec![]);
                Node::new("'Project", &list(&all(&own.expressions)), vec![], vec![row])
            }
        },
        RelType::Filter(own) => of("'Filter", &optional(own.condition.as_ref()), own.input.as_deref()),
        RelType::Join(own) => {
            let kind = join_type(own.join_type());
            let arguments = match (&own.join_condition, own.using_columns.as_slice()) {
                (Some(condition), _) => format!("{kind}, {}", text(condition)),
                (None, []) => kind.to_string(),
                (None, columns) => format!("UsingJoin({kind}, {})", list(columns)),
            };
            of("'Join", &arguments, own.left.as_deref().into_iter().chain(own.right.as_deref()))
        }
        RelType::SetOp(own) => {
            use pb::set_operation::SetOpType;
            let inputs = || own.left_input.as_deref().into_iter().chain(own.right_input.as_deref());
            let name = match own.set_op_type() {
                SetOpType::Intersect => "'Intersect",
                SetOpType::Except => "'Except",
                _ => "'Union",
            };
            match name {
                "'Union" if own.is_all() => of(name, "false, false", inputs()),
                "'Union" => {
                    let union = of(name, "false, false", inputs());
                    Node::new("'Distinct", "", vec![], vec![union])
                }
                name => of(name, if own.is_all() { "true" } else { "false" }, inputs()),
            }
        }
        RelType::Sort(own) => {
            let keys: Vec<String> = own.order.iter().map(sort).collect();
            let global = own.is_global.unwrap_or(true);
            of("'Sort", &format!("{}, {global}", list(&keys)), own.input.as_deref())
        }
        RelType::Limit(own) => {
            let local = of("'LocalLimit", &own.limit.to_string(), own.input.as_deref());
            Node::new("'GlobalLimit", &own.limit.to_string(), vec![], vec![local])
        }
        RelType::Offset(own) => of("'Offset", &own.offset.to_string(), own.input.as_deref()),
        RelType::Tail(own) => of("'Tail", &own.limit.to_string(), own.input.as_deref()),
        RelType::Aggregate(own) => {
            let groups = all(&own.grouping_expressions);
            let results = all(&own.aggregate_expressions);
            of("'Aggregate", &format!("{}, {}", list(&groups), list(&results)), own.input.as_deref())
        }
        RelType::Deduplicate(own) if own.all_columns_as_keys() => of("'Distinct", "", own.input.as_deref()),
        RelType::Deduplicate(own) => of("'Deduplicate", &list(&own.column_names), own.input.as_deref()),
        RelType::SubqueryAlias(own) => of("'SubqueryAlias", &own.alias, own.input.as_deref()),
        RelType::Range(own) => {
            let start = own.start.unwrap_or(0);
            of("Range", &format!("({start}, {}, step={})", own.end, own.step), [])
        }
        RelType::Hint(own) => {
            of("'UnresolvedHint", &format!("{}, {}", own.name, list(&all(&own.parameters))), own.input.as_deref())
        }
        RelType::Repartition(own) => {
            let arguments = format!("{}, {}", own.num_partitions, own.shuffle.unwrap_or(false));
            of("Repartition", &arguments, own.input.as_deref())
        }
        RelType::RepartitionByExpression(own) => {
            of("'RepartitionByExpression", &list(&all(&own.partition_exprs)), own.input.as_deref())
        }
        RelType::WithColumns(own) => {
            let items = own.aliases.iter().map(alias).collect::<Vec<_>>();
            let items = [vec!["*".to_string()], items].concat();
            of("'Project", &list(&items), own.input.as_deref())
        }
        RelType::Drop(own) => {
            let columns = own.column_names.iter().map(|name| format!("'{name}"));
            let columns: Vec<String> = all(&own.columns).into_iter().chain(columns).collect();
            of("'DataFrameDropColumns", &list(&columns), own.input.as_deref())
        }
        RelType::LocalRelation(_) | RelType::CachedLocalRelation(_) | RelType::ChunkedCachedLocalRelation(_) => {
            of("LocalRelation", "", [])
        }
        RelType::UnresolvedTableValuedFunction(own) => of(
            "'UnresolvedTableValuedFunction",
            &format!("[{}], {}", own.function_name, list(&all(&own.arguments))),
            [],
        ),
        RelType::WithRelations(own) => match own.root.as_deref() {
            Some(root) => tree(root),
            None => of("'UnresolvedRelation", "", []),
        },
        RelType::Extension(any) => match RelationKind::from_any(any) {
            Some(kind) => of_text(&kind),
            None => of("'UnresolvedRelation", "", []),
        },
        RelType::Sql(own) => of("'UnresolvedSql", &own.query, []),
        other => {
            // The name of the message's variant is what Connect calls the relation.
            let shown = format!("{other:?}");
            of(&format!("'{}", shown.split('(').next().unwrap_or("UnresolvedRelation")), "", [])
        }
    }
}

/// What only SQL text can say.
fn of_text(kind: &RelationKind) -> Node {
    match kind {
        RelationKind::Aggregate(own) => {
            let arguments = format!("{}, {}", list(&all(&own.grouping)), list(&all(&own.select)));
            let aggregate = of("'Aggregate", &arguments, own.input.as_deref());
            match &own.having {
                Some(condition) => Node::new("'UnresolvedHaving", &text(condition), vec![], vec![aggregate]),
                None => aggregate,
            }
        }
        RelationKind::WithCte(own) => {
            let names: Vec<String> = own.ctes.iter().map(|cte| cte.name.clone()).collect();
            let plans = own.ctes.iter().filter_map(|cte| cte.plan.as_ref()).chain(own.input.as_deref());
            of("CTE", &list(&names), plans)
        }
        RelationKind::LateralView(own) => {
            let arguments = format!(
                "{}, {}, {}, {}",
                optional(own.generator.as_ref()),
                own.outer,
                own.qualifier,
                list(&own.column_names)
            );
            of("'Generate", &arguments, own.input.as_deref())
        }
        RelationKind::ColumnAliases(own) => {
            of("'UnresolvedSubqueryColumnAliases", &list(&own.names), own.input.as_deref())
        }
        RelationKind::Limit(own) => {
            let local = of("'LocalLimit", &optional(own.limit.as_ref()), own.input.as_deref());
            Node::new("'GlobalLimit", &optional(own.limit.as_ref()), vec![], vec![local])
        }
        RelationKind::Qualify(own) => of("'UnresolvedQualify", "", own.input.as_deref()),
        RelationKind::OrderByAll(own) => of("'Sort", "[all], true", own.input.as_deref()),
        RelationKind::PipeColumns(own) => of("'Project", &list(&all(&own.columns)), own.input.as_deref()),
        RelationKind::Pivot(own) => of("'Pivot", "", own.input.as_deref()),
        RelationKind::Unpivot(own) => of("'Unpivot", "", own.input.as_deref()),
        RelationKind::ScriptTransform(own) => of("'ScriptTransformation", &own.script, own.input.as_deref()),
        RelationKind::NaturalJoin(own) => {
            of("'Join", "NaturalJoin", own.left.as_deref().into_iter().chain(own.right.as_deref()))
        }
        RelationKind::CteRef(own) => of("'UnresolvedRelation", &format!("[{}], [], false", own.name), []),
        RelationKind::Values(_) => of("LocalRelation", "", []),
        // Spark's parser says nothing of it.
        RelationKind::Collated(own) => own.input.as_deref().map_or_else(|| of("LocalRelation", "", []), tree),
    }
}

fn of<'a>(name: &str, arguments: &str, inputs: impl IntoIterator<Item = &'a pb::Relation>) -> Node {
    Node::new(name, arguments, vec![], inputs.into_iter().map(tree).collect())
}

fn join_type(own: pb::join::JoinType) -> &'static str {
    use pb::join::JoinType;
    match own {
        JoinType::FullOuter => "FullOuter",
        JoinType::LeftOuter => "LeftOuter",
        JoinType::RightOuter => "RightOuter",
        JoinType::LeftAnti => "LeftAnti",
        JoinType::LeftSemi => "LeftSemi",
        JoinType::Cross => "Cross",
        _ => "Inner",
    }
}

fn all(exprs: &[pb::Expression]) -> Vec<String> {
    exprs.iter().map(item).collect()
}

/// An item of a list: what has no name yet says so.
fn item(expr: &pb::Expression) -> String {
    let shown = text(expr);
    match &expr.expr_type {
        Some(ExprType::UnresolvedFunction(_) | ExprType::Cast(_)) => format!("unresolvedalias({shown})"),
        _ => shown,
    }
}

fn optional(expr: Option<&pb::Expression>) -> String {
    expr.map(text).unwrap_or_default()
}

fn sort(own: &pb::expression::SortOrder) -> String {
    use pb::expression::sort_order::{NullOrdering, SortDirection};
    let ascending = own.direction() != SortDirection::Descending;
    let nulls_first = match own.null_ordering() {
        NullOrdering::SortNullsFirst => true,
        NullOrdering::SortNullsLast => false,
        NullOrdering::SortNullsUnspecified => ascending,
    };
    words::sort(&optional(own.child.as_deref()), ascending, nulls_first)
}

fn alias(own: &pb::expression::Alias) -> String {
    let child = optional(own.expr.as_deref());
    match own.name.as_slice() {
        [one] => format!("{child} AS {one}#{}", firesteel_plan::attribute::next_id()),
        several => format!("{child} AS ({})", several.join(", ")),
    }
}

const SYMBOLS: [&str; 20] =
    ["+", "-", "*", "/", "%", "div", "=", "==", "<", "<=", ">", ">=", "<=>", "and", "or", "&", "|", "^", "&&", "||"];

fn function(own: &pb::expression::UnresolvedFunction) -> String {
    let arguments: Vec<String> = own.arguments.iter().map(text).collect();
    let lower = own.function_name.to_lowercase();
    match (lower.as_str(), arguments.as_slice()) {
        ("!=" | "<>", [left, right]) => format!("NOT ({left} = {right})"),
        ("not" | "!", [only]) => format!("NOT {only}"),
        (symbol, [left, right]) if SYMBOLS.contains(&symbol) => {
            let symbol = if symbol == "==" { "=".to_string() } else { symbol.to_uppercase() };
            format!("({left} {symbol} {right})")
        }
        ("in", [input, items @ ..]) => words::in_list(false, input, items),
        ("isnull" | "__is_unknown", [only]) => format!("isnull({only})"),
        ("isnotnull" | "__is_not_unknown", [only]) => format!("isnotnull({only})"),
        ("like", [input, pattern]) => format!("{input} LIKE {pattern}"),
        ("when", branches) => {
            let pairs = branches.chunks_exact(2);
            let otherwise = pairs.remainder().first().cloned();
            let pairs: Vec<(String, String)> = pairs.map(|pair| (pair[0].clone(), pair[1].clone())).collect();
            words::case(None, &pairs, otherwise)
        }
        (name, arguments) => {
            let distinct = if own.is_distinct { "distinct " } else { "" };
            let arguments: Vec<&str> =
                arguments.iter().map(|text| if name == "count" && text == "*" { "1" } else { text }).collect();
            format!("'{name}({distinct}{})", arguments.join(", "))
        }
    }
}

fn text(expr: &pb::Expression) -> String {
    match &expr.expr_type {
        Some(ExprType::Literal(own)) => match firesteel_plan::expression::literal::value(own) {
            Ok(value) => words::literal(&value),
            Err(_) => "literal".into(),
        },
        Some(ExprType::UnresolvedAttribute(own)) => format!("'{}", own.unparsed_identifier),
        Some(ExprType::UnresolvedFunction(own)) => function(own),
        Some(ExprType::UnresolvedStar(own)) => match &own.unparsed_target {
            Some(target) => format!("{}.*", target.trim_end_matches(".*")),
            None => "*".into(),
        },
        Some(ExprType::ExpressionString(own)) => own.expression.clone(),
        Some(ExprType::Alias(own)) => alias(own),
        Some(ExprType::Cast(own)) => {
            use pb::expression::cast::CastToType;
            let to = match &own.cast_to_type {
                Some(CastToType::Type(to)) => proto::decode(to).map(|to| name::simple(&to)).unwrap_or_default(),
                Some(CastToType::TypeStr(text)) => text.to_lowercase(),
                None => String::new(),
            };
            format!("cast({} as {to})", optional(own.expr.as_deref()))
        }
        Some(ExprType::SortOrder(own)) => sort(own),
        Some(ExprType::Window(own)) => {
            let function = optional(own.window_function.as_deref());
            let parts: Vec<String> =
                own.partition_spec.iter().map(text).chain(own.order_spec.iter().map(sort)).collect();
            format!("{function} windowspecdefinition({}, unspecifiedframe$())", parts.join(", "))
        }
        Some(ExprType::UnresolvedExtractValue(own)) => {
            format!("{}[{}]", optional(own.child.as_deref()), optional(own.extraction.as_deref()))
        }
        Some(ExprType::CommonInlineUserDefinedFunction(own)) => {
            let arguments: Vec<String> = own.arguments.iter().map(text).collect();
            format!("{}({})", own.function_name, arguments.join(", "))
        }
        Some(ExprType::CallFunction(own)) => {
            let arguments: Vec<String> = own.arguments.iter().map(text).collect();
            format!("'{}({})", own.function_name, arguments.join(", "))
        }
        Some(ExprType::SubqueryExpression(own)) => {
            use pb::subquery_expression::SubqueryType;
            match own.subquery_type() {
                SubqueryType::Exists => "exists# []".into(),
                SubqueryType::In => {
                    format!("{} IN (list# [])", own.in_subquery_values.iter().map(text).collect::<Vec<_>>().join(", "))
                }
                _ => "scalar-subquery# []".into(),
            }
        }
        Some(ExprType::Extension(any)) => match ExpressionKind::from_any(any) {
            Some(ExpressionKind::Function(own)) => own.function.as_ref().map(function).unwrap_or_default(),
            Some(ExpressionKind::WithRelations(own)) => optional(own.expression.as_deref()),
            Some(ExpressionKind::StarExcept(_)) => "*".into(),
            _ => "'expression".into(),
        },
        _ => "'expression".into(),
    }
}
