"""Sessions that nobody uses end by themselves."""

import time

import pytest
from pyspark.errors.exceptions.connect import SparkConnectGrpcException
from support import servers


def test_an_idle_session_times_out(tmp_path):
    with servers.Firesteel(tmp_path, "--conf", "spark.connect.session.manager.defaultSessionTimeout=1s") as server:
        spark = server.session()
        spark.range(1).createOrReplaceTempView("kept")
        assert spark.sql("SELECT * FROM kept").count() == 1
        time.sleep(4)
        # What the session held is gone, and its id is not given out again.
        with pytest.raises(SparkConnectGrpcException, match="INVALID_HANDLE.SESSION_"):
            spark.sql("SELECT * FROM kept").collect()
        other = server.session()
        assert other.range(3).count() == 3
        other.stop()
