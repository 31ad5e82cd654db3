"""Records of runs: which protocol a model without a density belongs to."""

from dataclasses import replace

from genbench.core.protocol import Protocol
from genbench.data import DataConfig
from genbench.recipes import recipes
from genbench.runs.record import RunRecord, beside_densities
from genbench.runs.spec import RunSpec
from genbench.training.config import TrainConfig

GREY = Protocol("faces", "1a2b", "grey", sizes=(5, 1, 2))


def record(measure, protocol):
    spec = RunSpec(
        "m", "ae", recipes["ae"].options(), DataConfig(name="digits"), TrainConfig(), seed=0
    )
    return RunRecord(spec, "id", protocol, description={"measure": measure})


def measures(*records):
    return [found.protocol.measure for found in beside_densities(records)]


def test_a_model_without_a_density_stands_beside_masses_of_the_same_grey_levels():
    mass, none = replace(GREY, measure="mass"), replace(GREY, measure="density")
    assert measures(record("none", none), record("mass", mass)) == ["mass", "mass"]
    given = replace(mass, condition="label")
    assert measures(record("none", none), record("mass", given)) == ["mass", "mass"]


def test_it_stays_where_it_is_beside_both_or_neither_or_other_pixels():
    mass, density = replace(GREY, measure="mass"), replace(GREY, measure="density")
    none, other = record("none", density), record("mass", replace(mass, pixels="static"))
    assert measures(none) == ["density"]
    assert measures(none, other) == ["density", "mass"]
    both = record("mass", mass), record("density", density)
    assert measures(none, *both) == ["density", "mass", "density"]
