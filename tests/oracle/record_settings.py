#!/usr/bin/env python3
"""Records the defaults of Spark's SQL settings, and which settings of its core a session may not set.

    python3 tests/oracle/record_settings.py     (with an interpreter that has pyspark 4.2, and Java 17)

Programs read settings that have no meaning here; they get the value that Spark would tell. Writes
`crates/engine/src/conf_table.rs`.
"""
import os

from pyspark.sql import SparkSession

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE = os.path.join(ROOT, "crates/engine/src/conf_table.rs")
# Of the machine that records.
LOCAL = {"spark.sql.session.timeZone", "spark.sql.warehouse.dir"}


def rust(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def main():
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.sql.catalogImplementation", "in-memory").getOrCreate()
    version = spark.version
    entries = getattr(spark._jvm, "org.apache.spark.sql.internal.SQLConf$").__getattr__("MODULE$").getConfigEntries().iterator()
    found = []
    while entries.hasNext():
        key = entries.next().key()
        if key in LOCAL or not key.startswith("spark.sql.") or ".test" in key:
            continue
        try:
            default = spark.conf.get(key)
        except Exception:
            default = None
        found.append((key, None if default == "<undefined>" else default, spark.conf.isModifiable(key)))
    found.sort()
    core = core_settings(spark)
    spark.stop()
    with open(TABLE, "w", encoding="utf-8") as out:
        out.write(f"//! Recorded from Apache Spark {version} by `tests/oracle/record_settings.py`. Do not edit.\n\n")
        out.write("/// Spark's SQL settings: key, default, and whether a session may change it.\n")
        out.write("#[rustfmt::skip]\npub(crate) const RECORDED: &[(&str, Option<&str>, bool)] = &[\n")
        for key, default, modifiable in found:
            value = "None" if default is None else f"Some({rust(default)})"
            out.write(f"    ({rust(key)}, {value}, {str(modifiable).lower()}),\n")
        out.write("];\n\n/// Settings of Spark's core, which belong to the application: `CANNOT_MODIFY_CONFIG` for a session.\n")
        out.write("#[rustfmt::skip]\npub(crate) const CORE: &[&str] = &[\n")
        for key in core:
            out.write(f"    {rust(key)},\n")
        out.write("];\n")
    print(f"{len(found)} settings of SQL and {len(core)} of the core recorded")


def core_settings(spark):
    """The keys that the running JVM knows outside of SQL and refuses to set."""
    entries = getattr(spark._jvm, "org.apache.spark.internal.config.ConfigEntry$").__getattr__("MODULE$")
    field = entries.getClass().getDeclaredField("knownConfigs")
    field.setAccessible(True)
    refused = []
    for key in sorted(field.get(entries).keySet()):
        if key.startswith("spark.sql.") or ".test" in key:
            continue
        try:
            spark.conf.set(key, "1")
        except Exception as error:
            if "CANNOT_MODIFY_CONFIG" in str(error):
                refused.append(key)
            else:
                print(key, str(error)[:100])
    return refused


if __name__ == "__main__":
    main()
