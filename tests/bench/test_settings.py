"""What can be asked for, and what is refused."""

import pytest

from genbench.bench.settings import Settings
from genbench.core.errors import ConfigError


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"tasks": ("trian",)}, "--tasks: unknown task 'trian'; did you mean 'train'"),
        ({"study": "seed"}, "--study: unknown study 'seed'; did you mean 'seeds'"),
        ({"seconds": 0.0}, "--seconds: must be above 0, not 0"),
        ({"seconds": float("nan")}, "--seconds: must be above 0, not nan"),
        ({"batch_sizes": (20, 0)}, "--batch-sizes: must be 1 or more, not 0"),
        ({"batch_sizes": ()}, "--batch-sizes: expected at least one value"),
        ({"batch_sizes": (20, 20)}, "--batch-sizes: duplicate value"),
        ({"hidden": (-1,)}, "--hidden: must be 1 or more, not -1"),
        ({"latent_dim": 0}, "--latent-dim: must be 1 or more, not 0"),
        ({"precision": "fp16"}, "--precision: unknown precision 'fp16'; did you mean 'bf16'"),
        ({"n_chains": 0}, "--n-chains: must be 1 or more, not 0"),
        ({"n_temperatures": 0}, "--n-temperatures: must be 1 or more, not 0"),
        ({"n_samples": 0}, "--n-samples: must be 1 or more, not 0"),
        ({"n_samples": 10**12}, "--n-samples: at most 1000000"),
        ({"n_temperatures": 10**30}, "--n-temperatures: at most 1000000"),
        ({"study": "seeds", "values": (1, 10**9)}, "--values: at most 1000000"),
        ({"hidden": (10**6, 10**6)}, "--hidden, --latent-dim: training 2,001,608,000,000 weights"),
        ({"batch_sizes": (10**6,), "n_chains": 10**6}, "--batch-sizes, --n-chains: 1,000,000,000"),
        ({"values": (1, 2)}, "--values: needs --study"),
        ({"study": "seeds", "values": (2,)}, "--values: expected two or more values"),
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
