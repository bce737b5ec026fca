"""How many different values there are, about: HyperLogLog++ as the library `stream-lib` does it, which Spark's RDDs use.

One byte a register, merged by the larger. Small counts are Spark's to the digit; where it corrects the bias of larger ones by
measured tables, here it is computed.
"""

import math

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
    corrected = unbiased(raw, precision) if precision < 19 and raw <= 5 * count else raw
    linear = count * math.log(count / empty) if empty else corrected
    if linear < LINEAR_TO[precision - 4] if precision <= 18 else raw <= 5 * count:
        return int(linear + 0.5)
    return int(corrected + 0.5)


def alpha(precision):
    return {4: 0.673, 5: 0.697, 6: 0.709}.get(precision) or 0.7213 / (1 + 1.079 / (1 << precision))


def unbiased(raw, precision):
    """The count whose expected raw estimate is this one."""
    count = 1 << precision

    def expected(number):
        # A register is at most k with probability exp(-number / (count * 2^k)).
        at_most = [math.exp(-number / (count * 2.0**k)) for k in range(65)]
        total = at_most[0] + sum(0.5**k * (at_most[k] - at_most[k - 1]) for k in range(1, 65))
        return alpha(precision) * count / total

    low, high = 0.0, raw
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle) < raw else (low, middle)
    return low
