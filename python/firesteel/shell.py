"""The interactive shell: `spark`, `sc` and `sqlContext` ready, in IPython where it is installed."""

import os
import sys

BANNER = """Welcome to Firesteel {firesteel}, which runs programs for Apache Spark {spark}.
Using Python {python}, master {master}.
SparkSession available as 'spark', SparkContext as 'sc'.
"""


def start(main, arguments):
    """Fill `main` with what a PySpark shell has. The caller's `python -i` then opens the prompt, unless IPython does."""
    # PySpark asks whether it is in a shell, and a prompt is how it knows.
    sys.ps1 = getattr(sys, "ps1", ">>> ")
    sys.argv = arguments or [""]
    sys.path.insert(0, "")
    for name in [name for name in vars(main) if not name.startswith("__")]:
        delattr(main, name)
    del main.__file__

    vars(main).update(names())
    spark = main.spark
    if wants_ipython():
        import IPython

        # `python -i` would open its own prompt after IPython's.
        os.environ.pop("PYTHONINSPECT", None)
        sys.stderr.write(banner(spark, main.sc))
        IPython.start_ipython(argv=["--no-banner", "--ext=firesteel.notebook"], user_ns=main.__dict__)
        sys.stdout.flush()
        spark.stop()
        os._exit(0)
    sys.stderr.write(banner(spark, main.sc))


def names():
    """What a PySpark shell has ready. Progress of long queries is shown to people, unless the environment says otherwise."""
    if "IPython" in sys.modules or sys.stdin.isatty():
        os.environ.setdefault("SPARK_CONNECT_PROGRESS_BAR_ENABLED", "1")
    from pyspark.sql import SparkSession, SQLContext

    spark = SparkSession.builder.getOrCreate()
    sc = spark.sparkContext
    return {"spark": spark, "sc": sc, "sql": spark.sql, "sqlContext": SQLContext(sc, spark)}


def banner(spark, sc):
    text = BANNER.format(
        firesteel=os.environ.get("FIRESTEEL_VERSION", ""),
        spark=spark.version,
        python=sys.version.split()[0],
        master=sc.master,
    )
    return text + "Web UI at %s.\n" % sc.uiWebUrl if sc.uiWebUrl else text


def wants_ipython():
    """IPython for a person at a terminal, where it is there."""
    from importlib.util import find_spec

    return sys.stdin.isatty() and find_spec("IPython") is not None
