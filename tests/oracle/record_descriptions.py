"""Records what each of Spark's functions is, as DESCRIBE FUNCTION EXTENDED tells it: class, how it is called, since when.

    /path/to/oracle/bin/python tests/oracle/record_descriptions.py

Writes crates/functions/src/description_table.rs. Spark's sentences about its functions are not taken over.
"""

import pathlib
import re

from pyspark.sql import SparkSession

HERE = pathlib.Path(__file__).parent
TARGET = HERE.parents[1] / "crates/functions/src/description_table.rs"
PACKAGE = "org.apache.spark.sql.catalyst."


def calls(name, usage):
    """The forms of a call: what stands before the dash of a line that names the function."""
    found = []
    for line in usage.split("\n"):
        # An operator of one dash is told from the dash behind the form by the backquotes of what follows.
        form = re.match(r"\s*(.*?) - (?!expr)", line)
        if form and name.lower() in form[1].lower() and form[1] not in found:
            found.append(form[1])
    return found


def text(given):
    return '"' + given.replace("\\", "\\\\").replace('"', '\\"') + '"'


def row(name, lines):
    told = {line.split(": ", 1)[0]: line.split(":", 1)[1] for line in lines}
    since = re.search(r"Since: ([0-9.]+)", told["Extended Usage"] if "Extended Usage" in told else lines[-1])
    class_name = told.get("Class", "").strip().removeprefix(PACKAGE)
    usage = "\n".join(lines).split("Usage:", 1)[1].split("Extended Usage:")[0]
    forms = ", ".join(text(form) for form in calls(name, usage))
    return f"    ({text(name)}, {text(class_name)}, &[{forms}], {text(since[1] if since else '')}),"


def main():
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    names = (HERE / "spark_functions.txt").read_text().split()
    rows = []
    for name in sorted(names):
        lines = [one[0] for one in spark.sql(f"DESCRIBE FUNCTION EXTENDED `{name}`").collect()]
        rows.append(row(name, lines))
    TARGET.write_text(
        "//! What Spark's functions are: class, forms of a call, version. Made by\n"
        "//! `tests/oracle/record_descriptions.py` from Apache Spark; do not edit.\n\n"
        "/// Names in order; classes without their package `" + PACKAGE + "`, empty where the parser knows the function.\n"
        "#[rustfmt::skip]\n"
        "pub(crate) const DESCRIPTIONS: &[(&str, &str, &[&str], &str)] = &[\n" + "\n".join(rows) + "\n];\n"
    )
    spark.stop()


if __name__ == "__main__":
    main()
