"""Spark's Avro package, which is no part of Spark: fetched from Maven Central for recordings that need it."""

import os
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLACE = "https://repo1.maven.org/maven2/org/apache/spark/spark-avro_2.13/{0}/spark-avro_2.13-{0}.jar"
# Mirrors may lack the newest; the package of the release before answers alike.
VERSIONS = ("4.2.1", "4.1.1")


def path():
    """The jar's path, below target/."""
    folder = os.path.join(ROOT, "target", "oracle")
    os.makedirs(folder, exist_ok=True)
    for version in VERSIONS:
        jar = os.path.join(folder, f"spark-avro_2.13-{version}.jar")
        if os.path.exists(jar):
            return jar
        try:
            urllib.request.urlretrieve(PLACE.format(version), jar)
            return jar
        except urllib.error.HTTPError:
            continue
    raise FileNotFoundError("no spark-avro package found on Maven Central")
