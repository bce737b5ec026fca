"""`byte[][]` as Java serializes it: what the values of pickle files hold."""

MAGIC = bytes.fromhex("aced0005")
OUTER = bytes.fromhex("75720003") + b"[[B" + bytes.fromhex("4bfd19156767db37") + bytes.fromhex("02000078 70")
INNER = bytes.fromhex("75720002") + b"[B" + bytes.fromhex("acf317f8060854e0") + bytes.fromhex("02000078 70")
# The second array names the class of the first by its handle.
INNER_AGAIN = bytes.fromhex("7571007e0002")


def dumps(arrays):
    parts = [MAGIC, OUTER, len(arrays).to_bytes(4, "big")]
    for position, array in enumerate(arrays):
        parts += [INNER if position == 0 else INNER_AGAIN, len(array).to_bytes(4, "big"), bytes(array)]
    return b"".join(parts)


def loads(data):
    start = len(MAGIC) + len(OUTER)
    if data[:start] != MAGIC + OUTER:
        raise ValueError("not a file of pickled records: it holds other Java objects")
    count = int.from_bytes(data[start : start + 4], "big")
    start += 4
    arrays = []
    for position in range(count):
        head = INNER if position == 0 else INNER_AGAIN
        if data[start : start + len(head)] != head:
            raise ValueError("not a file of pickled records: it holds other Java objects")
        start += len(head)
        size = int.from_bytes(data[start : start + 4], "big")
        arrays.append(data[start + 4 : start + 4 + size])
        start += 4 + size
    return arrays
