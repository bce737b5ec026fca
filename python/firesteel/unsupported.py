"""The error for what Firesteel does not do yet: it names the feature and a way round, at once."""


def unsupported(feature, way_round):
    """The exception to raise for a feature of classic PySpark that does not work here yet."""
    from pyspark.errors import PySparkNotImplementedError

    return PySparkNotImplementedError(
        message="%s is not supported by Firesteel yet. Way round: %s" % (feature, way_round),
        errorClass="NOT_IMPLEMENTED",
        messageParameters={"feature": feature},
    )


def no_jvm(attribute, way_round="use the DataFrame API or Spark SQL for it."):
    """The exception for an attribute that reaches into the JVM. There is none, so `hasattr` is False."""
    from pyspark.errors import PySparkAttributeError

    return PySparkAttributeError(
        message="`%s` reaches into a JVM, and Firesteel has none. Way round: %s"
        % (attribute, way_round),
        errorClass="JVM_ATTRIBUTE_NOT_SUPPORTED",
        messageParameters={"attr_name": attribute},
    )
