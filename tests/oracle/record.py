#!/usr/bin/env python3
"""Records what real Apache Spark answers to the tests' statements and programs.

    python3 tests/oracle/record.py [FILTER]     (with an interpreter that has pyspark 4.2, and Java 17)

FILTER is a part of a file's name: `sql/casts`, `pyspark/`, `classic/`, `console/`, `programs`, `old_client`, `tpch`, `tpcds`. Review the difference before you commit it.
`programs` takes names of programs behind it: those alone are recorded, the others stay.
`classic/` are programs with a SparkContext: they are answered by classic Spark on a JVM, each file in a process of its own.
"""

import json
import logging
import os
import pathlib
import sys
import tempfile
import time

os.environ["TZ"] = "UTC"
time.tzset()
# Errors are expected answers here; the client would log each with its stack.
logging.disable(logging.CRITICAL)
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import avro_jar  # noqa: E402
from support import cases, classic, console, old_client, programs, servers, sqlfile  # noqa: E402
from support.tpc import TPCDS, TPCH  # noqa: E402

# Cases for which Spark needs its Avro package.
WITH_AVRO = ("avro",)


def write(path, answers):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(layout(answers) + "\n")


def layout(answers):
    """One answer a line, so that a difference reads well."""
    one_line = lambda one: json.dumps(one, ensure_ascii=False, sort_keys=False)  # noqa: E731
    if isinstance(answers, list):
        return "[\n" + ",\n".join(one_line(one) for one in answers) + "\n]"
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {one_line(one)}" for key, one in answers.items()) + "\n}"


def record_sql(server, name, folder):
    tmp = pathlib.Path(folder, "sql", name)
    tmp.mkdir(parents=True)
    spark = server.session()
    write(sqlfile.expected_path(name), sqlfile.answers(spark, name, tmp))
    spark.stop()


def record_cases(server, name, folder):
    answers = {}
    for key, function in cases.functions(name).items():
        tmp = pathlib.Path(folder, "pyspark", name, key)
        tmp.mkdir(parents=True)
        spark = server.session()
        answers[key] = cases.answer(spark, function, tmp)
        spark.stop()
    write(cases.expected_path(name), answers)


def record_classic(_server, name, folder):
    environment = {**servers.environment(), "PYTHONPATH": ""}
    write(classic.expected_path(name), classic.answers(name, folder, environment, [sys.executable]))


def record_programs(_server, _name, folder):
    environment = {**servers.environment(), "PYTHONPATH": ""}
    answers = programs.answers(folder, environment, [sys.executable], sys.argv[2:])
    if sys.argv[2:]:
        with open(programs.EXPECTED, encoding="utf-8") as file:
            answers = dict(sorted({**json.load(file), **answers}.items()))
    write(programs.EXPECTED, answers)


def record_console(_server, name, folder):
    environment = {**servers.environment(), "PYTHONPATH": ""}
    os.makedirs(os.path.dirname(console.expected_path(name)), exist_ok=True)
    with open(console.expected_path(name), "w", encoding="utf-8") as file:
        file.write(console.printed(name, folder, environment, [sys.executable]))


def record_old_client(_server, _name, folder):
    """By Spark 3.5 itself, where its environment is."""
    if os.path.exists(old_client.PYTHON):
        write(old_client.EXPECTED, old_client.answers("local", folder))


def record_benchmark(server, benchmark, folder):
    spark = server.session("UTC")
    benchmark.load(spark, folder)
    write(benchmark.expected_path, {query: benchmark.answer(spark, query) for query in benchmark.names()})
    spark.stop()


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    work = [(f"sql/{name}", record_sql, name) for name in sqlfile.names()]
    work += [(f"pyspark/{name}", record_cases, name) for name in cases.names() if name not in WITH_AVRO]
    avro_work = [(f"pyspark/{name}", record_cases, name) for name in WITH_AVRO]
    work += [(one.name, record_benchmark, one) for one in (TPCH, TPCDS)]
    classic_work = [("programs", record_programs, "programs")]
    classic_work += [("old_client", record_old_client, "old_client")]
    classic_work += [(f"classic/{name}", record_classic, name) for name in classic.names()]
    classic_work += [(f"console/{name}", record_console, name) for name in console.names()]
    with tempfile.TemporaryDirectory(prefix="firesteel-record-") as folder:
        record_all(classic_work, wanted, None, folder)
        if any(wanted in title for title, _, _ in work):
            with servers.Spark(folder) as server:
                record_all(work, wanted, server, folder)
        if any(wanted in title for title, _, _ in avro_work):
            with servers.Spark(folder, avro_jar.path()) as server:
                record_all(avro_work, wanted, server, folder)


def record_all(work, wanted, server, folder):
    for title, record, name in work:
        if wanted in title:
            print(f"recording {title}", flush=True)
            record(server, name, folder)


if __name__ == "__main__":
    main()
