"""Deep and odd input: an answer or an error of Spark's, never a dead server.

`FIRESTEEL_LONG=1` makes many more random statements out of those that `sql/*.sql` has.
"""

import os
import random
import re

import pytest
from pyspark.errors import PySparkException
from support import sqlfile

DEPTH = 3000
DEEP = {
    "parentheses": "SELECT " + "(" * DEPTH + "1" + ")" * DEPTH,
    "sums": "SELECT " + "+".join(["1"] * 4 * DEPTH),
    "negations": "SELECT " + "NOT " * 4 * DEPTH + "true",
    "signs": "SELECT " + "- " * 4 * DEPTH + "1",
    "subqueries": "SELECT * FROM " + "(SELECT * FROM " * DEPTH + "range(1)" + ")" * DEPTH,
    "cases": "SELECT " + "CASE WHEN true THEN " * DEPTH + "1" + " END" * DEPTH,
    "arrays": "SELECT " + "array(" * DEPTH + "1" + ")" * DEPTH,
    "types": "SELECT CAST(NULL AS " + "ARRAY<" * DEPTH + "INT" + ">" * DEPTH + ")",
    "blocks": "BEGIN " * DEPTH,
    "fields": "SELECT a" + ".b" * DEPTH,
    "elements": "SELECT a" + "[0]" * DEPTH,
    "lambdas": "SELECT " + "transform(array(1), x -> " * DEPTH + "1" + ")" * DEPTH,
    "json": "SELECT from_json('" + "[" * DEPTH + "]" * DEPTH + "', 'ARRAY<STRING>'), parse_json('" + "[" * 900 + "]" * 900 + "')",
    "xml": "SELECT from_xml('" + "<a>" * DEPTH + "</a>" * DEPTH + "', 'a STRING')",
    "xpath": "SELECT xpath('<a/>', '" + "(" * DEPTH + "1" + ")" * DEPTH + "')",
    "schemas": "SELECT from_json('{}', 'a " + "STRUCT<a: " * DEPTH + "INT" + ">" * DEPTH + "')",
    "patterns": "SELECT 'a' RLIKE '" + "(" * DEPTH + "a" + ")" * DEPTH + "'",
}


@pytest.fixture(scope="module")
def spark(server):
    session = server.session()
    yield session
    if server.alive():
        session.stop()


def survives(server, spark, statement):
    try:
        spark.sql(statement).collect()
    except PySparkException as error:
        assert error.getCondition() != "INTERNAL_ERROR" or "panic" not in str(error), statement[:200]
    except (OverflowError, ValueError):
        # A value of Spark's that Python has none for: a date behind the year 9999.
        pass
    assert server.alive(), f"the server has ended at {statement[:200]}"


@pytest.mark.parametrize("name", DEEP)
def test_deep_statements(server, spark, name):
    survives(server, spark, DEEP[name])


def test_long_chains_of_columns(spark):
    """What takes the cube of these lengths does not end in time."""
    from pyspark.sql import functions as F

    df = spark.range(3)
    for number in range(600):
        df = df.withColumn(f"c{number}", F.col("id") + number)
    assert [row["c599"] for row in df.collect()] == [599, 600, 601]
    df = spark.range(3)
    for _ in range(300):
        df = df.withColumn("id", F.col("id") + 1)
    assert [row.id for row in df.collect()] == [300, 301, 302]
    df = spark.range(3).withColumn("c0", F.col("id"))
    for number in range(1, 100):
        df = df.withColumn(f"c{number}", F.col(f"c{number - 1}") + 1)
    assert [row["c99"] for row in df.orderBy("c50").collect()] == [99, 100, 101]


def test_wide_tables(spark):
    from pyspark.sql import functions as F

    df = spark.range(4).select(*[(F.col("id") + number).alias(f"c{number}") for number in range(3000)])
    sums = df.agg(*[F.sum(f"c{number}") for number in range(3000)]).first()
    assert list(sums) == [6 + 4 * number for number in range(3000)]
    assert spark.sql("SELECT 1 AS v" + " UNION ALL SELECT 2" * 800).agg(F.sum("v")).first()[0] == 1601


def test_random_statements(server, spark):
    draw = random.Random(int(os.environ.get("FIRESTEEL_SEED", "1")))
    pieces = [re.findall(r"\w+|\s+|'[^']*'|.", text) for name in sqlfile.names() for text in sqlfile.statements(name)]
    pieces = [piece for piece in pieces if "".join(piece).lstrip().upper().startswith("SELECT")]
    for _ in range(5000 if os.environ.get("FIRESTEEL_LONG") else 60):
        words = list(draw.choice(pieces))
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(words))
            change = draw.randrange(3)
            if change == 0:
                words.pop(at)
            elif change == 1:
                words.insert(at, draw.choice(draw.choice(pieces)))
            else:
                words[at] = draw.choice(draw.choice(pieces))
            words = words or ["SELECT"]
        statement = "".join(words)
        if "range(" not in statement and "sequence" not in statement and "repeat" not in statement:
            survives(server, spark, statement)
