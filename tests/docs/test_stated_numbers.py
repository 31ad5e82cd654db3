"""Numbers that the pages state are those of the records: speed tables and the report of mnist."""

import json
import re

import pytest

from genbench.bench.context import BenchContext
from genbench.bench.settings import Settings
from tests.docs.conftest import REPOSITORY

BENCH = REPOSITORY / "results" / "bench"
CPU, H100, SEEDS = "cpu", "h100", "h100_seeds"
SPEED, GPU_SPEED, LIMITS = (f"docs/concepts/{name}.md" for name in ("speed", "gpu_speed", "limits"))
WHY, TABLE = "docs/why_your_number_differs.md", "reports/mnist/table.md"
NUMBER = r"(-?[\d,]*\d(?:\.\d+)?)"


def row(name, recipe, task="train", batch=128, seeds=None, **options):
    """Return the row of a speed table."""
    (found,) = (
        r
        for r in json.loads((BENCH / f"{name}.json").read_text(encoding="utf-8"))
        if (r["recipe"], r["task"], r["batch_size"]) == (recipe, task, batch)
        and r["options"].get("n_seeds") == seeds
        and r["options"].get("precision") == options.get("precision")
        and options.items() <= r["options"].items()
    )
    return found


def milliseconds(found):
    return 1000 * found["step_seconds"]


def on_the_gpu(found):
    return 1000 * found["device_step_seconds"]


def times_textbook(found):
    return found["samples_per_s"] / found["textbook_samples_per_s"]


def read(page):
    """Return a page with each run of white space as one space."""
    return " ".join((REPOSITORY / page).read_text(encoding="utf-8").replace("−", "-").split())


def agrees(stated, value):
    """Whether a number is a value, rounded as it is written: zeros before the point may be that."""
    digits = stated.replace(",", "")
    whole = len(digits) - len(digits.rstrip("0"))
    unit = 10.0 ** -len(digits.partition(".")[2]) if "." in digits else 10.0**whole
    return abs(float(digits) - value) <= 0.5000001 * unit


def headline(model, protocol):
    """Return a model's number in the leaderboard of the committed report of mnist."""
    text = (REPOSITORY / TABLE).read_text(encoding="utf-8").replace("\\", "")
    section = text.split(f"## mnist, {protocol}: ")[1].split("\n## ")[0]
    (line,) = re.findall(
        rf"^\| \d+ \| {re.escape(model)}!?(?: \([^|]*\))? \| (.*?) \|", section, re.M
    )
    return number(line)


def number(cell):
    return float(re.search(r"-?\d+\.\d+", cell)[0])


def elbo(model):
    text = (REPOSITORY / TABLE).read_text(encoding="utf-8").replace("\\", "")
    section = text.split("## mnist, dynamically binarised, probabilities (test)")[1]
    return number(re.search(rf"^\| {model} \| (.*?) \|", section, re.M)[1])


def tenth(model):
    text = (REPOSITORY / "reports/iwae_table1_tenth/table.md").read_text(encoding="utf-8")
    return number(re.search(rf"^\| {model} \| .*? \| (.*?) \|", text.replace("\\", ""), re.M)[1])


BINARY, GIVEN, GREY = (
    "dynamically binarised, probabilities",
    "dynamically binarised, probabilities, given the label",
    "uniform noise added, densities",
)
STATED = [
    (SPEED, "at batch 128 trains # images per second", lambda: row(CPU, "vae")["samples_per_s"]),
    (SPEED, "images per second, # of the rate of its", lambda: row(CPU, "vae")["share_of_limit"]),
    (SPEED, "loop reaches #. On", lambda: row(CPU, "vae")["textbook_samples_per_s"]),
    (SPEED, "On an H100 it trains #, ", lambda: row(H100, "vae")["samples_per_s"]),
    (SPEED, ", # times the rate of the same step", lambda: row(H100, "vae")["share_of_graph"]),
    (SPEED, "VAE stays at # of the rate", lambda: row(CPU, "vae", batch=20)["share_of_limit"]),
    (SPEED, "between # (`linear_vae`", lambda: row(CPU, "linear_vae", batch=20)["share_of_limit"]),
    (SPEED, "and # (`gan_2014`)", lambda: row(CPU, "gan_2014", batch=20)["share_of_limit"]),
    (SPEED, "all of it | 6.7 ms | # ms", lambda: milliseconds(row(CPU, "vae"))),
    (SPEED, "at batch 128 takes # ms in", lambda: milliseconds(row(H100, "vae"))),
    (SPEED, "float32, # ms (", lambda: milliseconds(row(H100, "vae", precision="tf32"))),
    (SPEED, "and # ms (1.07", lambda: milliseconds(row(H100, "vae", precision="bf16"))),
    (LIMITS, "VAE reaches # of the rate", lambda: row(CPU, "vae", batch=20)["share_of_limit"]),
    (LIMITS, "at batch 20, and # at", lambda: row(CPU, "vae")["share_of_limit"]),
    ("docs/howto/gpu.md", "VAE trains # images", lambda: row(H100, "vae")["samples_per_s"]),
    (GPU_SPEED, "to 0.22 ms | # ms | | the", lambda: milliseconds(row(H100, "vae", batch=20))),
    (GPU_SPEED, "0.22 ms | # ms | | 16", lambda: milliseconds(row(H100, "vae"))),
    (GPU_SPEED, "to 0.55 ms | # ms", lambda: milliseconds(row(SEEDS, "vae", seeds=16))),
    (GPU_SPEED, "It runs # times as fast as the same", lambda: row(H100, "vae")["share_of_graph"]),
    (GPU_SPEED, "and # times as fast as the tutorial", lambda: times_textbook(row(H100, "vae"))),
    (GPU_SPEED, "process: # per", lambda: row(H100, "vae")["textbook_samples_per_s"]),
    (GPU_SPEED, "seeds take # times as", lambda: row(SEEDS, "vae", seeds=5)["time_of_one"]),
    (GPU_SPEED, "so train # times as", lambda: row(SEEDS, "vae", seeds=5)["gain_of_together"]),
    (GPU_SPEED, "; 16 take # times", lambda: row(SEEDS, "vae", seeds=16)["time_of_one"]),
    (GPU_SPEED, "and train # times", lambda: row(SEEDS, "vae", seeds=16)["gain_of_together"]),
    (GPU_SPEED, "128 images takes # ms", lambda: milliseconds(row(H100, "vae", "iw"))),
    (GPU_SPEED, "GPU works #.", lambda: on_the_gpu(row(H100, "vae", "iw"))),
    (WHY, "a VAE has # on", lambda: headline("vae", BINARY)),
    (WHY, "+# on dequantised", lambda: headline("vae_gaussian", GREY)),
    (WHY, "conditional VAE has # given", lambda: headline("cvae", GIVEN)),
    (WHY, "and # with labels summed", lambda: headline("cvae", BINARY)),
    (WHY, "compares with a VAE's #.", lambda: headline("vae", BINARY)),
    (WHY, "is lower: # against", lambda: elbo("vae")),
    (WHY, "against # (K = 100)", lambda: headline("vae", BINARY)),
    (WHY, "ends at # for the VAE", lambda: tenth("vae_k1")),
    (WHY, "and at # for the IWAE", lambda: tenth("iwae_k5")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("page", "words", "value"), STATED, ids=[f"{page}: {words}" for page, words, _ in STATED]
)
def test_a_stated_number_is_that_of_its_record(page, words, value):
    before, after = map(re.escape, words.split("#"))
    (stated,) = re.findall(before + NUMBER + after, read(page))
    assert agrees(stated, value()), f"{page} says {stated}, the record {value()}"


@pytest.mark.parametrize(
    ("stated", "value", "agree"),
    [
        ("30,000", 30_398, True),
        ("30,400", 30_398, True),
        ("30,400", 30_460, False),
        ("0.58", 0.579, True),
        ("0.58", 0.586, False),
        ("-95", -94.62, True),
        ("-94", -94.62, False),
    ],
)
def test_a_number_agrees_if_it_is_rounded_as_it_is_written(stated, value, agree):
    assert agrees(stated, value) == agree


def lines_of(title):
    """Return the rows of the first table of the speed tables below a heading, cell by cell."""
    text = (BENCH / "README.md").read_text(encoding="utf-8").split(title)[1]
    lines = re.search(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.M)[1].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("line", lines_of("784-400-20 VAE, batch 128"), ids=lambda line: line[0])
def test_the_table_of_a_processor_is_that_of_its_rows(line):
    found = row(CPU, "vae", line[0].partition(",")[0])
    keys = "samples_per_s", "share_of_limit", "textbook_samples_per_s", "pythae_samples_per_s"
    for key, cell in zip(keys, line[1:], strict=True):
        assert agrees(cell, found[key]) if cell else found[key] is None


@pytest.mark.parametrize("line", lines_of("## One H100"), ids=lambda line: " ".join(line[:4]))
def test_the_table_of_a_gpu_is_that_of_its_rows(line):
    recipe, task, batch, precision, rate, step, graph, share, textbook = line
    together = re.search(r"(\d+) seeds", recipe)
    temperatures = re.search(r"(\d+) temperatures", task)
    options = {"n_temperatures": int(temperatures[1])} if temperatures else {}
    found = row(
        SEEDS if together else H100,
        recipe.partition(",")[0],
        task.partition(",")[0],
        int(batch.partition(" ")[0]),
        seeds=int(together[1]) if together else None,
        **options | ({} if precision == "float32" else {"precision": precision}),
    )
    assert agrees(rate, found["samples_per_s"])
    assert agrees(step, milliseconds(found))
    assert agrees(share, found["share_of_limit"])
    assert not graph or agrees(graph, found["share_of_graph"])
    assert not textbook or agrees(textbook, found["textbook_samples_per_s"])


def test_the_table_of_a_processor_has_every_trained_recipe_but_those_that_it_names(tmp_path):
    text = read("results/bench/README.md")
    named = re.search(r"every trained recipe but ((?:`\w+`(?:, | and )?)+)", text)[1]
    lacking = set(re.findall(r"`(\w+)`", named))
    rows = json.loads((BENCH / "cpu.json").read_text(encoding="utf-8"))
    trained = BenchContext(Settings(device="cpu", data_dir=tmp_path)).trained()
    assert {r["recipe"] for r in rows} == set(trained) - lacking
    assert lacking < set(trained)


def test_all_pages_state_one_time_for_the_suite_on_a_gpu():
    (seconds,) = set(re.findall(r"together(?:`)? took (\d+) s\b", read(GPU_SPEED)))
    assert f"took {seconds} seconds, its page included" in read("docs/howto/gpu.md")
    assert re.search(rf"\| all \| 45 to 50 s \|[^\n]*\| {seconds} s \|", read(GPU_SPEED))
    assert int(seconds) < 60
    for page in ("README.md", "docs/start.md"):
        assert "less than a minute" in read(page)


def test_a_committed_report_is_made_again_by_the_command_that_its_page_states():
    page = (REPOSITORY / "reports" / "mnist" / "index.html").read_text(encoding="utf-8")
    (command,) = re.findall(r"makes these results again:</p>\s*<pre[^>]*><code>(.*?)</code>", page)
    assert f"`{command}`" in read("reports/README.md")
