"""The claim of a stored run that a file is held against: its exact log p(x), or its ELBO."""

import math
from typing import Any, NamedTuple

from torch import Tensor

from genbench.core.estimate import NotApplicableError
from genbench.core.protocol import Protocol
from genbench.evaluation.likelihood import elbo, log_likelihood
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.runner import make_task
from genbench.evaluation.spec import Evaluator, evaluators
from genbench.results.records import StoredRun
from genbench.results.run_folder import METRICS, PER_DATUM, RunFolder
from genbench.runs.read_run import key_of


class Claim(NamedTuple):
    """A number of a table, on the images that are coded.

    Attributes:
        metric: Its name.
        nats: Of an image, on average.
        draw_error: By how many nats that may differ, one standard error, if a single latent is
            drawn for each image.
    """

    metric: str
    nats: float
    draw_error: float


def stored_claim(folder: RunFolder, run: StoredRun, *, exact: bool, rows: Tensor) -> Claim:
    """Return what a run claims of the test images ``rows``.

    Raises:
        NotApplicableError: It claims nothing of the kind.
        StorageError: The run is damaged.
    """
    evaluator = _evaluator(log_likelihood if exact else elbo)
    row = _row(folder, evaluator)
    task = make_task(evaluator.name, row["options"])
    key = key_of(task, Protocol.parse(run.protocol), SPLIT)
    values = folder.arrays(PER_DATUM).get(key)
    if values is None:
        raise NotApplicableError(f"no values are stored behind its {evaluator.metric}")
    nats = float(values[rows.numpy()].astype(float).mean())
    return Claim(evaluator.metric, nats, _draw_error(row, len(values) / len(rows)))


def _evaluator(function: object) -> Evaluator:
    return next(e for e in map(evaluators.__getitem__, evaluators) if e.function is function)


def _row(folder: RunFolder, evaluator: Evaluator) -> dict[str, Any]:
    """Return the stored row of the present version of an evaluator."""
    prefix = f"{SPLIT}/{evaluator.name}/v{evaluator.record.version}/"
    stored = folder.contents(METRICS)[METRICS]["evaluations"]
    rows = [row for key, found in stored.items() if key.startswith(prefix) for row in found]
    ended: list[dict[str, Any]] = [row for row in rows if row["status"] == "ok"]
    if not ended:
        raise NotApplicableError(f"the suite has no {evaluator.metric} of it")
    return ended[0]


def _draw_error(row: dict[str, Any], share: float) -> float:
    """Return the error of one draw for each image and of the claim's own draws, in nats.

    The standard error s / sqrt(K N) of the claim is over K draws for each of N images.
    """
    stderr, n_draws = row.get("mc_stderr") or 0.0, row["options"].get("n_samples", 1)
    return float(stderr) * math.sqrt((n_draws + 1) * share)
