"""``suite.json``: what is read of it, and what is refused."""

import pytest

from genbench.core.errors import StorageError
from genbench.core.figures import DEFAULT_FIGURES
from genbench.results.records import read_record
from tests.results.fabricate import change_suite, record_of


@pytest.fixture
def record(own_results):
    """Reads the record after a change: ``record(change)``."""

    def read(change=lambda content: None):
        change_suite(own_results, change)
        return read_record(own_results / "tiny" / "suite.json")

    return read


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 3, "name": "tiny"}', '{"schema": 2}'])
def test_damaged_suite_record_is_a_storage_error(own_results, content):
    path = own_results / "tiny" / "suite.json"
    path.write_text(content)
    with pytest.raises(StorageError, match=r"suite\.json is damaged"):
        read_record(path)


@pytest.mark.parametrize("text", ["nan", "inf"])
def test_texts_that_python_reads_as_no_finite_number_are_refused(record, text):
    with pytest.raises(StorageError, match=r"runs\.0\.train_seconds"):
        record(lambda content: content["runs"][0].update(train_seconds=text))


def test_damaged_published_entry_is_a_storage_error(record):
    entry = {"model": "vae", "metric": "elbo"}
    lacking = record(lambda content: content["spec"].update(published=[entry]))
    with pytest.raises(StorageError, match=r"spec\.published\.0\.value"):
        lacking.published  # noqa: B018  it is read lazily


def test_a_suite_that_says_nothing_has_the_default_figures(record):
    assert record().figures == DEFAULT_FIGURES


def test_a_metric_keeps_its_treatment_and_fields_of_a_newer_version_are_passed_over(record):
    newer = record_of("elbo") | {"version": 7, "sound": "a bell"}
    (metric,) = record(lambda content: content.update(metrics=[newer])).metrics
    assert metric.model_dump(mode="json") == record_of("elbo") | {"version": 7}


def test_a_metric_with_a_field_of_another_kind_is_damage(record):
    wrong = record_of("elbo") | {"place": "first"}
    with pytest.raises(StorageError, match=r"metrics\.0\.place"):
        record(lambda content: content.update(metrics=[wrong]))
