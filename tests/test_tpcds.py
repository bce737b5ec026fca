"""The 99 queries of TPC-DS (103 texts) at scale factor 0.01, answered as real Spark answered them."""

import pytest
from support.tpc import TPCDS

EXPECTED = TPCDS.expected()


@pytest.fixture(scope="module")
def spark(server, tmp_path_factory):
    session = server.session("UTC")
    TPCDS.load(session, tmp_path_factory.mktemp("tpcds"))
    yield session
    if server.alive():
        session.stop()


@pytest.mark.parametrize("name", TPCDS.names())
def test_query(spark, same, name):
    assert name in EXPECTED, "the query was not recorded: cargo xtask bless tpcds"
    same(f"tpcds: {name}", TPCDS.answer(spark, name), EXPECTED[name])
