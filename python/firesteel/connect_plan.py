"""DataFrames that are kept on the server are given back by a thread of their own. Patches `pyspark.sql.connect.plan`.

PySpark's client asks the server in `__del__` and waits. A long lineage that goes at once would ask from inside of many
objects that are going, which Python does not survive; and nobody needs the answer.
"""

import queue
import threading

_released = queue.SimpleQueue()
_started = threading.Lock()


def patch(module):
    kept = getattr(module, "CachedRemoteRelation", None)
    if kept is None or not hasattr(kept, "__del__"):
        return
    make, release = kept.__init__, kept.__del__

    def __init__(self, *args, **kwargs):
        make(self, *args, **kwargs)
        if _started.acquire(blocking=False):
            threading.Thread(target=run, args=(kept, release), name="firesteel-release", daemon=True).start()

    def __del__(self):
        session, number = self.__dict__.get("_spark_session"), self.__dict__.get("_relation_id")
        if session is not None and number is not None:
            _released.put((session, number))

    kept.__init__, kept.__del__ = __init__, __del__


def run(kept, release):
    while True:
        session, number = _released.get()
        stand_in = kept.__new__(kept)
        stand_in._spark_session, stand_in._relation_id = session, number
        try:
            release(stand_in)
        except Exception:
            # The server, or the session, is gone: so is what it kept.
            pass
        stand_in._relation_id = None
        del session, stand_in
