#!/usr/bin/env python3
"""Records Spark's text and SQLSTATE of every error condition that Firesteel's sources name.

    python3 tests/oracle/record_conditions.py     (with an interpreter that has pyspark 4.2)

Reads the conditions that the installed Apache Spark carries, looks which of them stand as string
literals in `crates/`, and writes `crates/protocol/src/condition_table.rs`; the names of all go to `condition_names.txt`.
"""
import glob
import json
import os
import re
import zipfile

import pyspark

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE = os.path.join(ROOT, "crates/protocol/src/condition_table.rs")
NAMES = os.path.join(ROOT, "crates/protocol/src/condition_names.txt")


def spark_conditions():
    jars = os.path.join(os.path.dirname(pyspark.__file__), "jars")
    (jar,) = glob.glob(os.path.join(jars, "spark-common-utils_*.jar"))
    with zipfile.ZipFile(jar) as archive:
        conditions = json.loads(archive.read("error/error-conditions.json"))
    found = {}
    for name, entry in conditions.items():
        text = "\n".join(entry["message"])
        state = entry.get("sqlState", "")
        found[name] = (text, state)
        for sub, sub_entry in entry.get("subClass", {}).items():
            found[f"{name}.{sub}"] = (text + " " + "\n".join(sub_entry["message"]), state)
    return found


def named_in_sources():
    names = set()
    for path in glob.glob(os.path.join(ROOT, "crates/**/*.rs"), recursive=True):
        if path == TABLE:
            continue
        with open(path, encoding="utf-8") as source:
            names.update(re.findall(r'"(_?[A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)?)"', source.read()))
    return names


def rust(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def main():
    conditions = spark_conditions()
    rows = sorted(name for name in named_in_sources() if name in conditions)
    with open(TABLE, "w", encoding="utf-8") as out:
        out.write(f"//! Recorded from Apache Spark {pyspark.__version__} by `tests/oracle/record_conditions.py`.\n")
        out.write("//! Do not edit: name a condition in the sources, then run the command again.\n\n")
        out.write("use crate::condition::Condition;\n\n")
        out.write("#[rustfmt::skip]\npub(crate) const RECORDED: &[Condition] = &[\n")
        for name in rows:
            text, state = conditions[name]
            out.write(f"    Condition {{ name: {rust(name)}, template: {rust(text)}, sql_state: {rust(state)} }},\n")
        out.write("];\n")
    with open(NAMES, "w", encoding="utf-8") as out:
        out.writelines(f"{name}\n" for name in sorted(conditions) if not name.startswith("_LEGACY"))
    print(f"{len(rows)} conditions recorded")


if __name__ == "__main__":
    main()
