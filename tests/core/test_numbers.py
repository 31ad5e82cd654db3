import math

import pytest

from genbench.core.numbers import grouped, measured, plain, seconds, spread


@pytest.mark.parametrize(
    ("value", "stderr", "expected"),
    [
        (-98.8123, 0.2378, ("-98.81", "0.24")),
        (-98.8123, 0.0996, ("-98.81", "0.10")),
        (-98.8123, 12.34, ("-99", "12")),
        (12345.6, 123.0, ("12350", "120")),
        (-72312.6, 412.0, ("-72310", "410")),
        (99999.4, 2.1, ("99999.4", "2.1")),
        (99999.97, 2.0, ("1.000000e+05", "0.000020e+05")),
        (-1234567.0, 2000.0, ("-1.2346e+06", "0.0020e+06")),
        (3.0, 250000.0, ("0.0e+05", "2.5e+05")),
        (-1234567.8, math.nan, ("-1.235e+06", "")),
        (0.02912, 0.000345, ("0.02912", "0.00034")),
        (0.0000123456, 0.0000002, ("1.235e-05", "0.020e-05")),
        (-0.0001, 0.5, ("0.00", "0.50")),
        (3.25, 0.0, ("3.25", "0")),
        (17.0, math.nan, ("17", "")),
        (-math.inf, 1.0, ("-inf", "")),
        (1e28, 3.0, ("1e+28", "3")),
        (0.5, 1e-17, ("0.5", "1e-17")),
        (1e-5, 1e-300, ("1e-05", "1e-300")),
        (3.0, 1e300, ("0.0e+300", "1.0e+300")),
        (5e-324, 5e-324, ("4.9e-324", "4.9e-324")),
    ],
)
def test_value_has_the_digits_its_standard_error_supports(value, stderr, expected):
    assert measured(value, stderr) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (-3.0, "-3"),
        (6.5, "6.5"),
        (0.012346, "0.01235"),
        (72345.6, "72350"),
        (99999.6, "1e+05"),
        (-123456.0, "-1.235e+05"),
        (1234567.8, "1.235e+06"),
        (math.inf, "inf"),
    ],
)
def test_value_without_standard_error_has_up_to_four_digits(value, expected):
    assert plain(value) == expected


def test_spread_has_two_digits_and_is_empty_for_one_seed():
    assert (spread(0.3178), spread(12.3), spread(math.nan)) == ("0.32", "12", "")


def test_durations_and_counts_are_readable():
    assert (seconds(3.21), seconds(59.6), seconds(None)) == ("3.2 s", "1 min 00 s", "–")
    assert grouped(1234567) == "1\u202f234\u202f567"


def test_numbers_of_any_size_are_short():
    sizes = [10.0**power for power in range(-320, 309, 4)]
    for value in sizes:
        texts = [plain(value), spread(value), seconds(value)]
        texts += [text for stderr in sizes for text in measured(value, stderr)]
        assert max(map(len, texts)) <= 24, value
