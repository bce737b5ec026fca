#!/usr/bin/env python3
"""Records the reference systems that Apache Spark knows: numbers of GEOMETRY and GEOGRAPHY, and their names.

    python3 tests/oracle/record_srids.py     (with an interpreter that has pyspark 4.2, and Java 17)

Writes `crates/protocol/src/types/srid_table.rs`: runs of numbers, and the names of those that are not `EPSG:` or `ESRI:` and the number.
"""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "crates" / "protocol" / "src" / "types" / "srid_table.rs"
PACKAGE = "org.apache.spark.sql.internal.types."


def systems(context):
    """(number, name on a plane, name on the globe), None where Spark's types do not know it there."""
    jvm = context._jvm
    cache = jvm.java.lang.Class.forName(PACKAGE + "SpatialReferenceSystemCache")

    def called(owner, name):
        method = owner.getDeclaredMethod(name, context._gateway.new_array(jvm.java.lang.Class, 0))
        method.setAccessible(True)
        return method

    whole = called(cache, "getInstance").invoke(None, context._gateway.new_array(jvm.Object, 0))
    numbers = called(cache, "getSridToSrs").invoke(whole, context._gateway.new_array(jvm.Object, 0)).keySet()
    mappers = [
        getattr(jvm.org.apache.spark.sql.internal.types, kind + "SpatialReferenceSystemMapper")
        for kind in ("Cartesian", "Geographic")
    ]
    return sorted((int(number), *(mapper.getStringId(int(number)) for mapper in mappers)) for number in numbers)


def runs(numbers):
    """Numbers in a row as (first, last)."""
    found = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def rust(name, kind, rows, doc):
    text, line = f"/// {doc}\n#[rustfmt::skip]\npub(super) const {name}: &[{kind}] = &[\n", "   "
    for row in rows:
        if len(line) + len(row) > 118:
            text, line = text + line + "\n", "   "
        line += f" {row},"
    return text + line + "\n];\n"


def main():
    import pyspark
    from pyspark import SparkContext

    context = SparkContext("local[1]")
    known = systems(context)
    plane = [f"({a}, {b})" for a, b in runs([number for number, name, _ in known if name is not None])]
    globe = [f"({a}, {b})" for a, b in runs([number for number, _, name in known if name is not None])]
    names = {number: name or other for number, name, other in known if (name or other) not in (None, f"EPSG:{number}")}
    assert all(one is None or other is None or one == other for _, one, other in known)
    text = f"//! Recorded from Apache Spark {pyspark.__version__} by `tests/oracle/record_srids.py`.\n//! Do not edit: run the command again.\n\n"
    text += rust("PLANE", "(i32, i32)", plane, "Numbers of reference systems that GEOMETRY knows, from the first to the last of each run.")
    text += "\n" + rust("GLOBE", "(i32, i32)", globe, "Those that GEOGRAPHY knows.")
    esri = [number for number, name in sorted(names.items()) if name == f"ESRI:{number}"]
    runs_of_esri = [f"({a}, {b})" for a, b in runs(esri)]
    text += "\n" + rust("ESRI", "(i32, i32)", runs_of_esri, "Those that ESRI has named, not EPSG.")
    named = [f'({number}, "{name}")' for number, name in sorted(names.items()) if number not in esri]
    text += "\n" + rust("NAMES", "(i32, &str)", named, "Those with a name of their own.")
    TABLE.write_text(text, encoding="utf-8")
    context.stop()
    os._exit(0)


if __name__ == "__main__":
    main()
