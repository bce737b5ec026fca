-- HyperLogLog++ where it corrects its bias, and where it counts linearly.
SELECT approx_count_distinct(id) FROM range(100);
SELECT approx_count_distinct(id), approx_count_distinct(cast(id AS string)), approx_count_distinct(id * 1.5d) FROM range(1000);
SELECT approx_count_distinct(id, 0.2), approx_count_distinct(id, 0.1), approx_count_distinct(id, 0.02), approx_count_distinct(id, 0.005) FROM range(1500);
SELECT approx_count_distinct(id, 0.27), approx_count_distinct(id, 0.19), approx_count_distinct(id, 0.13), approx_count_distinct(id, 0.07) FROM range(60);
SELECT approx_count_distinct(id, 0.27), approx_count_distinct(id, 0.19), approx_count_distinct(id, 0.13), approx_count_distinct(id, 0.07) FROM range(260);
SELECT approx_count_distinct(id, 0.27), approx_count_distinct(id, 0.19), approx_count_distinct(id, 0.13), approx_count_distinct(id, 0.07) FROM range(120);
SELECT approx_count_distinct(id), approx_count_distinct(id, 0.01), approx_count_distinct(concat('k', id), 0.03) FROM range(5000);
SELECT approx_count_distinct(id), approx_count_distinct(id, 0.01), approx_count_distinct(concat('k', id), 0.03) FROM range(30000);
SELECT k, approx_count_distinct(id) FROM (SELECT id % 3 AS k, id FROM range(3000)) GROUP BY k ORDER BY k;
SELECT n, approx_count_distinct(v), approx_count_distinct(v, 0.1), approx_count_distinct(v, 0.2) FROM (SELECT n, explode(sequence(1, n)) AS v FROM VALUES (20), (40), (80), (160), (320), (640), (1280), (2560) t(n)) GROUP BY n ORDER BY n;
