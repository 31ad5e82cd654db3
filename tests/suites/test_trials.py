"""The record of a search: what is written reads back, and nothing else is believed."""

import pytest

from genbench.core.errors import ConfigError
from genbench.suites.spec import load_suite
from genbench.suites.trials import COLUMNS, Trial, read_trials, written
from tests.suites.conftest import EVALUATE, HEAD, MODELS

TRIALS = [
    Trial(
        model='vae, "wide"',
        trial=0,
        seed=1000,
        options={"learning_rate": 0.003, "activation": "elu", "hidden": [8, 4]},
        parameters=1234,
        steps=800,
        seconds=1.25,
        metric="elbo",
        better="higher",
        value=-23.100000000000001,
        stderr=0.1,
        chosen=True,
    ),
    Trial(model="vae", trial=1, seed=1000, options={}),
]
HEADS = ",".join(COLUMNS)
TUNED = 'tuned = "tuned/small.csv"\n'


@pytest.fixture
def tuned(suite_file, tmp_path):
    """Return the message about a suite whose record has the given text; nothing if it is read."""

    def load(text, line=TUNED):
        record = tmp_path / "tuned" / "small.csv"
        record.parent.mkdir(exist_ok=True)
        record.write_text(text)
        try:
            load_suite(suite_file(line + HEAD + MODELS + EVALUATE))
        except ConfigError as error:
            return str(error)
        return ""

    return load


def test_a_record_reads_back_as_it_was_written(tmp_path):
    path = tmp_path / "record.csv"
    path.write_text(written(TRIALS))
    assert [Trial.read(row, "") for row in read_trials(path)] == TRIALS


def test_a_suite_has_the_trials_of_its_record_and_states_none_itself(tuned, suite_file, tmp_path):
    assert tuned(written(TRIALS)) == ""
    suite = load_suite(suite_file(TUNED + HEAD + MODELS + EVALUATE))
    assert list(suite.trials) == TRIALS
    assert suite.model_dump(mode="json")["trials"][1]["value"] is None
    assert "trials: unknown key" in tuned("", "trials = []\n")


def test_a_suite_whose_search_was_not_run_has_no_trials(suite_file):
    assert load_suite(suite_file(TUNED + HEAD + MODELS + EVALUATE)).trials == ()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "expected the columns"),
        ("model,trial\nvae,0\n", "expected the columns"),
        (f"{HEADS}\nvae,0\n", "row 1 has 2 columns"),
        (f"{HEADS}\nvae,zero,7,{{}},,,,,,,,\n", "not valid JSON"),
        (f"{HEADS}\nvae,0,7,[1],,,,,,,,\n", "trials.0.options"),
        (f"{HEADS}\nvae,true,7,{{}},,,,,,,,\n", "trials.0.trial"),
        (f"{HEADS}\nvae,0,7,{{}},,,,elbo,higher,NaN,,\n", "contains NaN"),
        (f"{HEADS}\nvae,0,7,{{}},,,,elbo,up,1.0,,\n", "trials.0.better"),
        (f"{HEADS}\nvae,0,7,{'[' * 99 + ']' * 99},,,,,,,,\n", "nested"),
        (f"{HEADS}\n" + "vae,0,7,{},,,,,,,,\n" * 10_001, "more than 10,000 trials"),
        (f"{HEADS}\n" + " " * 2**20, "at most"),
        (f'{HEADS}\n"vae', "tuned: "),
    ],
)
def test_a_damaged_record_is_refused_with_its_fault(tuned, text, part):
    assert part in tuned(text)


@pytest.mark.parametrize(
    "name", ["../small.csv", "/tmp/small.csv", "tuned/small.txt", "tuned", "tuned/../../a.csv"]
)
def test_a_record_lies_below_the_suite_file(tuned, name):
    assert "expected a .csv file below" in tuned(written(TRIALS), f'tuned = "{name}"\n')


def test_no_link_leads_to_a_record(tuned, suite_file, tmp_path):
    assert tuned(written(TRIALS)) == ""
    (tmp_path / "other").symlink_to(tmp_path / "tuned")
    with pytest.raises(ConfigError, match="below the suite file's folder"):
        load_suite(suite_file('tuned = "other/small.csv"\n' + HEAD + MODELS + EVALUATE))
