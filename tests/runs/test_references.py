"""Features of real images that are computed before any run needs them, and only if one will."""

import pytest
from safetensors.numpy import load_file

from genbench.features import reference
from genbench.runs.references import keep_references
from genbench.suites.prepare import prepare
from tests.runs.conftest import TINY

SAMPLES = TINY.replace('["elbo"', '["coverage", "memorisation_z", "vendi", "elbo"')


@pytest.fixture
def workplace(workplace):
    """A workplace whose suite has metrics of samples, and two views of the same images."""
    workplace.suite.write_text(SAMPLES)
    return workplace


@pytest.fixture
def passes(monkeypatch):
    """The splits whose features are computed, one after the other."""
    made, real = [], reference._features

    def counted(dataset, split, space):
        made.append(split)
        return real(dataset, split, space)

    monkeypatch.setattr(reference, "_features", counted)
    return made


def kept(workplace):
    """What is kept: the bytes of each tensor, by file and name."""
    folder = workplace.results / "tiny" / "features"
    files = {path.name: load_file(path) for path in folder.glob("*.safetensors")}
    return {
        name: {part: values.tobytes() for part, values in found.items()}
        for name, found in files.items()
    }


def missing(workplace):
    """The context of the suite, and the groups of what is not stored."""
    context = prepare(workplace.options()).context
    return context, context.survey(context.groups(context.plan.specs))[1]


def test_they_are_those_that_runs_compute_and_are_computed_once_for_all_views(workplace, passes):
    keep_references(*missing(workplace))
    assert passes == ["train", "validation"]
    early = kept(workplace)
    assert len(early) == 1
    outcome = workplace.run()
    assert {record.status for record in outcome.records} == {"ok"}
    assert passes == ["train", "validation"]
    assert kept(workplace) == early
    table = (workplace.results / "tiny" / "metrics.csv").read_bytes()
    workplace.run(results=workplace.folder / "late")
    assert passes == ["train", "validation"] * 2
    workplace.results = workplace.folder / "late"
    assert kept(workplace) == early
    assert (workplace.results / "tiny" / "metrics.csv").read_bytes() == table


def test_nothing_is_computed_for_stored_runs(workplace, passes):
    workplace.run()
    passes.clear()
    for path in (workplace.results / "tiny" / "features").glob("*.safetensors"):
        path.unlink()
    keep_references(*missing(workplace))
    assert passes == []


def test_nothing_is_computed_without_metrics_of_samples(workplace, passes):
    workplace.suite.write_text(TINY)
    keep_references(*missing(workplace))
    assert passes == []
    assert not workplace.results.exists()


def test_each_space_is_computed(workplace, passes):
    workplace.suite.write_text(SAMPLES + '\ncoverage = { features = "pca4" }\n')
    keep_references(*missing(workplace))
    assert passes == ["train", "validation"] * 2
    assert {name.rpartition("-")[0] for name in kept(workplace)} == {
        "features-digits-cnn16-v1",
        "features-pca4",
        "pca4",
    }


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SystemExit(3)])
def test_an_error_is_left_to_the_run_that_needs_them(workplace, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(reference, "_features", fail)
    keep_references(*missing(workplace))
    assert kept(workplace) == {}


def test_the_process_that_starts_others_computes_them(workplace, passes):
    outcome = workplace.run(jobs=2)
    assert {record.status for record in outcome.records} == {"ok"}
    assert passes == ["train", "validation"]
