//! Lowering, shown in one line each: `name(arguments)` for calls, `Kind[parts]` for relations.

use firesteel_protocol::connect::{
    self as pb,
    expression::{ExprType, SortOrder, literal::LiteralType, window::window_frame::frame_boundary::Boundary},
    read::ReadType,
    relation::RelType,
};
use firesteel_protocol::extension::{ExpressionKind, RelationKind};

use super::{SqlCommand, SqlContext, Statement, parse_column_name, parse_expression, parse_statement};

fn expression(sql: &str) -> String {
    match parse_expression(sql, &SqlContext::default()) {
        Ok(expression) => show(&expression),
        Err(error) => error.condition().to_string(),
    }
}

fn query(sql: &str) -> String {
    match parse_statement(sql, &SqlContext::default()) {
        Ok(Statement::Query(relation)) => show_relation(&relation),
        Ok(Statement::Command(command)) => panic!("{command:?}"),
        Err(error) => error.to_string(),
    }
}

fn command(sql: &str) -> SqlCommand {
    match parse_statement(sql, &SqlContext::default()) {
        Ok(Statement::Command(command)) => *command,
        other => panic!("{sql}: {other:?}"),
    }
}

fn list<'a>(expressions: impl IntoIterator<Item = &'a pb::Expression>) -> String {
    expressions.into_iter().map(show).collect::<Vec<_>>().join(", ")
}

fn boxed(expression: &Option<Box<pb::Expression>>) -> String {
    expression.as_deref().map(show).unwrap_or_default()
}

fn order(orders: &[SortOrder]) -> String {
    let show = |order: &SortOrder| {
        let direction = if order.direction == 2 { " desc" } else { "" };
        let nulls = if (order.null_ordering == 2) == (order.direction == 2) { "" } else { " nulls swapped" };
        format!("{}{direction}{nulls}", boxed(&order.child))
    };
    orders.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn call(function: &pb::expression::UnresolvedFunction) -> String {
    let distinct = if function.is_distinct { "distinct " } else { "" };
    format!("{}({distinct}{})", function.function_name, list(&function.arguments))
}

fn show(expression: &pb::Expression) -> String {
    match expression.expr_type.as_ref().expect("a kind") {
        ExprType::Literal(literal) => match literal.literal_type.as_ref().expect("a value") {
            LiteralType::String(text) => format!("'{text}'"),
            LiteralType::Integer(value) => value.to_string(),
            LiteralType::Boolean(value) => value.to_string(),
            LiteralType::Null(_) => "null".into(),
            LiteralType::Decimal(value) => format!("{}d{}.{}", value.value, value.precision(), value.scale()),
            other => format!("{other:?}"),
        },
        ExprType::UnresolvedAttribute(attribute) => attribute.unparsed_identifier.clone(),
        ExprType::UnresolvedFunction(function) => call(function),
        ExprType::UnresolvedStar(star) => star.unparsed_target.clone().unwrap_or_else(|| "*".into()),
        ExprType::Alias(alias) => format!("{} as {}", boxed(&alias.expr), alias.name.join("+")),
        ExprType::Cast(cast) => format!("cast({})", boxed(&cast.expr)),
        ExprType::LambdaFunction(lambda) => {
            let names: Vec<String> = lambda.arguments.iter().map(|argument| argument.name_parts.join(".")).collect();
            format!("{} -> {}", names.join(","), boxed(&lambda.function))
        }
        ExprType::UnresolvedExtractValue(extract) => {
            format!("{}[{}]", boxed(&extract.child), boxed(&extract.extraction))
        }
        ExprType::NamedArgumentExpression(named) => format!("{} => {}", named.key, boxed(&named.value)),
        ExprType::SubqueryExpression(subquery) => {
            format!("{:?}({})", subquery.subquery_type(), list(&subquery.in_subquery_values))
        }
        ExprType::Window(window) => {
            let bound = |bound: &Option<Box<pb::expression::window::window_frame::FrameBoundary>>| match bound
                .as_ref()
                .and_then(|bound| bound.boundary.as_ref())
            {
                Some(Boundary::Value(value)) => show(value),
                Some(Boundary::CurrentRow(_)) => "current".to_string(),
                _ => "unbounded".to_string(),
            };
            let frame = window.frame_spec.as_ref();
            let frame =
                frame.map(|frame| format!(" {}..{}", bound(&frame.lower), bound(&frame.upper))).unwrap_or_default();
            let function = boxed(&window.window_function);
            format!("{function} over ({} / {}{frame})", list(&window.partition_spec), order(&window.order_spec))
        }
        ExprType::Extension(any) => match ExpressionKind::from_any(any).expect("ours") {
            ExpressionKind::Function(function) => {
                let filter = boxed(&function.filter);
                let name = call(function.function.as_ref().expect("a call"));
                format!("{name}{{{filter}|{}|{:?}}}", order(&function.within_group), function.ignore_nulls)
            }
            ExpressionKind::StarExcept(star) => format!("{:?} except {}", star.unparsed_target, star.except.join(",")),
            ExpressionKind::Ordinal(ordinal) => format!("#{}", ordinal.position),
            ExpressionKind::WithRelations(with) => {
                let relations: Vec<String> = with.references.iter().map(show_relation).collect();
                format!("{} with {}", boxed(&with.expression), relations.join(", "))
            }
        },
        other => format!("{other:?}"),
    }
}

fn input(relation: &Option<Box<pb::Relation>>) -> String {
    relation.as_deref().map_or_else(|| "row".to_string(), show_relation)
}

fn show_relation(relation: &pb::Relation) -> String {
    match relation.rel_type.as_ref().expect("a kind") {
        RelType::Read(read) => match read.read_type.as_ref().expect("a kind") {
            ReadType::NamedTable(table) => table.unparsed_identifier.clone(),
            other => format!("{other:?}"),
        },
        RelType::Project(project) => format!("Project[{}: {}]", input(&project.input), list(&project.expressions)),
        RelType::Filter(filter) => format!("Filter[{}: {}]", input(&filter.input), list(&filter.condition)),
        RelType::Join(join) => {
            let condition = list(&join.join_condition);
            format!(
                "{:?}[{}, {}: {condition}{}]",
                join.join_type(),
                input(&join.left),
                input(&join.right),
                join.using_columns.join(",")
            )
        }
        RelType::LateralJoin(join) => {
            format!(
                "Lateral{:?}[{}, {}: {}]",
                join.join_type(),
                input(&join.left),
                input(&join.right),
                list(&join.join_condition)
            )
        }
        RelType::SetOp(operation) => {
            let all = if operation.is_all() { "All" } else { "" };
            format!(
                "{:?}{all}[{}, {}]",
                operation.set_op_type(),
                input(&operation.left_input),
                input(&operation.right_input)
            )
        }
        RelType::Sort(sort) => format!("Sort[{}: {}]", input(&sort.input), order(&sort.order)),
        RelType::Limit(limit) => format!("Limit[{}: {}]", input(&limit.input), limit.limit),
        RelType::Offset(offset) => format!("Offset[{}: {}]", input(&offset.input), offset.offset),
        RelType::Deduplicate(deduplicate) => format!("Distinct[{}]", input(&deduplicate.input)),
        RelType::Sample(sample) => format!("Sample[{}: {}]", input(&sample.input), sample.upper_bound),
        RelType::SubqueryAlias(alias) => format!("{} as {}", input(&alias.input), alias.alias),
        RelType::Hint(hint) => format!("Hint[{}: {}({})]", input(&hint.input), hint.name, list(&hint.parameters)),
        RelType::WithRelations(with) => {
            let references: Vec<String> = with.references.iter().map(show_relation).collect();
            format!("With[{}: {}]", input(&with.root), references.join(", "))
        }
        RelType::UnresolvedTableValuedFunction(function) => {
            format!("{}({})", function.function_name, list(&function.arguments))
        }
        RelType::Extension(any) => show_extension(RelationKind::from_any(any).expect("ours")),
        other => format!("{other:?}"),
    }
}

fn show_extension(kind: RelationKind) -> String {
    match kind {
        RelationKind::Aggregate(aggregate) => {
            let sets: Vec<String> = aggregate.grouping_sets.iter().map(|set| format!("{:?}", set.columns)).collect();
            let all = if aggregate.group_by_all { "all" } else { "" };
            format!(
                "Aggregate[{}: {}{all} {}: {} having {}]",
                input(&aggregate.input),
                list(&aggregate.grouping),
                sets.join(""),
                list(&aggregate.select),
                list(&aggregate.having)
            )
        }
        // Between operators behind pipes.
        RelationKind::PipeColumns(pipe) if pipe.columns.is_empty() => input(&pipe.input),
        RelationKind::Collated(own) => format!("Collated[{}: {}]", input(&own.input), own.collation),
        RelationKind::ScriptTransform(script) => format!("Script[{}: {}]", input(&script.input), script.script),
        RelationKind::PipeColumns(pipe) => {
            let clause = if pipe.set { "Set" } else { "Extend" };
            format!("{clause}[{}: {}]", input(&pipe.input), list(&pipe.columns))
        }
        RelationKind::Qualify(qualify) => {
            format!("Qualify[{}: {}]", input(&qualify.input), list(qualify.condition.as_slice()))
        }
        RelationKind::LateralView(view) => {
            let names = view.column_names.join(",");
            format!("View[{}: {} {} {} {names}]", input(&view.input), list(&view.generator), view.outer, view.qualifier)
        }
        RelationKind::NaturalJoin(join) => format!("Natural[{}, {}]", input(&join.left), input(&join.right)),
        RelationKind::WithCte(with) => {
            let ctes: Vec<String> = with
                .ctes
                .iter()
                .map(|cte| {
                    let recursive = if cte.recursive { "recursive " } else { "" };
                    let plan = cte.plan.as_ref().map(show_relation).unwrap_or_default();
                    format!("{recursive}{}({})={plan}", cte.name, cte.column_names.join(","))
                })
                .collect();
            format!("Cte[{}; {}]", ctes.join("; "), input(&with.input))
        }
        RelationKind::CteRef(reference) => format!("@{}", reference.name),
        RelationKind::Values(values) => {
            let rows: Vec<String> = values.rows.iter().map(|row| format!("({})", list(&row.values))).collect();
            format!("Values{}", rows.join(""))
        }
        RelationKind::ColumnAliases(aliases) => format!("{}({})", input(&aliases.input), aliases.names.join(",")),
        RelationKind::Pivot(pivot) => format!(
            "Pivot[{}: {} for {} in {}]",
            input(&pivot.input),
            list(&pivot.aggregates),
            list(&pivot.columns),
            list(&pivot.values)
        ),
        RelationKind::Unpivot(unpivot) => {
            let columns: Vec<String> = unpivot
                .columns
                .iter()
                .map(|column| format!("{} {:?}", list(&column.expressions), column.alias))
                .collect();
            let values = unpivot.value_columns.join(",");
            format!(
                "Unpivot[{}: {values} for {} in {}]",
                input(&unpivot.input),
                unpivot.variable_column,
                columns.join("; ")
            )
        }
        RelationKind::Limit(limit) => {
            format!("Limit[{}: {} {}]", input(&limit.input), list(&limit.limit), list(&limit.offset))
        }
        RelationKind::OrderByAll(order) => format!("SortAll[{}]", input(&order.input)),
    }
}

#[test]
fn operators_bind_as_in_spark() {
    assert_eq!(expression("10 div 3 + 1"), "+(div(10, 3), 1)");
    assert_eq!(expression("not a = b and c or d"), "or(and(not(=(a, b)), c), d)");
    assert_eq!(expression("-1 % 2 ^ 3 | 4 & 5"), "|(^(%(-1, 2), 3), &(4, 5))");
    assert_eq!(expression("-a * b - -1"), "-(*(-(a), b), -1)");
    assert_eq!(expression("a between 1 and 2 and b"), "and(between(a, 1, 2), b)");
    assert_eq!(expression("a << 1 >= b >> 2 >>> 3"), ">=(<<(a, 1), >>>(>>(b, 2), 3))");
    assert_eq!(expression("a is not distinct from b || 'x'"), "<=>(a, concat(b, 'x'))");
    assert_eq!(expression("a != b <> c"), "not(=(not(=(a, b)), c))");
    assert_eq!(expression("!true = false"), "not(=(true, false))");
}

#[test]
fn names_elements_and_calls() {
    assert_eq!(expression("a.`b c`[0]['k'].d"), "a.`b c`[0]['k']['d']");
    assert_eq!(expression("t.* except (a, b.c)"), "Some(\"t\") except a,b.c");
    assert_eq!(expression("transform(a, x -> x + 1)"), "transform(a, x -> +(x, 1))");
    assert_eq!(expression("f(k => (x, y) -> x)"), "PARSE_SYNTAX_ERROR");
    assert_eq!(expression("db.f(a, k => 2)"), "db.f(a, k => 2)");
    assert_eq!(expression("count(*), 1"), "PARSE_SYNTAX_ERROR");
    assert_eq!(expression("count(distinct a, b) filter (where c > 1)"), "count(distinct a, b){>(c, 1)||None}");
    assert_eq!(expression("first(a ignore nulls)"), "first(a){||Some(true)}");
    assert_eq!(
        expression("percentile_cont(0.5) within group (order by a desc)"),
        "percentile_cont(0.5d1.1){|a desc|None}"
    );
    assert_eq!(
        expression("sum(a) over (partition by b order by c rows between 2 preceding and current row)"),
        "sum(a) over (b / c -2..current)"
    );
    assert_eq!(expression("case a when 1 then 2 else 3 end"), "when(=(a, 1), 2, 3)");
    assert_eq!(expression("trim(leading from a)"), "ltrim(a)");
    assert_eq!(expression("trim(both 'x' from a)"), "trim('x', a)");
    assert_eq!(expression("substring(a from 2 for 3)"), "substring(a, 2, 3)");
    assert_eq!(expression("extract(day from d) + position('a' in b)"), "+(extract('day', d), locate('a', b))");
    assert_eq!(expression("dateadd(day, 1, d)"), "timestampadd('day', 1, d)");
    assert_eq!(expression("(a, 1, 2 as b)"), "named_struct('a', a, 'col2', 1, 'b', 2)");
    assert_eq!(expression("explode(m) as (k, v)"), "explode(m) as k+v");
    assert_eq!(expression("date"), "date");
}

#[test]
fn subqueries_are_references() {
    assert_eq!(
        query("select * from t where a in (select b from u) and exists (select 1 from v)"),
        "With[Project[Filter[t: and(In(a), Exists())]: *]: Project[u: b], Project[v: 1]]"
    );
    assert_eq!(query("select (select max_x from u) + 1"), "With[Project[row: +(Scalar(), 1)]: Project[u: max_x]]");
    assert_eq!(expression("a in (select 1)"), "In(a) with Project[row: 1]");
    assert_eq!(
        query("select ((select 1) union (select 2))"),
        "With[Project[row: Scalar()]: Union[Project[row: 1], Project[row: 2]]]"
    );
}

#[test]
fn clauses_in_order() {
    assert_eq!(
        query("select distinct a from t join u using (k) where b group by a having c order by 1 desc limit 5 offset 2"),
        "Limit[Offset[Sort[Distinct[Aggregate[Filter[Inner[t, u: k]: b]: a : a having c]]: #1 desc]: 2]: 5]"
    );
    assert_eq!(
        query("select 1 union all select 2 intersect select 3"),
        "UnionAll[Project[row: 1], Intersect[Project[row: 2], Project[row: 3]]]"
    );
    assert_eq!(
        query("select /*+ BROADCAST(t), MERGE(u) */ * from t"),
        "Hint[Hint[Project[t: *]: MERGE(u)]: BROADCAST(t)]"
    );
    assert_eq!(query("from t select a where b"), "Project[Filter[t: b]: a]");
    assert_eq!(query("select a from t, lateral explode(b) x"), "Project[LateralInner[t, explode(b) as x: ]: a]");
    assert_eq!(query("select sum(a) over w from t window w as (partition by b)"), "Project[t: sum(a) over (b / )]");
    assert_eq!(
        query("select * from t tablesample (10 percent) limit 1 + 1"),
        "Limit[Project[Sample[t: 0.1]: *]: +(1, 1) ]"
    );
    let nested = format!("select {}a{}", "substring(".repeat(25), ", 1)".repeat(25));
    assert!(query(&nested).starts_with("Project[row: substring(substring("));
    assert_eq!(
        query("from t |> where a > 1 |> aggregate sum(b) group by c |> select c |> order by c |> limit 1"),
        "Limit[Sort[Project[Aggregate[Filter[t: >(a, 1)]: c : c, sum(b) having ]: c]: c]: 1]"
    );
    assert_eq!(query("select * from a, b join c on a.x = c.x"), "Project[Inner[Inner[a, b: ], c: =(a.x, c.x)]: *]");
    assert_eq!(query("values (1, 'a'), (2, 'b') as t(x, y)"), "Values(1, 'a')(2, 'b')(x,y) as t");
    assert_eq!(
        query("select * from t lateral view outer explode(m) e as k, v"),
        "Project[View[t: explode(m) true e k,v]: *]"
    );
    assert_eq!(
        query("select * from (select 1) x left anti join y on x.a <=> y.a"),
        "Project[LeftAnti[Project[row: 1] as x, y: <=>(x.a, y.a)]: *]"
    );
}

#[test]
fn grouping_sets_are_spelled_out() {
    assert_eq!(query("select 1 from t group by rollup(a, b)"), "Aggregate[t: a, b [0, 1][0][]: 1 having ]");
    assert_eq!(query("select 1 from t group by cube(a, b)"), "Aggregate[t: a, b [0, 1][0][1][]: 1 having ]");
    assert_eq!(query("select 1 from t group by a, b with rollup"), "Aggregate[t: a, b [0, 1][0][]: 1 having ]");
    assert_eq!(
        query("select 1 from t group by grouping sets ((a, b), A, ())"),
        "Aggregate[t: a, b [0, 1][0][]: 1 having ]"
    );
    assert_eq!(query("select 1 from t group by c, rollup(a)"), "Aggregate[t: c, a [0, 1][0]: 1 having ]");
    assert_eq!(query("select 1 from t group by a, b grouping sets ((a), (b))"), "Aggregate[t: a, b [0][1]: 1 having ]");
    assert_eq!(query("select a from t group by all"), "Aggregate[t: all : a having ]");
}

#[test]
fn ctes_are_references() {
    assert_eq!(
        query("with a as (select 1), b(x) as (select * from A) select * from b"),
        "Cte[a()=Project[row: 1]; b(x)=Project[@A as A: *]; Project[@b as b: *]]"
    );
    assert_eq!(
        query("with recursive r(n) as (values (1) union all select n + 1 from r where n < 5) select * from r"),
        "Cte[recursive r(n)=UnionAll[Values(1), Project[Filter[@r as r: <(n, 5)]: +(n, 1)]]; Project[@r as r: *]]"
    );
    assert_eq!(query("with a as (select 1) select * from x.a"), "Cte[a()=Project[row: 1]; Project[x.a: *]]");
}

#[test]
fn commands() {
    assert_eq!(
        command("SET spark.sql.x = a b;"),
        SqlCommand::SetSetting { key: "spark.sql.x".into(), value: "a b".into() }
    );
    assert_eq!(command("set time zone interval 10 hours"), SqlCommand::SetTimeZone { zone: Some("+10:00".into()) });
    assert!(matches!(
        command("create or replace global temp view v (a comment 'x') as select 1"),
        SqlCommand::CreateView { global: true, replace: true, text, .. } if text == "select 1"
    ));
    let SqlCommand::CreateTable { spec, query: None, .. } = command(
        "create table if not exists d.t (a int not null comment 'c', b map<string, array<int>>) using parquet \
         partitioned by (a) location '/x' options ('k' 'v', 'l.m' = 1) tblproperties (p = true)",
    ) else {
        panic!("no table")
    };
    assert_eq!((spec.columns.len(), spec.partition_columns.len()), (2, 1));
    assert_eq!(spec.options, [("k".to_string(), "v".to_string()), ("l.m".into(), "1".into())]);
    let SqlCommand::Insert { partition, columns, .. } =
        command("with q as (select 1) insert overwrite table t partition (p = 1, r) (a, b) select * from q")
    else {
        panic!("no insert")
    };
    assert_eq!((partition.len(), columns), (2, vec!["a".to_string(), "b".into()]));
    assert!(matches!(command("explain formatted select 1"), SqlCommand::Explain { .. }));
}

#[test]
fn errors_say_where() {
    assert_eq!(
        query("select\n a b c"),
        "\n[PARSE_SYNTAX_ERROR] Syntax error at or near 'c': extra input 'c'. SQLSTATE: 42601 (line 2, pos 5)\n\n== SQL ==\nselect\n a b c\n-----^^^\n"
    );
    assert_eq!(expression("a in ()"), "INVALID_SQL_SYNTAX.EMPTY_IN_PREDICATE");
    let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(move || expression(&deep));
    assert_eq!(thread.expect("a thread").join().expect("no overflow"), "FAILED_TO_PARSE_TOO_COMPLEX");
}

#[test]
fn column_names() {
    assert_eq!(parse_column_name("a.`b.c`.d").expect("a name"), ["a", "b.c", "d"]);
    assert!(parse_column_name("a..b").is_err());
}
