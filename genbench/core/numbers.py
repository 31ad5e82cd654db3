"""Numbers as people read them: as many digits as the standard error supports, no more.

From 10^5 on they are written with an exponent.
"""

import math
from collections.abc import Sequence
from decimal import Decimal

_MOST_DECIMALS = 6
_MOST_DIGITS = 15
"""That a number of 64 bits surely has."""
_LARGE = 10**5
_SMALL = 10**-3
_ENDLESS = 10**9
"""Seconds of over thirty years."""


def measured(value: float, stderr: float) -> tuple[str, str]:
    """Round a standard error to two digits and its value to the same decimal place.

    Returns:
        The two texts, with one exponent where either is large; the second is empty where no
        standard error is known.

    Example:
        >>> measured(-98.8123, 0.2378), measured(17.0, math.nan), measured(-72312.6, 412.0)
        (('-98.81', '0.24'), ('17', ''), ('-72310', '410'))
        >>> measured(9.2103295, 0.0000064)
        ('9.2103295', '0.0000064')
        >>> measured(-1234567.0, 2000.0)
        ('-1.2346e+06', '0.0020e+06')
        >>> measured(1e28, 3.0), measured(0.5, 1e-17)
        (('1e+28', '3'), ('0.5', '1e-17'))
    """
    if not (math.isfinite(value) and math.isfinite(stderr)):
        return plain(value), ""
    if stderr <= 0:
        return plain(value), "0"
    decimals = 1 - _exponent(stderr, 1)
    largest = max(abs(value), stderr)
    if decimals + _exponent(largest, 1) >= _MOST_DIGITS:
        return plain(value), plain(stderr, 2)
    is_small = decimals > _MOST_DECIMALS and largest < _SMALL
    if is_small or round(largest, decimals) >= _LARGE:
        return _scientific(value, stderr, decimals)
    return _fixed(value, decimals), _fixed(stderr, decimals)


def plain(value: float, digits: int = 4) -> str:
    """A number without a standard error: whole numbers whole, others with up to four digits.

    Example:
        >>> plain(17.0), plain(6.5), plain(-1234.567), plain(0.0000123456), plain(-123456.0)
        ('17', '6.5', '-1235', '1.235e-05', '-1.235e+05')
    """
    if not math.isfinite(value):
        return str(value)
    if value == round(value) and abs(value) < _LARGE:
        return str(int(value))
    exponent = _exponent(value, digits - 1)
    if not -4 <= exponent < 5:
        mantissa, e, power = f"{value:.{digits - 1}e}".partition("e")
        return f"{_without_zeros(mantissa)}{e}{power}"
    return _without_zeros(_fixed(value, digits - 1 - exponent))


def minus(text: str) -> str:
    """Write hyphens of numbers as minus signs, for pages and sentences.

    Example:
        >>> minus("-92.36 ± 0.24")
        '−92.36 ± 0.24'
    """
    return text.replace("-", "−")


def cell(value: object) -> str:
    """What stands in a table: numbers with up to five digits, a dash for what is absent.

    Example:
        >>> cell(0.123456789), cell(1e-12), cell(None), cell(7), cell("prior")
        ('0.12346', '1e-12', '–', '7', 'prior')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return plain(value, 5) if isinstance(value, float) else str(value)


def spread(value: float) -> str:
    """A standard deviation, with two digits.

    Example:
        >>> spread(0.3178), spread(0.0)
        ('0.32', '0')
    """
    return measured(0.0, value)[1]


def p_value(value: float) -> str:
    """A p-value as people write it.

    Example:
        >>> p_value(0.0321), p_value(1e-9)
        ('p = 0.032', 'p < 0.001')
    """
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def seconds(value: float | None) -> str:
    """A duration: seconds, or minutes and seconds.

    Example:
        >>> seconds(0.31), seconds(12.6), seconds(192.0), seconds(None)
        ('0.3 s', '13 s', '3 min 12 s', '–')
    """
    if value is None:
        return "–"
    if value >= _ENDLESS:
        return f"{plain(value)} s"
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def image_size(shape: Sequence[int]) -> str:
    """Say how large images (C, H, W) are, and whether in colour.

    Example:
        >>> image_size((3, 32, 40)), image_size((1, 28, 28))
        ('32 × 40 pixels in colour (RGB)', '28 × 28 pixels, grey')
    """
    n_channels, height, width = shape
    colour = {1: ", grey", 3: " in colour (RGB)"}.get(n_channels, f" of {n_channels} channels")
    return f"{height} × {width} pixels{colour}"


def grouped(value: float | None) -> str:
    """A count with thin spaces between thousands.

    Example:
        >>> grouped(55000) == "55\u202f000"
        True
    """
    return "–" if value is None else f"{value:,.0f}".replace(",", "\u202f")


def _exponent(value: float, decimals: int) -> int:
    """Decimal exponent after rounding the mantissa, so that 0.0996 counts as 0.10."""
    return int(f"{value:.{decimals}e}".partition("e")[2])


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _fixed(value: float, decimals: int) -> str:
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _scientific(value: float, stderr: float, decimals: int) -> tuple[str, str]:
    exponent = _exponent(max(abs(value), stderr), 1)
    digits = decimals + exponent
    scaled = (Decimal(number).scaleb(-exponent) for number in (value, stderr))
    mantissas = (f"{number:.{digits}f}" for number in scaled)
    first, second = (f"{mantissa}e{exponent:+03d}" for mantissa in mantissas)
    return first, second
