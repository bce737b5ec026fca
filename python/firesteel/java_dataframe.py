"""`df._jdf`: what scripts ask of the JVM's `Dataset`: the text of `show`, schemas as trees, plans as texts."""

from firesteel.unsupported import no_jvm


class JavaDataFrame:
    def __init__(self, dataframe):
        self._dataframe = dataframe

    def showString(self, rows, truncate, vertical=False):
        return self._dataframe._show_string(rows, truncate, vertical)

    def schema(self):
        return JavaSchema(self._dataframe.schema)

    def queryExecution(self):
        return QueryExecution(self._dataframe)

    def columns(self):
        return list(self._dataframe.columns)

    def count(self):
        return self._dataframe.count()

    def isEmpty(self):
        return self._dataframe.isEmpty()

    def isStreaming(self):
        return self._dataframe.isStreaming

    def inputFiles(self):
        return self._dataframe.inputFiles()

    def rdd(self):
        return self._dataframe.rdd

    toJavaRDD = javaRDD = rdd

    def toString(self):
        return "[" + ", ".join("%s: %s" % column for column in self._dataframe.dtypes) + "]"

    __str__ = __repr__ = toString

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise no_jvm("_jdf." + name)


class JavaSchema:
    """A `StructType` of the JVM."""

    def __init__(self, schema):
        self._schema = schema

    def treeString(self, level=2**31 - 1):
        return self._schema.treeString(level)

    def json(self):
        return self._schema.json()

    def simpleString(self):
        return self._schema.simpleString()

    catalogString = simpleString

    def toDDL(self):
        return self._schema.toDDL()

    def fieldNames(self):
        return self._schema.fieldNames()

    def length(self):
        return len(self._schema)

    size = length

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise no_jvm("_jdf.schema()." + name)


class QueryExecution:
    """The plans of a query, in `explain`'s words."""

    def __init__(self, dataframe):
        self._dataframe = dataframe

    def toString(self):
        return self._dataframe._explain_string(extended=True)

    __str__ = __repr__ = toString

    def simpleString(self):
        return self._dataframe._explain_string()

    def explainString(self, mode):
        return self._dataframe._explain_string(mode=str(mode))

    def logical(self):
        return self._plan("Parsed Logical Plan")

    def analyzed(self):
        return self._plan("Analyzed Logical Plan")

    def optimizedPlan(self):
        return self._plan("Optimized Logical Plan")

    def executedPlan(self):
        return self._plan("Physical Plan")

    sparkPlan = executedPlan

    def _plan(self, title):
        text = self.toString().split("== %s ==\n" % title)[1].split("\n== ")[0]
        if title.startswith("Analyzed"):
            # Its first line are the columns.
            text = text.split("\n", 1)[1]
        return PlanText(text.rstrip("\n") + "\n")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise no_jvm("_jdf.queryExecution()." + name)


class PlanText(str):
    """A plan, as the text that it is."""

    def toString(self):
        return str(self)

    treeString = toString

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise no_jvm("a plan's " + name)
