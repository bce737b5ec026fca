-- Generators over aggregates: each key is there many times then.
SELECT k, e FROM (SELECT k, explode(array(3, 1, 2)) AS e FROM (SELECT col1 AS k FROM VALUES (2), (1), (2) GROUP BY col1)) ORDER BY k, e;
SELECT k, e, count(*) AS n FROM (SELECT k, explode(l) AS e FROM (SELECT col1 AS k, collect_list(col2) AS l FROM VALUES ('a', 1), ('a', 2), ('b', 1), ('a', 1) GROUP BY col1)) GROUP BY k, e ORDER BY k, e DESC;
SELECT DISTINCT k FROM (SELECT k, explode(array(1, 2)) AS e FROM (SELECT DISTINCT col1 AS k FROM VALUES (2), (1), (2))) ORDER BY k;
SELECT DISTINCT k, n FROM (SELECT k, n FROM (SELECT col1 AS k, count(*) AS n FROM VALUES (2), (1), (2) GROUP BY col1) LATERAL VIEW explode(array(1, 2)) t AS e) ORDER BY k;
SELECT k, p, e FROM (SELECT col1 AS k, max(col2) AS m FROM VALUES ('x', 2), ('y', 3) GROUP BY col1) LATERAL VIEW posexplode(sequence(1, m)) t AS p, e ORDER BY k, e DESC;
SELECT a.k, a.e FROM (SELECT k, explode(array(1, 1)) AS e FROM (SELECT col1 AS k FROM VALUES (1), (2) GROUP BY col1)) a JOIN (VALUES (1), (2)) b(k) ON a.k = b.k ORDER BY a.k, a.e;
SELECT k, e, row_number() OVER (PARTITION BY k ORDER BY e DESC) AS r FROM (SELECT k, explode(array(5, 7)) AS e FROM (SELECT col1 AS k FROM VALUES (1), (2) GROUP BY col1)) ORDER BY k, e;
SELECT k, s FROM (SELECT k, stack(2, 'p', 'q') AS s FROM (SELECT col1 AS k FROM VALUES (1), (2) GROUP BY col1)) GROUP BY ALL ORDER BY ALL;
WITH RECURSIVE r(k, n) AS (SELECT col1, count(*) FROM VALUES (1), (1), (2) GROUP BY col1 UNION ALL SELECT k, n + 1 FROM r WHERE n < 3) SELECT k, n FROM r ORDER BY k, n;
WITH RECURSIVE r(k, n) AS (SELECT col1, count(*) FROM VALUES (1), (1), (2) GROUP BY col1 UNION ALL SELECT k, n + 1 FROM r WHERE n < 3) SELECT k, count(n) AS c FROM r GROUP BY k ORDER BY k;
SELECT k FROM (SELECT k FROM (SELECT col1 AS k FROM VALUES (1), (2) GROUP BY col1) LATERAL VIEW OUTER explode(array()) t AS e UNION ALL SELECT 1) ORDER BY k;
