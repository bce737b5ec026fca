"""Jars and packages that a script asks for in its own configuration: known ones are built in, others are refused."""

import json
import os
import re

from firesteel import submitted
from firesteel.unsupported import unsupported


def check(options):
    """Raise for a jar or package among these options that nothing here stands in for."""
    given = submitted.configuration()
    for key, parse in (("spark.jars.packages", artifact_of_package), ("spark.jars", artifact_of_jar)):
        value = options.get(key)
        # What came by a flag has been checked by `firesteel submit`.
        if not value or value == given.get(key):
            continue
        for item in filter(None, (part.strip() for part in value.split(","))):
            if not is_known(parse(item)):
                raise unsupported(
                    "The package %s (%s)" % (item, key),
                    "leave it out if the program does not need it; JVM code cannot run here.",
                )


def artifact_of_package(coordinates):
    parts = coordinates.split(":")
    return parts[1] if len(parts) > 1 else coordinates


def artifact_of_jar(path):
    """`/lib/sqlite-jdbc-3.45.1.jar` is the artifact `sqlite-jdbc`."""
    name = os.path.basename(path)
    name = name[:-4] if name.endswith(".jar") else name
    return re.sub(r"-\d.*$", "", name)


def is_known(artifact):
    with open(os.path.join(os.path.dirname(__file__), "packages.json")) as file:
        table = json.load(file)
    # `spark-avro_2.13` is `spark-avro` for one Scala version.
    return re.sub(r"_\d+(\.\d+)*$", "", artifact) in table
