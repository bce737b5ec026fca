"""The 22 queries of TPC-H at scale factor 0.01, answered as real Spark answered them: exactly, the money is decimal."""

import pytest
from support.tpc import TPCH

EXPECTED = TPCH.expected()


@pytest.fixture(scope="module")
def spark(server, tmp_path_factory):
    session = server.session("UTC")
    TPCH.load(session, tmp_path_factory.mktemp("tpch"))
    yield session
    if server.alive():
        session.stop()


@pytest.mark.parametrize("name", TPCH.names())
def test_query(spark, same, name):
    assert name in EXPECTED, "the query was not recorded: cargo xtask bless tpch"
    same(f"tpch: {name}", TPCH.answer(spark, name), EXPECTED[name])
