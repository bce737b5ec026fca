"""Fixtures: a running Firesteel, and the differences from Spark that are known."""

import json
import logging
import os
import sys
import time

import pytest

os.environ["TZ"] = "UTC"
time.tzset()
# Errors are expected answers here; the client would log each with its stack.
logging.disable(logging.CRITICAL)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support import servers  # noqa: E402

with open(os.path.join(servers.TESTS, "known_differences.json"), encoding="utf-8") as _file:
    KNOWN_DIFFERENCES = json.load(_file)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with servers.Firesteel(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def same(server):
    """Compares an answer with Spark's; a known difference must still be one, and never a dead server."""

    def compare(key, got, want):
        assert server.alive(), f"the server has ended at {key}"
        why = KNOWN_DIFFERENCES.get(key)
        if why is None:
            assert got == want
        else:
            said = why.startswith("internal error")
            assert said or not internal(got), f"{key} is known to differ ({why}), but this is an internal error: {got}"
            assert got != want, f"{key} is as in Spark now: take it out of known_differences.json"

    return compare


def internal(got):
    told = got.get("error") or {} if isinstance(got, dict) else {}
    return told.get("condition") == "INTERNAL_ERROR" or "panic" in str(told)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What a machine lacks is a reason to skip a test, but not in CI, which installs it."""
    report = (yield).get_result()
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"skipped in CI: {report.longrepr}"


@pytest.fixture
def spark(server):
    """A session of its own, in UTC."""
    session = server.session("UTC")
    yield session
    if server.alive():
        session.stop()
