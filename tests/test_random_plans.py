"""Plans that no client would send: messages of the DataFrame API with parts left out, doubled, exchanged and with odd numbers.
An answer or an error, never a dead server and never a panic.

`FIRESTEEL_LONG=1` makes many more of them, `FIRESTEEL_SEED` other ones. A plan that fails is printed."""

import copy
import os
import random

import pytest
from pyspark.errors import PySparkException

ROUNDS = 4000 if os.environ.get("FIRESTEEL_LONG") else 150
# Small enough that rows and partitions of these numbers are made in no time.
NUMBERS = [-1, 0, 1, 2, 3, 7, 100]
EDGES = [-(2**31), 2**31 - 1]
TEXTS = ["", "a", "k", "v", "*", "id", "sum", "`", "a.b", "INT", "count", "nosuch", "{", "SELECT 1", "\u00e9"]


@pytest.fixture(scope="module")
def spark(server):
    session = server.session("UTC")
    yield session
    if server.alive():
        session.stop()


def frames(spark):
    """One of each kind of relation, and most kinds of expressions."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    left = spark.createDataFrame([(1, "a", 1.5), (2, "b", None), (2, None, 3.5)], "id INT, k STRING, v DOUBLE")
    right = spark.range(4).select("id", (F.col("id") * 10).alias("w"))
    over = Window.partitionBy("k").orderBy("id").rowsBetween(-1, Window.currentRow)
    yield left.select("id", F.col("v").cast("string"), F.lit("x"), F.struct("id", "k").alias("s"))
    yield left.filter((F.col("id") > 1) | F.col("k").isNull()).sort(F.desc("v"), "k").limit(2).offset(1)
    yield left.join(right, "id", "left").join(left.alias("l2"), F.col("l2.id") == F.col("w"), "full")
    yield left.groupBy("k").agg(F.sum("v"), F.count_distinct("id"), F.collect_list("v"))
    yield left.rollup("k", "id").agg(F.grouping_id(), F.max("v"))
    yield left.groupBy("k").pivot("id", [1, 2]).sum("v")
    yield left.select("*", F.sum("v").over(over), F.row_number().over(Window.partitionBy("k").orderBy("id")))
    yield left.select(F.transform(F.array("id", "id"), lambda x: x + 1), F.explode(F.array("id", F.lit(2))))
    yield left.withColumn("z", F.when(F.col("id") == 1, "one").otherwise("more")).drop("k").distinct()
    yield left.withColumnRenamed("k", "q").unionByName(left.withColumnRenamed("k", "q"), allowMissingColumns=True)
    yield left.select("id").intersectAll(right.select("id")).exceptAll(right.select("id"))
    yield left.unpivot("id", ["v"], "name", "value").na.fill(0).na.drop().replace(1, 2)
    yield left.describe("v")
    yield left.summary("count", "75%")
    yield left.stat.crosstab("id", "k")
    yield left.sample(fraction=0.5, seed=1).repartition(2, "k").coalesce(1).hint("broadcast")
    yield left.dropDuplicates(["id"]).toDF("x", "y", "z").alias("t").select("t.x", F.expr("y || 'a'"))
    yield left.selectExpr("id + 1 AS n", "upper(k)", "array(id, 2)[0]", "map('a', v)['a']")
    yield spark.sql("WITH q AS (SELECT id FROM {df}) SELECT * FROM q WHERE id IN (SELECT 1)", df=left)
    yield spark.sql("SELECT :a AS n", args={"a": 3})
    yield left.select(F.from_json(F.lit('{"a":1}'), "a INT"), F.to_json(F.struct("id")), F.date_format(F.lit("2024-01-01"), "yyyy"))
    yield left.where(F.col("id").isin(1, 2)).select(F.col("k").substr(1, 1), F.col("k").like("a%"), F.coalesce("k", F.lit("-")))
    yield left.transpose() if hasattr(left, "transpose") else left
    yield left.lateralJoin(right.where(F.col("id") == F.col("id").outer())) if hasattr(left, "lateralJoin") else left
    yield left.observe("o", F.count(F.lit(1)).alias("n"))
    yield left.withMetadata("k", {"a": 1})
    yield spark.tvf.explode(F.array(F.lit(1), F.lit(2))) if hasattr(spark, "tvf") else left


def parts(message, found):
    """All messages inside of one, and itself."""
    found.append(message)
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for one in value if field.is_repeated else [value]:
            parts(one, found)
    return found


def change(draw, plan, others):
    """Changes one thing somewhere in a plan."""
    message = draw.choice(parts(plan, []))
    fields = message.ListFields()
    if not fields:
        return
    field, value = draw.choice(fields)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        message.ClearField(field.name)
    elif field.is_repeated:
        at = draw.randrange(len(value))
        kind = draw.randrange(3)
        if kind == 0:
            del value[at]
        elif field.message_type is None:
            value.append(value[at])
        elif kind == 1:
            value.add().CopyFrom(value[at])
        else:
            value[at].CopyFrom(same_kind(draw, value[at], others))
    elif draw.randrange(3) == 0:
        message.ClearField(field.name)
    elif field.message_type is not None:
        value.CopyFrom(same_kind(draw, value, others))
    elif field.cpp_type == field.CPPTYPE_STRING:
        setattr(message, field.name, b"\x00\xff" if isinstance(value, bytes) else draw.choice(TEXTS))
    elif field.cpp_type == field.CPPTYPE_BOOL:
        setattr(message, field.name, not value)
    elif field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        setattr(message, field.name, draw.choice([-1.0, 0.0, 0.5, 2.0, float("nan"), float("inf")]))
    elif field.cpp_type == field.CPPTYPE_ENUM:
        setattr(message, field.name, draw.choice([number.number for number in field.enum_type.values]))
    elif field.cpp_type in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64):
        setattr(message, field.name, draw.choice([number for number in NUMBERS if number >= 0]))
    else:
        # What makes rows or partitions stays small.
        makes = {"Range", "Limit", "Repartition", "RepartitionByExpression"}
        setattr(message, field.name, draw.choice(NUMBERS if message.DESCRIPTOR.name in makes else NUMBERS + EDGES))


def same_kind(draw, message, others):
    """A message of the same type out of any plan."""
    kind = message.DESCRIPTOR.full_name
    found = [one for plan in others for one in parts(plan, []) if one.DESCRIPTOR.full_name == kind]
    return copy.deepcopy(draw.choice(found or [message]))


@pytest.mark.timeout(3000)
def test_random_plans(server, spark):
    client = spark.client
    plans = [frame._plan.to_proto(client) for frame in frames(spark)]
    draw = random.Random(int(os.environ.get("FIRESTEEL_SEED", "1")))
    for number in range(ROUNDS):
        plan = copy.deepcopy(draw.choice(plans))
        for _ in range(draw.randint(1, 4)):
            change(draw, plan, plans)
        if len(plan.SerializeToString()) > 200_000:
            continue
        try:
            client.schema(plan)
            client.to_table(plan, {})
        except PySparkException as error:
            said = str(error)
            assert "panicked" not in said and "JoinError" not in said, f"plan {number}: {said[:500]}\n{plan}"
        except (KeyError, ValueError, TypeError, AssertionError, NotImplementedError, AttributeError):
            pass  # The client cannot read an answer that it did not expect.
        assert server.alive(), f"the server has ended at plan {number}:\n{plan}"
    with open(os.path.join(server.folder, "server.log"), encoding="utf-8", errors="replace") as log:
        panics = [line for line in log if "panicked at" in line]
    assert not panics, panics[:3]
