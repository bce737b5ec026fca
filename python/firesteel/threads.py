"""`InheritableThread` and `inheritable_thread_target`: threads whose jobs carry the tags and properties of their starter.

Stands in for PySpark's, which ask the JVM or want the session as an argument.
"""

import functools
import threading

__all__ = ["InheritableThread", "inheritable_thread_target"]


def inheritance(session=None):
    """A function that gives the calling thread what the thread that made it has now."""
    from firesteel.context import SparkContext

    context = SparkContext._active_spark_context
    if session is None and context is not None:
        session = context._session
    properties = dict(context._local_properties.__dict__) if context is not None else {}
    tags = set(session.getTags()) if session is not None else set()

    def inherit():
        if context is not None:
            context._local_properties.__dict__.update(properties)
        for tag in tags:
            session.addTag(tag)

    return inherit


class InheritableThread(threading.Thread):
    def __init__(self, target, *args, session=None, **kwargs):
        self._inherit = None
        self._session = session

        @functools.wraps(target)
        def inheriting(*given, **named):
            if self._inherit is not None:
                self._inherit()
            return target(*given, **named)

        super().__init__(*args, target=inheriting, **kwargs)

    def start(self):
        # What counts is what the starter has when it starts the thread.
        self._inherit = inheritance(self._session)
        return super().start()


def inheritable_thread_target(f=None):
    """A decorator, with the session or without, or a function of the target."""
    session = None if f is None or not hasattr(f, "getTags") else f

    def decorated(target):
        inherit = inheritance(session)

        @functools.wraps(target)
        def inheriting(*args, **kwargs):
            inherit()
            return target(*args, **kwargs)

        return inheriting

    return decorated(f) if callable(f) and session is None else decorated
