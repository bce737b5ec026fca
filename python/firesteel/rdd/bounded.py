"""`BoundedFloat`: what approximate actions return, a number with its confidence interval."""

__all__ = ["BoundedFloat"]


class BoundedFloat(float):
    def __new__(cls, mean, confidence, low, high):
        number = super().__new__(cls, mean)
        number.confidence, number.low, number.high = confidence, low, high
        return number
