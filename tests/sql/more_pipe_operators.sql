-- What operators behind a pipe see, and clauses behind the last one.

CREATE TEMPORARY VIEW pt AS SELECT * FROM VALUES (0, 'abc'), (1, 'def'), (1, 'ghi') AS t(x, y);
FROM pt |> SELECT y |> ORDER BY x;
FROM pt |> SELECT y |> WHERE x = 1;
FROM pt |> SELECT y |> EXTEND x + 1 AS z;
FROM pt |> SELECT y |> WHERE pt.x = 1;
FROM pt |> SELECT y |> WHERE pt.y = 'abc';
FROM pt |> AGGREGATE sum(x) AS s GROUP BY y |> WHERE x = 1;
FROM pt |> AGGREGATE sum(x) AS s GROUP BY y |> ORDER BY x;
FROM pt |> DROP x |> WHERE x = 1;
FROM pt |> DROP x |> ORDER BY x;
FROM pt |> SET x = 5 |> WHERE pt.x = 1;
SELECT y FROM pt |> WHERE x = 1;
SELECT y FROM pt |> ORDER BY x;
FROM pt |> SELECT DISTINCT y |> ORDER BY x;
FROM pt |> SELECT y LIMIT 1;
FROM pt |> AGGREGATE sum(x) + count(*) OVER () AS c GROUP BY y;
FROM pt |> EXTEND row_number() OVER w AS r WINDOW w AS (ORDER BY y);
FROM pt |> SET x = sum(x) OVER w WINDOW w AS (ORDER BY y);
FROM pt |> LIMIT 1 ORDER BY x;
FROM pt |>;
FROM pt |> WHERE x = 1 |> ORDER BY y LIMIT 1;
FROM pt |> SELECT x ORDER BY x DESC LIMIT 1;
