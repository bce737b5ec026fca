"""How columns read when they are printed: as classic PySpark prints them. Patches `pyspark.sql.connect.expressions`."""

NAMES = {"==": "=", "not": "!"}


def patch(module):
    literal, function = module.LiteralExpression.__repr__, module.UnresolvedFunction.__repr__

    def literal_text(self):
        if isinstance(self._value, bool):
            return str(self._value).lower()
        return "'%s'" % self._value if isinstance(self._value, str) else literal(self)

    def function_text(self):
        name = NAMES.get(self._name)
        return function(self) if name is None else "%s(%s)" % (name, ", ".join(map(str, self._args)))

    module.LiteralExpression.__repr__ = literal_text
    module.UnresolvedFunction.__repr__ = function_text
    module.UnresolvedExtractValue.__repr__ = lambda self: "%s[%s]" % (self._child, self._extraction)
    star = module.UnresolvedStar.__repr__
    module.UnresolvedStar.__repr__ = lambda self: "*" if self._unparsed_target is None else star(self)
