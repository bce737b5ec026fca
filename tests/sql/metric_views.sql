-- Metric views: dimensions and measures in YAML, `measure(m)` in aggregations over them.
CREATE DATABASE metric_views;
USE metric_views;
CREATE TABLE sales (id INT, region STRING COMMENT 'of the shop', product STRING, amount DECIMAL(10,2), qty INT, d DATE) USING parquet;
INSERT INTO sales VALUES (1,'east','a',10.00,1,DATE'2024-01-05'),(2,'east','b',20.50,2,DATE'2024-02-05'),(3,'west','a',5.25,3,DATE'2024-02-07'),(4,'west','c',7.00,4,DATE'2025-01-01'),(5,NULL,'c',1.00,NULL,DATE'2025-01-02');
CREATE VIEW m (region COMMENT 'where', p, y, total COMMENT 'all of it', n, price, east) WITH METRICS LANGUAGE YAML COMMENT 'numbers' TBLPROPERTIES ('a' = 'b') AS $$
version: 0.1
source: sales
filter: "id < 100 and product <> 'z'"   # nothing is left out
dimensions:
  - name: region
    expr: region
  - name: product_up
    expr: upper(product)
  - {name: y, expr: "year(d)"}
measures:
  - name: total
    expr: SUM(amount)
  - name: n
    expr: count(1)
  - name: price
    expr: >
      sum(amount)
      / sum(qty)
  - name: east
    expr: sum(amount) FILTER (WHERE region = 'east')
$$;
DESCRIBE m;
DESCRIBE EXTENDED m;
DESC m total;
DESC EXTENDED m AS JSON;
SHOW CREATE TABLE m;
SHOW VIEWS;
SHOW TABLES;
SHOW TABLE EXTENDED LIKE 'm';
SHOW TBLPROPERTIES m;
SHOW COLUMNS IN m;
-- What is asked of one.
SELECT region, measure(total), MEASURE(N), measure(price) AS price, measure(east) FROM m GROUP BY region ORDER BY region;
SELECT measure(total), count(*) FROM m;
SELECT region, p, measure(total) + 1, round(measure(price)) FROM m GROUP BY ALL ORDER BY ALL;
SELECT y + 1, measure(n) FROM m WHERE p <> 'B' GROUP BY y + 1 ORDER BY 1;
SELECT t.region, measure(t.total) FROM m t GROUP BY t.region ORDER BY 1;
SELECT region FROM m GROUP BY region ORDER BY region;
SELECT count(DISTINCT region), max(y) FROM m;
SELECT count(*) FROM (SELECT region FROM m WHERE y = 2024);
SELECT region, measure(total) AS t FROM m GROUP BY region HAVING t > 11 ORDER BY t;
SELECT region, measure(total) FROM m GROUP BY region HAVING sum(amount) > 11 ORDER BY max(id);
SELECT region, measure(total), rank() OVER (ORDER BY measure(total)) r FROM m GROUP BY region ORDER BY ALL;
SELECT region, measure(total) FROM m WHERE region IN (SELECT region FROM sales) GROUP BY region ORDER BY 1;
SELECT region, measure(total) FROM m WHERE region = (SELECT max(region) FROM sales) GROUP BY region;
SELECT s.id, (SELECT measure(total) FROM m WHERE region = s.region) t FROM sales s ORDER BY 1;
WITH c AS (SELECT region, measure(total) t FROM m GROUP BY region) SELECT a.region, b.t FROM c a JOIN c b ON a.region = b.region ORDER BY 1;
SELECT region, measure(total) FROM m GROUP BY region UNION ALL SELECT 'x', measure(total) FROM m ORDER BY 1;
FROM m |> AGGREGATE measure(total) AS t GROUP BY region |> ORDER BY t;
DESC QUERY SELECT region, measure(total) FROM m GROUP BY region;
-- What cannot be asked.
SELECT * FROM m;
SELECT region FROM m;
SELECT total FROM m LIMIT 1;
SELECT measure(1) FROM m;
SELECT measure(nix) FROM m;
SELECT measure(total, n) FROM m;
SELECT measure(amount) FROM sales;
SELECT id, measure(total) FROM m GROUP BY id;
SELECT region, total FROM m GROUP BY region;
SELECT region FROM m WHERE measure(total) > 1;
SELECT region, measure(total) FROM m GROUP BY region HAVING measure(total) > 1;
SELECT region, measure(total) t FROM m GROUP BY region ORDER BY measure(total);
SELECT region, any_value(measure(total)) FROM m GROUP BY region;
SELECT a.region, measure(a.total) FROM m a JOIN sales s ON a.region = s.region GROUP BY a.region;
-- Views and tables of them.
CREATE VIEW plain AS SELECT region, measure(total) AS t FROM m GROUP BY region;
SELECT * FROM plain ORDER BY 1;
CREATE TABLE kept AS SELECT region, measure(total) AS t FROM m GROUP BY region;
SELECT * FROM kept ORDER BY 1;
CREATE TABLE empty LIKE m;
DESC empty;
CREATE TEMPORARY VIEW few AS SELECT * FROM sales;
CREATE VIEW of_few WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: few
$$;
CREATE VIEW of_query LANGUAGE yaml WITH METRICS AS $text$
version: '0.1'
source: |
  SELECT s.region, s.amount
  FROM sales s
dimensions:
  - name: My Region
    expr: upper(region)
measures:
  - name: 5
    expr: 5
$text$;
SHOW TBLPROPERTIES of_query;
SELECT `my region`, measure(`5`) FROM of_query GROUP BY ALL ORDER BY 1;
-- What GROUP BY names may take no other name of the list, here as everywhere.
SELECT upper(region) AS r, concat(r, 'x') AS rr, count(*) FROM sales GROUP BY r, rr;
SELECT upper(region) AS r, concat(r, 'x') AS rr, count(*) FROM sales GROUP BY ALL;
-- Other commands.
CREATE OR REPLACE VIEW m WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
$$;
CREATE VIEW IF NOT EXISTS m WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
$$;
CREATE VIEW M WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
$$;
ANALYZE TABLE m COMPUTE STATISTICS;
TRUNCATE TABLE m;
REFRESH TABLE m;
COMMENT ON TABLE m IS 'new';
ALTER VIEW m SET TBLPROPERTIES ('p' = 'q');
ALTER VIEW m UNSET TBLPROPERTIES ('a');
ALTER TABLE m SET TBLPROPERTIES ('p' = 'q');
ALTER VIEW m RENAME TO m2;
SELECT region, measure(total) FROM m2 GROUP BY region ORDER BY 1;
SHOW TBLPROPERTIES m2;
ALTER VIEW m2 AS SELECT 1 AS a;
SELECT a FROM m2;
SHOW CREATE TABLE m2;
DROP VIEW m2;
CREATE OR REPLACE VIEW of_query AS SELECT 1 AS a;
SELECT * FROM of_query;
-- Texts that are none.
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$   $$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$abc$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$- a$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$version: 1.0$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$source: sales$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$version: 0.1$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: ''
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: a b c d
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: nix
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
joins: none
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
dimensions: 5
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
dimensions:
  - region
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
dimensions:
  - name: region
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
dimensions:
  - name: region
    expr: region
    comment: where
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
measures:
  - name: total
    expr: sum(
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
measures:
  - name: total
    expr: sum(nix)
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
dimensions:
  - name: region
    expr: region
measures:
  - name: total
    expr: amount
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
filter: qty
dimensions:
  - name: region
    expr: region
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
dimensions:
  - name: r
    expr: upper(region)
  - name: rr
    expr: concat(r, 'x')
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
dimensions:
  - name: region
    expr: region
measures:
  - name: region
    expr: sum(amount)
$$;
CREATE VIEW bad (a, b) WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: sales
dimensions:
  - name: region
    expr: region
$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS 'version: 0.1';
CREATE VIEW bad WITH METRICS LANGUAGE YAML AS SELECT 1;
CREATE VIEW bad WITH METRICS LANGUAGE PYTHON AS $$version: 0.1$$;
CREATE VIEW bad AS $$version: 0.1$$;
CREATE TEMPORARY VIEW bad WITH METRICS LANGUAGE YAML AS $$version: 0.1$$;
CREATE VIEW bad WITH METRICS LANGUAGE YAML COMMENT 'x' COMMENT 'y' AS $$version: 0.1$$;
CREATE VIEW nosuch.bad WITH METRICS LANGUAGE YAML AS $$version: 0.1$$;
SELECT $$abc$$;
DROP VIEW few;
USE default;
DROP DATABASE metric_views CASCADE;
