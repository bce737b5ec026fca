"""Write hourly files of fictitious GitHub events, like those of the GitHub Archive.

    python3 generate.py [--output DIR] [--first DAY] [--days N] [--events N] [--seed SEED]

Makes DIR/2024-01-01/0.json.gz to 23.json.gz and so on. A file appears complete or not at all. The same arguments give
the same events. Needs nothing but Python.
"""

import argparse
import datetime
import gzip
import json
import os
import random

KINDS = ["PushEvent"] * 6 + ["PullRequestEvent", "IssuesEvent", "WatchEvent", "ForkEvent", "CreateEvent"]
OWNERS = "apache rust-lang python kubernetes grafana duckdb pola-rs numpy pandas-dev ray-project".split()
NAMES = "core docs tools website examples sdk cli server client plugins".split()


def event(numbers, number, hour):
    moment = hour + datetime.timedelta(seconds=numbers.randrange(3600))
    repository = numbers.randrange(len(OWNERS) * len(NAMES))
    kind = numbers.choice(KINDS)
    payload = {"size": numbers.randint(1, 9)} if kind == "PushEvent" else {"action": numbers.choice(["opened", "closed"])}
    owner, name = OWNERS[repository // len(NAMES)], NAMES[repository % len(NAMES)]
    return {
        "id": str(number),
        "type": kind,
        "actor": {"id": numbers.randrange(5000), "login": f"user{numbers.randrange(5000)}"},
        "repo": {"id": repository, "name": f"{owner}/{name}"},
        "payload": payload,
        "public": True,
        "created_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def write_hour(folder, hour, events, seed):
    numbers = random.Random(f"{seed}/{hour}")
    start = int(hour.timestamp()) * 1000
    path = os.path.join(folder, hour.strftime("%Y-%m-%d"), f"{hour.hour}.json.gz")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    hidden = os.path.join(os.path.dirname(path), "." + os.path.basename(path))
    with gzip.open(hidden, "wt", encoding="utf-8", compresslevel=1) as file:
        for number in range(events):
            file.write(json.dumps(event(numbers, start + number, hour), separators=(",", ":")) + "\n")
    os.rename(hidden, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default="landing")
    parser.add_argument("--first", default="2024-01-01", help="the first day")
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--events", type=int, default=1000, help="events of an hour")
    parser.add_argument("--seed", default="github")
    options = parser.parse_args()
    first = datetime.datetime.fromisoformat(options.first).replace(tzinfo=datetime.timezone.utc)
    for number in range(options.days * 24):
        write_hour(options.output, first + datetime.timedelta(hours=number), options.events, options.seed)
    print(f"{options.days * 24} files of {options.events} events in {options.output}")


if __name__ == "__main__":
    main()
