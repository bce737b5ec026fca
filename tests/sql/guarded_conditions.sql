-- Parts of AND and OR that can fail, in filters and joins: which rows they see.
SELECT * FROM VALUES (0),(1),(2) t(x) WHERE x <> 0 AND 10/x > 5 AND 20/x > 2 AND x < 5;
SELECT x, x <> 0 AND 10/x > 5 AND 10/(x-2) > 2 FROM VALUES (0),(1),(cast(null as int)) t(x);
SELECT x, x <> 0 AND 10/x > 5 AND 10/(x-1) > 2 FROM VALUES (0),(1),(2) t(x);
SELECT x, (x <> 0 AND 10/x > 5) AND (x <> 1 AND 10/(x-1) > 2) FROM VALUES (0),(1),(2) t(x);
SELECT x, x = 0 OR 10/x > 5 OR x = 2 FROM VALUES (0),(1),(2),(3) t(x);
SELECT * FROM VALUES (0),(1),(2) t(x), VALUES (0), (1) s(y) WHERE x = y + 1 AND 10/x > 5;
SELECT * FROM VALUES (0),(1),(2) t(x), VALUES (0), (1) s(y) WHERE x <> 0 AND 10/x > 5 AND x + y > 0 AND 10/(x+y) >= 5 ORDER BY x, y;
SELECT * FROM VALUES (0),(1),(2) t(x), VALUES (0), (1) s(y) WHERE x > y AND 10/(x-y) > 5 ORDER BY x, y;
SELECT * FROM VALUES (0),(1),(2) t(x), VALUES (0), (1) s(y) WHERE x <> y AND x = 1/y;
SELECT * FROM VALUES (0),(1),(2) t(x), VALUES (0), (1), (2147483647) s(y) WHERE y < 5 AND x = y + 1 ORDER BY x, y;
SELECT * FROM VALUES (0),(1),(2) t(x) JOIN VALUES (0), (1) s(y) ON x > y AND 10/x > 5 ORDER BY x, y;
SELECT * FROM VALUES (0),(1),(2) t(x) LEFT JOIN VALUES (0), (1) s(y) ON x > y AND 10/(x-y) > 5 ORDER BY x, y;
SELECT * FROM VALUES (0),(1),(2) t(x) LEFT JOIN VALUES (0), (1) s(y) ON x > 0 AND 10/x > 5 AND x = y ORDER BY x, y;
SELECT * FROM VALUES (0),(1),(2) t(x) LEFT JOIN VALUES (0), (1) s(y) ON y > 0 AND 10/y > 5 AND x = y + 1 ORDER BY x, y;
SELECT * FROM VALUES (0),(1),(2) t(x) FULL JOIN VALUES (0), (1) s(y) ON x = y + 1 AND x > 1 AND 10/(x-1) > 2 ORDER BY x, y;
SELECT * FROM VALUES (0),(1),(2) t(x) LEFT SEMI JOIN VALUES (0), (1) s(y) ON x = y + 1 AND x > 1 AND 10/(x-1) > 2 ORDER BY x;
SELECT x FROM VALUES (0),(1),(2) t(x) WHERE x+1>0 AND x+2>0 AND x+3>0 AND x+4>0 AND x+5>0 AND x+6>0 AND x+7>0 AND x+8>0 AND x+9>0 AND x+10>0 AND x+11>0 AND x+12>0 AND x+13>0 AND x+14>0 AND x+15>0 AND x+16>0 AND x+17>0 AND x+18>0 AND x+19>0 AND x+20>0 AND x+21>0 AND x+22>0 AND x+23>0 AND x+24>0;
SELECT t.x, s.y, u.z FROM VALUES (0),(1),(2) t(x), VALUES (0),(1) s(y), VALUES (1),(2) u(z) WHERE t.x = s.y + 1 AND u.z = t.x AND u.z <> 0 AND 4 / u.z > t.x AND t.x / u.z = 1 ORDER BY ALL;
