"""Where keys go: PySpark's `portable_hash`, and Spark's random numbers, by which `repartition` deals records out."""


def portable_hash(x):
    """A hash that is the same in every process: of None 0, of a tuple from its members, of the rest Python's own.

    Python must not randomize its hashes: PYTHONHASHSEED has to be set, as Spark sets it.
    """
    import os
    import sys

    if "PYTHONHASHSEED" not in os.environ and sys.flags.hash_randomization:
        from pyspark.errors import PySparkRuntimeError

        raise PySparkRuntimeError(errorClass="PYTHON_HASH_SEED_NOT_SET", messageParameters={})
    if x is None:
        return 0
    if isinstance(x, tuple):
        h = 0x345678
        for member in x:
            h ^= portable_hash(member)
            h *= 1000003
            h &= sys.maxsize
        h ^= len(x)
        return -2 if h == -1 else int(h)
    return hash(x)


def deal_start(index, bound):
    """`new XORShiftRandom(index).nextInt(bound)`: where Spark starts to deal out a partition's records."""
    long = (1 << 64) - 1
    data = index.to_bytes(8, "big", signed=True)
    low = murmur3(data, 0x3C074A61)
    seed = (murmur3(data, low) << 32) | low

    def next_31_bits():
        nonlocal seed
        seed ^= (seed << 21) & long
        seed ^= seed >> 35
        seed ^= (seed << 4) & long
        return seed & 0x7FFFFFFF

    value = next_31_bits()
    if bound & (bound - 1) == 0:
        return (bound * value) >> 31
    # The last numbers are left out where they would make the first ones likelier.
    while value - value % bound + bound - 1 >= 1 << 31:
        value = next_31_bits()
    return value % bound


def murmur3(data, seed):
    """The 32-bit MurmurHash3 of whole words."""
    word = 0xFFFFFFFF

    def rotated(value, bits):
        return ((value << bits) | (value >> (32 - bits))) & word

    h = seed & word
    for start in range(0, len(data), 4):
        k = int.from_bytes(data[start : start + 4], "little")
        k = rotated(k * 0xCC9E2D51 & word, 15) * 0x1B873593 & word
        h = (rotated(h ^ k, 13) * 5 + 0xE6546B64) & word
    h ^= len(data)
    h = (h ^ (h >> 16)) * 0x85EBCA6B & word
    h = (h ^ (h >> 13)) * 0xC2B2AE35 & word
    return h ^ (h >> 16)
