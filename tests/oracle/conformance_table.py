#!/usr/bin/env python3
"""Writes docs/conformance.md from a run of PySpark's docstring examples.

    python3 tests/oracle/conformance_table.py CEILING.json RESULTS_FOLDER

CEILING.json lists which cases real Spark Connect passes; the folder holds the run's doctests.json.
"""

import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORE = [
    f"pyspark.sql.{name}"
    for name in (
        "connect.dataframe", "connect.column", "connect.functions.builtin", "connect.functions.partitioning",
        "connect.readwriter", "connect.session", "connect.conf", "connect.group", "connect.window", "types",
    )
]
HEADER = """# Conformance

PySpark's own docstring examples, run through the official client. A case is one docstring; it passes when all its
examples print what the docstring says. Compared are the cases that Apache Spark {spark}'s own Connect server passes.
Made by `cargo xtask conformance`; do not edit.
"""


def passed(folder):
    with open(os.path.join(folder, "doctests.json"), encoding="utf-8") as file:
        results = json.load(file)
    cases = results["cases"] if isinstance(results, dict) else results
    found = {}
    for case in cases:
        if case["status"] == "pass":
            found.setdefault(case["module"], set()).add(case["test"])
    return found, {case["module"] for case in cases}


def line(title, ours, theirs):
    return f"| {title} | {theirs} | {ours} | {100 * ours / theirs:.1f} % |" if theirs else f"| {title} | 0 | 0 | |"


def main(ceiling, folder):
    with open(ceiling, encoding="utf-8") as file:
        spark = json.load(file)["connect"]
    ours, ran = passed(folder)
    counts = {
        module: (len(ours.get(module, set()) & set(spark[module].get("pass", []))), len(spark[module].get("pass", [])))
        for module in sorted(spark)
        if module in ran and spark[module].get("pass", [])
    }
    total = lambda modules: [sum(counts[one][side] for one in modules if one in counts) for side in (0, 1)]  # noqa: E731
    rows = [line(f"`{module}`", *pair) for module, pair in counts.items()]
    rows.append(line("**DataFrame, Column, functions, reader and writer, session, conf, group, window, types**", *total(CORE)))
    titles = {"pyspark.pandas.": "pandas API on Spark", "pyspark.sql.connect.streaming.": "Structured Streaming"}
    for prefix, title in titles.items():
        rows.append(line(f"**{title}**", *total([module for module in counts if module.startswith(prefix)])))
    rows.append(line("**all of these**", *total(counts)))
    left_out = sorted(module for module in spark if module not in ran and spark[module].get("pass"))
    text = HEADER.format(spark="4.2.1") + "\n| module | Spark passes | Firesteel of these | |\n|---|---:|---:|---:|\n" + "\n".join(rows) + "\n"
    if left_out:
        cases = sum(len(spark[module].get("pass", [])) for module in left_out)
        names = ", ".join(f"`{module}`" for module in left_out)
        text += f"\nNot run: {len(left_out)} modules with {cases} cases: {names}.\n"
    with open(os.path.join(ROOT, "docs", "conformance.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print(rows[-2], rows[-1], sep="\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
