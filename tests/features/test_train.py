"""The script that trains what is shipped."""

import subprocess
import sys

from genbench.features.shipped import record_of, shipped_space
from genbench.features.train import train


def test_the_script_trains_a_network_like_the_one_that_is_shipped(tmp_path):
    record = train("digits-cnn16-v1", tmp_path)
    shipped = record_of("digits-cnn16-v1")
    measured = ("accuracy", "confusion", "sha256", "genbench", "torch")
    assert record.canonical().keys() == shipped.canonical().keys()
    for key, value in shipped.canonical().items():
        assert key in measured or record.canonical()[key] == value, key
    assert abs(record.accuracy - shipped.accuracy) < 0.02
    assert shipped_space("digits-cnn16-v1", tmp_path).dim == 16


def test_a_network_of_another_name_is_a_usage_error():
    command = [sys.executable, "-m", "genbench.features.train", "mnist"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "invalid choice: 'mnist'" in refused.stderr
