"""spark.sql as a language: parameters by name and place, variables, scripts, pipes, recursive queries, functions, grouping sets."""
import datetime as dt
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

data = sys.argv[1]
spark = SparkSession.builder.master("local[2]").appName("sql tour").config("spark.sql.shuffle.partitions", 2).getOrCreate()
emp = spark.read.csv(data + "/employees.csv", header=True, schema="id INT, name STRING, dept STRING, salary DOUBLE, hired DATE, manager INT")
emp.createOrReplaceTempView("emp")
spark.sql("SELECT name, salary FROM emp WHERE dept = :dept AND salary > :least ORDER BY id", args={"dept": "IT", "least": 80000}).show()
spark.sql("SELECT ? AS a, ? + 1 AS b, ?", args=[dt.date(2024, 1, 2), 41, None]).show()
spark.sql("SELECT * FROM {t} WHERE {c} = {v} ORDER BY id LIMIT 2", t=emp, c=F.col("dept"), v="HR").show()
spark.sql("SELECT array_contains(:list, 2) AS has, :m['k'] AS v, :s", args={"list": F.array(F.lit(1), F.lit(2)), "m": F.create_map(F.lit("k"), F.lit(5)), "s": "it's"}).show()
spark.sql("SELECT count(*) FROM IDENTIFIER(:t) WHERE IDENTIFIER(:c) IS NULL", {"t": "emp", "c": "manager"}).show()
spark.sql("""
  SELECT dept, year(hired) DIV 5 * 5 AS since, grouping_id() AS gid, grouping(dept) AS gd, count(*) AS n, round(avg(salary)) AS mean
  FROM emp GROUP BY GROUPING SETS ((dept, year(hired) DIV 5 * 5), (dept), ()) ORDER BY gid, dept, since""").show(30)
emp.cube("dept", F.year("hired").alias("y")).agg(F.count("*").alias("n"), F.grouping_id().alias("g")).filter("g > 0").orderBy("g", "dept", "y").show(30)
emp.withColumn("q", F.quarter("hired")).rollup("dept", "q").agg(F.sum("salary").alias("s"), F.grouping("q").alias("gq")).orderBy(F.col("dept").asc_nulls_last(), F.col("q").asc_nulls_last()).show(30)
spark.sql("""
  WITH RECURSIVE chain(id, name, boss, level, path) AS (
    SELECT id, name, manager, 0, CAST(name AS STRING) FROM emp WHERE manager IS NULL
    UNION ALL
    SELECT e.id, e.name, e.manager, level + 1, concat(path, ' > ', e.name) FROM emp e JOIN chain c ON e.manager = c.id WHERE level < 3)
  SELECT level, count(*) AS n, max(length(path)) AS longest, min(path) FROM chain GROUP BY level ORDER BY level""").show(truncate=False)
spark.sql("""
  FROM emp |> WHERE salary > 40000 |> EXTEND salary / 12 AS monthly |> AGGREGATE round(sum(monthly), 2) AS m, count(*) AS n GROUP BY dept
  |> SET m = m * 2 |> ORDER BY dept |> SELECT dept, m, n""").show()
spark.sql("DECLARE OR REPLACE VARIABLE low DOUBLE DEFAULT 50000")
spark.sql("SET VAR low = (SELECT percentile(salary, 0.25) FROM emp)")
spark.sql("SELECT low, count_if(salary <= low) AS n FROM emp GROUP BY ALL").show()
spark.sql("DROP TEMPORARY VARIABLE low")
spark.sql("CREATE OR REPLACE TEMPORARY FUNCTION band(s DOUBLE, step INT DEFAULT 20000) RETURNS STRING COMMENT 'bands' RETURN concat(CAST(floor(s / step) * step / 1000 AS INT), 'k+')")
spark.sql("SELECT band(salary) AS b, count(*) AS n, sort_array(collect_set(band(salary, 50000))) AS wide FROM emp GROUP BY 1 ORDER BY 1").show(truncate=False)
spark.sql("CREATE OR REPLACE TEMPORARY FUNCTION of_dept(d STRING) RETURNS TABLE(id INT, name STRING) RETURN SELECT id, name FROM emp WHERE dept = d")
spark.sql("SELECT d, count(*) AS n, min(o.name) AS first FROM VALUES ('IT'), ('HR'), ('None') AS t(d), LATERAL of_dept(d) o GROUP BY d ORDER BY d").show()
spark.sql("DESCRIBE FUNCTION EXTENDED band").filter("function_desc NOT LIKE '%Owner%' AND function_desc NOT LIKE '%Create Time%' AND function_desc NOT LIKE '%Configs%' AND function_desc NOT LIKE '%spark.%'").show(30, False)
for name in ("band", "of_dept"):
    spark.sql(f"DROP TEMPORARY FUNCTION {name}")
print(spark.sql("""
BEGIN
  DECLARE total, i INT DEFAULT 0;
  DECLARE text STRING DEFAULT '';
  DECLARE EXIT HANDLER FOR DIVIDE_BY_ZERO BEGIN SELECT 'handled' AS r, total AS t, text AS x; END;
  FOR row AS (SELECT dept, count(*) AS n FROM emp GROUP BY dept ORDER BY dept) DO
    SET total = total + row.n;
    SET text = text || row.dept || ',';
  END FOR;
  loops: WHILE i < 10 DO
    SET i = i + 1;
    IF i = 3 THEN ITERATE loops; ELSEIF i > 5 THEN LEAVE loops; END IF;
    SET text = text || CAST(i AS STRING);
  END WHILE;
  CASE WHEN total > 1000 THEN SELECT 'many'; ELSE SET total = total / (i - 6); END CASE;
  SELECT 'not here';
END""").collect())
spark.sql("SELECT * FROM (SELECT dept, month(hired) AS m, salary FROM emp) PIVOT (count(*) AS n, max(salary) AS top FOR m IN (1 AS jan, 2 AS feb)) ORDER BY dept").show()
spark.sql("SELECT * FROM (SELECT 1 AS id, 10 AS a, 20 AS b, NULL AS c) UNPIVOT INCLUDE NULLS (v FOR k IN (a AS `the a`, b, c))").show()
spark.sql("SELECT id, name, w.* FROM emp LATERAL VIEW posexplode(split(name, ' ')) w AS pos, part WHERE id < 3 ORDER BY id, pos").show()
spark.sql(
    "SELECT * FROM (SELECT dept, name, salary, RANK() OVER w AS r, salary - LAG(salary, 1, 0) OVER w AS d, ntile(3) OVER w AS t FROM emp WINDOW w AS (PARTITION BY dept ORDER BY salary DESC, id)) WHERE r <= 2 ORDER BY dept, r, name").show()
spark.sql("SELECT e.dept, (SELECT max(salary) FROM emp x WHERE x.dept = e.dept) AS top, EXISTS(SELECT 1 FROM emp y WHERE y.manager = e.id) AS boss FROM emp e WHERE e.id IN (SELECT manager FROM emp) ORDER BY e.id").show()
spark.sql("SELECT dept, listagg(name, '; ') WITHIN GROUP (ORDER BY id DESC) AS names, percentile_cont(0.5) WITHIN GROUP (ORDER BY salary) AS med, count(*) FILTER (WHERE salary > 70000) AS rich, any_value(dept) = dept AS same FROM emp WHERE id < 9 GROUP BY dept ORDER BY dept").show(truncate=False)
spark.sql("SELECT id FROM emp WHERE id < 5 EXCEPT SELECT manager FROM emp INTERSECT ALL SELECT 3 MINUS SELECT 1 ORDER BY id").show()
spark.sql("SELECT * FROM range(3) r CROSS JOIN (VALUES ('a', 1), ('b', 2)) v(x, y) WHERE r.id < y ORDER BY ALL OFFSET 1").show()
spark.sql("SELECT transform(sequence(1, 4), x -> x * x) AS sq, aggregate(array(1, 2, 3), 0, (a, x) -> a + x, a -> a * 10) AS agg, map_filter(map('a', 1, 'b', 2), (k, v) -> v > 1) AS mf, try_divide(1, 0) AS td, nullif(1, 1) AS n, 5 <=> NULL AS e, 'abc' LIKE 'a%c' AND 'x_y' LIKE '%\\_%' AS l, 7 % -3 AS m, 7 DIV 2 AS dv, 3 BETWEEN 1 AND 2 AS bt").show(truncate=False)
for bad in ("SELEC 1", "SELECT nme FROM emp", "SELECT * FROM nowhere", "SELECT :x", "SELECT dept, salary FROM emp GROUP BY dept", "SELECT 1/0", "SELECT CAST('x' AS INT)", "SELECT foo(1)", "SELECT abs()", "SELECT 'a' + 1 FROM emp"):
    try:
        spark.sql(bad).collect()
        print("went", bad)
    except Exception as error:
        print(type(error).__name__, error.getCondition(), error.getSqlState(), sorted(error.getMessageParameters().items()) if "PARSE" not in str(error.getCondition()) else "")
spark.catalog.dropTempView("emp")
spark.stop()
