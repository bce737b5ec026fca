"""Answers as JSON, without losing a type or a digit.

Numbers other than integers, times and bytes become `{"type": "text"}`; so a float is its shortest exact text and a
decimal keeps its scale.
"""

import datetime
import decimal
import re

from pyspark.sql.types import ArrayType, DataType, MapType, Row, StructType

# What a run hands out: expression ids, plan ids, the unique part of file names.
RUN_NUMBERS = re.compile(
    r"(?<=[A-Za-z0-9_)`\]'])#\d+L?|(?<=plan_id=)\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)
# PySpark counts the variables of lambda functions over the whole process, so that it depends on the tests before.
LAMBDA_NUMBERS = re.compile(r"(?<=\blambda [xyz]_)\d+(?=#)")

# What a catalog tells of its tables that differs from machine to machine: when, who, where, how many bytes.
CATALOG_FACTS = [
    (re.compile(r"file:/[^\s'\"]*?/spark-warehouse"), "file:WAREHOUSE"),
    (re.compile(r"(?<=Created Time: )[^\n]*|(?<=Last Access: )[^\n]*|(?<=Owner: )[^\n]*"), "SOME"),
    (re.compile(r"\b\d+ bytes"), "N bytes"),
    (re.compile(r'(?<="created_time":")[^"]*'), "SOME"),
]
# Rows of DESCRIBE whose value is such a fact.
FACT_ROWS = {"Created Time", "Last Access", "Owner"}


def value(given):
    if given is None or isinstance(given, (bool, int)):
        return given
    if isinstance(given, str):
        return given
    if isinstance(given, float):
        return {"float": repr(given)}
    if isinstance(given, decimal.Decimal):
        return {"decimal": format(given, "f")}
    if isinstance(given, datetime.datetime):
        return {"timestamp": given.isoformat()}
    if isinstance(given, datetime.date):
        return {"date": given.isoformat()}
    if isinstance(given, datetime.time):
        return {"time": given.isoformat()}
    if isinstance(given, datetime.timedelta):
        return {"interval": f"{given.days} days {given.seconds} s {given.microseconds} us"}
    if isinstance(given, (bytes, bytearray)):
        return {"binary": bytes(given).hex()}
    if isinstance(given, Row):
        names = getattr(given, "__fields__", None)
        values = [value(one) for one in given]
        return {"row": [list(pair) for pair in zip(names, values)] if names else values}
    if isinstance(given, dict):
        return {"map": sorted(([value(key), value(one)] for key, one in given.items()), key=repr)}
    if isinstance(given, (list, tuple)):
        return [value(one) for one in given]
    return {type(given).__name__: str(given)}


def type_name(data_type: DataType) -> str:
    """A type in Spark's DDL, with `not null` wherever something cannot be null."""
    if isinstance(data_type, ArrayType):
        return f"array<{type_name(data_type.elementType)}{'' if data_type.containsNull else ' not null'}>"
    if isinstance(data_type, MapType):
        null = "" if data_type.valueContainsNull else " not null"
        return f"map<{type_name(data_type.keyType)},{type_name(data_type.valueType)}{null}>"
    if isinstance(data_type, StructType):
        return "struct<" + ",".join(f"{field}" for field in fields(data_type)) + ">"
    return data_type.simpleString()


def fields(schema: StructType):
    return [f"{one.name}: {type_name(one.dataType)}{'' if one.nullable else ' not null'}" for one in schema.fields]


def frame(df, ordered):
    """A DataFrame's schema and rows; the rows in an order of our own unless theirs has a meaning."""
    rows = [[value(one) for one in row] for row in df.collect()]
    if not ordered:
        rows.sort(key=repr)
    return {"schema": fields(df.schema), "rows": rows}


def error(raised: Exception):
    """What a program can ask an exception for; the text only where there is no condition."""
    condition = ask(raised, "getCondition")
    told = {"class": type(raised).__name__, "condition": condition, "sqlState": ask(raised, "getSqlState")}
    parameters = ask(raised, "getMessageParameters")
    if condition:
        told["parameters"] = dict(sorted((parameters or {}).items()))
    else:
        told["message"] = str(raised).split("\n")[0][:300]
    return {"error": told}


def ask(raised, method):
    return getattr(raised, method)() if hasattr(raised, method) else None


def neutral(told, tmp=None, failed=False):
    """Without what differs from run to run: the folder of the run, and in errors the ids that it hands out."""
    if isinstance(told, str):
        if tmp:
            told = told.replace(str(tmp), "TMP")
        for pattern, word in CATALOG_FACTS:
            told = pattern.sub(word, told)
        return RUN_NUMBERS.sub("#N", LAMBDA_NUMBERS.sub("N", told)) if failed else told
    if isinstance(told, list):
        if len(told) in (2, 3) and isinstance(told[0], str) and told[0] in FACT_ROWS:
            told = [told[0], "SOME", *told[2:]]
        return [neutral(one, tmp, failed) for one in told]
    if isinstance(told, dict):
        return {neutral(key, tmp): neutral(one, tmp, failed or key == "error") for key, one in told.items()}
    return told
