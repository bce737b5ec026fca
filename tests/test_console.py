"""What streams show on the console, as on Spark: the programs of `pyspark/console/`."""

import pytest
from support import console, servers

NAMES = console.names()


def expected(name):
    try:
        with open(console.expected_path(name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


@pytest.mark.parametrize("name", NAMES)
def test_console(tmp_path, name):
    wanted = expected(name)
    assert wanted is not None, f"the program was not recorded: cargo xtask bless console/{name}"
    got = console.printed(name, str(tmp_path), servers.environment(), [servers.firesteel_binary(), "submit"])
    # Part by part, so that a difference reads well.
    parts = {part.split("\n", 1)[0]: part for part in got.split("== ")}
    for part in wanted.split("== "):
        assert parts.get(part.split("\n", 1)[0]) == part
