"""Programs for classic PySpark: functions `case_*(spark, tmp)` in `pyspark/classic/*.py`, which use `spark.sparkContext`.

    python classic.py NAME OUTPUT FOLDER

answers the cases of a file into a JSON file. Run by an interpreter with the full PySpark it is the recording on a JVM; run
by `firesteel/run.py submit`, with SPARK_REMOTE set, it is the test.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(TESTS, "pyspark", "classic")
RUN = os.path.join(os.path.dirname(TESTS), "python", "firesteel", "run.py")


def names():
    return sorted(path.stem for path in pathlib.Path(FOLDER).glob("*.py"))


def expected_path(name):
    return os.path.join(TESTS, "pyspark", "expected", "classic", name + ".json")


def case_names(name):
    """The cases of a file, read without running it: its imports are for the program's own interpreter."""
    import ast

    with open(os.path.join(FOLDER, name + ".py"), encoding="utf-8") as file:
        tree = ast.parse(file.read())
    return [one.name for one in tree.body if isinstance(one, ast.FunctionDef) and one.name.startswith("case_")]


def answers(name, folder, environment, command):
    """Run a file of cases as a program of its own: what it answered, by case."""
    output = os.path.join(folder, name + ".json")
    environment = {**environment, "PYTHONHASHSEED": "0", "TZ": "UTC"}
    with open(os.path.join(folder, name + ".log"), "wb") as log:
        ended = subprocess.run(
            [*command, os.path.abspath(__file__), name, output, str(folder)],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=600,
        )
    if not os.path.exists(output):
        raise RuntimeError(f"{name} ended with {ended.returncode} before an answer; see {log.name}")
    with open(output, encoding="utf-8") as file:
        return json.load(file)


def main(name, output, folder):
    sys.path[0] = TESTS
    import logging

    logging.disable(logging.CRITICAL)
    from pyspark.sql import SparkSession

    from support import cases

    path = os.path.join(FOLDER, name + ".py")
    spec = importlib.util.spec_from_file_location("__main__", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["__main__"] = module
    spec.loader.exec_module(module)
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    found = {}
    for key, function in vars(module).copy().items():
        if key.startswith("case_"):
            tmp = pathlib.Path(folder, name, key)
            tmp.mkdir(parents=True)
            found[key] = cases.answer(spark, function, tmp)
            with open(output + ".new", "w", encoding="utf-8") as file:
                json.dump(found, file)
            os.replace(output + ".new", output)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
