"""A writer of typed rows: a partition's records as Arrow batches of a DataFrame's schema."""

ROWS = 10_000


class ArrowRows:
    """`prepare` shapes a record that types were inferred from, `verify` checks one against a schema that was given."""

    writes_batches = True

    def __init__(self, schema, prepare, verify, is_single):
        self.schema_json = schema.json()
        self.prepare = prepare
        self.verify = verify
        # Records are the values of a single column.
        self.is_single = is_single

    def __call__(self, index, records):
        from itertools import islice

        from pyspark.sql.conversion import LocalDataToArrowConversion
        from pyspark.sql.types import _parse_datatype_json_string

        schema = _parse_datatype_json_string(self.schema_json)
        source = self.rows(records)
        while True:
            rows = list(islice(source, ROWS))
            if not rows:
                return
            table = LocalDataToArrowConversion.convert(rows, schema, False)
            yield from table.combine_chunks().to_batches()

    def rows(self, records):
        for record in records:
            if self.verify is not None:
                self.verify(record)
            if self.prepare is not None:
                record = self.prepare(record)
            yield (record,) if self.is_single else record
