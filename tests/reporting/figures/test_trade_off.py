"""Likelihood against sample quality: which models stand where, and what shares an axis."""

from dataclasses import replace

import pytest

from genbench.core.protocol import Protocol
from genbench.reporting.figures.maker import FigureMaker
from genbench.reporting.figures.style import colours, styled
from genbench.reporting.figures.trade_off import draw_trade_off, trade_off
from tests.reporting.figures.legible import problems
from tests.results.contest import PROTOCOL, contest, number

LEVELS = Protocol.parse("digits@1a2b3c4d/grey/1+1+400/mass")
GREY = Protocol.parse("digits@1a2b3c4d/grey/1+1+400/density")
QUALITY = "fd_infinity"


@pytest.fixture
def blocks():
    """Two protocols; the GAN and the copier have no likelihood."""
    binary, _ = contest(
        {
            "vae": [number("elbo", -20.0), number(QUALITY, 4.0)],
            "pixels": [number("elbo", -30.0), number(QUALITY, 30.0)],
            "copier": [number(QUALITY, 0.5)],
        },
        controls=("copier", "pixels"),
    )
    grey, _ = contest(
        {"ppca": [number("elbo", 60.0), number(QUALITY, 6.0)], "gan": [number(QUALITY, 2.0)]},
        protocol=GREY,
    )
    return binary, grey


def test_a_panel_holds_the_models_of_one_protocol_and_the_last_those_without_likelihood(blocks):
    shown = trade_off(blocks)
    names = {t: [p.row.model for p in points] for t, points in shown.panels.items()}
    assert names == {
        blocks[0].protocol.short: ["vae", "pixels"], blocks[1].protocol.short: ["ppca"]
    }  # fmt: skip
    assert [point.row.model for point in shown.others] == ["copier", "gan"]
    assert (shown.column.metric, shown.unit) == (QUALITY, "nats")


def test_points_stand_at_their_two_numbers_and_panels_share_one_scale_of_quality(blocks):
    shown = trade_off(blocks)
    palette = colours(["vae", "pixels", "copier", "ppca", "gan"])
    with styled():
        figure = draw_trade_off(shown, palette)
    first, second, others = figure.axes
    at = {(line.get_xdata()[0], line.get_ydata()[0]) for line in first.lines if line.get_marker()}
    values = {(p.likelihood.value, p.quality.value) for p in shown.panels[blocks[0].protocol.short]}
    assert values <= at
    assert first.get_ylim() == second.get_ylim() == others.get_ylim()
    assert first.get_xlim() != second.get_xlim()
    assert not others.get_xticks().size
    assert "↓" in first.get_ylabel()
    keys = [text.get_text() for text in figure.legends[0].get_texts()]
    assert keys == ["vae", "pixels", "ppca", "copier", "gan"]


@pytest.mark.parametrize("mean", [-202.3, -1202.3, -98.76])
@pytest.mark.parametrize("noise", [0.1, 30, 72, 200])
def test_the_ticks_of_a_narrow_panel_do_not_run_together(mean, noise):
    names, protocols = ("vae", "cvae", "ppca"), (PROTOCOL, GREY, LEVELS)
    blocks = [
        contest({name: [number("elbo", mean, noise=noise), number(QUALITY, 4.0)]}, protocol=p)[0]
        for name, p in zip(names, protocols, strict=True)
    ]
    with styled():
        figure = draw_trade_off(trade_off(blocks), colours(names))
    assert problems(figure) == []


def test_bars_are_95_percent_intervals(blocks):
    shown = trade_off(blocks)
    point = shown.panels[blocks[1].protocol.short][0]
    with styled():
        figure = draw_trade_off(shown, colours(["vae", "pixels", "copier", "ppca", "gan"]))
    segments = [s for c in figure.axes[1].collections for s in c.get_segments()]
    widths = [abs(s[1][0] - s[0][0]) for s in segments]
    assert max(widths) == pytest.approx(2 * 1.959964 * point.likelihood.stderr, rel=1e-6)


def test_there_is_no_figure_without_two_models_or_with_two_scales(blocks):
    binary, grey = blocks
    assert trade_off([grey]) is None
    assert trade_off([]) is None
    others = tuple(replace(c, options='{"features": "pca32"}') for c in grey.columns)
    assert trade_off([binary, replace(grey, columns=others)]) is None


def test_a_report_has_the_figure_where_there_is_something_to_trade(blocks, tmp_path):
    maker = FigureMaker(tmp_path, colours(["vae", "pixels", "copier", "ppca", "gan"]))
    with styled():
        group = maker.trade_off(blocks)
        assert maker.trade_off(blocks[1:]).figures == ()
    assert len(group.figures) == 1
    assert (tmp_path / "trade-off.png").is_file()
    assert "further down its samples are" in group.caption
