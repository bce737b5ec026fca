#!/usr/bin/env python3
"""Benchmarks: wall time and memory of whole programs, Firesteel's or, with --spark, also Apache Spark's.

    python3 bench/run.py [NAME] [--spark] [--datafusion] [--rows N] [--sf N] [--runs N] [--work FOLDER]

NAME is one of: startup, server, etl, csv, python, rdd, tpch, tpcds, streaming, events; without it all of them run. Each program runs in a fresh process; printed
are the median of its wall seconds and the largest resident memory of all its processes together, sampled from /proc.
Run it with an interpreter that has PySpark (`cargo xtask bench`); for fair numbers set FIRESTEEL to a release build.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PROGRAMS = os.path.join(HERE, "programs")
EXAMPLE = os.path.join(ROOT, "examples", "etl_json_sqlite")
SQLITE = "org.xerial:sqlite-jdbc:3.50.3.0"
PAGE = os.sysconf("SC_PAGE_SIZE")


def firesteel():
    given = os.environ.get("FIRESTEEL")
    for path in [given] if given else [os.path.join(ROOT, "target", kind, "firesteel") for kind in ("release", "debug")]:
        if os.path.exists(path):
            return os.path.abspath(path)
    sys.exit("no firesteel binary: cargo build --release --package firesteel")


class Memory(threading.Thread):
    """Samples the resident memory of a process and all below it."""

    def __init__(self, root):
        super().__init__(daemon=True)
        self.root, self.peak, self.over = root, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            self.peak = max(self.peak, resident(self.root))


def resident(root):
    """Bytes that a process and its descendants hold."""
    parents, pages = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry)], pages[int(entry)] = int(fields[1]), int(fields[21])
    family = {root}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return PAGE * sum(pages.get(pid, 0) for pid in family)


def environment():
    kept = {key: text for key, text in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_"))}
    kept.update(PYSPARK_PYTHON=sys.executable, PYSPARK_DRIVER_PYTHON=sys.executable)
    return kept


def run(command, folder, cores=None):
    """A program's wall seconds and peak memory, if wanted with so many of the machine's cores; its failure ends the benchmark."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=(lambda: os.sched_setaffinity(0, allowed)) if cores else None,
    )
    memory = Memory(process.pid)
    memory.start()
    out, _ = process.communicate()
    seconds = time.perf_counter() - started
    memory.over.set()
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with {process.returncode}:\n{out[-3000:]}")
    return seconds, memory.peak, out


def submit(engine, script, *arguments, packages=None, cores=None):
    options = ["--packages", packages] if packages else []
    if cores and engine == "Firesteel":
        options += ["--master", f"local[{cores}]"]
    if engine == "Firesteel":
        return [firesteel(), "submit", *options, script, *arguments]
    import pyspark

    home = os.path.dirname(pyspark.__file__)
    quiet = ["--conf", "spark.ui.enabled=false", "--conf", "spark.log.level=ERROR", "--driver-memory", "4g"]
    return [os.path.join(home, "bin", "spark-submit"), "--master", "local[*]", *quiet, *options, script, *arguments]


class Report:
    """Prints a line per program; the ratio where two engines ran the same one."""

    def __init__(self, runs):
        self.runs = runs

    def compare(self, title, engines, folder, command, before=lambda: None):
        medians = {}
        for engine in engines:
            results = []
            for _ in range(self.runs):
                before()
                results.append(run(command(engine), folder))
            medians[engine] = statistics.median(one[0] for one in results)
            self.line(title, engine, medians[engine], max(one[1] for one in results))
        if len(medians) == 2:
            print(f"{'':36} Spark takes {medians['Spark'] / medians['Firesteel']:.1f} times as long", flush=True)
        return results[-1][2]

    def line(self, title, engine, seconds, memory):
        print(f"{title:36} {engine:10} {seconds:9.3f} s {memory / 2**20:9.0f} MiB", flush=True)


def startup(report, engines, options, folder):
    report.compare("import PySpark's Connect client", ["Python"], folder, lambda _: [
        sys.executable, "-c", "from pyspark.sql import SparkSession; import pyspark.sql.connect.session"])
    script = os.path.join(PROGRAMS, "count.py")
    report.compare("spark.range(1).count()", engines, folder, lambda engine: submit(engine, script))


def server(report, _engines, _options, folder):
    """Until the server says that it listens; what it holds a second later."""
    times, sizes = [], []
    for _ in range(report.runs):
        started = time.perf_counter()
        process = subprocess.Popen([firesteel(), "connect", "--port", "0"], cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True)
        if not re.search(r"sc://", process.stdout.readline()):
            sys.exit("firesteel connect does not start")
        times.append(time.perf_counter() - started)
        time.sleep(1)
        sizes.append(resident(process.pid))
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()
    report.line("server ready, idle memory", "Firesteel", statistics.median(times), statistics.median(sizes))


def etl(report, engines, options, folder):
    """The example: JSON to SQLite. Spark needs the table to exist, so both get an empty one; and its tasks lock each other
    out of the database unless they wait, which both are told to."""
    for rows in options.rows or [10_000, 10_000_000]:
        people = os.path.join(options.work, f"people-{rows}.json")
        if not os.path.exists(people):
            subprocess.run([sys.executable, os.path.join(EXAMPLE, "generate.py"), "--rows", str(rows), "--output", people], check=True, stdout=subprocess.DEVNULL)
        database = os.path.join(folder, "people.db")

        def before():
            import sqlite3

            if os.path.exists(database):
                os.remove(database)
            with sqlite3.connect(database) as connection:
                connection.execute("CREATE TABLE people (name TEXT, age INTEGER, email TEXT, salary DOUBLE)")

        job = os.path.join(EXAMPLE, "job.py")
        report.compare(
            f"JSON to SQLite, {rows:,} rows", engines, folder,
            lambda engine: submit(engine, job, people, f"{database}?busy_timeout=3600000", packages=SQLITE), before,
        )


def csv(report, engines, options, folder):
    for rows in options.rows or [1_000_000]:
        source = os.path.join(options.work, f"events-{rows}.csv")
        if not os.path.exists(source):
            write_events(source, rows)
        target = os.path.join(folder, "events.parquet")
        report.compare(
            f"CSV to Parquet to SQL, {rows:,} rows", engines, folder,
            lambda engine: submit(engine, os.path.join(PROGRAMS, "csv_parquet_sql.py"), source, target),
            lambda: shutil.rmtree(target, ignore_errors=True),
        )


def python(report, engines, options, folder):
    """Python functions: the first one of a session, then each kind over all rows."""
    script = os.path.join(PROGRAMS, "python_functions.py")
    out = report.compare("first Python function, program", engines, folder, lambda engine: submit(engine, script, "first", "1"))
    print(f"  {'that function alone':34} {engines[-1]:10} {re.search(r'^first ([0-9.]+)$', out, re.MULTILINE).group(1):>9} s")
    for rows in options.rows or [3_000_000]:
        for kind, title in (("plain", "udf"), ("pandas", "pandas_udf"), ("map", "mapInPandas"), ("group", "applyInPandas")):
            report.compare(f"{title}, {rows:,} rows", engines, folder, lambda engine: submit(engine, script, kind, str(rows)))
        scaling(report, script, rows, folder)


def scaling(report, script, rows, folder):
    """How much faster two cores do the rows of a function than one: the rows alone, without the program around them.

    One core means that all processes of the program share one, as `taskset -c 0` has it. The second figure is one task at a
    time on a machine whose other core may do the server's part meanwhile: there `local[1]` already is more than one core.
    """
    # Tasks at once, and cores that the program may use.
    took = {(1, 1): [], (2, 2): [], (1, None): []}
    for _ in range(report.runs):
        for (tasks, cores), times in took.items():
            _, _, out = run(submit("Firesteel", script, "plain", str(4 * rows), cores=tasks), folder, cores)
            times.append(float(re.search(r"^took ([0-9.]+)$", out, re.MULTILINE).group(1)))
    one, two, one_task = (statistics.median(times) for times in took.values())
    for title, first in (("one core and two", one), ("one task and two", one_task)):
        print(f"{f'udf, {4 * rows:,} rows, {title}':45} {first:.3f} s {two:.3f} s: {first / two:.2f} times as fast", flush=True)


def rdd(report, engines, options, folder):
    """Words of a text counted by RDD; then many small jobs, of which each leaves nothing behind."""
    megabytes = (options.rows or [150])[0]
    text = os.path.join(options.work, f"words-{megabytes}.txt")
    if not os.path.exists(text):
        write_words(text, megabytes << 20)
    script = os.path.join(PROGRAMS, "word_count.py")
    report.compare(f"word count by RDD, {megabytes} MB", engines, folder, lambda engine: submit(engine, script, text))
    script = os.path.join(PROGRAMS, "word_count_dataframe.py")
    report.compare(f"word count by DataFrame, {megabytes} MB", engines, folder, lambda engine: submit(engine, script, text))
    script = os.path.join(PROGRAMS, "small_jobs.py")
    took, held, out = run(submit("Firesteel", script, str(options.jobs)), folder)
    report.line(f"{options.jobs:,} small jobs", "Firesteel", took, held)
    for line in re.findall(r"^after .*$", out, re.MULTILINE):
        print(f"  resident MiB {line}")


def write_words(path, size):
    import random

    numbers = random.Random(5)
    words = ["".join(numbers.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(numbers.randint(2, 9))) for _ in range(20_000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    with open(path + ".unfinished", "w", encoding="utf-8") as file:
        while file.tell() < size:
            chosen = numbers.choices(words, weights, k=100_000)
            file.writelines(" ".join(chosen[at : at + 10]) + "\n" for at in range(0, len(chosen), 10))
    os.replace(path + ".unfinished", path)


def write_events(path, rows):
    import random

    numbers = random.Random(11)
    with open(path + ".unfinished", "w", encoding="utf-8") as file:
        file.write("id,customer,day,kind,amount\n")
        for row in range(rows):
            day = f"2024-{numbers.randint(1, 12):02d}-{numbers.randint(1, 28):02d}"
            kind = numbers.choice(("sale", "refund", "visit", "call"))
            file.write(f"{row},c{numbers.randint(1, 50_000)},{day},{kind},{numbers.randint(0, 100_000) / 100}\n")
    os.replace(path + ".unfinished", path)


def tpch(report, engines, options, folder):
    queries(report, engines, options, folder, "tpch")


def tpcds(report, engines, options, folder):
    queries(report, engines, options, folder, "tpcds")


def queries(report, engines, options, folder, benchmark):
    """One program an engine that runs all queries once, cold, and then `--runs` times more, warm; then whether the engines agree."""
    passes = str(options.runs + 1)
    told = [tables(options, benchmark), os.path.join(HERE, benchmark, "queries"), passes]
    script, plain = (os.path.join(PROGRAMS, name) for name in ("queries.py", "queries_datafusion.py"))
    commands = {engine: submit(engine, script, *told) for engine in engines}
    if options.datafusion:
        commands["DataFusion"] = [plain_datafusion(options), plain, *told]
    totals, answers = {}, {}
    for engine, command in commands.items():
        took, held, out = run(command, folder)
        times = {}
        for name, text, answer in re.findall(r"^(q\w+) ([\d.]+)(.*)$", out, re.MULTILINE):
            times.setdefault(name, []).append(float(text))
            if answer:
                answers.setdefault(name, {})[engine] = answer.strip()
        for failed in sorted(set(re.findall(r"^q\w+ failed.*$", out, re.MULTILINE))):
            print(f"  {engine}: {failed}")
        totals[engine] = {name: statistics.median(one[1:] or one) for name, one in times.items()}
        report.line(f"{benchmark} scale factor {options.sf:g}, {passes} passes", engine, took, held)
        cold, warm = sum(one[0] for one in times.values()), sum(totals[engine].values())
        print(f"{f'  {len(times)} queries, first pass':36} {engine:10} {cold:9.3f} s")
        print(f"{'  sum of warm medians':36} {engine:10} {warm:9.3f} s")
    for name in sorted(set.intersection(*(set(one) for one in totals.values()))):
        times = {engine: one[name] for engine, one in totals.items()}
        ratios = "".join(f"   {engine} takes {one / times['Firesteel']:.2f} times as long" for engine, one in times.items() if engine != "Firesteel")
        print(f"  {name}" + "".join(f" {engine} {one:.3f} s" for engine, one in times.items()) + ratios, flush=True)
    if "Spark" in totals:
        same = [name for name, one in answers.items() if len(set(one.values())) == 1 and len(one) == 2]
        print(f"  {len(same)} of {len(answers)} answers are Spark's; others: {' '.join(sorted(set(answers) - set(same))) or 'none'}", flush=True)


def tables(options, benchmark):
    """The folder of a benchmark's tables, generated if they are not there."""
    data = os.path.join(options.work, f"{benchmark}-{options.sf:g}")
    subprocess.run([sys.executable, os.path.join(HERE, benchmark, "generate.py"), data, str(options.sf)], check=True)
    return data


def plain_datafusion(options):
    """An interpreter with DataFusion's own Python package, of the major version that Firesteel is built with."""
    folder = os.path.join(options.work, "datafusion")
    interpreter = os.path.join(folder, "bin", "python")
    if not os.path.exists(interpreter):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "datafusion==55.0.0"], check=True)
    return interpreter


def events(report, engines, options, folder):
    """What the event log and the web UI cost: TPC-H with both and with neither, in turn. Then how fast a log of 1 GB opens."""
    data = tables(options, "tpch")
    logs = os.path.join(folder, "logs")
    os.makedirs(logs)
    kinds = {"neither": ["spark.ui.enabled=false", "spark.eventLog.enabled=false"],
             "UI and log": ["spark.ui.enabled=true", "spark.eventLog.enabled=true", f"spark.eventLog.dir=file://{logs}"]}
    best = {kind: {} for kind in kinds}
    script, texts = os.path.join(PROGRAMS, "queries.py"), os.path.join(HERE, "tpch", "queries")
    for _ in range(report.runs):
        for kind, settings in kinds.items():
            conf = [word for setting in settings for word in ("--conf", setting)]
            _, _, out = run([firesteel(), "submit", *conf, script, data, texts, "4"], folder)
            for name, text in re.findall(r"^(q\d\d) ([\d.]+)", out, re.MULTILINE):
                best[kind][name] = min(best[kind].get(name, float("inf")), float(text))
    sums = {kind: sum(one.values()) for kind, one in best.items()}
    for kind, seconds in sums.items():
        print(f"{f'TPC-H sf {options.sf:g}, {len(best[kind])} queries, {kind}':36} {'best each':10} {seconds:9.3f} s", flush=True)
    print(f"  event log and web UI cost {100 * (sums['UI and log'] / sums['neither'] - 1):.1f} %", flush=True)
    megabytes = (options.rows or [1024])[0]
    jobs = [("first page", "history/{}/jobs/"), ("same page again", "history/{}/jobs/")]
    open_log(f"log of {megabytes} MB", megabytes, 200, jobs, options, folder)
    stage, rest = "history/{}/stages/stage/?id=0&attempt=0", "api/v1/applications/{}/stages/0/0"
    pages = [("first page", stage), ("page of the stage", stage), ("sorted by duration", f"{stage}&tasks.sort=Duration&tasks.desc=true"),
             ("page 500 of its tasks", f"{stage}&tasks.page=500"), ("taskSummary", f"{rest}/taskSummary"), ("taskList, all", f"{rest}/taskList?length=100000")]
    open_log("a stage of 100,000 tasks", 1, 100_000, pages, options, folder)


def open_log(name, megabytes, tasks, pages, options, folder):
    """Seconds until pages of a large log are there, and the history server's memory by then."""
    large = os.path.join(options.work, f"event-log-{megabytes}-{tasks}")
    if not os.path.exists(os.path.join(large, "log")):
        os.makedirs(large, exist_ok=True)
        program = os.path.join(PROGRAMS, "event_log.py")
        subprocess.run([sys.executable, program, os.path.join(large, "log"), str(megabytes), str(tasks)], check=True)
    process = subprocess.Popen([firesteel(), "history-server", "--dir", large, "--port", "0"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        memory = Memory(process.pid)
        memory.start()
        with urllib.request.urlopen(f"{url}/api/v1/applications") as answer:
            (app,) = json.load(answer)
        for title, page in pages:
            started = time.perf_counter()
            with urllib.request.urlopen(f"{url}/{page.format(app['id'])}") as answer:
                answer.read()
            print(f"{f'{name}, {title}':48} {'Firesteel':10} {time.perf_counter() - started:9.3f} s {memory.peak / (1 << 20):9.0f} MiB", flush=True)
        memory.over.set()
    finally:
        process.terminate()
        process.wait()


def streaming(report, engines, options, folder):
    """Structured Streaming: each program says itself how long its parts took."""
    script = os.path.join(PROGRAMS, "streaming.py")
    rows = (options.rows or [1_000_000])[0]
    programs = [("tiny", 50), ("json", rows), ("bronze", rows), ("windows", rows), ("dedup", rows)]
    programs += [("waiting", options.files), ("trickle", options.files // 5), ("log", 10 * options.files)]
    for name, count in programs:
        data = os.path.join(options.work, f"streaming-{name}-{count}")
        subprocess.run([sys.executable, script, "generate", name, data, str(count)], check=True)
        told = {}
        for engine in engines:
            seconds, memory, parts = [], 0, {}
            for number in range(report.runs):
                target = os.path.join(folder, f"{name}-{engine}-{number}")
                took, held, out = run(submit(engine, script, "run", name, data, target), folder)
                seconds.append(took)
                memory = max(memory, held)
                for part, text in re.findall(r"^part ([^:]+): ([\d.]+)$", out, re.MULTILINE):
                    parts.setdefault(part, []).append(float(text))
                shutil.rmtree(target, ignore_errors=True)
            told[engine] = {"whole program": statistics.median(seconds), **{part: statistics.median(one) for part, one in parts.items()}}
            report.line(f"streaming {name}, {count:,}", engine, told[engine]["whole program"], memory)
            for part, one in list(told[engine].items())[1:]:
                print(f"  {part:34} {engine:10} {one:9.3f} s", flush=True)
        if len(told) == 2:
            for part, one in told["Firesteel"].items():
                print(f"  {part:45} Spark takes {told['Spark'][part] / max(one, 0.001):.1f} times as long", flush=True)


BENCHMARKS = {
    "startup": startup, "server": server, "etl": etl, "csv": csv, "python": python, "rdd": rdd, "tpch": tpch, "tpcds": tpcds, "streaming": streaming,
    "events": events,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=BENCHMARKS, help="one benchmark instead of all")
    parser.add_argument("--spark", action="store_true", help="run each program on Apache Spark too")
    parser.add_argument("--datafusion", action="store_true", help="run tpch and tpcds on plain DataFusion too, from PyPI")
    parser.add_argument("--rows", type=int, action="append", help="rows for etl, csv and python, megabytes for rdd and the log of events; can be given several times")
    parser.add_argument("--jobs", type=int, default=10_000, help="small jobs of rdd (default: %(default)s)")
    parser.add_argument("--files", type=int, default=10_000, help="files that wait for the first batch of streaming; a fifth of it is read one a batch, ten times as many are in a long log (default: %(default)s)")
    parser.add_argument("--sf", type=float, default=0.1, help="scale factor of TPC-H and TPC-DS (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each program (default: %(default)s)")
    parser.add_argument("--work", default=os.path.join(tempfile.gettempdir(), "firesteel-bench"), help="where data is kept (default: %(default)s)")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    engines = ["Firesteel", "Spark"] if options.spark else ["Firesteel"]
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        for name in [options.name] if options.name else BENCHMARKS:
            BENCHMARKS[name](Report(options.runs), engines, options, folder)


if __name__ == "__main__":
    main()
