"""The command from its arguments to its exit code."""

import json
from importlib.util import find_spec

import pytest

import genbench.bench.measure
import genbench.bench.run
from genbench import cli
from genbench.bench.rows import read_rows
from genbench.core.errors import ConfigError

COLUMNS = {
    "recipe", "task", "batch_size", "device", "samples_per_s", "limit_samples_per_s",
    "share_of_limit", "textbook_samples_per_s", "pythae_samples_per_s", "fingerprint",
}  # fmt: skip
TINY = ["--hidden", "16", "--latent-dim", "3", "--batch-sizes", "8", "--n-samples", "10"]


@pytest.fixture
def bench(tmp_path, capsys):
    """Run the command with small networks and random images."""

    def go(*argv):
        quick = ["--seconds", "0.02", "--device", "cpu", "--data-dir", str(tmp_path / "none")]
        code = cli.main(["bench", *TINY, *quick, *argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return go


@pytest.fixture
def stored(bench, tmp_path):
    path = tmp_path / "old.json"
    code, *_ = bench("--models", "vae", "--tasks", "iw", "--output", str(path))
    assert code == 0
    return path


def test_json_is_a_list_of_rows_with_the_promised_columns(bench):
    code, out, err = bench("--models", "vae,gan", "--format", "json")
    assert code == 0
    rows = json.loads(out, parse_constant=pytest.fail)
    assert [(row["recipe"], row["task"]) for row in rows] == [
        ("vae", "train"), ("vae", "iw"), ("vae", "ais"), ("vae", "sample"),
        ("gan", "train"), ("gan", "sample"),
    ]  # fmt: skip
    assert all(row.keys() >= COLUMNS for row in rows)
    assert all(row["samples_per_s"] > 0 and row["limit_samples_per_s"] > 0 for row in rows)
    rivals = ["vae", "gan"] if find_spec("torchvision") else []
    assert [row["recipe"] for row in rows if row["textbook_samples_per_s"]] == rivals
    assert len({row["fingerprint_digest"] for row in rows}) == 1
    assert "[6/6] gan sample batch 8" in err


def test_text_is_a_table_with_the_machine_below(bench):
    code, out, _ = bench("--models", "ae")
    assert code == 0
    header, line, *rest = out.splitlines()
    assert header.split()[:3] == ["recipe", "task", "batch"]
    assert line.split()[:3] == ["ae", "train", "8"]
    assert any(text.startswith("machine ") for text in rest)


def test_a_column_without_a_number_is_left_out(bench):
    code, out, _ = bench("--models", "vae", "--tasks", "iw")
    assert code == 0
    assert "textbook" not in out
    assert "limit" in out


@pytest.fixture
def steady(monkeypatch):
    """A busy machine widens the band about 1 without limit; context it stays narrow."""
    monkeypatch.setattr(genbench.bench.compare, "STANDARD_ERRORS", 0.0)


@pytest.mark.usefixtures("steady")
def test_the_same_code_again_is_not_slower(bench, stored):
    for row in (rows := json.loads(stored.read_text())):
        row["samples_per_s"] /= 1e9  # whatever the machine does meanwhile
    stored.write_text(json.dumps(rows))
    code, out, _ = bench("--models", "vae", "--tasks", "iw", "--compare", str(stored))
    assert code == 0
    assert "would notice" in out
    assert "faster" in out


@pytest.mark.usefixtures("steady")
def test_a_slower_row_is_a_regression(bench, stored):
    for row in (rows := json.loads(stored.read_text())):
        row["samples_per_s"] *= 1e9
    stored.write_text(json.dumps(rows))
    code, out, err = bench(
        "--models", "vae", "--tasks", "iw", "--compare", str(stored), "--format", "json"
    )
    assert code == 1
    (row,) = json.loads(out)
    assert row["verdict"] == "slower"
    assert row["speed_ratio"] < 0.1
    assert "1 of 1 benchmarks are slower" in err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"recipe": "vae"', '"recipe": "vae_old"', "missing: vae_old/iw"),
        ('"task": "iw"', '"task": "ais"', "missing: vae/ais"),
        ('"samples_per_s": ', '"samples_per_s": NaN, "was": ', "NaN is not a valid number"),
        ('"threads": ', '"threads": 1', "fingerprint_digest"),
        ("]", "", "damaged"),
    ],
)
def test_old_rows_that_do_not_compare_end_the_command_at_once(
    bench, stored, monkeypatch, old, new, said
):
    monkeypatch.setattr(genbench.bench.run, "measure_cases", pytest.fail)
    stored.write_text(stored.read_text().replace(old, new))
    code, out, err = bench("--models", "vae", "--tasks", "iw", "--compare", str(stored))
    assert (code, out) == (6, "")
    assert said in err


def test_a_study_has_exponents_and_a_figure(bench, tmp_path):
    code, out, err = bench(
        "--models", "vae", "--study", "n_samples", "--values", "10,20,40", "--format", "json",
        "--figures", str(tmp_path / "figures"),
    )  # fmt: skip
    assert code == 0
    rows = json.loads(out)
    assert [row["study_value"] for row in rows] == [10, 20, 40]
    assert [row["options"]["n_samples"] for row in rows] == [10, 20, 40]
    assert len({row["exponent"] for row in rows}) == 1
    assert "[2/3] vae iw batch 8, n_samples 20: " in err
    assert rows[0]["exponent_stderr"] >= 0
    assert (tmp_path / "figures" / "bench_n_samples.png").stat().st_size > 1000
    assert "figures: " in err


def test_the_rows_measured_before_a_failure_are_kept(bench, monkeypatch, tmp_path):
    measure, path = genbench.bench.measure.measure_case, tmp_path / "rows.json"

    def fail_later(case, context):
        if case.task == "sample":
            raise MemoryError("out of memory")
        return measure(case, context)

    monkeypatch.setattr(genbench.bench.measure, "measure_case", fail_later)
    code, *_ = bench("--models", "vae", "--tasks", "iw,sample", "--output", str(path))
    assert code != 0
    assert [row["task"] for row in read_rows(path)] == ["iw"]


@pytest.mark.parametrize(
    ("argv", "seconds", "sizes"),
    [
        ((), 1.0, (20, 128)),
        (("--quick",), 0.2, (128,)),
        (("--quick", "--seconds", "3", "--batch-sizes", "5"), 3.0, (5,)),
    ],
)
def test_quick_changes_what_was_not_given(monkeypatch, argv, seconds, sizes):
    asked = []

    def look(settings, **_):
        asked.append(settings)
        raise ConfigError("seen")

    monkeypatch.setattr(genbench.bench.run, "run_bench", look)
    assert cli.main(["bench", *argv]) == 2
    assert (asked[0].seconds, asked[0].batch_sizes) == (seconds, sizes)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("--tasks", "fly"), 2),
        (("--seconds", "0"), 2),
        (("--models", "vea"), 2),
        (("--device", "tpu"), 2),
        (("--study", "moon"), 2),
        (("--compare", "none.json"), 6),
    ],
)
def test_wrong_usage_has_its_exit_code_and_no_output(bench, argv, code):
    found, out, err = bench(*argv)
    assert (found, out) == (code, "")
    assert err.startswith("genbench: ")


def test_an_output_that_cannot_be_written_is_found_out_first(bench, monkeypatch, tmp_path):
    monkeypatch.setattr(genbench.bench.run, "measure_cases", pytest.fail)
    (tmp_path / "file").write_text("")
    code, out, _ = bench("--models", "ae", "--output", str(tmp_path / "file" / "rows.json"))
    assert (code, out) == (5, "")
