"""What a reader could not read in a figure: words that are cut off, and words upon words."""

from itertools import combinations

import numpy as np
from matplotlib.text import Annotation, Text

SLACK = 1.0  # pixels


def problems(figure):
    """Return a line for each text that leaves its part of the figure, and each two that overlap."""
    figure.set_dpi(150)
    figure.canvas.draw()
    texts = [t for t in drawn(figure) if t.get_visible() and t.get_text().strip()]
    boxes = {text: text.get_window_extent() for text in texts}
    cut = [f"cut off: {t.get_text()!r}" for t in texts if not inside(boxes[t], t.figure.bbox)]
    fixed = [text for text in texts if not isinstance(text, Annotation)]
    pairs = [(a, b) for a, b in combinations(fixed, 2) if overlap(a, b, boxes)]
    return cut + [f"overlap: {a.get_text()!r} and {b.get_text()!r}" for a, b in pairs]


def drawn(figure):
    """Walk over the texts of a figure without the ticks that lie outside of their axis."""
    of_axes = {text for axes in figure.axes for text in axes.findobj(Text)}
    yield from (text for text in figure.findobj(Text) if text not in of_axes)
    for axes in figure.axes:
        of_axis = {text for axis in (axes.xaxis, axes.yaxis) for text in axis.findobj(Text)}
        yield from (text for text in axes.findobj(Text) if text not in of_axis)
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            yield axis.label
            low, high = sorted(axis.get_view_interval())
            reach = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if low - reach <= tick.get_loc() <= high + reach:
                    yield from (tick.label1, tick.label2)


def inside(box, room):
    return (box.min >= room.min - SLACK).all() and (box.max <= room.max + SLACK).all()


def overlap(first, second, boxes):
    """Whether two texts overlap; two that stand aslant do if their lines are too close."""
    a, b = boxes[first], boxes[second]
    angle = first.get_rotation()
    if angle % 90 and angle == second.get_rotation():
        step = np.abs(a.max - b.max)
        return step[0] * np.sin(np.radians(angle)) + step[1] < first.get_fontsize() * 150 / 72
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return width > SLACK and height > SLACK
