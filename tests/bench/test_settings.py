"""What can be asked for, and what is refused."""

import pytest

from genbench.bench.settings import Settings
from genbench.core.errors import ConfigError


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"tasks": ("trian",)}, "--tasks: unknown task 'trian'; did you mean 'train'"),
        ({"study": "seed"}, "--study: unknown study 'seed'; did you mean 'seeds'"),
        ({"seconds": 0.0}, "--seconds: 0 must be above 0"),
        ({"seconds": float("nan")}, "--seconds: nan must be above 0"),
        ({"batch_sizes": (20, 0)}, "--batch-sizes: 0 must be 1 or more"),
        ({"batch_sizes": ()}, "--batch-sizes: there is none"),
        ({"batch_sizes": (20, 20)}, "--batch-sizes: a value is given twice"),
        ({"hidden": (-1,)}, "--hidden: -1 must be 1 or more"),
        ({"latent_dim": 0}, "--latent-dim: 0 must be 1 or more"),
        ({"n_samples": 0}, "--n-samples: 0 must be 1 or more"),
        ({"values": (1, 2)}, "--values: there is no --study"),
        ({"study": "seeds", "values": (2,)}, "--values: a line takes two or more"),
    ],
)
def test_what_cannot_be_measured_is_refused(asked, message):
    with pytest.raises(ConfigError, match=message):
        Settings(**asked)


def test_layers_of_equal_size_are_fine():
    assert Settings(hidden=(40, 40)).hidden == (40, 40)


def test_a_study_has_the_task_that_it_is_about():
    assert Settings().asked_tasks() == ("train", "iw", "ais", "sample")
    assert Settings(study="n_samples").asked_tasks() == ("iw",)
    assert Settings(study="latent_dim", tasks=("sample",)).asked_tasks() == ("sample",)
