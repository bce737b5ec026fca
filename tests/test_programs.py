"""Programs of the kind that people share (`pyspark/programs/`), run as they are: they print what they print on Spark."""

import json
import os
import sys

import pytest
from support import classic, programs, servers


def expected():
    try:
        with open(programs.EXPECTED, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


EXPECTED = expected()


@pytest.fixture(scope="session")
def printed(server, tmp_path_factory):
    environment = {**servers.environment(), "SPARK_REMOTE": os.environ.get("FIRESTEEL_TEST_REMOTE") or server.url}
    return programs.answers(tmp_path_factory.mktemp("programs"), environment, [sys.executable, classic.RUN, "submit"])


@pytest.mark.parametrize("name", programs.names())
@pytest.mark.timeout(600)
def test_program(printed, same, name):
    assert name in EXPECTED, "the programs were not recorded: cargo xtask bless programs"
    assert name in printed, f"the programs ended before {name}"
    same(f"programs: {name}", printed[name], EXPECTED[name])
