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

    from pyspark.sql import SparkSession, SQLContext

    spark = SparkSession.builder.getOrCreate()
    main.spark, main.sc = spark, spark.sparkContext
    main.sql = spark.sql
    main.sqlContext = SQLContext(main.sc, spark)
    banner = BANNER.format(
        firesteel=os.environ.get("FIRESTEEL_VERSION", ""),
        spark=spark.version,
        python=sys.version.split()[0],
        master=main.sc.master,
    )
    if main.sc.uiWebUrl:
        banner += "Web UI at %s.\n" % main.sc.uiWebUrl
    if wants_ipython():
        import IPython

        # `python -i` would open its own prompt after IPython's.
        os.environ.pop("PYTHONINSPECT", None)
        sys.stderr.write(banner)
        IPython.start_ipython(argv=["--no-banner", "--ext=firesteel.notebook"], user_ns=main.__dict__)
        sys.stdout.flush()
        spark.stop()
        os._exit(0)
    sys.stderr.write(banner)


def wants_ipython():
    """IPython for a person at a terminal, where it is there."""
    from importlib.util import find_spec

    return sys.stdin.isatty() and find_spec("IPython") is not None
