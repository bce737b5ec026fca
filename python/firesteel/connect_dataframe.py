"""What classic scripts find on a DataFrame and the Connect client's lacks: `df.rdd`, `df._jdf`, `df.toJSON()`, which is an RDD, its HTML
in notebooks, the order of `agg({...})`, and errors for columns that are not there when they are named. Patches
`pyspark.sql.connect.dataframe` and `pyspark.sql.connect.group`.
"""

import functools

from firesteel import connect_eager
from firesteel.java_dataframe import JavaDataFrame

def patch(module):
    from firesteel.rdd.dataframes import rows_of

    to_json = module.DataFrame.toJSON

    def texts_of(self, use_unicode=True):
        texts = rows_of(to_json(self))
        return texts.map(lambda row: row[0] if use_unicode else row[0].encode("utf-8"))

    texts_of.__doc__ = to_json.__doc__
    module.DataFrame.toJSON = texts_of
    module.DataFrame.rdd = property(rows_of)
    module.DataFrame._jdf = property(JavaDataFrame)

    column, item = module.DataFrame.__getattr__, module.DataFrame.__getitem__

    def attribute(self, name):
        # A notebook asks which forms there are, and believes an object that has all of them to be a fake.
        if name.startswith(("_ipython_", "_repr_")):
            raise AttributeError("'DataFrame' object has no attribute '%s'" % name)
        if not name.startswith("_") and connect_eager.is_checked(self) and name not in self.columns:
            from pyspark.errors import PySparkAttributeError

            raise PySparkAttributeError(errorClass="ATTRIBUTE_NOT_SUPPORTED", messageParameters={"attr_name": name})
        return column(self, name)

    def named(self, name):
        if isinstance(name, str) and connect_eager.is_checked(self) and name != "*" and name not in self.columns:
            # A field, another case, or an error that tells which columns there are.
            self.select(name).schema
        return item(self, name)

    module.DataFrame.__getattr__ = attribute
    module.DataFrame.__getitem__ = named
    order_aggregates(module.DataFrame)
    connect_eager.patch(module)


def patch_group(module):
    order_aggregates(module.GroupedData)


def order_aggregates(owner):
    """`agg({"a": "sum", "b": "max"})`: columns as the JVM's map orders them."""
    aggregate = owner.agg

    @functools.wraps(aggregate)
    def agg(self, *exprs):
        from firesteel.java_maps import aggregates_in_order

        return aggregate(self, *aggregates_in_order(exprs))

    owner.agg = agg
