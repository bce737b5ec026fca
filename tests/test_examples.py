"""The example programs of the full PySpark package, run untouched. They lie in its `examples/src/main/python`."""

import os

import pytest
from support import programs
from test_cli import run, sparks_examples

# Program, its arguments (a word in capitals is a file of `data`), what it prints.
PROGRAMS = [
    ("wordcount.py", ["BOOK"], ["river: ", "the: "]),
    ("pi.py", ["2"], ["Pi is roughly 3.1"]),
    ("sort.py", ["NUMBERS"], ["-7\n2\n11\n30"]),
    ("pagerank.py", ["LINKS", "2"], ["url_1 has rank: "]),
    ("kmeans.py", ["POINTS", "2", "0.1"], ["Final centers: "]),
    ("logistic_regression.py", ["LABELLED", "2"], ["On iteration 2", "Final w: "]),
    ("transitive_closure.py", ["2"], ["TC has "]),
    ("als.py", ["10", "12", "3", "2", "2"], ["Running ALS with M=10, U=12, F=3, iters=2, partitions=2", "Iteration 1:"]),
    ("status_api_demo.py", [], ["Job results are: "]),
    ("sql/basic.py", [], ["|Michael|     NULL|", "| 30|Andy|", "|NULL|    1|", "Name: Justin"]),
    ("sql/arrow.py", [], ["Running Arrow conversion example", "|20000102|"]),
    ("sql/udtf.py", [], ["|num|squared|"]),
    ("sql/hive.py", [], ["|238|val_238|", "|      10|", "Key: 4, Value: val_4", "|  4| val_4|  4| val_4|"]),
]

# What the others need that is not here.
OTHERS = {
    "ml/": "programs of pyspark.ml",
    "mllib/": "programs of pyspark.mllib, whose algorithms are the JVM's",
    "streaming/": "a text server or new files; they run in test_dstreams.py",
    "sql/streaming/": "a server that sends text or Kafka's messages; what they do is in test_streaming.py",
    "avro_inputformat.py": "a converter class of the JVM",
    "parquet_inputformat.py": "a converter class of the JVM",
    "sql/jdbc.py": "a PostgreSQL server",
    "sql/datasource.py": "ORC and Parquet files that Spark's source tree has, and Hive",
}


@pytest.fixture(scope="module")
def home():
    found = sparks_examples()
    if found is None:
        pytest.skip("needs the full pyspark: cargo xtask bless, or SPARK_EXAMPLES=.../examples/src/main")
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    programs.write_data(str(folder / "data"))
    (folder / "numbers.txt").write_text("11 2\n30 -7\n")
    (folder / "labelled.txt").write_text("".join("%d %s\n" % (n % 2 * 2 - 1, " ".join(str(n / at) for at in range(1, 11))) for n in range(40)))
    resources = folder / "examples/src/main/resources"
    os.makedirs(resources)
    people = [("Michael", None), ("Andy", 30), ("Justin", 19)]
    (resources / "people.json").write_text(
        "".join('{"name":"%s"%s}\n' % (name, f', "age":{age}' if age else "") for name, age in people)
    )
    keys = [238, 4, 86, 0, 5, 7, 8, 4, 165, 9]
    (resources / "kv1.txt").write_text("".join(f"{key}\x01val_{key}\n" for key in keys))
    (resources / "people.txt").write_text("".join(f"{name}, {age or 29}\n" for name, age in people))
    return folder


@pytest.mark.parametrize("program,arguments,printed", PROGRAMS, ids=[one[0] for one in PROGRAMS])
def test_an_example_runs_untouched(home, data, program, arguments, printed):
    files = {"BOOK": "data/book.txt", "NUMBERS": "numbers.txt", "LINKS": "data/links.txt", "POINTS": "data/points.txt", "LABELLED": "labelled.txt"}
    given = [str(data / files[one]) if one in files else one for one in arguments]
    status, out, err = run(["submit", os.path.join(home, "python", program), *given], data)
    assert status == 0, err
    for text in printed:
        assert text in out, (out, err)


def test_every_example_is_known(home):
    """Each of them runs here, or it is said what it needs."""
    root = os.path.join(home, "python")
    known = {one[0] for one in PROGRAMS}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
            if name.endswith(".py") and name != "__init__.py":
                assert path in known or any(path.startswith(other) for other in OTHERS), path
