"""Programs of the kind that people share, for classic PySpark: `pyspark/programs/*.py`, run as they are, one after the
other in one process, each with a folder of data and a folder to write to as arguments. Their answer is what they print.

    python programs.py OUTPUT FOLDER [NAME...]

By an interpreter with the full PySpark it is the recording on a JVM; by `firesteel/run.py submit` it is the test.
"""

import contextlib
import io
import json
import os
import pathlib
import random
import runpy
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(TESTS, "pyspark", "programs")
EXPECTED = os.path.join(TESTS, "pyspark", "expected", "programs.json")


def names():
    return sorted(path.stem for path in pathlib.Path(FOLDER).glob("*.py"))


def answers(folder, environment, command, wanted=()):
    """What each program printed, or each of those that are wanted, by name."""
    output = os.path.join(folder, "programs.json")
    environment = {**environment, "PYTHONHASHSEED": "0", "TZ": "UTC", "PYSPARK_SUBMIT_ARGS": "--conf spark.ui.enabled=false pyspark-shell"}
    with open(os.path.join(folder, "programs.log"), "wb") as log:
        ended = subprocess.run(
            [*command, os.path.abspath(__file__), output, str(folder), *wanted],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=1200,
        )
    if not os.path.exists(output):
        raise RuntimeError(f"the programs ended with {ended.returncode} before an answer; see {log.name}")
    with open(output, encoding="utf-8") as file:
        return json.load(file)


def main(output, folder, *wanted):
    sys.path[0] = TESTS
    data = os.path.join(folder, "data")
    write_data(data)
    found = {}
    for name in wanted or names():
        found[name] = printed(name, data, os.path.join(folder, "out"))
        with open(output + ".new", "w", encoding="utf-8") as file:
            json.dump(found, file)
        os.replace(output + ".new", output)


def printed(name, data, out):
    os.makedirs(os.path.join(out, name))
    sys.argv = [name + ".py", data, os.path.join(out, name)]
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        try:
            runpy.run_path(os.path.join(FOLDER, name + ".py"), run_name="__main__")
        except BaseException as error:
            print("ended by", type(error).__name__, str(error)[:300])
    from pyspark import SparkContext

    if SparkContext._active_spark_context is not None:
        SparkContext._active_spark_context.stop()
    return text.getvalue().replace(data, "DATA").replace(out, "OUT").split("\n")


WORDS = "the quick brown fox jumps over lazy dog and then chases through a dark forest near old river bank".split()


def write_data(folder):
    """The files that the programs read: the same for everybody."""
    numbers = random.Random(5)
    one_of, up_to = numbers.choice, numbers.randint
    os.makedirs(os.path.join(folder, "mail"))
    os.makedirs(os.path.join(folder, "..", "out"), exist_ok=True)

    def write(name, lines):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)

    write("book.txt", (" ".join(one_of(WORDS) for _ in range(up_to(0, 12))) + ("," if n % 7 == 0 else "") for n in range(800)))
    write("access.log", (
        '%d.%d.0.%d - - [%02d/Mar/2024:%02d:%02d:00 +0000] "%s /%s HTTP/1.1" %d %s' % (
            up_to(1, 9), up_to(1, 9), up_to(1, 3), up_to(1, 28), up_to(0, 23), up_to(0, 59), one_of(["GET", "POST", "PUT"]),
            one_of(["index.html", "a/b.png", "api/v1/users", "login"]), one_of([200, 200, 200, 404, 500, 301]),
            one_of(["-", str(up_to(10, 9999))]),
        ) for _ in range(2000)
    ))
    write("links.txt", ("url_%d url_%d" % (up_to(1, 20), up_to(1, 20)) for _ in range(120)))
    centers = [one_of([0, 5, 10]) for _ in range(300)]
    write("points.txt", ("%f %f %f" % (c + numbers.random(), c + numbers.random(), c - numbers.random()) for c in centers))
    ratings = ("%d,%d,%.1f,%d" % (up_to(1, 40), up_to(1, 60), up_to(1, 10) / 2, 1000000 + n) for n in range(1500))
    write("ratings.csv", ["userId,movieId,rating,timestamp", *ratings])
    kinds = ["Drama", "Comedy", "Action", "Horror"]
    write("movies.csv", ("%d::Movie %d (19%02d)::%s" % (n, n, up_to(10, 99), "|".join(numbers.sample(kinds, 2))) for n in range(1, 61)))
    people = ["Will", "Jean-Luc", "Hugh", "Deanna", "Quark"]
    write("fakefriends.csv", ("%d,%s,%d,%d" % (n, one_of(people), up_to(18, 69), up_to(1, 499)) for n in range(500)))
    stations = ["ITE00100554", "EZE00100082", "GM000010962"]
    write("1800.csv", (
        "%s,1800%02d%02d,%s,%d,,,E," % (one_of(stations), up_to(1, 12), up_to(1, 28), one_of(["TMAX", "TMIN", "PRCP"]), up_to(-150, 350))
        for _ in range(900)
    ))
    write("people.json", (
        '{"name":"N%d","age":%s,"tags":["a%d","b"],"addr":{"city":"C%d","zip":"%05d"}}'
        % (n, one_of(["null", str(20 + n)]), n % 3, n % 4, n * 37) for n in range(40)
    ))
    for number in range(6):
        write(f"mail/m{number}.txt", [f"Subject: S{number % 3}", "", f"hello {number}", "bye"])
    write_more(write, numbers)


def write_more(write, numbers):
    """What later programs read: after the others, so that those stay as they are."""
    one_of, up_to = numbers.choice, numbers.randint
    write("people.txt", ["Michael, 29", "Andy, 30", "Justin, 19"])
    write("stopwords.txt", ["the", "a", "and", "over", "then"])
    cities, products = ["New York", "Los Angeles", "Boston, MA", 'The "Big" Town'], ["Pen", "Lamp", "Desk", "Chair"]
    quoted = lambda text: '"' + text.replace('"', '""') + '"'  # noqa: E731
    write("sales.csv", ["Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address", *(
        "%d,%s,%s,%.2f,%02d/%02d/19 %02d:%02d,%s" % (
            n, one_of(products), one_of(["1", "2", "3", ""]), up_to(100, 90000) / 100, up_to(1, 12), up_to(1, 28), up_to(0, 23),
            up_to(0, 59), quoted(f"{up_to(1, 999)} Main St, {one_of(cities)}"),
        ) for n in range(1000, 1300)
    )])
    write("employees.csv", ["id,name,dept,salary,hired,manager", *(
        "%d,%s %s,%s,%d,20%02d-%02d-%02d,%s" % (
            n, one_of(["Ann", "Bob", "Cy", "Di"]), one_of(["Ray", "Lee", "Kim"]), one_of(["IT", "HR", "Sales"]), up_to(30, 99) * 1000,
            up_to(10, 23), up_to(1, 12), up_to(1, 28), one_of(["", "1", "2", "3"]),
        ) for n in range(1, 41)
    )])
    write("stocks.csv", ["Date,Symbol,Open,Close,Volume", *(
        "2024-%02d-%02d,%s,%.2f,%.2f,%d" % (month, day, symbol, up_to(9000, 11000) / 100, up_to(9000, 11000) / 100, up_to(1, 99) * 1000)
        for month in (1, 2) for day in range(1, 21) for symbol in ("AAA", "BBB")
    )])
    write("iris.csv", (
        "%.1f,%.1f,%.1f,%.1f,Iris-%s" % (k + numbers.random(), 2 + numbers.random(), k * 1.5 + numbers.random(), k / 2, kind)
        for _ in range(40) for k, kind in enumerate(["setosa", "versicolor", "virginica"], 1)
    ))
    write("heroes.txt", (" ".join(str(one) for one in [n, *(up_to(0, 39) for _ in range(up_to(1, 4)))]) for n in range(40)))
    write("heroes_names.txt", ('%d "HERO %d/ALIAS"' % (n, n) for n in range(40)))
    write("orders.txt", ("%d,%d,%.2f" % (up_to(0, 29), up_to(1, 500), up_to(100, 9999) / 100) for _ in range(1000)))
    write("events.json", (
        '{"ts":"2024-03-%02dT%02d:%02d:00Z","user":{"id":%d,"geo":{"country":"%s"}},"type":"%s","items":[{"sku":"s%d","qty":%d}],"props":{"k":"%d"}}'
        % (up_to(1, 5), up_to(0, 23), up_to(0, 59), up_to(1, 15), one_of(["DE", "FR", "US"]), one_of(["view", "cart", "buy"]), up_to(1, 9), up_to(1, 4), n)
        for n in range(300)
    ))
    write("tweets.txt", (
        " ".join(one_of(["#spark", "#big", "@ann", "@bob", "RT", "data", "is", "great", "http://t.co/x", "Fun!"]) for _ in range(up_to(2, 9)))
        for _ in range(300)
    ))


if __name__ == "__main__":
    main(*sys.argv[1:])
