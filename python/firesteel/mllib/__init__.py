"""`pyspark.mllib` without a JVM: PySpark's own Python runs as it is, and what it asks the JVM for is asked of `common`.

What is quick and exact in Python is there (`statistics`, `random`); every other algorithm is refused by name when it is called.
"""
