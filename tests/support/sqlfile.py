"""SQL files of statements that end with `;` at the end of a line; `--` lines say what they are about."""

import glob
import json
import os
import re

from . import encode
from .servers import TESTS

FOLDER = os.path.join(TESTS, "sql")


def names():
    return sorted(os.path.basename(path)[:-4] for path in glob.glob(os.path.join(FOLDER, "*.sql")))


def statements(name):
    with open(os.path.join(FOLDER, name + ".sql"), encoding="utf-8") as file:
        text = "".join(line for line in file if not line.lstrip().startswith("--"))
    return [one.strip() for one in re.split(r";[ \t]*\n", text) if one.strip()]


def expected_path(name):
    return os.path.join(FOLDER, "expected", name + ".json")


def expected(name):
    if not os.path.exists(expected_path(name)):
        return []
    with open(expected_path(name), encoding="utf-8") as file:
        return json.load(file)


def ordered(statement):
    """Whether the statement orders its result: an ORDER BY outside parentheses."""
    if re.match(r"(desc|describe)\b", statement, re.IGNORECASE):
        return True
    text = re.sub(r"'[^']*'", "", statement)
    while True:
        shorter = re.sub(r"\([^()]*\)", "", text)
        if shorter == text:
            return bool(re.search(r"\b(order|sort)\s+by\b", text, re.IGNORECASE))
        text = shorter


def answer(spark, statement, tmp):
    """A statement's schema and rows, or its error. `TMP` in a statement is a folder of the run."""
    try:
        outcome = encode.frame(spark.sql(statement.replace("TMP", str(tmp))), ordered(statement))
    except Exception as raised:
        outcome = encode.error(raised)
    return {"sql": statement, **encode.neutral(outcome, tmp)}


def answers(spark, name, tmp):
    return [answer(spark, one, tmp) for one in statements(name)]
