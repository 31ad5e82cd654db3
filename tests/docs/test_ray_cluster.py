"""The file for Ray's cluster launcher is one, by Ray's own check."""

import warnings

import pytest

from tests.docs.conftest import DOCS

yaml = pytest.importorskip("yaml")
pytest.importorskip("ray")


def test_ray_accepts_the_cluster_file_and_starts_all_of_its_nodes():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its imports use is on its way out
        from ray.autoscaler._private.util import prepare_config, validate_config
    text = (DOCS / "howto" / "ray_cluster.yaml").read_text(encoding="utf-8")
    config = prepare_config(yaml.safe_load(text))
    validate_config(config)
    assert config["max_workers"] == len(config["provider"]["worker_ips"])
