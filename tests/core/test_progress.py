"""Progress bars stay off where stderr is no terminal."""

from genbench.core.progress import progress


def test_progress_passes_the_items_on_and_prints_nothing(capsys):
    assert list(progress(range(5), "evaluate", "block")) == [0, 1, 2, 3, 4]
    assert list(progress(iter("ab"), "evaluate", "block", initial=3)) == ["a", "b"]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_progress_counts_what_was_done_before():
    bar = progress([1, 2], "train", "epoch", initial=8)
    assert bar.total == 10
