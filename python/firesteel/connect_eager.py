"""Errors of transformations where somebody catches them. Classic PySpark resolves a DataFrame when it is made, PySpark's client
when it runs: `try: df.select("nope")` would go on without an error. A DataFrame that is made where an `except` or a `with`
of the program would see the error is resolved at once; elsewhere the first action tells the same, and no step waits for it.
Patches `pyspark.sql.connect.dataframe`.
"""

import functools
import os
import sys

# A deeper plan is not asked for its columns at each step: a program that adds columns in a loop would wait for all of them.
DEEPEST_CHECKED = 50
# Who makes DataFrames of its own that no program asked for.
OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
# What stands between a program and the client.
BETWEEN = OWN + "connect_"
# Plans of actions, which run at once.
ACTIONS = ("HtmlString", "ShowString")
# How many instructions of a handler are looked at for what it catches.
LOOKED_AT = 16


def patch(module):
    begin = module.DataFrame.__init__
    client = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(module.__file__)))) + os.sep
    pandas = os.path.join(client, "pandas") + os.sep

    @functools.lru_cache(maxsize=None)
    def kind(path):
        if path.startswith(BETWEEN) or path.startswith(client) and not path.startswith(pandas):
            return "between"
        return "own" if path.startswith((OWN, pandas)) else "program"

    @functools.wraps(begin)
    def made(self, *args, **options):
        begin(self, *args, **options)
        if type(self._plan).__name__ not in ACTIONS and is_caught(sys._getframe(1), kind) and is_checked(self):
            self.schema

    module.DataFrame.__init__ = made


def is_caught(frame, kind):
    """Whether an error that is raised below this frame meets a handler of the program's."""
    while frame is not None and kind(frame.f_code.co_filename) == "between":
        frame = frame.f_back
    while frame is not None:
        path = frame.f_code.co_filename
        if kind(path) == "own":
            return False
        if any(start <= frame.f_lasti < end for start, end in handled(frame.f_code)):
            return True
        # Handlers of what runs a program, a test or a cell catch everything, and are no reason to hurry.
        if path.startswith(INSTALLED):
            return False
        frame = frame.f_back
    return False


# Python's own modules and what is installed.
INSTALLED = (
    os.path.dirname(os.__file__) + os.sep, os.path.join(sys.prefix, "lib") + os.sep, os.path.join(sys.base_prefix, "lib") + os.sep, "<frozen"
)


@functools.lru_cache(maxsize=4096)
def handled(code):
    """Instructions of a function that stand in a `try` with `except`, or in a `with`: from byte to byte."""
    if not getattr(code, "co_exceptiontable", b""):
        return ()
    import dis

    instructions = list(dis.get_instructions(code))
    place = {instruction.offset: index for index, instruction in enumerate(instructions)}

    def catches(target):
        first = place.get(target)
        if first is None or instructions[first].opname != "PUSH_EXC_INFO":
            return False
        # `except:` drops the error at once; `finally` raises it again.
        names = [instruction.opname for instruction in instructions[first + 1 : first + LOOKED_AT]]
        return names[:1] == ["POP_TOP"] or "CHECK_EXC_MATCH" in names or "WITH_EXCEPT_START" in names

    entries = dis._parse_exception_table(code)
    return tuple((entry.start, entry.end) for entry in entries if catches(entry.target))


def is_checked(dataframe):
    """Whether classic PySpark's errors for missing columns are to be had at little cost."""
    if dataframe._cached_schema is not None:
        return True
    plan = dataframe._plan
    for _ in range(DEEPEST_CHECKED):
        plan = getattr(plan, "_child", None)
        if plan is None:
            return True
    return False
