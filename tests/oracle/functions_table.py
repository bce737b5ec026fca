#!/usr/bin/env python3
"""Writes docs/functions.md: every function of Spark and of Firesteel, its state, and a test that shows it.

    python3 tests/oracle/functions_table.py          (`cargo xtask functions`)
    python3 tests/oracle/functions_table.py --names  (with an interpreter that has pyspark 4.2: records Spark's names anew)

A test is a statement of `tests/sql` or a program of `tests/pyspark/cases` that calls the function and whose answer was recorded
from real Spark; statements that are known to differ do not count.
"""

import glob
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SPARK_NAMES = os.path.join(ROOT, "tests/oracle/spark_functions.txt")
TABLE = os.path.join(ROOT, "docs/functions.md")
# An entry of a family's table, whichever of its short forms it has.
ENTRY = re.compile(r"(?:\bname: |\b(?:scalar|aggregate|generator|higher|window)\()\s*\"([^\"]+)\"")
# Words of the language that Spark lists as functions, and how a statement shows them.
SYNTAX = {"case": r"\bcase\b", "cast": r"\bcast\s*\(", "range": r"\brange\s*\(", "between": r"\bbetween\b"}
OPERATORS = {"not": r"\bnot\b", "and": r"\band\b", "or": r"\bor\b", "in": r"\bin\s*\(", "like": r"\blike\b",
             "ilike": r"\bilike\b", "rlike": r"\brlike\b", "regexp": r"\bregexp\b", "div": r"\bdiv\b"}
REFUSED = {"from_avro", "to_avro", "schema_of_avro", "from_protobuf", "to_protobuf"}
NOT_LOADED = "refused, as where the package of the format is not loaded"


def own_names():
    names = set()
    for path in glob.glob(os.path.join(ROOT, "crates/functions/src/**/*.rs"), recursive=True):
        with open(path, encoding="utf-8") as source:
            text = source.read()
        for table in re.findall(r"const TABLE: &\[Entry\] = &\[(.*?)\n\];", text, re.S):
            names.update(ENTRY.findall(table))
    return {name for name in names if not name.startswith("__")} | set(SYNTAX)


def spark_names():
    with open(SPARK_NAMES, encoding="utf-8") as file:
        return set(file.read().split())


def record_names():
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    with open(SPARK_NAMES, "w", encoding="utf-8") as out:
        out.writelines(row[0] + "\n" for row in spark.sql("SHOW FUNCTIONS").collect())


def shown():
    """Texts that may call a function, with the name of their test: statements first, then programs."""
    with open(os.path.join(ROOT, "tests/known_differences.json"), encoding="utf-8") as file:
        differing = json.load(file)
    texts = []
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/sql/expected/*.json"))):
        name = os.path.basename(path)[: -len(".json")]
        with open(path, encoding="utf-8") as file:
            answers = json.load(file)
        for number, answer in enumerate(answers):
            known = f"{name}: " + re.sub(r"\s+", " ", answer["sql"]) in differing
            if not known and "error" not in answer:
                texts.append((f"sql/{name} {number}", answer["sql"]))
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/pyspark/cases/*.py"))):
        name = os.path.basename(path)[: -len(".py")]
        with open(path, encoding="utf-8") as file:
            parts = re.split(r"^def (case_\w+)", file.read(), flags=re.M)
        for case, body in zip(parts[1::2], parts[2::2]):
            if f"{name}: {case}" not in differing:
                texts.append((f"pyspark/{name} {case}", body))
    return texts


def pattern(name):
    if name in SYNTAX or name in OPERATORS:
        return re.compile((SYNTAX | OPERATORS)[name], re.I)
    if not re.match(r"\w+$", name):
        return re.compile(re.escape(name))
    # Functions of no arguments may stand without parentheses.
    end = r"\b" if name.startswith("current_") or name == "localtimestamp" else r"\s*\("
    return re.compile(rf"(?<![\w.]){re.escape(name)}{end}|\bF\.{re.escape(name)}\(|\bsf\.{re.escape(name)}\(", re.I)


def main():
    if sys.argv[1:] == ["--names"]:
        record_names()
        return
    own, spark, texts = own_names(), spark_names(), shown()
    rows, counts = [], {}
    for name in sorted(own | spark, key=str.lower):
        found = pattern(name)
        test = next((title for title, text in texts if found.search(text)), "")
        if name not in own:
            state, test = "missing", ""
        elif name in REFUSED:
            state = NOT_LOADED
        elif test:
            state = "as Spark"
        else:
            state = "there, no test of its own"
        if name not in spark:
            state += "; DataFrames and syntax only"
        counts[state] = counts.get(state, 0) + 1
        rows.append(f"| `{name.replace('|', chr(92) + '|')}` | {state} | {test} |")
    with open(TABLE, "w", encoding="utf-8") as out:
        out.write("# Functions\n\nMade by `cargo xtask functions`; do not edit. Spark's names are those of `SHOW FUNCTIONS` in Spark 4.2. ")
        out.write("A test is a file of `tests/sql` with the number of a statement in it (from 0), or a file of\n")
        out.write("`tests/pyspark/cases` with a function in it; its answer was recorded from real Spark.\n\n")
        out.writelines(f"- {count} {state}\n" for state, count in sorted(counts.items(), key=lambda pair: -pair[1]))
        out.write("\n| function | state | test |\n|---|---|---|\n")
        out.writelines(row + "\n" for row in rows)
    for state, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        print(f"{count:5} {state}")


if __name__ == "__main__":
    main()
