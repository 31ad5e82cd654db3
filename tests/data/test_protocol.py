"""Configurations and the line that names them."""

import pytest
from pydantic import ValidationError

from genbench.data import DataConfig, datasets
from genbench.data.protocol import protocol_of, split_sizes

DIGEST = "1a2b3c4d" * 8


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "mnist@1a2b3c4d/grey/55000+5000+10000"),
        ({"seed": 3}, "mnist@1a2b3c4d/grey/55000+5000+10000"),
        ({"binarisation": "threshold"}, "mnist@1a2b3c4d/threshold/55000+5000+10000"),
        ({"binarisation": "static", "seed": 2}, "mnist@1a2b3c4d/static(seed=2)/55000+5000+10000"),
        ({"binarisation": "dynamic"}, "mnist@1a2b3c4d/dynamic(seed=0)/55000+5000+10000"),
        ({"dequantisation": "uniform"}, "mnist@1a2b3c4d/uniform(seed=0)/55000+5000+10000"),
        ({"validation_size": 10_000}, "mnist@1a2b3c4d/grey/50000+10000+10000"),
        ({"limit": 7_000}, "mnist@1a2b3c4d/grey/7000+5000+7000 of 55000+5000+10000"),
        ({"limit": 90_000}, "mnist@1a2b3c4d/grey/55000+5000+10000"),
    ],
)
def test_the_protocol_states_what_distinguishes_numbers(options, expected):
    config = DataConfig(name="mnist", **options)
    assert protocol_of(config, datasets["mnist"], DIGEST).text == expected


def test_limit_keeps_the_sizes_of_smaller_splits():
    sizes = split_sizes(DataConfig(name="digits", limit=300), datasets["digits"])
    assert sizes == (300, 200, 300)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "mnits"}, "did you mean 'mnist'"),
        ({"binarisation": "random"}, "binarisation"),
        ({"binarisation": "static", "dequantisation": "uniform"}, "needs binarisation 'none'"),
        ({"validation_size": 0}, "validation_size"),
        ({"validation_size": 60_000}, "below 60000"),
        ({"limit": 0}, "limit"),
        ({"binarization": "static"}, "Extra inputs"),
    ],
)
def test_a_wrong_option_is_refused_with_its_reason(options, reason):
    with pytest.raises(ValidationError, match=reason):
        DataConfig(**({"name": "mnist"} | options))


def test_a_configuration_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        DataConfig(name="mnist").seed = 1
