"""The figure of completed images: every pixel where it belongs, one figure per shown part."""

from types import SimpleNamespace

import numpy as np

from genbench.reporting.figures.completions import completion_grid, completions
from genbench.reporting.figures.maker import FigureMaker
from genbench.reporting.figures.style import styled
from genbench.results.figure_inputs import FigureInputs

PROTOCOL = "digits@1a2b3c4d/static(seed=0)/50+10+20/mass|pixels:"


def arrays(n_draws, level=9):
    images = np.arange(3 * 4, dtype=np.uint8).reshape(3, 1, 2, 2)
    drawn = np.full((3, n_draws, 1, 2, 2), level, dtype=np.uint8)
    drawn[1, -1] = 77
    return {
        "completions": drawn,
        "completion_shown": images + 100,
        "completion_originals": images + 200,
    }


def run(model, shown, n_draws=2):
    record = SimpleNamespace(model=model, protocol=f"{PROTOCOL}{shown}")
    return FigureInputs(model, record, None, arrays(n_draws))


def test_a_row_holds_what_is_shown_what_was_there_and_each_models_completions():
    grid = completion_grid([arrays(1), arrays(3)])[..., 0]
    rows = [slice(1 + 3 * i, 3 + 3 * i) for i in range(3)]
    tile, gap = 3, 4
    shown, original = 1, 1 + tile + 1 + gap
    one = original + tile + 1 + gap
    many = one + tile + 1 + gap
    for i, row in enumerate(rows):
        image = np.arange(4 * i, 4 * i + 4).reshape(2, 2)
        assert (grid[row, shown : shown + 2] == image + 100).all()
        assert (grid[row, original : original + 2] == image + 200).all()
        last = many + 2 * tile
        assert (grid[row, one : one + 2] == (77 if i == 1 else 9)).all()
        assert (grid[row, many : many + 2] == 9).all()
        assert (grid[row, last : last + 2] == (77 if i == 1 else 9)).all()
    assert grid.shape == (10, many + 3 * tile)


def test_there_is_one_figure_for_each_shown_part(tmp_path):
    runs = [run("nn", "bottom left", 1), run("cvae", "bottom left"), run("col", "column 3")]
    plain = FigureInputs("vae", SimpleNamespace(model="vae", protocol="p"), None, {})
    with styled():
        group = completions(FigureMaker(tmp_path, {}), [*runs, plain])
        none = completions(FigureMaker(tmp_path, {}), [plain])
    titles = [figure.title for figure in group.figures]
    assert titles == ["bottom left shown: nn, cvae", "column 3 shown: col"]
    assert (tmp_path / "completions.pdf").is_file()
    assert none.figures == ()
