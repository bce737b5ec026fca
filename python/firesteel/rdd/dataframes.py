"""To and from DataFrames: `df.rdd`, `spark.createDataFrame(rdd)`, `rdd.toDF()`."""


def rows_of(dataframe):
    """The RDD of a DataFrame's rows."""
    from firesteel.rdd import lineage
    from firesteel.rdd.rdd import RDD

    return RDD(lineage.Rows(dataframe), dataframe.sparkSession.sparkContext)


def behind(rdd):
    """The DataFrame whose rows an RDD is, if nothing was done to them and they are not to be kept."""
    from firesteel.rdd import lineage

    node = rdd._node
    return node.dataframe if isinstance(node, lineage.Rows) and not rdd.is_cached and not rdd.is_checkpointed else None


def create(session, rdd, schema=None, samplingRatio=None, verifySchema=True):
    """A DataFrame of an RDD's records, typed by the schema or by what is found in them."""
    from pyspark.errors import PySparkTypeError
    from pyspark.sql.types import DataType, StructType, _create_converter, _make_type_verifier, _parse_datatype_string

    from firesteel.rdd import job

    if isinstance(schema, str):
        schema = parsed(session, schema, _parse_datatype_string)
    elif isinstance(schema, (list, tuple)):
        schema = [name if isinstance(name, str) else name.decode("utf-8") for name in schema]
    is_single = False
    verify = None
    if schema is None or isinstance(schema, list):
        struct = inferred(session, rdd, samplingRatio, schema)
        prepare = _create_converter(struct)
        if schema is not None:
            for position, name in enumerate(schema):
                struct.fields[position].name = name
                struct.names[position] = name
    elif isinstance(schema, StructType):
        struct, prepare = schema, None
        verify = _make_type_verifier(schema) if verifySchema else None
    elif isinstance(schema, DataType):
        struct, prepare, is_single = StructType().add("value", schema), None, True
        verify = _make_type_verifier(schema, name="field value") if verifySchema else None
    else:
        raise PySparkTypeError(
            errorClass="NOT_EXPECTED_TYPE",
            messageParameters={
                "arg_name": "schema",
                "expected_type": "list, None or StructType",
                "arg_type": type(schema).__name__,
            },
        )
    from firesteel.task.to_arrow import ArrowRows

    return job.arrow_frame(rdd.ctx, rdd._node, ArrowRows(struct, prepare, verify, is_single), struct)


def checked(session, data, schema, verifies):
    """Local records and their schema as the Connect client takes them, after the checks of classic PySpark, which verifies each
    record; the client leaves it to Arrow, which casts what it can."""
    from pyspark.sql.types import DataType, StructType, _infer_schema, _make_type_verifier, _parse_datatype_string

    if not is_list_of_records(data):
        return data, schema
    data = list(data)
    if isinstance(schema, str):
        schema = parsed(session, schema, _parse_datatype_string)
    if isinstance(schema, DataType):
        is_single = not isinstance(schema, StructType)
        if verifies:
            verify = _make_type_verifier(schema, **({"name": "field value"} if is_single else {}))
            for record in data:
                verify(record)
        if is_single:
            data, schema = [(record,) for record in data], StructType().add("value", schema)
    elif data and (schema is None or isinstance(schema, (list, tuple))):
        # A number is no record.
        _infer_schema(data[0], list(schema) if schema else None)
    return data, schema


def is_list_of_records(data):
    """Whether it is records, and nothing that has a form of its own: pandas, Arrow and numpy have."""
    from collections.abc import Iterable

    own = {"pandas", "pyarrow", "numpy", "pyspark"}
    return isinstance(data, Iterable) and type(data).__module__.split(".")[0] not in own


def classic(error, schema):
    """What classic PySpark raises where the client raises this."""
    if isinstance(schema, (list, tuple)) and "AXIS_LENGTH_MISMATCH" in str(error):
        return IndexError("list index out of range")
    return error


def parsed(session, text, parse):
    """A schema written as text; PySpark asks its active session to read it."""
    from pyspark.sql.connect.session import SparkSession

    if SparkSession.getActiveSession() is not session:
        SparkSession._set_default_and_active_session(session)
    try:
        return parse(text)
    except Exception:
        from pyspark.sql.types import StructType

        return StructType.fromDDL(text)


def inferred(session, rdd, ratio, names):
    """The schema of the first record, or of a sample where the first does not say enough."""
    from collections.abc import Sized

    from pyspark.errors import PySparkValueError
    from pyspark.sql.types import _has_nulltype, _infer_schema, _merge_type

    first = rdd.first()
    if isinstance(first, Sized) and len(first) == 0:
        raise PySparkValueError(errorClass="CANNOT_INFER_EMPTY_SCHEMA", messageParameters={})

    def setting(key):
        return session.conf.get(key, None)

    options = {
        "infer_dict_as_struct": setting("spark.sql.pyspark.inferNestedDictAsStruct.enabled") == "true",
        "prefer_timestamp_ntz": setting("spark.sql.timestampType") == "TIMESTAMP_NTZ",
    }

    def schema_of(record):
        return _infer_schema(record, names, **options)

    if ratio is not None:
        sample = rdd.sample(False, float(ratio)) if ratio < 0.99 else rdd
        return sample.map(schema_of).reduce(_merge_type)
    schema = schema_of(first)
    if _has_nulltype(schema):
        for record in rdd.take(100)[1:]:
            schema = _merge_type(schema, schema_of(record))
            if not _has_nulltype(schema):
                return schema
        raise PySparkValueError(errorClass="CANNOT_DETERMINE_TYPE", messageParameters={})
    return schema
