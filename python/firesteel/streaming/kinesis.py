"""`pyspark.streaming.kinesis`: its names import; a Kinesis stream itself needs Amazon's Java library."""

from firesteel.unsupported import unsupported

__all__ = ["KinesisUtils", "InitialPositionInStream", "MetricsLevel", "utf8_decoder"]


def utf8_decoder(s):
    return None if s is None else s.decode("utf-8")


class InitialPositionInStream:
    LATEST, TRIM_HORIZON = 0, 1


class MetricsLevel:
    DETAILED, SUMMARY, NONE = 0, 1, 2


class KinesisUtils:
    @staticmethod
    def createStream(*arguments, **named):
        raise unsupported(
            "KinesisUtils.createStream",
            "have the records delivered as files and read them with ssc.textFileStream or spark.readStream.",
        )
