"""The classic programs of `pyspark/classic/`, run through the shim, answered as classic Spark answered them on a JVM."""

import json
import os
import sys

import pytest
from support import classic, servers

CASES = [(name, key) for name in classic.names() for key in classic.case_names(name)]


def expected(name):
    try:
        with open(classic.expected_path(name), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


EXPECTED = {name: expected(name) for name in classic.names()}


@pytest.fixture(scope="session")
def answered(server, tmp_path_factory):
    """The answers of a file's cases: the file runs once, as a program of its own."""
    known = {}

    def of(name):
        if name not in known:
            environment = {**servers.environment(), "SPARK_REMOTE": os.environ.get("FIRESTEEL_TEST_REMOTE") or server.url}
            folder = tmp_path_factory.mktemp("classic")
            known[name] = classic.answers(name, folder, environment, [sys.executable, classic.RUN, "submit"])
        return known[name]

    return of


@pytest.mark.parametrize("name,key", CASES, ids=[f"{name}-{key}" for name, key in CASES])
def test_classic(answered, same, name, key):
    assert key in EXPECTED[name], f"the case was not recorded: cargo xtask bless classic/{name}"
    got = answered(name)
    assert key in got, f"the program ended before {key}"
    same(f"classic/{name}: {key}", got[key], EXPECTED[name][key])
