"""`SparkSession.builder` and `SparkSession(sc)` of `pyspark.sql`, as classic scripts use them.

Patches `pyspark.sql.session`. The session they give is the Connect client's, connected to the server that
`firesteel submit` started; `spark.remote` to somewhere else is respected.
"""

import os
import time
import warnings

from firesteel import submitted


# Whether the program has made a session, and not only a context.
asked_for = False


def patch(module):
    builder = module.SparkSession.Builder
    # A script's master and our connection are no contradiction here.
    builder._validate_startup_urls = lambda self: None
    builder.getOrCreate = lambda self: asked(dict(self._options), "getOrCreate")
    builder.create = lambda self: asked(dict(self._options), "create")
    module.SparkSession = session_class(module.SparkSession)


def session_class(original):
    """`SparkSession` as scripts see it: sessions of the Connect client are instances of it, and it takes a context."""

    class SparkSessionType(type(original)):
        def __instancecheck__(cls, instance):
            return is_connect_session(instance) or super().__instancecheck__(instance)

        def __subclasscheck__(cls, subclass):
            return is_connect_session_class(subclass) or super().__subclasscheck__(subclass)

    class SparkSession(original, metaclass=SparkSessionType):
        def __new__(cls, sparkContext=None, jsparkSession=None, options=None):
            if sparkContext is None:
                raise TypeError("SparkSession() needs a SparkContext: use SparkSession.builder.getOrCreate()")
            return asked(dict(options or {}), "getOrCreate")

    SparkSession.__module__ = original.__module__
    SparkSession.__qualname__ = original.__qualname__
    SparkSession.__doc__ = original.__doc__
    return SparkSession


def is_connect_session(instance):
    return is_connect_session_class(type(instance))


def is_connect_session_class(cls):
    import sys

    connect = sys.modules.get("pyspark.sql.connect.session")
    return connect is not None and isinstance(cls, type) and issubclass(cls, connect.SparkSession)


def asked(options, how):
    global asked_for
    asked_for = True
    return open_session(options, how)


def open_session(options, how):
    """The Connect session for these builder options; `how` is the builder method, "getOrCreate" or "create"."""
    from firesteel import context, packages

    url = options.pop("spark.remote", None)
    if url is None or url.startswith("local"):
        url = submitted.connection()
    if url is None:
        from pyspark.errors import PySparkRuntimeError

        raise PySparkRuntimeError(errorClass="CONNECT_URL_NOT_SET", messageParameters={})
    if "spark.master" in options:
        context.check_master(options["spark.master"])
    packages.check(options)

    if context.SparkContext._active_spark_context is None:
        # The event log and the web UI name the application as the program does.
        options.setdefault("spark.app.id", "local-%d" % int(time.time() * 1000))

    from pyspark.sql.connect.session import SparkSession

    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    # PySpark drops the session options that it takes for the application's; the server wants to know them.
    master = options.get("spark.master")
    builder = SparkSession.builder.config(map={**options, "spark.remote": url})
    known = SparkSession.getActiveSession() or SparkSession._get_default_session()
    with warnings.catch_warnings():
        # Classic scripts set what belongs to the application and hear nothing of it.
        warnings.filterwarnings("ignore", message="Failed to set .*CANNOT_MODIFY", category=UserWarning)
        session = getattr(builder, how)()
    if session is not known and master is not None and master != submitted.configuration().get("spark.master"):
        session.conf._set_all({"spark.master": master}, silent=True)
    context.SparkContext._of_session(session, options)
    return session
