"""What the gate prints: nothing lost, nothing malformed."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from genbench.core.texts import Terminal
from genbench.gate import FORMATS, append_summary, check_frame, text, update_from_frame
from genbench.gate.formats import MOST, as_github, as_markdown
from genbench.gate.texts import HEAD
from tests.gate.tables import NUMBERS, frame_of, row, table, without_number

LOST = NUMBERS | {
    ("vae", "elbo"): [-26.9, -26.8],
    ("vae", "bits_per_dim"): [0.31, 0.312],
    ("vae", "kl"): [9.0, 1.0],
}


@pytest.fixture
def path(tmp_path):
    update_from_frame(table(), tmp_path / "b.json")
    return tmp_path / "b.json"


@pytest.fixture
def outcome(path):
    return check_frame(table(LOST), path)


def foreign(path):
    return check_frame(table({k: v for k, v in NUMBERS.items() if k[1] != "kl"}), path)


def test_text_has_a_line_per_number_the_worst_first(outcome):
    lines = FORMATS["text"](outcome).splitlines()
    assert [line.split()[:3] for line in lines[1:5]] == [
        ["worse", "vae", "elbo"],
        ["inconclusive", "vae", "kl"],
        ["better", "vae", "bits_per_dim"],
        ["same", "ae", "accuracy"],
    ]
    for told in ("-23.59", "-26.85", "-3.26"):
        assert told in lines[1]
    assert lines[-1].startswith("FAILED: 4 numbers against")
    assert "1 worse, 1 inconclusive, 1 better, 1 same (1 of them bit for bit)" in lines[-1]


def test_text_of_what_does_not_compare_names_each_number(path):
    found = FORMATS["text"](foreign(path))
    assert "not comparable" in found
    assert "missing: vae kl" in found


def test_json_holds_every_verdict_and_no_nan(outcome):
    def refuse(name):
        raise AssertionError(name)

    found = json.loads(FORMATS["json"](outcome), parse_constant=refuse)
    assert found["exit_code"] == 1
    assert found["summary"] == {"worse": 1, "inconclusive": 1, "better": 1, "same": 1}
    worst = found["verdicts"][0]
    assert (worst["model"], worst["metric"], worst["verdict"]) == ("vae", "elbo", "worse")
    assert worst["difference"] == pytest.approx(-3.26)
    assert worst["detectable"] > worst["margin"] == 0.5
    assert worst["unit"] == "nats"


def test_json_of_a_diverged_run_has_nulls(path):
    rows = table().to_dict("records")
    kept = [r for r in rows if (r["metric"], r["seed"]) != ("elbo", 1)]
    frame = frame_of([*kept, without_number("vae", "elbo", 1, "diverged", "step 120")])
    worst = json.loads(FORMATS["json"](check_frame(frame, path)))["verdicts"][0]
    assert worst["verdict"] == "worse"
    assert worst["current"] is worst["difference"] is worst["p_value"] is None


def test_junit_has_a_case_per_number(outcome):
    suite = ET.fromstring(FORMATS["junit"](outcome)).find("testsuite")
    counts = {k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "0", "skipped": "1"}
    found = {case.get("name"): [part.tag for part in case] for case in suite.iter("testcase")}
    assert found["elbo"] == ["failure"]
    assert found["kl"] == ["skipped"]
    assert found["accuracy"] == []


def test_junit_counts_inconclusive_as_failures_if_strict(path):
    found = check_frame(table(LOST), path, strict=True)
    suite = ET.fromstring(FORMATS["junit"](found)).find("testsuite")
    assert (suite.get("failures"), suite.get("skipped")) == ("2", "0")


def test_junit_of_what_does_not_compare_has_errors(path):
    suite = ET.fromstring(FORMATS["junit"](foreign(path))).find("testsuite")
    assert suite.get("errors") == "1"
    assert suite.find("testcase/error").get("message").startswith("missing: vae kl")


def test_junit_survives_what_xml_cannot_hold(path):
    lost = [without_number("vae", "elbo", s, "failed", "a \x1b[31m <&> \x00") for s in (0, 1)]
    rows = [r for r in table().to_dict("records") if r["metric"] != "elbo"]
    suite = ET.fromstring(FORMATS["junit"](check_frame(frame_of([*rows, *lost]), path)))
    (failure,) = suite.iter("failure")
    assert "a ?[31m <&> ?" in failure.get("message")


def test_github_annotates_what_moved(outcome):
    lines = as_github(outcome).splitlines()
    found = [line.partition(" ")[0] for line in lines if line.startswith("::")]
    assert found == ["::error", "::notice", "::warning"]
    assert "vae elbo: worse, -23.59 in the baseline, now -26.85" in lines[0]
    assert FORMATS["text"](outcome).splitlines() == lines[3:]


@pytest.mark.parametrize("n", [MOST, MOST + 1, 60])
def test_github_gets_ten_annotations_at_most_and_the_rest_summed_up(tmp_path, n):
    names = [f"m{i:02d}" for i in range(n)]
    good = frame_of([row(m, "elbo", s, -20 - s / 100) for m in names for s in (0, 1)])
    bad = frame_of([row(m, "elbo", s, -40 - s / 100) for m in names for s in (0, 1)])
    update_from_frame(good, tmp_path / "b.json")
    lines = as_github(check_frame(bad, tmp_path / "b.json")).splitlines()
    found = [line for line in lines if line.startswith("::")]
    assert len(found) == MOST
    assert (f"and {n - MOST + 1} more" in found[-1]) == (n > MOST)
    assert all(line.startswith("::error") for line in found)


@pytest.mark.parametrize("model", ["vae", "100 %\n::error::forged\r"])
def test_github_messages_cannot_break_out_of_their_line(tmp_path, model):
    good = frame_of([row(model, "elbo", 0, -20.0)])
    update_from_frame(good, tmp_path / "b.json")
    lost = frame_of([without_number(model, "elbo", 0, "failed", "50 %\n::error::forged\r")])
    first, *rest = as_github(check_frame(lost, tmp_path / "b.json")).splitlines()
    assert "50 %25 ::error::forged" in first
    assert model == "vae" or "100 %25%0A::error::forged%0D" in first
    assert not [line for line in rest if line.startswith("::")]


def test_the_step_summary_is_appended_where_github_says(outcome, tmp_path, monkeypatch):
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    append_summary(outcome)
    assert file.read_text() == "before\n"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    append_summary(outcome)
    assert file.read_text() == f"before\n{as_markdown(outcome)}"


def test_markdown_shows_what_moved_in_a_table_of_equal_columns(outcome):
    rows = [line for line in as_markdown(outcome).splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 3
    assert len({row.count("|") for row in rows}) == 1


def test_markdown_escapes_bars(path):
    given = table(protocol="p|label")
    assert "\\|" in as_markdown(check_frame(given, path))


@pytest.mark.parametrize("width", [80, 120, 200])
def test_text_leaves_out_what_the_terminal_has_no_room_for_and_says_so(outcome, width):
    table, about, _ = text(outcome, Terminal(width)).split("\n\n")
    assert max(map(len, table.splitlines())) <= width
    heads = table.splitlines()[0]
    assert all(name in heads for name in ("verdict", "model", "metric", "change", "margin"))
    assert ("too wide to show: test" in about) == ("test" not in heads)
    for name in ("change", "95 %", "margin", "detectable"):
        assert (f"{name}: " in about) == (name.split()[0] in heads), name


HOSTILE = "a|b <!-- `c` *d* [e](f) &lt; ~~g~~ $h$ # i\n|---|\n<script>"


def test_markdown_shows_what_anybody_wrote_letter_by_letter(path):
    rows = table().to_dict("records")
    lost = [row(HOSTILE, "elbo", s, -20.0 - s / 100) for s in (0, 1)]
    update_from_frame(frame_of([*rows, *lost]), path)
    lost = [without_number(HOSTILE, "elbo", s, "failed", HOSTILE) for s in (0, 1)]
    shown = as_markdown(check_frame(frame_of([*rows, *lost]), path))
    tokens = MarkdownIt().enable(["table", "strikethrough"]).parse(shown)
    kinds = {inner.type for token in tokens for inner in token.children or ()}
    assert kinds == {"text"}
    cells = [token.content for token in tokens if token.type == "inline"]
    texts = ["".join(c.content for c in t.children) for t in tokens if t.type == "inline"]
    assert " ".join(HOSTILE.split()) in texts
    assert len(cells) == 2 + 2 * len(HEAD) + 0
    assert "html_block" not in {token.type for token in tokens}


@pytest.mark.parametrize("start", ["", " ", "\t", "vae "])
def test_no_line_of_the_text_is_a_command_for_github(tmp_path, start):
    forged = f"x\n{start}::error::forged\n{start}##[error]forged :::warning::"
    update_from_frame(frame_of([row(forged, "elbo", 0, -20.0)]), tmp_path / "b.json")
    found = as_github(check_frame(table(), tmp_path / "b.json"))
    mine = [line for line in found.split("\n") if is_command(line)]
    assert all(line.startswith("::error title=genbench check ") for line in mine)
    assert mine
    assert found.count("forged") == 4


def is_command(line):
    """Read a line as GitHub's runner does: its old form may stand anywhere."""
    return line.lstrip().startswith("::") or "##[" in line


def test_junit_survives_a_suite_that_xml_cannot_hold(path):
    named = replace(foreign(path), suite="a\x00\ud800<b>")
    suite = ET.fromstring(FORMATS["junit"](named)).find("testsuite")
    assert suite.get("name") == "genbench check a??<b>"


def test_each_likelihood_without_a_certificate_is_named_in_every_format(path):
    passed = check_frame(table(), path)
    found = replace(passed, uncertified=("vae elbo", "vae bits_per_dim"))
    for name, form in FORMATS.items():
        assert "vae elbo" in form(found), name
    said = " ".join(FORMATS["text"](found).split())
    assert said.count("2 numbers without a certificate (`python -m genbench certify") == 2
    assert "FAILED: 4 numbers" in said
    cases = ET.fromstring(FORMATS["junit"](found)).findall(".//testcase[failure]")
    assert [case.get("name") for case in cases] == ["vae elbo", "vae bits_per_dim"]
    assert json.loads(FORMATS["json"](found))["uncertified"] == ["vae elbo", "vae bits_per_dim"]
    assert as_github(found).startswith("::error")
    assert "vae elbo, vae bits_per_dim" in as_markdown(found).replace("\\", "")
