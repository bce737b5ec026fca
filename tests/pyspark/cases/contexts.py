"""Where in a query a run-time error lies: the summary in the message and getQueryContext()."""

from pyspark.sql import functions as F


def told(action):
    """The condition, the lines from the context on, and the context's parts of a failing action."""
    try:
        action().collect()
    except Exception as raised:
        text = str(raised)
        start = text.find("== ")
        end = text.find("JVM stacktrace")
        lines = text[start:end if end > 0 else None].strip().split("\n") if start >= 0 else []
        # The place in this file is no business of Spark's.
        lines = ["a line of this file" if line.startswith("/") or ".py" in line else line for line in lines]
        contexts = []
        for one in raised.getQueryContext() or []:
            if one.contextType().name == "SQL":
                contexts.append(["SQL", one.fragment(), one.startIndex(), one.stopIndex(), one.objectType()])
            else:
                contexts.append(["DataFrame", one.fragment()])
        return [raised.getCondition(), lines, contexts]
    return "no error"


def case_sql_errors_tell_their_place(spark, tmp):
    statements = [
        "SELECT 1/0",
        "SELECT 1 % 0",
        "SELECT mod(1, 0)",
        "SELECT\n  1 +\n  2/0",
        "SELECT CAST('a' AS INT)",
        "SELECT int('a')",
        "SELECT 'a'::int",
        "SELECT array(1)[3]",
        "SELECT element_at(array(1), 3)",
        "SELECT element_at(array(1), 0)",
        "SELECT 2147483647 + 1",
        "SELECT 9223372036854775807L * 2L",
        "SELECT CAST(123.45 AS DECIMAL(3, 1))",
        "SELECT to_date('x')",
        "SELECT date_add('x', 1)",
        "SELECT hour('x')",
        "SELECT INTERVAL '1' DAY / 0",
        "SELECT a/b FROM VALUES (1, 0) t(a, b)",
        "SELECT 1 FROM VALUES (1) t(a) WHERE a/0 > 1",
        "SELECT concat_ws(',', 1/0)",
        "SELECT if(1/0 > 1, 1, 2)",
        "SELECT sum(1/0)",
        "SELECT transform(array(1, 2), x -> x/0)",
        "SELECT 'x' > 1",
        "SELECT round(2147483647, -1)",
        "SELECT conv('9223372036854775807', 36, 16)",
        "SELECT this_is_a_long_statement FROM VALUES ('x') t(this_is_a_long_statement) WHERE int(this_is_a_long_statement) > 1",
    ]
    return {one: told(lambda one=one: spark.sql(one)) for one in statements}


def case_errors_without_a_place(spark, tmp):
    statements = [
        "SELECT CAST(300 AS TINYINT)",
        "SELECT -(-2147483648)",
        "SELECT raise_error('x')",
        "SELECT make_date(2020, 13, 1)",
        "SELECT url_decode('%')",
    ]
    return {one: told(lambda one=one: spark.sql(one)) for one in statements}


def case_dataframe_errors_tell_the_call(spark, tmp):
    df = spark.range(1)
    return {
        "divide": told(lambda: df.select(F.col("id") / 0)),
        "cast": told(lambda: df.select(F.lit("a").cast("int"))),
        "item": told(lambda: df.select(F.array(F.lit(1))[5])),
        "remainder": told(lambda: df.withColumn("x", F.lit(1) % F.col("id"))),
        "compare": told(lambda: df.filter(F.lit("x") == F.col("id"))),
        "add": told(lambda: df.select(F.lit(2147483647).cast("int") + F.lit(1))),
        "expression text": told(lambda: df.selectExpr("1/0")),
        "condition text": told(lambda: df.filter("1/0 > 1")),
        "inside an aggregate": told(lambda: df.agg(F.sum(F.col("id") / 0))),
    }
