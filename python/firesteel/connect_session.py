"""What a classic script finds on `spark` and the Connect session lacks: `sparkContext`, `newSession`, `_jsc`.

Patches `pyspark.sql.connect.session`.
"""

import os
import sys

from firesteel.unsupported import no_jvm


def patch(module):
    session = module.SparkSession
    stop, get_attribute = session.stop, session.__getattr__

    def stop_session(self):
        from firesteel.context import SparkContext

        stop(self)
        SparkContext._session_stopped(self)

    def missing_attribute(self, name):
        if name == "_jvm":
            return context_of(self)._jvm
        if name in ("_jconf", "_jsparkSession"):
            raise no_jvm(name)
        return get_attribute(self, name)

    session.stop = stop_session
    session.__exit__ = lambda self, *error: self.stop()
    session.__getattr__ = missing_attribute
    session.sparkContext = property(context_of)
    session._sc = property(context_of)
    session._jsc = property(lambda self: context_of(self)._jsc)
    session.newSession = new_session
    create_from_local = session.createDataFrame

    def create_dataframe(self, data, schema=None, samplingRatio=None, verifySchema=True):
        from firesteel.rdd import RDD, dataframes

        if isinstance(data, RDD):
            return dataframes.create(self, data, schema, samplingRatio, verifySchema)
        data, schema = dataframes.checked(self, data, schema, verifySchema)
        try:
            return create_from_local(self, data, schema)
        except Exception as error:
            raise dataframes.classic(error, schema)

    create_dataframe.__doc__ = create_from_local.__doc__
    session.createDataFrame = create_dataframe
    if not hasattr(session, "__enter__"):
        session.__enter__ = lambda self: self
    end_with_the_server()


def context_of(self):
    from firesteel.context import SparkContext

    return SparkContext._of_session(self, {})


def new_session(self):
    """A session of its own configuration, temporary views and functions, on the same server."""
    import uuid

    from pyspark.sql.connect.client import DefaultChannelBuilder

    builder = self._client._builder
    url = getattr(builder, "url", None)
    if not isinstance(builder, DefaultChannelBuilder) or url is None:
        raise no_jvm("newSession", "open the other session with SparkSession.builder.create().")
    channel = DefaultChannelBuilder("sc" + url.geturl()[4:])
    channel.set(DefaultChannelBuilder.PARAM_SESSION_ID, str(uuid.uuid4()))
    return type(self)(connection=channel)


def end_with_the_server():
    """Linux: end this process when `firesteel submit` dies, rather than retry against a server that is gone."""
    parent = os.environ.get("FIRESTEEL_PID")
    if parent == str(os.getppid()):
        end_with_the_parent()


def end_with_the_parent():
    """Linux: have the system end this process when the one that started it is gone."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import signal

    set_parent_death_signal = 1
    try:
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
    except (OSError, AttributeError):
        pass
