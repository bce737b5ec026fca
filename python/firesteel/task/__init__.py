"""What runs in Python workers for an RDD's task: `frame` (how records travel), `stage` (a task from end to end), then what
steps are made of: `route` (a shuffle's map side), `combine` (values by key), `hashing`, and the files: `lines`, `codecs`,
`sequence_file`, `writable`, `java_object`, `part_file`, `binary`.

A worker need not have this package: its code travels with the task. So nothing here may need module state that is
shared between tasks, or import anything but PySpark, PyArrow and the standard library.
"""
