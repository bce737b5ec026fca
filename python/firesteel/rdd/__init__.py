"""RDDs: `rdd` (the class), its methods by kind in `transformations`, `pairs`, `actions`, `statistics`, `saving` and
`keeping`; beneath them `lineage` and `job`. `hadoop_files` and `sources` read files; `dataframes` leads to and from SQL.
"""

from firesteel.rdd.barrier import RDDBarrier
from firesteel.rdd.bounded import BoundedFloat
from firesteel.rdd.partitioner import Partitioner
from firesteel.rdd.rdd import RDD, PipelinedRDD
from firesteel.task.hashing import portable_hash

__all__ = ["RDD", "RDDBarrier", "PipelinedRDD", "Partitioner", "BoundedFloat", "portable_hash"]
