#!/usr/bin/env python3
"""Records by how much HyperLogLog++ overestimates: the measured points of the paper, as Apache Spark has them in memory.

    python3 tests/oracle/record_bias.py     (with an interpreter that has pyspark 4.2, and Java 17)

Each list of `python/firesteel/task/bias.json` is of one number of index bits, from 4: pairs of a raw estimate and its bias.
"""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "python" / "firesteel" / "task" / "bias.json"
OWNER = "com.clearspring.analytics.stream.cardinality.HyperLogLogPlus"


def main():
    from pyspark import SparkContext

    context = SparkContext("local[1]")
    loaded = context._jvm.java.lang.Class.forName(OWNER)

    def field(name):
        found = loaded.getDeclaredField(name)
        found.setAccessible(True)
        return [list(numbers) for numbers in found.get(None)]

    pairs = [zip(raw, bias, strict=True) for raw, bias in zip(field("rawEstimateData"), field("biasData"), strict=True)]
    lines = ("[" + ",".join(f"[{raw!r},{bias!r}]" for raw, bias in one) + "]" for one in pairs)
    TABLE.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    context.stop()
    os._exit(0)


if __name__ == "__main__":
    main()
