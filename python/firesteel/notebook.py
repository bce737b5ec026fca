"""`%%sql` and `%sql` in IPython and Jupyter: `%load_ext firesteel.notebook`; the shell has loaded it.

A cell's statements, separated by semicolons, run one after the other; what the last one gives is shown as a table, of as
many rows as `spark.sql.repl.eagerEval.maxNumRows` says. `%%sql name` keeps it as a DataFrame in the variable `name`;
`{name}` in the text is a variable of the notebook.
"""


def load_ipython_extension(shell):
    shell.register_magic_function(lambda line, cell=None: sql(shell, line, cell), "line_cell", "sql")


def sql(shell, line, cell):
    target = line.strip() if cell is not None else ""
    if target and not target.isidentifier():
        raise ValueError("%%%%sql takes the name of a variable for its result, not %r" % target)
    result = None
    for text in statements(line if cell is None else cell):
        result = session().sql(filled(text, shell.user_ns))
    if target:
        shell.user_ns[target] = result
        return None
    return Table(result) if result is not None and result.columns else None


def session():
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


class Table:
    """A DataFrame as it is shown: HTML in a notebook, text at a prompt."""

    def __init__(self, dataframe):
        self.dataframe = dataframe
        conf = dataframe.sparkSession.conf
        self._rows = int(conf.get("spark.sql.repl.eagerEval.maxNumRows", "20"))
        self._width = int(conf.get("spark.sql.repl.eagerEval.truncate", "20"))

    def _repr_html_(self):
        # With the setting the DataFrame makes the table itself; a caller that has not set it wants one all the same.
        conf = self.dataframe.sparkSession.conf
        before = conf.get("spark.sql.repl.eagerEval.enabled", "false")
        conf.set("spark.sql.repl.eagerEval.enabled", "true")
        try:
            return self.dataframe._repr_html_()
        finally:
            conf.set("spark.sql.repl.eagerEval.enabled", before)

    def __repr__(self):
        return self.dataframe._show_string(self._rows, self._width, False).rstrip("\n")


def filled(text, names):
    """`{name}` replaced by the text of a variable; what is no variable stays as it is."""
    import re

    def value(found):
        return str(names[found.group(1)]) if found.group(1) in names else found.group(0)

    return re.sub(r"\{([A-Za-z_]\w*)\}", value, text)


def statements(text):
    """Statements without their semicolons; those in quotes and comments separate nothing."""
    import re

    token = re.compile(
        r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`(?:[^`]|``)*`|--[^\n]*|/\*.*?\*/|;|.", re.DOTALL
    )
    parts = [""]
    for found in token.finditer(text):
        if found.group() == ";":
            parts.append("")
        else:
            parts[-1] += found.group()
    bare = re.compile(r"\A(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*\Z", re.DOTALL)
    return [part.strip() for part in parts if not bare.match(part)]
