"""Streaming queries on a bad day: the disk fails at every place once, and seeds mix failures, ends of the process, new
files and restarts. Nothing is lost, and nothing is there twice.

`FIRESTEEL_LONG=100` runs a hundred seeds. A seed that fails is printed, and says all that happened."""

import os
import random

import pytest
from support import servers
from test_streaming_faults import FILES, aggregated, answer, debug_build, drop, joined, plain, run

pytestmark = pytest.mark.skipif(not debug_build(), reason="only debug builds can be told where to fail")
SEEDS = int(os.environ.get("FIRESTEEL_LONG") or 12)


def deduplicated(spark, tmp):
    from test_streaming_faults import source

    return source(spark, tmp).dropDuplicates(["k", "v"]).writeStream.format("json")


def rows(spark, tmp):
    if (tmp / "out").exists():
        kind = "json" if any(name.endswith(".json") for name in os.listdir(tmp / "out")) else "parquet"
        return sorted(list(map(str, row)) for row in spark.read.format(kind).load(str(tmp / "out")).collect())
    return []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("program", [plain, aggregated, joined], ids=["plain", "aggregated", "joined"])
def test_the_disk_fails_at_every_place(tmp_path, monkeypatch, program):
    order = tmp_path / "fail"
    monkeypatch.setenv("FIRESTEEL_KILL_FILE", str(order))
    with servers.Firesteel(tmp_path) as server:
        spark = server.session("UTC")
        (tmp_path / "whole").mkdir()
        run(program(spark, tmp_path / "whole"), tmp_path / "whole")
        wanted = answer(spark, tmp_path / "whole")
        places, number = set(), 0
        while True:
            number += 1
            tmp = tmp_path / f"at{number}"
            tmp.mkdir()
            order.write_text(f"full {number}")
            (tmp_path / "fail.at").unlink(missing_ok=True)
            try:
                run(program(spark, tmp), tmp)
            except Exception as raised:
                assert "no storage space" in str(raised).lower(), f"place {number}: {raised}"
            if not (tmp_path / "fail.at").exists():
                break
            place = (tmp_path / "fail.at").read_text()
            places.add(place)
            run(program(spark, tmp), tmp)
            assert answer(spark, tmp) == wanted, f"failed at place {number}: {place}"
    assert {"half of a log entry", "a folder is listed", "a file is not on the disk", "the sink has the batch"} <= places
    assert number > 50 and (program is plain or "half of a state file" in places)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_bad_day(tmp_path, monkeypatch, seed):
    order = tmp_path / "order"
    monkeypatch.setenv("FIRESTEEL_KILL_FILE", str(order))
    luck = random.Random(seed)
    program = luck.choice([plain, aggregated, joined, deduplicated])
    story = [f"seed {seed}: {program.__name__}"]
    tmp, whole = tmp_path / "bad", tmp_path / "good"
    files = FILES
    with servers.Firesteel(tmp_path) as server:
        for _ in range(luck.randint(3, 6)):
            spark = server.session("UTC")
            spark.client.set_retry_policies([])
            for folder in (tmp, whole):
                folder.mkdir(exist_ok=True)
            write = program(spark, tmp)
            for _ in range(luck.randint(0, 2)):
                # The minutes of an hour are enough for so many.
                if files < 6:
                    drop(str(tmp / "in"), files)
                    files += 1
            text = luck.choice(["{}", "full {}", "full {}"]).format(luck.randint(1, 60))
            story.append(f"{files} files, {text}")
            order.write_text(text)
            try:
                run(write, tmp)
            except Exception as raised:
                if server.process.poll() is None and "no storage space" in str(raised).lower():
                    continue
                try:
                    server.process.wait(20)
                except Exception:
                    raise AssertionError(f"{story}: {raised}") from raised
                server.was_killed()
        order.unlink(missing_ok=True)
        spark = server.session("UTC")
        run(program(spark, tmp), tmp)
        # The same files, one batch each, and nothing happens.
        os.makedirs(whole / "in", exist_ok=True)
        for number in range(files):
            drop(str(whole / "in"), number)
        run(program(spark, whole), whole)
        print(story, len(rows(spark, whole)))
        assert rows(spark, tmp) == rows(spark, whole), story
