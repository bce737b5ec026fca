#!/usr/bin/env python3
"""TPC-H tables as Parquet, at any scale factor.

    python3 bench/tpch/generate.py FOLDER [SCALE_FACTOR]

Schema, key relations, value ranges and the dates' relations follow the TPC-H specification; texts are random words of
our own, so results differ from dbgen's. The same scale factor gives the same files. Needs numpy and pyarrow.
"""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TABLES = ["region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem"]
ORDERS_A_BATCH = 500_000
MONEY = pa.decimal128(15, 2)

REGIONS = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"]
# Each nation and the number of its region.
NATIONS = [
    ("ALGERIA", 0), ("ARGENTINA", 1), ("BRAZIL", 1), ("CANADA", 1), ("EGYPT", 4), ("ETHIOPIA", 0), ("FRANCE", 3),
    ("GERMANY", 3), ("INDIA", 2), ("INDONESIA", 2), ("IRAN", 4), ("IRAQ", 4), ("JAPAN", 2), ("JORDAN", 4), ("KENYA", 0),
    ("MOROCCO", 0), ("MOZAMBIQUE", 0), ("PERU", 1), ("CHINA", 2), ("ROMANIA", 3), ("SAUDI ARABIA", 4), ("VIETNAM", 2),
    ("RUSSIA", 3), ("UNITED KINGDOM", 3), ("UNITED STATES", 1),
]
COLORS = """almond antique aquamarine azure beige bisque black blanched blue blush brown burlywood burnished chartreuse
chiffon chocolate coral cornflower cornsilk cream cyan dark deep dim dodger drab firebrick floral forest frosted gainsboro
ghost goldenrod green grey honeydew hot indian ivory khaki lace lavender lawn lemon light lime linen magenta maroon medium
metallic midnight mint misty moccasin navajo navy olive orange orchid pale papaya peach peru pink plum powder puff purple
red rose rosy royal saddle salmon sandy seashell sienna sky slate smoke snow spring steel tan thistle tomato turquoise
violet wheat white yellow""".split()
TYPES = [
    f"{a} {b} {c}"
    for a in ("STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO")
    for b in ("ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED")
    for c in ("TIN", "NICKEL", "BRASS", "STEEL", "COPPER")
]
CONTAINERS = [
    f"{a} {b}" for a in ("SM", "LG", "MED", "JUMBO", "WRAP") for b in ("CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM")
]
SEGMENTS = ["AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD"]
PRIORITIES = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"]
INSTRUCTIONS = ["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"]
MODES = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"]
WORDS = """accounts above across after among asymptotes beans blithely bold boost busily carefully cajole daringly deposits
detect dolphins doze even express final fluffily foxes furiously gifts grow haggle ideas instructions integrate ironic
packages pending pinto platelets quickly quietly regular requests sleep slyly special theodolites unusual waters wake
against along final silent nag use sublate""".split()
# Texts are drawn from a pool: as many different ones as queries can tell apart, at a small cost.
POOL = 20_000


def days(text):
    return int(np.datetime64(text, "D").astype(int))


FIRST_DAY, LAST_DAY, TODAY = days("1992-01-01"), days("1998-12-31"), days("1995-06-17")


def money(cents):
    """Cents as decimal(15, 2)."""
    halves = np.stack([cents, cents >> 63], axis=1).astype("<i8")  # 128 bits, the low half first
    return pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(halves.tobytes())])


def pick(random, values, rows):
    return pa.DictionaryArray.from_arrays(pa.array(random.integers(0, len(values), rows, dtype=np.int32)), pa.array(values)).cast(pa.string())


def texts(random, rows, words, special=None):
    """Random sentences; `special` is a pair of words that some hold apart from each other."""
    pool = [" ".join(random.choice(WORDS, words)) for _ in range(POOL)]
    if special:
        for number in range(0, POOL, 90):
            parts = pool[number].split()
            parts[0], parts[-1] = special
            pool[number] = " ".join(parts)
    return pick(random, pool, rows)


def labels(prefix, keys, width=9):
    return pa.array([f"{prefix}{key:0{width}d}" for key in keys])


def phones(random, nations):
    parts = random.integers((100, 100, 1000), (1000, 1000, 10000), (len(nations), 3))
    return pa.array([f"{n + 10}-{a}-{b}-{c}" for n, (a, b, c) in zip(nations, parts)])


def dates(numbers):
    return pa.array(numbers.astype(np.int32)).cast(pa.date32())


def region(random):
    return {"r_regionkey": np.arange(5), "r_name": pa.array(REGIONS), "r_comment": texts(random, 5, 8)}


def nation(random):
    return {
        "n_nationkey": np.arange(25), "n_name": pa.array([name for name, _ in NATIONS]),
        "n_regionkey": np.array([number for _, number in NATIONS]), "n_comment": texts(random, 25, 8),
    }


def supplier(random, count):
    keys = np.arange(1, count + 1)
    nations = random.integers(0, 25, count)
    return {
        "s_suppkey": keys, "s_name": labels("Supplier#", keys), "s_address": texts(random, count, 3), "s_nationkey": nations,
        "s_phone": phones(random, nations), "s_acctbal": money(random.integers(-99_999, 1_000_000, count)),
        "s_comment": texts(random, count, 8, ("Customer", "Complaints")),
    }


def retail_price(keys):
    """The specification's price of a part, in cents."""
    return 90_000 + (keys // 10) % 20_001 + 100 * (keys % 1_000)


def part(random, count):
    keys = np.arange(1, count + 1)
    makers = random.integers(1, 6, count)
    brands = makers * 10 + random.integers(1, 6, count)
    colors = random.integers(0, len(COLORS), (count, 5))
    return {
        "p_partkey": keys, "p_name": pa.array([" ".join(COLORS[one] for one in row) for row in colors]),
        "p_mfgr": pa.array([f"Manufacturer#{one}" for one in makers]), "p_brand": pa.array([f"Brand#{one}" for one in brands]),
        "p_type": pick(random, TYPES, count), "p_size": random.integers(1, 51, count).astype(np.int32),
        "p_container": pick(random, CONTAINERS, count), "p_retailprice": money(retail_price(keys)), "p_comment": texts(random, count, 3),
    }


def supplier_of(parts, number, suppliers):
    """The specification's `number`-th of the four suppliers of each part."""
    return (parts + number * (suppliers // 4 + (parts - 1) // suppliers)) % suppliers + 1


def partsupp(random, parts, suppliers):
    keys = np.repeat(np.arange(1, parts + 1), 4)
    numbers = np.tile(np.arange(4), parts)
    return {
        "ps_partkey": keys, "ps_suppkey": supplier_of(keys, numbers, suppliers),
        "ps_availqty": random.integers(1, 10_000, len(keys)).astype(np.int32),
        "ps_supplycost": money(random.integers(100, 100_001, len(keys))), "ps_comment": texts(random, len(keys), 15),
    }


def customer(random, count):
    keys = np.arange(1, count + 1)
    nations = random.integers(0, 25, count)
    return {
        "c_custkey": keys, "c_name": labels("Customer#", keys), "c_address": texts(random, count, 3), "c_nationkey": nations,
        "c_phone": phones(random, nations), "c_acctbal": money(random.integers(-99_999, 1_000_000, count)),
        "c_mktsegment": pick(random, SEGMENTS, count), "c_comment": texts(random, count, 10),
    }


def orders_and_lines(random, first, count, sizes):
    """A run of orders with their line items."""
    numbers = np.arange(first, first + count)
    # Eight keys of every thirty-two are used, as in the specification.
    keys = (numbers // 8) * 32 + numbers % 8 + 1
    customers = random.integers(0, sizes["customer"] // 3 * 2, count)
    customers = customers // 2 * 3 + customers % 2 + 1  # every third customer has no order
    ordered = random.integers(FIRST_DAY, LAST_DAY - 151 + 1, count)

    lines = random.integers(1, 8, count)
    of = np.repeat(np.arange(count), lines)
    rows = len(of)
    line_number = np.arange(rows) - np.repeat(np.cumsum(lines) - lines, lines) + 1
    parts = random.integers(1, sizes["part"] + 1, rows)
    quantity = random.integers(1, 51, rows)
    price = quantity * retail_price(parts)
    discount, tax = random.integers(0, 11, rows), random.integers(0, 9, rows)
    shipped = ordered[of] + random.integers(1, 122, rows)
    committed = ordered[of] + random.integers(30, 91, rows)
    received = shipped + random.integers(1, 31, rows)
    open_line = shipped > TODAY
    returned = np.where(received <= TODAY, np.where(random.integers(0, 2, rows) == 0, "R", "A"), "N")

    open_lines = np.bincount(of, weights=open_line, minlength=count).astype(int)
    status = np.where(open_lines == lines, "O", np.where(open_lines == 0, "F", "P"))
    # price * (1 + tax) * (1 - discount), in whole numbers, rounded to a cent.
    charged = (price * (100 + tax) * (100 - discount) + 5_000) // 10_000
    total = np.bincount(of, weights=charged, minlength=count).astype(np.int64)
    clerks = random.integers(1, max(sizes["supplier"] // 10, 1) + 1, count)
    orders = {
        "o_orderkey": keys, "o_custkey": customers, "o_orderstatus": pa.array(status), "o_totalprice": money(total),
        "o_orderdate": dates(ordered), "o_orderpriority": pick(random, PRIORITIES, count), "o_clerk": labels("Clerk#", clerks),
        "o_shippriority": np.zeros(count, dtype=np.int32), "o_comment": texts(random, count, 7, ("special", "requests")),
    }
    lineitem = {
        "l_orderkey": keys[of], "l_partkey": parts, "l_suppkey": supplier_of(parts, random.integers(0, 4, rows), sizes["supplier"]),
        "l_linenumber": line_number.astype(np.int32), "l_quantity": money(quantity * 100), "l_extendedprice": money(price),
        "l_discount": money(discount), "l_tax": money(tax), "l_returnflag": pa.array(returned),
        "l_linestatus": pa.array(np.where(open_line, "O", "F")), "l_shipdate": dates(shipped), "l_commitdate": dates(committed),
        "l_receiptdate": dates(received), "l_shipinstruct": pick(random, INSTRUCTIONS, rows), "l_shipmode": pick(random, MODES, rows),
        "l_comment": texts(random, rows, 4),
    }
    return orders, lineitem


def write(folder, table, number, columns):
    os.makedirs(os.path.join(folder, table), exist_ok=True)
    arrays = {name: pa.array(one) if isinstance(one, np.ndarray) else one for name, one in columns.items()}
    pq.write_table(pa.table(arrays), os.path.join(folder, table, f"part-{number:05d}.parquet"), row_group_size=250_000)


def generate(folder, scale_factor):
    """Write all tables to `folder`, each a folder of its own; nothing is done where they are there already."""
    done = os.path.join(folder, "_complete")
    if os.path.exists(done):
        return
    sizes = {
        "supplier": max(int(10_000 * scale_factor), 20), "part": max(int(200_000 * scale_factor), 200),
        "customer": max(int(150_000 * scale_factor), 150),
    }
    orders = max(int(1_500_000 * scale_factor), 1_500)
    random = np.random.Generator(np.random.PCG64(20_240_229))
    write(folder, "region", 0, region(random))
    write(folder, "nation", 0, nation(random))
    write(folder, "supplier", 0, supplier(random, sizes["supplier"]))
    write(folder, "part", 0, part(random, sizes["part"]))
    write(folder, "partsupp", 0, partsupp(random, sizes["part"], sizes["supplier"]))
    write(folder, "customer", 0, customer(random, sizes["customer"]))
    for number, first in enumerate(range(0, orders, ORDERS_A_BATCH)):
        few, many = orders_and_lines(random, first, min(ORDERS_A_BATCH, orders - first), sizes)
        write(folder, "orders", number, few)
        write(folder, "lineitem", number, many)
    with open(done, "w", encoding="utf-8") as file:
        file.write(f"{scale_factor}\n")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    generate(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1.0)
