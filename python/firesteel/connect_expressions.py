"""How columns read when they are printed: as classic PySpark prints them; and decimals of their own digits, as they are there.
Patches `pyspark.sql.connect.expressions`.
"""

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
    infer = module.LiteralExpression._infer_type

    def inferred(value):
        import decimal

        return decimal_type(value) if isinstance(value, decimal.Decimal) else infer(value)

    module.LiteralExpression._infer_type = staticmethod(inferred)


def decimal_type(value):
    """The type of a Python decimal as the JVM finds it: its digits; the client says decimal(10, 0) of all."""
    from pyspark.sql.types import DecimalType

    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return DecimalType()
    scale = max(-exponent, 0)
    return DecimalType(min(max(len(digits) + max(exponent, 0), scale, 1), 38), min(scale, 38))
