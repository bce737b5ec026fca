-- Tests for UNKNOWN ask for a boolean only where nothing in the operand was changed.
select 1 is unknown;
select true is not unknown, (true is unknown) is unknown, not true is unknown, null is unknown;
select id is unknown, id is not unknown from range(1);
select date'2020-01-01' is not unknown;
-- UNPIVOT looks for its values by name.
select * from values (1, 2, 3) t(id, a, b) unpivot (id for n in (a, b));
select * from values (1, 2, 3) t(id, a, b) unpivot include nulls (id for n in (a, b));
select * from values (1, 2, 3) t(id, a, b) unpivot (v for v in (a, b));
-- What differs from row to row, beside aggregates.
select rand(0) r, count(*) from range(0, 1, 1, 1) group by r;
select rand(0) + 1 as r, count(*) as n from range(0, 1, 1, 1) group by rand(0) having rand(0) > 0.5;
select id, rand(0) > 2, count(*) from range(4) group by id order by rand(0) > 2, id;
select spark_partition_id() >= 0, count(*) from range(4);
-- Recursive queries: parts of values may be NULL, types are those of the first term.
with recursive r(n, a) as (select 1, array(1) union all select n + 1, array(n, null) from r where n < 3) select * from r;
with recursive r(n, a) as (select 1, map(1, 1) union all select n + 1, map(1, n) from r where n < 3) select * from r;
with recursive r(n, a) as (select 1, struct(1 as x) union all select n + 1, struct(n) from r where n < 3) select * from r;
with recursive r(n) as (select 1L union all select cast(n as int) + 1 from r where n < 3) select * from r;
with recursive r(n) as (select 1 union all select null from r where n is not null) select * from r;
with recursive r(n, i) as (select 1, interval '1' day union all select n + 1, i + interval '1' hour from r where n < 3) select * from r;
with recursive r(n, i) as (select 1, 'a' collate utf8_lcase union all select n + 1, 'b' from r where n < 3) select * from r;
-- Values without an order inside of others.
select * from values (struct(map(1, 2)), 1) t(a, b) sort by a;
select distinct struct(map(1,2));
select array_sort(array(struct(map(1,2))));
-- Names.
select t.identifier('c1') from values (1) t(c1);
create table dd (zeta int, alpha int, ZETA int, ALPHA int, m int, M int) using parquet;
select a.b[0], a[0].b, a.b[0] + 1, (a.b)[0], a.b from values (array(struct(1 as b))) t(a);
select t.a.b[0], s.x.y, s.x.y + 1 from values (array(struct(1 as b)), struct(struct(1 as y) as x)) t(a, s);
select localtimestamp;
select session_user = current_user(), user = current_user();
select 1 as 'x';
select 1 in 1;
select * from range(1) as 1;
-- Subqueries.
select id from values (1, 'a', 10), (2, 'b', null) e(id, g, v) where v = (select v from values (1, 10), (2, null) f(id, v) where f.id = e.id limit 1);
select * from range((select max(id) from range(3)));
-- USING takes the first column of a name.
select * from (select 1 as id, 'a' as g) a join (select 1 as id, 'b' as g) b using (id) join (select 'a' as g, 3 as v) c using (g);
select * from values ();
-- Windows.
select b, listagg(a, ',') over (order by b rows between 1 preceding and current row) from values ('x', 1), (null, 2), ('z', 3) t(a, b);
select listagg(a) within group (order by a) over (order by b) from values ('x', 1) t(a, b);
select id from values (1), (2) t(id) having count(*) over () > 0;
-- The k best of equal values.
select max_by(id, v, 4), min_by(id, v, 3) from values (1, 5), (2, 6), (3, 6), (4, 5), (5, 4), (6, 5), (7, null) t(id, v);
select max_by(id, v, -1) from values (1, 5) t(id, v);
-- Arguments.
select exists(array(1), x -> 'a');
select array_join(array('a'), 1);
select map_values(null), map_keys(null), map_entries(null);
select round(1.5, null), bround(12.345, null), round(12, null);
select uuid('a');
select date_format(timestamp'2020-01-01', 'VV z zzzz');
-- Stars.
select * from values (1) t(a) where *;
select * from values (1) t(a) group by *;
select * from values (1) t(a) order by *;
-- Defaults that no row could have.
create table nodef (a double default rand()) using parquet;
create table nodef (a int default rand()) using parquet;
-- Tables of CHAR and VARCHAR made from a query.
create table ch (a char(3), b varchar(2)) using parquet;
create table ch2 using parquet as select a, b, a as c, upper(b) as u, cast('x' as char(4)) as q from ch;
describe ch2;
insert into ch2 (a) values ('abcdef');
drop table ch2;
drop table ch;
-- Columns that differ in case.
set spark.sql.caseSensitive=true;
create table cs (a int, A int) using parquet;
insert into cs (A, a) values (1, 2);
select a, A from cs;
drop table cs;
reset spark.sql.caseSensitive;
-- Parts of VARIANTs and of structs, by their names and by their paths.
select upper(v:k::string), v:k::int + 1, v:k, v:n[0]::int, abs(v:['a b']::int), struct(v:k), v:[0], v:k is null from values (parse_json('{"k":1}')) t(v);
select max(v:k::int), count(v:n[0]), collect_list(v:a.b::int) from values (parse_json('{"k":1}')) t(v);
select count(*) from values (parse_json('{"k":1}')) t(v) group by array(v);
select upper(cast(s.x as string)), cast(s.x as string), struct(s.x), cast(s.x as string) as q from values (struct(1 as x), 2) t(s, u);
-- Names of functions in parts.
select a.b.c(1);
select system.session.abs(1);
select spark_catalog.a.b.c(1);
select * from a.b.c(1);
select * from a.b(1);
-- CHANGE COLUMN in the words of ALTER COLUMN.
create table cg (a int, b string) using parquet;
alter table cg change column a comment 'q';
alter table cg change column b set default 'x';
alter table cg change a after b;
alter table cg change column a first;
describe cg;
drop table cg;
