"""HyperLogLog: how many different values there are, about. One byte a register, merged by the larger."""

import math


def precision_for(relative_deviation):
    """The number of index bits that keeps the deviation below this one."""
    return max(4, math.ceil(2.0 * math.log(1.054 / relative_deviation) / math.log(2)))


def mixed(value):
    """64 well-mixed bits of a number (the finalizer of SplitMix64)."""
    mask = (1 << 64) - 1
    value = (value + 0x9E3779B97F4A7C15) & mask
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return value ^ (value >> 31)


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
    raw = 0.7213 / (1 + 1.079 / count) * count * count / (empty + sum(2.0**-rank for rank in merged.values()))
    if raw <= 2.5 * count and empty:
        return int(round(count * math.log(count / empty)))
    return int(round(raw))
