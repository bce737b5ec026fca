"""Polls two HTTP APIs and drops each answer as a file of JSON lines into a folder.

    python3 collector.py [--url URL] [--output DIR] [--polls N] [--pause SECONDS]

A file appears complete or not at all: it is written under a hidden name and renamed.
"""

import argparse
import json
import os
import time
import urllib.request


def poll(url, kind, folder, number):
    with urllib.request.urlopen(f"{url}/{kind}", timeout=10) as answer:
        records = json.load(answer)
    target = os.path.join(folder, kind)
    os.makedirs(target, exist_ok=True)
    hidden = os.path.join(target, f".{number:06d}.json")
    with open(hidden, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    os.rename(hidden, os.path.join(target, f"{number:06d}.json"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://localhost:8088")
    parser.add_argument("--output", default="landing")
    parser.add_argument("--polls", type=int, default=60)
    parser.add_argument("--pause", type=float, default=1.0)
    options = parser.parse_args()
    for number in range(options.polls):
        for kind in ("prices", "sensors"):
            try:
                poll(options.url, kind, options.output, number)
            except OSError as error:
                # The next poll may have more luck.
                print(f"{kind}: {error}")
        time.sleep(options.pause)


if __name__ == "__main__":
    main()
