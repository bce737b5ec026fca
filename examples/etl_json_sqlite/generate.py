"""Write fictitious people as JSON lines: name, age, e-mail, salary, city.

    python3 generate.py [--rows N] [--output PATH] [--seed SEED]

Some e-mail addresses are dirty (spaces, capitals, stray characters) and some values are missing, as in data that people
typed. The same seed and number of rows give the same file. Needs nothing but Python; ten million rows take about a
minute for each core, because the file is written in parts by several processes.
"""

import argparse
import os
import random
from concurrent.futures import ProcessPoolExecutor

FIRST = """Ada Bruno Chiara Dmitri Elif Farid Greta Hiro Ines Jonas Kofi Lena Mateo Nadia Omar Priya Quentin Rosa
Sven Tala Uma Viktor Wanda Ximena Yusuf Zoe Amara Birgit Carlos Daria""".split()
LAST = """Abbott Brandt Castro Dubois Eriksen Fischer Garcia Hansen Ivanov Jansen Kaya Lindgren Moreau Nakamura
Okafor Petrov Quist Rossi Schmidt Tanaka Ueda Varga Weber Xu Yilmaz Zhang Almeida Bianchi Cohen Diallo""".split()
CITIES = """Amsterdam Berlin Copenhagen Dublin Edinburgh Florence Geneva Hamburg Istanbul Krakow Lisbon Madrid Nantes
Oslo Prague Riga Stockholm Turin Utrecht Vienna Warsaw Zurich""".split()
DOMAINS = ["example.com", "example.org", "example.net", "mail.example.com", "post.example.org"]
# What happens to an address that a person mistypes.
SPOILERS = [
    lambda address: " " + address,
    lambda address: address + "  ",
    lambda address: address.upper(),
    lambda address: address.replace("@", " @ "),
    lambda address: "<" + address + ">",
    lambda address: address + ";",
    lambda address: address.replace(".", "..", 1),
    lambda address: "mailto:" + address,
]
ROWS_A_PART = 250_000


def write_part(job):
    """Write one part of the file; its content depends on its number, the seed and nothing else."""
    path, seed, start, rows = job
    numbers = random.Random(f"{seed}/{start}")
    uniform, pick = numbers.random, numbers.choice
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        lines = []
        for number in range(start, start + rows):
            first, last = pick(FIRST), pick(LAST)
            address = f"{first}.{last}{number}@{pick(DOMAINS)}".lower()
            chance = uniform()
            if chance < 0.15:
                address = pick(SPOILERS)(address)
            email = "null" if chance > 0.99 else f'"{address}"'
            age = "null" if uniform() > 0.995 else 16 + int(uniform() * 64)
            salary = round(18_000 + 90_000 * uniform() * uniform(), 2)
            lines.append(
                f'{{"name":"{first} {last}","age":{age},"email":{email},"salary":{salary},"city":"{pick(CITIES)}"}}\n'
            )
            if len(lines) == 10_000:
                file.writelines(lines)
                lines.clear()
        file.writelines(lines)
    return path


def generate(path, rows, seed):
    """Write `rows` people to the file `path`."""
    starts = range(0, rows, ROWS_A_PART)
    jobs = [(f"{path}.part{start}", seed, start, min(ROWS_A_PART, rows - start)) for start in starts]
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    unfinished = path + ".unfinished"
    with open(unfinished, "wb") as file:
        if len(jobs) <= 1:
            parts = map(write_part, jobs)
            append(file, parts)
        else:
            with ProcessPoolExecutor() as processes:
                append(file, processes.map(write_part, jobs))
    os.replace(unfinished, path)


def append(file, parts):
    for part in parts:
        with open(part, "rb") as source:
            while block := source.read(1 << 20):
                file.write(block)
        os.remove(part)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000, help="how many people (default: %(default)s)")
    parser.add_argument("--output", default="people.json", help="the file to write (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="another seed gives other people (default: %(default)s)")
    options = parser.parse_args()
    generate(options.output, options.rows, options.seed)
    print(f"{options.rows} people in {options.output}")


if __name__ == "__main__":
    main()
