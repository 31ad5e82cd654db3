"""Figures have the same bytes whoever draws them, and no process is left."""

import gc
import io
import pickle
import subprocess
import sys
import time

import pytest
from matplotlib.artist import Artist
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import TransformNode
from PIL import Image

from genbench.core.errors import StorageError
from genbench.core.texts import noun
from genbench.reporting.figures import drawers, drawing
from genbench.reporting.figures.drawers import FEW, Drawers
from genbench.reporting.figures.style import new_figure, styled

SECONDS = 60.0
"""In which a process must have started and drawn."""


class DrawnHereError(Exception):
    """A figure was drawn in this process."""


class Broken(Artist):
    """Cannot be drawn, anywhere."""

    def draw(self, renderer):
        raise ZeroDivisionError("broken")


def figure_of(place):
    with styled():
        figure = new_figure(2, 1.5 + 0.01 * place)
        figure.subplots().plot([0, 1, place], label=f"line {place}")
        figure.axes[0].legend()
    return figure


def refuse(figure):
    raise DrawnHereError


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.p[nd]*")}


def draw_all(drawn_by, folder, n=FEW):
    return [drawn_by.draw(figure_of(place), folder / str(place)) for place in range(n)]


def draw_and_finish(drawn_by, folder, *more):
    draw_all(drawn_by, folder)
    for place, figure in enumerate(more):
        drawn_by.draw(figure, folder / f"more-{place}")
    drawn_by.finish()


def started_by(drawn_by):
    return [process.popen for process in drawn_by._children]


def wait_until(reached):
    until = time.monotonic() + SECONDS
    while not reached() and time.monotonic() < until:
        time.sleep(0.02)


UNGUARDED = """
import sys
from pathlib import Path
from genbench.reporting.figures.drawers import FEW, Drawers
from genbench.reporting.figures.style import new_figure, styled

print("started")
with styled(), Drawers(1) as one:
    for place in range(FEW):
        one.draw(new_figure(1, 1), Path(sys.argv[1], str(place)))
    while not one._children or not all(task.there.done() for task in one._tasks):
        pass
"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Name and bytes of each file, drawn in this process."""
    folder = tmp_path_factory.mktemp("here")
    with styled(), Drawers() as here:
        draw_all(here, folder)
    files = files_in(folder)
    assert len(files) == len(set(files.values())) == 2 * FEW
    return files


def test_a_process_draws_the_same_bytes(expected, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "files_of", refuse)
    with Drawers(1) as one:
        pngs = draw_all(one, tmp_path)
        wait_until(lambda: all(task.there.done() for task in one._tasks))
        one.finish()
        assert [png() for png in pngs] == [expected[f"{place}.png"] for place in range(FEW)]
    assert files_in(tmp_path) == expected
    assert [process.returncode is not None for process in started_by(one)] == [True]


def test_this_process_helps(expected, tmp_path):
    with Drawers(2) as two:
        draw_and_finish(two, tmp_path)
    assert files_in(tmp_path) == expected


@pytest.mark.parametrize("lacking", ["python", "script"])
def test_without_a_process_figures_are_drawn_here(expected, tmp_path, monkeypatch, lacking):
    if lacking == "python":
        monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    else:
        monkeypatch.setattr(drawing, "__file__", str(tmp_path / "none.py"))
    with Drawers(2) as none:
        draw_and_finish(none, tmp_path)
    assert files_in(tmp_path) == expected


def test_few_figures_start_no_process(tmp_path):
    with Drawers(2) as two:
        draw_all(two, tmp_path, FEW - 1)
        two.finish()
    assert started_by(two) == []
    assert len(files_in(tmp_path)) == 2 * (FEW - 1)


@pytest.mark.parametrize("n", [0, 1])
def test_an_error_of_drawing_reaches_the_caller_and_nothing_is_left(tmp_path, n):
    broken = figure_of(0)
    broken.add_artist(Broken())
    started = Drawers(n)
    with pytest.raises(ZeroDivisionError, match="broken"), started:
        draw_and_finish(started, tmp_path, broken)
    assert all(process.returncode is not None for process in started_by(started))


def interrupt(drawn_by, folder):
    draw_all(drawn_by, folder)
    wait_until(lambda: started_by(drawn_by))
    raise KeyboardInterrupt


def test_an_interrupt_ends_every_process(tmp_path):
    with pytest.raises(KeyboardInterrupt), Drawers(1) as one:
        interrupt(one, tmp_path)
    assert [process.returncode is not None for process in started_by(one)] == [True]


def test_files_that_cannot_be_written_are_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError), Drawers(1) as one:
        draw_and_finish(one, tmp_path / "file")


def test_transforms_of_a_pickled_figure_know_each_other_by_their_new_addresses():
    """By the old ones, another can take the place of one, which then misses what changes."""
    pickled = pickle.dumps(figure_of(1))

    def strangers():
        nodes = [node for node in gc.get_objects() if issubclass(type(node), TransformNode)]
        known = [(place, parent()) for node in nodes for place, parent in node._parents.items()]
        return sum(parent is not None and id(parent) != place for place, parent in known)

    lost = pickle.loads(pickled)
    assert strangers() > 0
    del lost
    gc.collect()
    figure = drawing.unpickled(pickled)
    assert strangers() == 0
    assert drawing.files_of(figure) == drawing.files_of(figure_of(1))


def test_a_figure_that_cannot_be_sent_is_drawn_at_once(tmp_path):
    figure = figure_of(0)
    figure.axes[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value}"))
    with Drawers(1) as one:
        png = one.draw(figure, tmp_path / "own")
        assert (tmp_path / "own.png").read_bytes() == png()


def test_a_figure_with_a_function_of_ours_is_drawn_here(tmp_path):
    """A process would import all that this one has before it draws."""
    figure = figure_of(0)
    figure.axes[0].yaxis.set_major_formatter(FuncFormatter(noun))
    with Drawers(1) as one:
        draw_all(one, tmp_path)
        one.draw(figure, tmp_path / "ours")
        wait_until(lambda: all(task.there.done() for task in one._tasks[:-1]))
        assert one._tasks[-1].there is None
        one.finish()
    assert (tmp_path / "ours.png").is_file()


@pytest.mark.parametrize("height", [1.0, 2.2, 2.2199999999, 2.76, 333 / 150, 414.0001 / 150, 500.0])
def test_the_size_of_a_png_is_known_before_it_is_drawn(height):
    figure = new_figure(1.0, height)
    size = drawing.size_of(figure)
    assert size == Image.open(io.BytesIO(drawing.figure_png(figure))).size


@pytest.mark.parametrize("n", [1, 3])
def test_a_report_is_the_same_on_any_number_of_cores(
    chapters, chapter_results, build, monkeypatch, n
):
    monkeypatch.setattr(drawers, "cores", lambda: n)
    folder = build(chapter_results).parent
    assert files_in(folder / "figures") == files_in(chapters / "figures")
    assert (folder / "index.html").read_bytes() == (chapters / "index.html").read_bytes()


def test_this_machine_keeps_one_core_for_this_process(monkeypatch):
    for cores, n in ((1, 0), (2, 1), (16, drawers.MOST)):
        monkeypatch.setattr(drawers, "cores", lambda cores=cores: cores)
        assert Drawers.of_this_machine()._n == n


def test_a_script_needs_no_main_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    command = [sys.executable, script, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("started\n", "", 0)
    assert len(files_in(tmp_path)) == 2 * FEW
