"""Formulas as inline SVG: outlines of letters, kept once per page, in the colour of the text."""

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup, escape
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from genbench.core.errors import ConfigError

_UNIT = 100  # of the drawing, in one em
_PAD = 3  # ink may leave the box of its letters by a little
_FONT = FontProperties(size=_UNIT, math_fontfamily="stix")
_LETTERS = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}  # matplotlib's path codes in SVG
_POINTS = {1: 1, 2: 1, 3: 2, 4: 3, 79: 1}
_LINE = Markup(
    '<svg class="maths" role="img" aria-label="{}" viewBox="{}" style="{}">'
    '<g transform="scale(1 -1)">{}</g></svg>'
)


class Typesetter:
    """Sets formulas of one page and remembers the letters that they need."""

    def __init__(self) -> None:
        self._glyphs: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._set: dict[str, Markup] = {}

    def inline(self, formula: str) -> Markup:
        """A formula within a line of text, standing on its baseline."""
        if formula not in self._set:
            self._set[formula] = self._svg(formula)
        return self._set[formula]

    def display(self, lines: str) -> Markup:
        """A formula of its own; each line of the text is set as one, none breaks."""
        large = lines.strip().replace(r"\frac", r"\dfrac").splitlines()
        rows = [self.inline(line) for line in large]
        return Markup('<div class="display">{}</div>').format(
            Markup("").join(Markup("<div>{}</div>").format(row) for row in rows)
        )

    @property
    def letters(self) -> Markup:
        """The outlines that the formulas point to; belongs once on the page."""
        outlines = Markup("\n").join(
            Markup('<path id="{}" d="{}"/>').format(name, _path(*self._glyphs[glyph]))
            for glyph, name in self._names.items()
        )
        return Markup(
            '<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>\n{}\n'
            "</defs></svg>"
        ).format(outlines)

    def _svg(self, formula: str) -> Markup:
        outlines, text = TextToPath(), f"${formula}$"
        try:
            width, height, descent = outlines.get_text_width_height_descent(text, _FONT, True)
            glyphs, known, bars = outlines.get_glyphs_mathtext(_FONT, text, self._glyphs)
        except ValueError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ConfigError(f"formula {formula!r} cannot be set: {reason}") from error
        self._glyphs |= known
        drawn = Markup("").join(
            [*(self._letter(*glyph) for glyph in glyphs), *(_bar(*bar) for bar in bars)]
        )
        wide, high, low = width + 2 * _PAD, height + 2 * _PAD, descent + _PAD
        box = f"{-_PAD} {_short(low - high)} {_short(wide)} {_short(high)}"
        style = f"width:{wide / _UNIT:.2f}em;vertical-align:{-low / _UNIT:.2f}em"
        return _LINE.format(formula, box, style, drawn)

    def _letter(self, glyph: str, x: float, y: float, size: float) -> Markup:
        name = self._names.setdefault(glyph, f"m{len(self._names)}")
        scale = "" if size == 1 else f" scale({size:.3g})"
        place = f"translate({_short(x)} {_short(y)}){scale}"
        return Markup('<use href="#{}" transform="{}"/>').format(name, place)


def _bar(vertices: Any, codes: Any) -> Markup:
    return Markup('<path d="{}"/>').format(_path(vertices, codes))


def _path(vertices: Any, codes: Any) -> Markup:
    return Markup(escape("".join(_segments(vertices, codes))))


def _segments(vertices: Any, codes: Any) -> Iterator[str]:
    place = 0
    while place < len(codes):
        code = int(codes[place])
        end = place + _POINTS[code]
        points = "" if code == 79 else " ".join(_short(v) for xy in vertices[place:end] for v in xy)
        yield _LETTERS[code] + points
        place = end


def _short(number: float) -> str:
    """One decimal, a thousandth of an em, and no zero that says nothing."""
    return f"{float(number):.1f}".removesuffix(".0").replace("-0.0", "0")
