"""What programs look for in the texts of EXPLAIN: sections, operators, filters that the files are asked for."""

import contextlib
import io


def text(df, *mode, **named):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        df.explain(*mode, **named)
    return out.getvalue()


def tables(spark, tmp):
    left, right = str(tmp / "left"), str(tmp / "right")
    spark.range(20).selectExpr("id", "id % 3 AS k", "concat('n', id) AS name").write.parquet(left)
    spark.range(5).selectExpr("id AS k", "id * 1.5D AS v").write.parquet(right)
    return spark.read.parquet(left), spark.read.parquet(right)


def found(plan, *words):
    return {word: word in plan for word in words}


def case_sections(spark, tmp):
    left, _ = tables(spark, tmp)
    query = left.where("id > 3").groupBy("k").count()
    sections = ("== Parsed Logical Plan ==", "== Analyzed Logical Plan ==", "== Optimized Logical Plan ==",
                "== Physical Plan ==")
    return {mode: [one for one in sections if one in text(query, mode=mode)]
            for mode in ("simple", "extended", "cost", "formatted")} | {"true": [
                one for one in sections if one in text(query, True)]}


def case_types_of_the_analyzed_plan(spark, tmp):
    left, _ = tables(spark, tmp)
    plan = text(left.selectExpr("id", "name", "k + 1.5 AS s"), True)
    return plan.split("== Analyzed Logical Plan ==\n")[1].split("\n")[0]


def case_scan(spark, tmp):
    left, _ = tables(spark, tmp)
    plan = text(left.where("id > 3 AND name = 'n5'").select("k"))
    return found(plan, "FileScan parquet", "Batched: true", "Format: Parquet", "PartitionFilters: []",
                 "PushedFilters: [IsNotNull(id), IsNotNull(name), GreaterThan(id,3), EqualTo(name,n5)]",
                 "ReadSchema: struct<id:bigint,k:bigint,name:string>", "Filter ((isnotnull(id#", "Project [k#")


def case_partitions(spark, tmp):
    path = str(tmp / "parts")
    spark.range(9).selectExpr("id", "id % 3 AS p").write.partitionBy("p").parquet(path)
    plan = text(spark.read.parquet(path).where("p = 1 AND id < 7"))
    return found(plan, "PartitionFilters: [isnotnull(p#", "PushedFilters: [IsNotNull(id), LessThan(id,7)]",
                 "ReadSchema: struct<id:bigint>")


def case_joins(spark, tmp):
    from pyspark.sql import functions as F

    left, right = tables(spark, tmp)
    broadcast = text(left.join(F.broadcast(right), "k"))
    cross = text(left.crossJoin(right))
    return {"broadcast": found(broadcast, "BroadcastHashJoin [k#", "BroadcastExchange HashedRelationBroadcastMode",
                               "Inner", "AdaptiveSparkPlan isFinalPlan=false", "SortMergeJoin"),
            "cross": found(cross, "BroadcastNestedLoopJoin", "BroadcastExchange IdentityBroadcastMode", "Cross")}


def case_aggregates(spark, tmp):
    left, _ = tables(spark, tmp)
    plan = text(left.groupBy("k").agg({"id": "max"}))
    return found(plan, "HashAggregate(keys=[k#", "functions=[max(id#", "functions=[partial_max(id#",
                 "Exchange hashpartitioning(k#", "ENSURE_REQUIREMENTS, [plan_id=")


def case_sorts(spark, tmp):
    left, _ = tables(spark, tmp)
    return {"sort": found(text(left.orderBy("name")), "Sort [name#", "ASC NULLS FIRST], true, 0",
                          "Exchange rangepartitioning(name#"),
            "top": found(text(left.orderBy("name").limit(3)), "TakeOrderedAndProject(limit=3, orderBy=[name#"),
            "limit": found(text(left.limit(3)), "CollectLimit 3")}


def case_formatted(spark, tmp):
    left, _ = tables(spark, tmp)
    plan = text(left.where("id > 3").select("name"), mode="formatted")
    return found(plan, "Scan parquet", "Output [2]: [id#", "Condition : (isnotnull(id#",
                 "PushedFilters: [IsNotNull(id), GreaterThan(id,3)]", "(1) Scan parquet")


def case_cached(spark, tmp):
    left, _ = tables(spark, tmp)
    cached = left.where("id < 5").cache()
    cached.count()
    plan = text(cached)
    cached.unpersist()
    return found(plan, "InMemoryTableScan")


def case_sql(spark, tmp):
    lines = [row[0] for row in spark.sql("EXPLAIN SELECT nosuch FROM range(2)").collect()]
    plan = spark.sql("EXPLAIN EXTENDED SELECT id, count(*) FROM range(9) GROUP BY id HAVING count(*) > 1").first()[0]
    return {"wrong": lines[:1], "parsed": plan.split("\n\n")[0].split("\n")[:3]}
