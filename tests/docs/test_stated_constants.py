"""Sizes, limits and counts that the pages state are those of the code."""

import pytest

from genbench.certify.coding.latents import BIN_BITS
from genbench.certify.coding.rans import PRECISION
from genbench.certify.coding.suite import N_IMAGES
from genbench.certify.gallery.bugs import BUGS as SHOWN
from genbench.core.options import MOST
from genbench.core.reading import LARGEST_JSON, MIB
from genbench.core.sequential import EFFECT_VARIANCE
from genbench.core.statistics import ENOUGH_SEEDS
from genbench.evaluation import collection, generated, runner
from genbench.gate import statistics as gate
from genbench.gate.verdicts import ALPHA
from genbench.inference import aggregate, bounds, jackknife, memory, path, proposals, weights
from genbench.results.metrics_table import LARGEST_TABLE
from genbench.results.part_of_suite import MOST_SHOWN
from genbench.results.records import LARGEST_RECORD
from genbench.runs.executors import local, schedule
from genbench.runs.run_options import MOST_SEEDS
from genbench.samples import frechet, screening
from genbench.suites import spec, sweep
from genbench.training import capture, loop
from tests.docs.test_stated_numbers import read
from tests.mutations.bugs import BUGS

WORDS = {2: "two", 3: "three", 4: "four", 10: "ten", 12: "twelve", 49: "Forty-nine"}
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
MILLION = 10**6


def power(size):
    """Return a power of two as the pages write it."""
    assert size == 1 << (size.bit_length() - 1)
    return f"2{str(size.bit_length() - 1).translate(RAISED)}"


def mib(size):
    return f"{size // MIB} MiB"


MOST_NUMBERS = runner.DEVICE_BLOCK_NUMBERS // runner.DEVICE_DATA_BLOCK
SENTENCES = [
    ("README.md", f"{WORDS[len(BUGS)]} bugs that public code has shipped"),
    ("docs/concepts/calibration.md", f"injects {len(BUGS)} bugs into genbench"),
    ("docs/concepts/impossible_likelihoods.md", f"Here are {WORDS[len(SHOWN)]} bugs"),
    ("docs/howto/certify.md", f"shows {WORDS[len(SHOWN)]} bugs that were published"),
    ("docs/concepts/speed.md", f"where a run has {capture.CAPTURE_STEPS} steps or more"),
    ("docs/concepts/speed.md", f"or more, {capture.GRAPH_CAPTURE_STEPS} on a GPU"),
    ("docs/concepts/gpu_speed.md", f"graph holds up to {WORDS[capture.STEPS_PER_GRAPH]} steps"),
    (
        "docs/concepts/gpu_speed.md",
        f"| images evaluated at once | {runner.DATA_BLOCK} | {runner.DEVICE_DATA_BLOCK:,}, fewer"
        f" where an image has more than {MOST_NUMBERS:,} numbers, at least {runner.DATA_BLOCK} |",
    ),
    (
        "docs/concepts/gpu_speed.md",
        f"each address of the noise | {bounds.K_BLOCK} | {bounds.DEVICE_K_BLOCK} |",
    ),
    (
        "docs/concepts/gpu_speed.md",
        f"decoded at once | {mib(memory.CACHE_BYTES)} | {mib(memory.DEVICE_BYTES)} |",
    ),
    (
        "docs/concepts/gpu_speed.md",
        f"| {weights.FLUSH} for each image | {weights.DEVICE_FLUSH:,} for each image |",
    ),
    (
        "docs/concepts/gpu_speed.md",
        f"posterior at once | {power(aggregate.CHUNK)} | {power(aggregate.DEVICE_CHUNK)} |",
    ),
    (
        "docs/concepts/gpu_speed.md",
        f"held at once | {mib(path.MEMORY_LIMIT)} | {path.DEVICE_MEMORY_LIMIT >> 30} GiB |",
    ),
    (
        "docs/concepts/gpu_speed.md",
        f"| {screening.ROWS}, {screening.BLOCK // MILLION} million"
        f" | {screening.ROWS * screening.ON_DEVICE:,},"
        f" {screening.BLOCK * screening.ON_DEVICE // MILLION} million |",
    ),
    ("docs/start.md", f"written every {WORDS[loop.CHECKPOINT_SECONDS]} seconds"),
    ("docs/howto/cluster.md", f"at most {WORDS[schedule.MAX_TRIES]} times in all"),
    (
        "docs/howto/gpu.md",
        f"up to {WORDS[local.ON_GPU]} processes share a GPU, one for each"
        f" {local.BYTES_ON_GPU >> 30} GB of its free memory and for each"
        f" {WORDS[local.CORES_BESIDE_GPU]} cores",
    ),
    ("docs/howto/suite.md", f"end at 10<sup>{len(str(MOST)) - 1}</sup>"),
    ("docs/howto/suite.md", f"may ask for {sweep.MOST_SWEPT} runs, models times seeds"),
    ("docs/howto/suite.md", f"and a suite for {spec.MOST_RUNS:,}."),
    ("docs/howto/suite.md", f"other numbers, up to {sweep.MOST_STATED:,}"),
    ("docs/reference/results.md", f"{mib(LARGEST_JSON)} for a JSON file of a run"),
    ("docs/reference/results.md", f"{mib(LARGEST_RECORD)} for `suite.json`"),
    ("docs/reference/results.md", f"{mib(LARGEST_TABLE)} for `metrics.csv`"),
    ("docs/concepts/scale.md", f"at most {MOST_SHOWN} are shown"),
    ("docs/concepts/compression.md", f"up to {N_IMAGES} test images"),
    ("docs/concepts/compression.md", f"one of {power(1 << BIN_BITS)} bins"),
    ("docs/concepts/compression.md", f"multiples of 2⁻{str(PRECISION).translate(RAISED)}"),
    ("docs/concepts/bounds.md", f"{proposals.N_PILOT} pilot draws from q"),
    ("docs/concepts/bounds.md", f"more than {proposals.MOST_DIMENSIONS} dimensions"),
    ("docs/concepts/uncertainty.md", f"jackknife over {jackknife.N_GROUPS} groups"),
    ("docs/concepts/uncertainty.md", f"three draws or {collection.MIN_DATA} images"),
    ("docs/concepts/uncertainty.md", f"**{WORDS[ENOUGH_SEEDS]} training seeds a side**"),
    ("docs/concepts/uncertainty.md", f"N(0, g), g = {EFFECT_VARIANCE:g}"),
    ("docs/concepts/uncertainty.md", f"--until-decided # at most {MOST_SEEDS} seeds"),
    ("docs/concepts/sample_quality.md", f"`n_samples`, {generated.N_SAMPLES:,} by default"),
    ("docs/concepts/sample_quality.md", f"({frechet.PER_FEATURE} for each feature)"),
    ("docs/howto/gate.md", f"(Holm, {100 * ALPHA:g} %)"),
]  # fmt: skip


@pytest.mark.parametrize(("page", "sentence"), SENTENCES)
def test_a_page_states_what_the_code_does(page, sentence):
    assert sentence in read(page)


def test_a_quarter_of_the_margin_is_a_quarter():
    assert gate.PRIOR_PER_MARGIN == 0.25
    assert "A quarter of the margin" in read("docs/howto/gate.md")
