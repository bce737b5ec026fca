"""How many different values there are, about: HyperLogLog++ as the library `stream-lib` does it, which Spark's RDDs use.

One byte a register, merged by the larger. What the raw estimate is too much by was measured: `bias.json` has the points, recorded
by `tests/oracle/record_bias.py`.
"""

import json
import math
import os

MASK = (1 << 64) - 1
SEED, FACTOR = 0xE17A1465, 0xC6A4A7935BD1E995
# Up to these counts linear counting is the better estimate, for 4 to 18 bits.
LINEAR_TO = (10, 20, 40, 80, 220, 400, 900, 1800, 3100, 6500, 11500, 20000, 50000, 120000, 350000)


def precision_for(relative_deviation):
    """The number of index bits that keeps the deviation below this one."""
    return max(4, math.ceil(2.0 * math.log(1.054 / relative_deviation) / math.log(2)))


def mixed(number):
    """MurmurHash64A of the digits of a number."""
    data = str(number).encode()
    value = SEED ^ len(data) * FACTOR & MASK
    whole = len(data) & ~7
    for start in range(0, whole, 8):
        word = int.from_bytes(data[start : start + 8], "little") * FACTOR & MASK
        value = (value ^ (word ^ word >> 47) * FACTOR & MASK) * FACTOR & MASK
    if whole < len(data):
        value = (value ^ int.from_bytes(data[whole:], "little")) * FACTOR & MASK
    value = (value ^ value >> 47) * FACTOR & MASK
    return value ^ value >> 47


def registers(values, precision):
    found = {}
    rest_bits = 64 - precision
    rest_mask = (1 << rest_bits) - 1
    for value in values:
        bits = mixed(value)
        index = bits >> rest_bits
        rank = rest_bits - (bits & rest_mask).bit_length() + 1
        if rank > found.get(index, 0):
            found[index] = rank
    return found


def estimate(parts, precision):
    merged = {}
    for part in parts:
        for index, rank in part.items():
            if rank > merged.get(index, 0):
                merged[index] = rank
    count = 1 << precision
    empty = count - len(merged)
    raw = alpha(precision) * count * count / (empty + sum(2.0**-rank for rank in merged.values()))
    corrected = raw - bias(raw, precision) if precision < 19 and raw <= 5 * count else raw
    linear = count * math.log(count / empty) if empty else corrected
    if linear < LINEAR_TO[precision - 4] if precision <= 18 else raw <= 5 * count:
        return int(linear + 0.5)
    return int(corrected + 0.5)


def alpha(precision):
    return {4: 0.673, 5: 0.697, 6: 0.709}.get(precision) or 0.7213 / (1 + 1.079 / (1 << precision))


def bias(raw, precision, neighbours=6):
    """The mean bias of the measured points that are nearest to a raw estimate."""
    path = os.path.join(os.path.dirname(__file__), "bias.json")
    with open(path, encoding="utf-8") as file:
        points = json.load(file)[precision - 4]
    # Of two points at the same distance stream-lib knows the later one only.
    distances = {(raw - estimate) ** 2: measured for estimate, measured in points}
    nearest = [distances[distance] for distance in sorted(distances)[:neighbours]]
    return sum(nearest) / len(nearest)
