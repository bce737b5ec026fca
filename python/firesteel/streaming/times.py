"""Times of batches: milliseconds since 1970 within, seconds and `datetime` in what programs see."""

import re
import time
from datetime import datetime

UNITS_MS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


def milliseconds(seconds):
    """A duration that a program gives, as Spark cuts it: whole milliseconds."""
    return int(seconds * 1000)


def now_ms():
    return int(time.time() * 1000)


def as_datetime(time_ms):
    """What functions get as the time of their batch: local time."""
    return datetime.fromtimestamp(time_ms / 1000.0)


def from_program(moment):
    """A `datetime` of local time, or seconds since 1970."""
    return int((time.mktime(moment.timetuple()) if isinstance(moment, datetime) else moment) * 1000)


def setting_ms(conf, key, default, unit="ms"):
    """A duration of the configuration: `200ms`, `1s`, or a number of `unit`."""
    text = str(conf.get(key, default)).strip().lower()
    found = re.fullmatch(r"(\d+)\s*([a-z]*)", text)
    if found is None or (found.group(2) or unit) not in UNITS_MS:
        raise ValueError("%s: expected a duration such as 200ms or 10s, got %r" % (key, text))
    return int(int(found.group(1)) * UNITS_MS[found.group(2) or unit])
