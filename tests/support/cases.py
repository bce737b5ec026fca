"""PySpark programs that answer: functions `case_*(spark, tmp)` in `pyspark/cases/*.py`.

A case returns a DataFrame (compared without the order of its rows), something that JSON can hold, or both in a dict.
"""

import contextlib
import glob
import importlib.util
import io
import json
import os

from . import encode
from .servers import TESTS

FOLDER = os.path.join(TESTS, "pyspark")


def shown(action):
    """What an action prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        action()
    return printed.getvalue().split("\n")


def failure(action):
    """How an action fails, for a case that asks about several."""
    try:
        result = action()
        if hasattr(result, "collect"):
            result = result.collect()
    except Exception as raised:
        return encode.error(raised)
    return {"no error": encode.value(result)}


def names():
    return sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(FOLDER, "cases", "*.py")))


def functions(name):
    """The cases of a file, in their order there."""
    path = os.path.join(FOLDER, "cases", name + ".py")
    spec = importlib.util.spec_from_file_location(f"firesteel_cases_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {key: one for key, one in vars(module).items() if key.startswith("case_")}


def expected_path(name):
    return os.path.join(FOLDER, "expected", name + ".json")


def expected(name):
    if not os.path.exists(expected_path(name)):
        return {}
    with open(expected_path(name), encoding="utf-8") as file:
        return json.load(file)


def answer(spark, function, tmp):
    try:
        result = function(spark, tmp)
        if hasattr(result, "collect") and hasattr(result, "schema"):
            outcome = encode.frame(result, ordered=False)
        else:
            outcome = {"value": plain(result)}
    except Exception as raised:
        outcome = encode.error(raised)
    return encode.neutral(outcome, tmp)


def plain(result):
    """What a case put together itself; DataFrames inside are answered too."""
    if isinstance(result, dict) and not any(isinstance(key, (int, float)) for key in result):
        return {str(key): plain(one) for key, one in result.items()}
    if isinstance(result, (list, tuple)) and type(result) in (list, tuple):
        return [plain(one) for one in result]
    if hasattr(result, "collect") and hasattr(result, "schema"):
        return encode.frame(result, ordered=False)
    return encode.value(result)
