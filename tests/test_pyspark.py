"""The programs of `pyspark/cases/`, answered as real Spark answered them (`pyspark/expected/`)."""

import pytest
from support import cases

FUNCTIONS = {(name, key): one for name in cases.names() for key, one in cases.functions(name).items()}
EXPECTED = {name: cases.expected(name) for name in cases.names()}


@pytest.mark.parametrize("name,key", FUNCTIONS, ids=[f"{name}-{key}" for name, key in FUNCTIONS])
def test_case(server, same, tmp_path, name, key):
    assert key in EXPECTED[name], f"the case was not recorded: cargo xtask bless pyspark/{name}"
    spark = server.session()
    got = cases.answer(spark, FUNCTIONS[name, key], tmp_path)
    if server.alive():
        spark.stop()
    same(f"{name}: {key}", got, EXPECTED[name][key])
