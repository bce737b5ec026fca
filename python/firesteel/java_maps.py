"""The order in which Java and Scala go through a map of strings.

Classic PySpark hands the dict of `agg({"a": "sum", "b": "max"})` to the JVM, where it becomes a `java.util.HashMap` and then
a `Map` of Scala: the columns come out in their order, not in the dict's.
"""

MASK = 0xFFFFFFFF
# Scala keeps the order of entries up to this many.
SMALL = 4


def string_hash(text):
    """`String.hashCode`, unsigned."""
    value = 0
    data = text.encode("utf-16-be", "surrogatepass")
    for high, low in zip(data[::2], data[1::2]):
        value = (value * 31 + (high << 8 | low)) & MASK
    return value


def hash_map_order(keys):
    """As a `java.util.HashMap` that these keys were put into: by bucket, then as they came."""
    keys = list(dict.fromkeys(keys))
    size = 16
    while len(keys) > size * 3 // 4:
        size *= 2

    def bucket(key):
        value = string_hash(key)
        return (value ^ value >> 16) & size - 1

    return sorted(keys, key=bucket)


def scala_map_order(keys):
    """As an immutable `Map` of Scala 2.13: a trie of five bits of the hash a level, a node's entries before its children."""
    keys = list(keys)
    if len(keys) <= SMALL:
        return keys
    return [key for _, key in trie([(improved(string_hash(key)), key) for key in keys], 0)]


def trie(entries, shift):
    if len(entries) < 2 or shift > 30:
        return entries
    slots = {}
    for entry in entries:
        slots.setdefault(entry[0] >> shift & 31, []).append(entry)
    in_order = [slots[slot] for slot in sorted(slots)]
    alone = [one[0] for one in in_order if len(one) == 1]
    return alone + [entry for one in in_order if len(one) > 1 for entry in trie(one, shift + 5)]


def improved(value):
    value = (value + ~(value << 9)) & MASK
    value ^= value >> 14
    value = (value + (value << 4)) & MASK
    return value ^ value >> 10


def aggregates_in_order(exprs):
    """What `agg` was given, a single dict in the JVM's order."""
    if len(exprs) != 1 or not isinstance(exprs[0], dict) or not all(isinstance(key, str) for key in exprs[0]):
        return exprs
    given = exprs[0]
    return ({key: given[key] for key in scala_map_order(hash_map_order(given))},)
