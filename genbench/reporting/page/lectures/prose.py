"""Texts of the topics: a few marks for formulas, code and emphasis; everything else is escaped.

``$x$`` is a formula within a line, and ``$$...$$`` is a paragraph of formulas, one on each line. An
empty line ends a paragraph and ``- `` begins an item of a list; code, ``*emphasis*`` and
``**strong emphasis**`` are as in Markdown.
"""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

from genbench.reporting.page.lectures import maths

_MARKS = re.compile(
    r"\$(?P<maths>[^$]+)\$(?P<tail>[^\s$`*]*)|`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*]+)\*"
)


def paragraphs(text: str) -> Markup:
    """Return the HTML of a text with paragraphs, lists and formulas."""
    blocks = (block for block in re.split(r"\n\s*\n", text.strip()) if block)
    return Markup("\n").join(_block(block) for block in blocks)


def line(text: str) -> Markup:
    """Return the HTML of a text without paragraphs."""
    return Markup("").join(_parts(" ".join(text.split())))


def _block(block: str) -> Markup:
    if block.startswith("$$"):
        return maths.display(block.strip().strip("$"))
    if block.startswith("- "):
        items = re.split(r"^- ", block, flags=re.MULTILINE)[1:]
        inner = Markup("").join(Markup("<li>{}</li>").format(line(i)) for i in items)
        return Markup("<ul>{}</ul>").format(inner)
    return Markup("<p>{}</p>").format(line(block))


def _parts(text: str) -> Iterator[Markup]:
    end = 0
    for match in _MARKS.finditer(text):
        yield escape(text[end : match.start()])
        end = match.end()
        if match["maths"]:
            yield _whole(maths.inline(match["maths"]), match["tail"])
        else:
            kind = str(match.lastgroup)
            yield Markup(f"<{kind}>{{}}</{kind}>").format(match[kind])
    yield escape(text[end:])


def _whole(formula: Markup, tail: str) -> Markup:
    """Keep a formula and the punctuation after it on the same line."""
    if not tail:
        return formula
    return Markup('<span class="whole">{}{}</span>').format(formula, tail)
