"""Apache Spark and Firesteel continue each other's checkpoints, and refuse state that they cannot read."""

import os
import shutil
import subprocess
import sys

import pytest
from support import servers

PYTHON = os.path.join(servers.ROOT, "target/python/oracle/bin/python")


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
@pytest.mark.skipif(not os.path.exists(PYTHON), reason="needs whole Apache Spark: cargo xtask bless once")
def test_checkpoints_are_exchanged(tmp_path):
    environment = {**os.environ, "FIRESTEEL": servers.firesteel_binary(), "TMPDIR": str(tmp_path)}
    script = os.path.join(servers.TESTS, "oracle", "exchange.py")
    ran = subprocess.run([PYTHON, script], env=environment, capture_output=True, text=True, check=False)
    sys.stdout.write(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    lines = ran.stdout.splitlines()
    assert len([line for line in lines if line.startswith("same ")]) == 13
    refused = [line.split(" - ") for line in lines if " then " in line]
    assert len(refused) == 6
    for who, why in refused:
        spark_first = " Spark then" in who
        assert ("the state that Apache Spark wrote" if spark_first else "CANNOT_LOAD_STATE_STORE") in why, (who, why)
