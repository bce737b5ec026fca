"""The queries of `queries.py` on plain DataFusion, from its Python package: the same texts, files and passes, with its own settings."""

import glob
import os
import sys
import time

from datafusion import SessionConfig, SessionContext

data, queries, passes = sys.argv[1:4]
context = SessionContext(SessionConfig().with_target_partitions(os.cpu_count()))
for table in sorted(glob.glob(os.path.join(data, "*", ""))):
    context.register_parquet(os.path.basename(os.path.dirname(table)), table)
texts = {}
for path in sorted(glob.glob(os.path.join(queries, "q*.sql"))):
    with open(path, encoding="utf-8") as file:
        texts[os.path.basename(path)[:-4]] = file.read()
for _ in range(int(passes)):
    for name, text in texts.items():
        started = time.perf_counter()
        try:
            context.sql(text).collect()
            print(name, f"{time.perf_counter() - started:.4f}", flush=True)
        except Exception as error:
            print(name, "failed:", str(error).split("\n")[0], flush=True)
