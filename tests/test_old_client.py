"""Functions in Python by PySpark 3.5's Connect client, answered as Spark 3.5 answered them."""

import json
import os

import pytest
from support import old_client


@pytest.mark.timeout(300)
def test_functions_of_an_old_client(server, tmp_path):
    if not os.path.exists(old_client.PYTHON):
        pytest.skip("PySpark 3.5 is not here: CI=1 cargo xtask test old_client installs it")
    with open(old_client.EXPECTED, encoding="utf-8") as file:
        expected = json.load(file)
    assert old_client.answers(server.url, tmp_path) == expected
