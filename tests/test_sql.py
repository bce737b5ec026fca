"""The statements of `sql/*.sql`, answered as real Spark answered them (`sql/expected/`)."""

import re

import pytest
from support import sqlfile

EXPECTED = {name: sqlfile.expected(name) for name in sqlfile.names()}
STATEMENTS = [(name, number) for name in EXPECTED for number in range(len(sqlfile.statements(name)))]


def title(name, number):
    return f"{name}: " + re.sub(r"\s+", " ", sqlfile.statements(name)[number])


@pytest.fixture(scope="module")
def got(server, tmp_path_factory):
    """A file's answers; a file runs once, from its first statement to its last, in a session of its own."""
    answers = {}

    def of(name):
        if name not in answers:
            spark = server.session()
            answers[name] = sqlfile.answers(spark, name, tmp_path_factory.mktemp(name))
            if server.alive():
                spark.stop()
        return answers[name]

    return of


@pytest.mark.parametrize("name,number", STATEMENTS, ids=[f"{name}-{number}" for name, number in STATEMENTS])
def test_statement(got, same, name, number):
    expected = EXPECTED[name]
    assert number < len(expected) and expected[number]["sql"] == sqlfile.statements(name)[number], (
        "the statement was not recorded: cargo xtask bless sql/" + name
    )
    same(title(name, number), got(name)[number], expected[number])
