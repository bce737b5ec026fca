"""RDDs of random numbers: `pyspark.mllib.random` asks MLlib for them by these names."""

from functools import partial

from firesteel.rdd.errors import java_error
from firesteel.task import draws


def numbers(distribution, of_vectors, sc, *arguments):
    """An RDD of numbers, or of vectors: arguments are a distribution's parameters, sizes, partitions and a seed."""
    import random

    context = sc._context
    *parameters, partitions, seed = arguments
    columns = parameters.pop() if of_vectors else None
    size = parameters.pop()
    partitions = partitions or context.defaultParallelism
    if size <= 0:
        raise java_error("java.lang.IllegalArgumentException", "requirement failed: Positive RDD size required.")
    seeds = draws.JavaRandom(random.getrandbits(63) if seed is None else seed)
    bounds = [at * size // partitions for at in range(partitions + 1)]
    parts = [(end - start, seeds.next_long()) for start, end in zip(bounds, bounds[1:])]
    return context.parallelize(parts, partitions).mapPartitions(partial(drawn, distribution, tuple(parameters), columns))


def drawn(distribution, parameters, columns, parts):
    for size, seed in parts:
        draw = draws.DISTRIBUTIONS[distribution](seed, *parameters)
        for _ in range(size):
            yield draw() if columns is None else row(draw, columns)


def row(draw, columns):
    from pyspark.mllib.linalg import DenseVector

    return DenseVector([draw() for _ in range(columns)])


FUNCTIONS = {
    distribution + kind: partial(numbers, distribution, kind == "VectorRDD")
    for distribution in draws.DISTRIBUTIONS
    for kind in ("RDD", "VectorRDD")
}
