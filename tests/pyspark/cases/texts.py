"""DataFrames of texts read as JSON or CSV, and samples of records for the schema."""

from support.cases import failure


def put(tmp, name, text):
    path = tmp / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


JSON = ['{"a": 1, "b": "x"}', "bad", '[{"a": 2}, {"a": 3}]', "", '{"a": "s"}', '{"a": 1,\n "c": [1.5]}']
CSV = ["a,b", "1,2", "3,x", "", "4,5,6"]


def texts(spark, values):
    return spark.createDataFrame([(one,) for one in values], "value string").coalesce(1)


def case_json_texts_without_a_schema(spark, tmp):
    return spark.read.json(texts(spark, JSON))


def case_json_texts_dropped(spark, tmp):
    return spark.read.option("mode", "DROPMALFORMED").json(texts(spark, JSON))


def case_json_texts_with_a_schema(spark, tmp):
    return spark.read.schema("a INT, _corrupt_record STRING").json(texts(spark, JSON))


def case_json_texts_fail_fast(spark, tmp):
    df = texts(spark, JSON)
    return {
        "inferring": failure(lambda: spark.read.option("mode", "FAILFAST").json(df)),
        "reading": failure(lambda: spark.read.schema("a INT").option("mode", "FAILFAST").json(df)),
    }


def case_json_texts_as_options_say(spark, tmp):
    df = texts(spark, ["{a: 1}", "{'a': 2} // two"])
    return spark.read.options(allowUnquotedFieldNames=True, allowComments=True, primitivesAsString=True).json(df)


def case_csv_texts(spark, tmp):
    return spark.read.csv(texts(spark, CSV))


def case_csv_texts_with_header(spark, tmp):
    return spark.read.csv(texts(spark, CSV), header=True, inferSchema=True)


def case_csv_texts_with_a_schema(spark, tmp):
    return spark.read.csv(texts(spark, CSV), schema="x INT, y STRING", header=True)


def case_csv_texts_dropped(spark, tmp):
    return spark.read.csv(texts(spark, CSV), header=True, mode="DROPMALFORMED")


def case_samples_of_json_records(spark, tmp):
    path = put(tmp, "a.json", "".join(f'{{"f{i}": 1}}\n' for i in range(40)))
    read = lambda ratio: spark.read.option("samplingRatio", ratio).json(path).columns  # noqa: E731
    return {str(ratio): read(ratio) for ratio in (0.1, 0.3, 0.5, 0.995, 1.5)}


def case_samples_of_csv_records(spark, tmp):
    sampled = []
    for at in range(40):
        path = put(tmp, f"{at}.csv", "".join("x\n" if i == at else f"{i}\n" for i in range(40)))
        reader = spark.read.option("samplingRatio", 0.3).option("inferSchema", True)
        if reader.csv(path).dtypes[0][1] == "string":
            sampled.append(at)
    return sampled


def case_samples_of_texts(spark, tmp):
    df = texts(spark, [f'{{"f{i}": 1}}' for i in range(40)])
    return spark.read.option("samplingRatio", 0.3).json(df).columns


def case_the_corrupt_record_alone(spark, tmp):
    json = put(tmp, "a.json", '{"a": 1}\nbad\n')
    csv = put(tmp, "a.csv", "1\nx\n")
    schema = "a INT, _corrupt_record STRING"
    return {
        "json": failure(lambda: spark.read.schema(schema).json(json).select("_corrupt_record")),
        "csv": failure(lambda: spark.read.schema(schema).csv(csv).select("_corrupt_record")),
        "count": failure(lambda: spark.read.schema(schema).json(json).filter("_corrupt_record is null").count()),
        "with another": failure(lambda: spark.read.schema(schema).json(json).select("a", "_corrupt_record")),
    }
