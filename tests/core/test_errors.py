"""Errors carry the exit code of the command line."""

import pytest

from genbench.core import errors
from genbench.core.errors import ExitCode


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.GenbenchError, 2),
        (errors.ConfigError, 2),
        (errors.DataError, 3),
        (errors.RunsFailedError, 4),
        (errors.StorageError, 5),
    ],
)
def test_each_error_has_its_documented_exit_code(error, code):
    assert error("message").exit_code == code
    assert isinstance(error("message"), errors.GenbenchError)


def test_exit_codes_are_the_documented_ones():
    documented = {0, 1, 2, 3, 4, 5, 6, 130, 143}
    assert {int(code) for code in ExitCode} == documented
    assert (ExitCode.REGRESSION, ExitCode.BASELINE) == (1, 6)


def test_an_unknown_name_is_answered_with_the_nearest_and_all_that_are_known():
    errors.require_known("vae", ("vae", "gan"), "no model")
    with pytest.raises(errors.ConfigError, match=r"^no model 'vea'; did you mean 'vae'\? known: "):
        errors.require_known("vea", ("vae", "gan"), "no model")
    with pytest.raises(errors.ConfigError, match=r"^no model 'vae'; known: none$"):
        errors.require_known("vae", (), "no model")
    with pytest.raises(errors.ConfigError, match=r"^no model 'vae'; known: gan, made$"):
        errors.require_known("vae", ("made", "gan", "made"), "no model")
    with pytest.raises(errors.ConfigError, match="did you mean 'iw_LL'"):
        errors.require_known("IW_ll", ("elbo", "iw_LL"), "no metric")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("score", "score_function"), ("--seed", "--seeds"), ("--epoch", ""), ("flip_rate", "")],
)
def test_only_a_name_that_is_much_alike_is_suggested(name, nearest):
    known = ["--reports", "--seeds", "iw_extrapolated", "score_function", "score_function_baseline"]
    said = errors.did_you_mean(name, known)
    assert said.partition("known: ")[0] == (f"did you mean '{nearest}'? " if nearest else "")


def test_of_a_gpu_without_memory_it_is_said_what_was_asked_for():
    told = (
        "CUDA out of memory. Tried to allocate 244.00 MiB. GPU 0 has a total capacity of 79.18 GiB "
        "of which 78.10 GiB is free. Including non-PyTorch memory, this process has 500 MiB"
    )
    expected = "CUDA out of memory. Tried to allocate 244.00 MiB."
    assert errors.first_line(RuntimeError(told)) == expected
    assert errors.first_line(RuntimeError("the GPU is lost\nmore")) == "the GPU is lost"
    assert errors.first_line(MemoryError()) == "MemoryError"
