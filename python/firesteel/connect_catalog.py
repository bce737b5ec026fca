"""`spark.catalog.createTable` gives the table that it made; the client's DataFrame would make it again at each use. Patches
`pyspark.sql.connect.catalog`.
"""

import functools


def patch(module):
    create = module.Catalog.createTable

    @functools.wraps(create)
    def create_and_open(self, tableName, *args, **kwargs):
        create(self, tableName, *args, **kwargs)
        return self._sparkSession.table(tableName)

    module.Catalog.createTable = create_and_open
