"""A shuffle's map side: records go to the partitions of the next stage, as rows with the target's number."""

from itertools import islice

from firesteel.task import frame
from firesteel.task.hashing import deal_start, portable_hash

# Records held back before they are pickled: adapted so that one flush is a few megabytes.
FIRST_FLUSH = 10_000
LARGEST_FLUSH = 1_000_000
# Spark deals out batches of this many records in `repartition`.
DEALT_TOGETHER = 10


class Route:
    """A writer: `place(index, records, targets)` yields dicts of target -> records."""

    writes_batches = False

    def __init__(self, targets, place, tag=0):
        self.targets = targets
        self.place = place
        self.tag = tag

    def __call__(self, index, records):
        if index == 0 and self.tag == 0:
            # Each target learns its number from one row at least.
            for target in range(self.targets):
                yield target, frame.MARK, 0, b""
        seq = index << frame.SEQ_BITS
        for buckets in self.place(index, records, self.targets):
            for target, batch in buckets.items():
                yield target, self.tag, seq, frame.quick_dumps(batch)
            seq += 1


class ByKey:
    """Places pairs by a function of their key."""

    def __init__(self, function):
        self.function = function

    def __call__(self, index, records, targets):
        source = iter(records)
        function = self.function
        limit = FIRST_FLUSH
        while True:
            chunk = list(islice(source, limit))
            if not chunk:
                return
            buckets = {}
            if function is portable_hash or getattr(function, "__name__", "") == "portable_hash":
                portable_hash(None)
                for pair in chunk:
                    key = pair[0]
                    kind = type(key)
                    target = (hash(key) if kind is str or kind is int else portable_hash(key)) % targets
                    if target in buckets:
                        buckets[target].append(pair)
                    else:
                        buckets[target] = [pair]
            else:
                for pair in chunk:
                    buckets.setdefault(function(pair[0]) % targets, []).append(pair)
            limit = min(limit * 2, LARGEST_FLUSH)
            yield buckets


def deal(index, records, targets):
    """Places records evenly, in turns of ten, beginning where Spark begins."""
    source = iter(records)
    position = deal_start(index, targets)
    while True:
        buckets = {}
        for _ in range(FIRST_FLUSH // DEALT_TOGETHER):
            batch = list(islice(source, DEALT_TOGETHER))
            if not batch:
                break
            position += 1
            buckets.setdefault(position % targets, []).extend(batch)
        if not buckets:
            return
        yield buckets


class ToFixed:
    """Places all records of partition i to the targets `targets_of(i)`."""

    def __init__(self, targets_of):
        self.targets_of = targets_of

    def __call__(self, index, records, targets):
        source = iter(records)
        while True:
            batch = list(islice(source, FIRST_FLUSH))
            if not batch:
                return
            yield {target: batch for target in self.targets_of(index)}
