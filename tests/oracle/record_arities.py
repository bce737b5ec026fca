"""Records how many arguments each of Spark's functions takes, as its error WRONG_NUM_ARGS words it.

    /path/to/oracle/bin/python tests/oracle/record_arities.py

Writes crates/functions/src/arity_table.rs. Only functions that Spark checks when it looks them up are there: the others
say so later, with the types of their arguments.
"""

import pathlib

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

HERE = pathlib.Path(__file__).parent
TARGET = HERE.parents[1] / "crates/functions/src/arity_table.rs"
# Numbers of arguments to try. More than the last are as wrong as it.
COUNTS = range(10)
# Syntax, not calls of functions.
SYNTAX = {"and", "or", "not", "in", "like", "rlike", "ilike", "regexp", "regexp_like", "between", "case", "when", "is", "div", "cast"}


def expectations(spark, name):
    """The condition's parameter `expectedNum` for each number of arguments, empty where it is right."""
    found = []
    for count in COUNTS:
        expected = ""
        try:
            spark.sql(f"SELECT {name}({', '.join(['NULL'] * count)})").schema
        except PySparkException as error:
            placed = any(str(context.contextType()).endswith("SQL") for context in error.getQueryContext() or [])
            if error.getCondition() == "WRONG_NUM_ARGS.WITHOUT_SUGGESTION" and placed:
                expected = error.getMessageParameters()["expectedNum"]
        found.append(expected)
    return found


def fits(expected, count):
    if expected.startswith("> "):
        return count > int(expected[2:])
    return str(count) in expected.strip("[]").split(", ")


def is_even(found):
    """Whether what Spark expects is all that it accepts."""
    words = {expected for expected in found if expected}
    return len(words) == 1 and all((not expected) == fits(*words, count) for count, expected in enumerate(found))


def main():
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    names = [line.strip() for line in (HERE / "spark_functions.txt").read_text().splitlines()]
    names = [name for name in names if name.replace("_", "").isalnum() and name not in SYNTAX]
    rows = [(name, expectations(spark, name)) for name in sorted(names)]
    even = [f'    ("{name}", "{max(found)}"),' for name, found in rows if is_even(found)]
    uneven = [
        f'    ("{name}", [' + ", ".join('"' + expected + '"' for expected in found) + "]),"
        for name, found in rows
        if any(found) and not is_even(found)
    ]
    TARGET.write_text(
        "//! How many arguments Spark's functions take, in the words of WRONG_NUM_ARGS. Made by\n"
        "//! `tests/oracle/record_arities.py` from Apache Spark; do not edit.\n\n"
        "/// Names in order, with the numbers that Spark expects.\n"
        "pub(crate) const ARITIES: &[(&str, &str)] = &[\n" + "\n".join(even) + "\n];\n\n"
        "/// Functions that accept other numbers than they say: what they say to no argument, to one, ..., empty where all is well.\n"
        f"pub(crate) const UNEVEN: &[(&str, [&str; {len(COUNTS)}])] = &[\n" + "\n".join(uneven) + "\n];\n"
    )
    spark.stop()


if __name__ == "__main__":
    main()
