"""A clock that tests turn: triggers, timeouts, timers and the time to live to the millisecond, and days that a seed makes -
with failures of the disk and ends of the process - which come out the same each time.

`FIRESTEEL_LONG=100` runs a hundred seeds. A seed that fails is printed, and says all that happened."""

import json
import os
import random
import time

import pytest
from support import servers
from test_streaming_faults import debug_build

pytestmark = pytest.mark.skipif(not debug_build(), reason="only debug builds have a clock that can be turned")
SEEDS = int(os.environ.get("FIRESTEEL_LONG") or 6)
START = 1_700_000_000_000
SCHEMA = "k STRING, v BIGINT"


class Clock:
    def __init__(self, tmp_path, monkeypatch):
        self.path = tmp_path / "clock"
        self.set(START)
        monkeypatch.setenv("FIRESTEEL_CLOCK_FILE", str(self.path))

    def set(self, ms):
        self.ms = ms
        new = self.path.with_suffix(".new")
        new.write_text(str(ms))
        os.replace(new, self.path)

    def turn(self, ms):
        self.set(self.ms + ms)


@pytest.fixture
def clock(tmp_path, monkeypatch):
    return Clock(tmp_path, monkeypatch)


def drop(folder, number, rows):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"f{number}.json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"k": key, "v": value}) + "\n" for key, value in rows)
    os.utime(path + ".new", (1700000000 + number, 1700000000 + number))
    os.rename(path + ".new", path)


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this took too long"
        time.sleep(0.02)


def test_triggers_go_by_the_clock(tmp_path, clock):
    def batches(query):
        return [one["timestamp"] for one in query.recentProgress if one["sources"][0]["numInputRows"]]

    with servers.Firesteel(tmp_path) as server:
        spark = server.session("UTC")
        drop(tmp_path / "in", 0, [("a", 1)])
        write = spark.readStream.schema(SCHEMA).json(str(tmp_path / "in")).writeStream.format("noop")
        query = write.trigger(processingTime="10 seconds").start()
        wait_for(lambda: len(batches(query)) == 1)
        for number in range(1, 4):
            drop(tmp_path / "in", number, [("a", 1)])
            clock.turn(9_999)
            time.sleep(0.1)
            assert len(batches(query)) == number, "not yet"
            clock.turn(1)
            wait_for(lambda number=number: len(batches(query)) == number + 1)
        assert batches(query) == ["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:30.000Z", "2023-11-14T22:13:40.000Z", "2023-11-14T22:13:50.000Z"]
        query.stop()
        spark.stop()


def timeouts():
    import pandas as pd

    def count(key, batches, state):
        now = state.getCurrentProcessingTimeMs()
        if state.hasTimedOut:
            n = state.get[0]
            state.remove()
            yield pd.DataFrame({"k": [key[0]], "n": [-n], "at": [now]})
            return
        n = (state.getOption or (0,))[0] + sum(len(batch) for batch in batches)
        state.update((n,))
        state.setTimeoutDuration(30_000)
        yield pd.DataFrame({"k": [key[0]], "n": [n], "at": [now]})

    return lambda rows: rows.groupBy("k").applyInPandasWithState(
        count, "k STRING, n BIGINT, at BIGINT", "n BIGINT", "append", "ProcessingTimeTimeout")


def timers():
    import pandas as pd
    from pyspark.sql.streaming import StatefulProcessor

    class Timers(StatefulProcessor):
        def init(self, handle):
            self.handle = handle
            self.seen = handle.getListState("seen", "v BIGINT", 60_000)
            self.count = handle.getValueState("count", "n BIGINT")

        def handleInputRows(self, key, rows, timerValues):
            now = timerValues.getCurrentProcessingTimeInMs()
            n = (self.count.get() or (0,))[0]
            for batch in rows:
                for value in batch.v:
                    self.seen.appendValue((int(value),))
                    n += 1
            self.count.update((n,))
            self.handle.registerTimer(now + 45_000)
            yield pd.DataFrame({"k": [key[0]], "n": [sum(value for (value,) in self.seen.get())], "at": [now]})

        def handleExpiredTimer(self, key, timerValues, expiredTimerInfo):
            late = timerValues.getCurrentProcessingTimeInMs() - expiredTimerInfo.getExpiryTimeInMs()
            yield pd.DataFrame({"k": [key[0]], "n": [-self.count.get()[0]], "at": [late]})

        def close(self):
            pass

    return lambda rows: rows.groupBy("k").transformWithStateInPandas(Timers(), "k STRING, n BIGINT, at BIGINT", "Append", "ProcessingTime")


def day(tmp_path, clock, order, seed, faults):
    """Ten visits of a query, each at its own time; what all of them wrote, and how the day went."""
    luck, bad = random.Random(seed), random.Random(seed + 1)
    program = luck.choice([timeouts, timers])()
    tmp = tmp_path / ("bad" if faults else "good")
    clock.set(START)
    files, story = 0, [f"seed {seed}"]

    def visit(server):
        spark = server.session("UTC")
        spark.client.set_retry_policies([])
        rows = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(str(tmp / "in"))
        query = program(rows).writeStream.format("json").option("checkpointLocation", str(tmp / "cp"))
        query.trigger(availableNow=True).start(str(tmp / "out")).awaitTermination()
        spark.stop()

    with servers.Firesteel(tmp_path) as server:
        for _ in range(10):
            clock.turn(luck.randint(1, 40) * 1000)
            for _ in range(luck.randint(0 if files else 1, 2)):
                drop(tmp / "in", files, [(luck.choice("abc"), luck.randint(1, 9)) for _ in range(luck.randint(1, 4))])
                files += 1
            text = bad.choice(["{}", "full {}"]).format(bad.randint(1, 80))
            if faults and bad.random() < 0.6:
                order.write_text(text)
                story.append(f"{clock.ms - START} ms, {files} files, {text}")
                try:
                    visit(server)
                except Exception as raised:
                    if "no storage space" not in str(raised).lower():
                        try:
                            server.process.wait(20)
                        except Exception:
                            raise AssertionError(f"{story}: {raised}") from raised
                        server.was_killed()
                order.unlink(missing_ok=True)
                # A place beyond the end of the visit is no failure; the process forgets it with the next order.
                order.write_text("0")
            # The clock stands still until the visit has been finished.
            visit(server)
            order.unlink(missing_ok=True)
        spark = server.session("UTC")
        told = sorted([row.k, row.n, row.at] for row in spark.read.schema("k STRING, n BIGINT, at BIGINT").json(str(tmp / "out")).collect())
        spark.stop()
    return told, story


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_day_by_the_clock(tmp_path, monkeypatch, clock, seed):
    order = tmp_path / "order"
    monkeypatch.setenv("FIRESTEEL_KILL_FILE", str(order))
    good, _ = day(tmp_path, clock, order, seed, faults=False)
    bad, story = day(tmp_path, clock, order, seed, faults=True)
    print(story, len(good))
    assert good and bad == good, story
