"""Templates, their filters and their style, with everything escaped."""

import re
from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from genbench.core import numbers
from genbench.reporting.page import script
from genbench.reporting.tables.said_once import Captions

_BADGES = {
    "exact": "exact",
    "lower_bound": "lower bound",
    "upper_bound": "upper bound",
    "estimate": "estimate",
}
_MINUS = re.compile(r"(?<![A-Za-z0-9])-(?=[\d.])|(?<=\de)-(?=\d)")
"""A hyphen that is the sign of a number or of its exponent."""
_CODE = re.compile("`([^`]+)`")
_MATHS = re.compile(
    r"(?P<base>[A-Za-zΑ-Ωα-ω‖)\]])(?P<mark>[_^])(?P<index>\{[^{}]*\}|[A-Za-z0-9]{1,2}(?![A-Za-z]))"
    r"|(?<![A-Za-z])(?P<letter>[A-Za-zα-ω])(?![A-Za-z])"
)


def render(template: str, **content: Any) -> str:
    """Fill in a template of this package; a caption stands once on the page."""
    page = _environment().get_template(template)
    return page.render(captions=Captions(), **content)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("genbench.reporting.page"),
        autoescape=select_autoescape(("html", "j2"), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        badge=lambda kind: _BADGES.get(kind, kind),
        maths=maths,
        coded=coded,
        breakable=breakable,
        minus=lambda text: _MINUS.sub("−", text),
        measured=lambda cell: numbers.measured(cell.value, cell.stderr),
        anchor=lambda name: re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-"),
    )
    environment.globals["styles"] = Markup(_styles())
    environment.globals.update(
        inline_scripts=script.inline_scripts, content_policy=script.content_policy
    )
    return environment


def _styles() -> str:
    loader = PackageLoader("genbench.reporting.page")
    own = loader.get_source(Environment(autoescape=True), "report.css")[0]
    return own + script.style()


def breakable(text: str) -> Markup:
    """Let a line end after an underscore and before a bracket, so that names fit on a phone."""
    return escape(text).replace("_", Markup("_<wbr>")).replace("(", Markup("<wbr>("))


def coded(text: str) -> Markup:
    """Set what stands between backticks as code; everything else stays as it is.

    Example:
        >>> coded("the study `collapse` & more")
        Markup('the study <code>collapse</code> &amp; more')
    """
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def maths(formula: str) -> Markup:
    """Set single letters in italics and indices low or high; everything else stays as it is.

    Example:
        >>> maths("E_q[log p(x)] < 0")
        Markup('E<sub>q</sub>[log <i>p</i>(<i>x</i>)] &lt; 0')
    """
    return Markup("").join(_maths_parts(formula))


def _maths_parts(formula: str) -> Iterator[Markup]:
    end = 0
    for match in _MATHS.finditer(formula):
        yield escape(formula[end : match.start()])
        end = match.end()
        if match["letter"]:
            yield Markup("<i>{}</i>").format(match["letter"])
        else:
            tag = "sub" if match["mark"] == "_" else "sup"
            index = match["index"].strip("{}")
            yield Markup(f"{{}}<{tag}>{{}}</{tag}>").format(match["base"], index)
    yield escape(formula[end:])
