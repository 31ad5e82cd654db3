"""Formulas of the page: LaTeX as MathML, checked before it is inserted unescaped."""

import re
from html import unescape
from itertools import pairwise
from typing import Literal
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element
from markupsafe import Markup

from genbench.core.errors import ConfigError

_ARGUMENTS = {
    "mfrac": 2, "mover": 2, "msub": 2, "msubsup": 3, "msup": 2, "munder": 2, "munderover": 3,
}  # fmt: skip
_ELEMENTS = {"math", "mi", "mn", "mo", "mrow", "mspace", "mstyle", "mtext", *_ARGUMENTS}
_ATTRIBUTES = {
    "accent", "display", "displaystyle", "fence", "form", "mathvariant", "maxsize", "minsize",
    "movablelimits", "scriptlevel", "stretchy", "width",
}  # fmt: skip
_ROMAN_LETTER = re.compile(r"(\\mathrm\{\w)\}")
"""The library sets ``\\mathrm{d}`` in italics, but not ``\\mathrm{d }``."""


def inline(formula: str) -> Markup:
    """Return a formula within a line of text.

    Raises:
        ConfigError: The formula is no LaTeX, or uses a command that is not known.
    """
    return _mathml(formula, "inline")


def display(formulas: str) -> Markup:
    """Return formulas that stand by themselves, one on each line of the text."""
    rows = (_mathml(line, "block") for line in formulas.strip().splitlines())
    return Markup('<div class="display">{}</div>').format(Markup("\n").join(rows))


def _mathml(formula: str, form: Literal["inline", "block"]) -> Markup:
    try:
        math = convert_to_element(_ROMAN_LETTER.sub(r"\1 }", formula), display=form)
    except Exception as error:  # the library's errors have no common class
        raise _invalid(formula, type(error).__name__) from error
    del math.attrib["xmlns"]  # HTML needs none
    for element in math.iter():
        element.text = unescape(element.text or "")
        if problem := _problem(element):
            raise _invalid(formula, problem)
    for element in list(math.iter()):
        _follow_tex(element)
    math.set("alttext", formula)
    return Markup(tostring(math, encoding="unicode"))


def _invalid(formula: str, problem: str) -> ConfigError:
    return ConfigError(f"formula {formula!r} cannot be set: {problem}")


def _problem(element: Element) -> str:
    """Say why an element must not be on the page; empty if it may."""
    if element.tag not in _ELEMENTS:
        return f"<{element.tag}> is not allowed"
    if unknown := element.attrib.keys() - _ATTRIBUTES:
        return f"<{element.tag} {min(unknown)}> is not allowed"
    if "\\" in str(element.text):
        return f"unknown command {element.text}"
    if len(element) != _ARGUMENTS.get(element.tag, len(element)):
        return f"<{element.tag}> has {len(element)} arguments"
    return ""


def _follow_tex(element: Element) -> None:
    """Space an element and its children as TeX does: ``x ∼ q``, ``a/b``, ``log p``, ``= −1``."""
    if element.text == "~":
        element.tag, element.text = "mo", "∼"
    if element.text == "/":
        element.attrib |= {"lspace": "0", "rspace": "0"}
    if element.tag != "mrow":
        return
    for place, (left, right) in reversed(list(enumerate(pairwise(element), 1))):
        spaced = {left.tag, right.tag} & {"mo", "mspace", "mtext"}
        if not spaced and (_is_function(left) or _is_function(right)):
            element.insert(place, Element("mspace", width="0.167em"))
        if right.text in ("+", "−") and left.tag == "mo" and left.text not in tuple(")]}|‖"):
            right.set("form", "prefix")


def _is_function(element: Element) -> bool:
    """Whether this is the name of a function, perhaps with an index: ``log``, ``log_2``."""
    base = element[0] if element.tag in ("msub", "msup", "msubsup") else element
    return base.tag == "mi" and len(base.text or "") > 1
