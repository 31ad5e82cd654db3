"""Adds a model that was trained elsewhere to a suite."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd


def add(
    model: Any,
    suite: str,
    name: str,
    *,
    seed: int = 0,
    note: str = "",
    binarisation: Literal["none", "threshold", "static", "dynamic"] | None = None,
    dequantisation: Literal["none", "uniform"] | None = None,
    kind: Literal["exact", "lower_bound", "upper_bound", "estimate"] | None = None,
    measure: Literal["mass", "density"] | None = None,
    replace: bool = False,
    results: str | Path = Path("results"),
    reports: str | Path = Path("reports"),
    data: str | Path | None = None,
    plugins: str | Path | Sequence[str | Path] = (),
    data_dir: str | Path | None = None,
    report: bool = True,
    progress: bool | None = None,
) -> "pd.DataFrame":
    """Evaluate a model that was trained elsewhere and store it as a run of a suite.

    It is evaluated with the suite's metrics on the suite's test data, and stands in the table, on
    the page and in every comparison beside the suite's own models, marked as trained elsewhere.
    ``run`` keeps it and never trains it. Its weights are stored too, but its code is not. It stays
    on its device and in its mode. If anything goes wrong, nothing is stored.

    Args:
        model: Any object with the methods of its capabilities, as :func:`genbench.evaluate` takes
            it: ``prior()``, ``observation_model(z)``, ``posterior(x)``, ``sample(n)`` and so on.
        suite: Name of a suite that was run, or of a suite file, or the path of one. Of a suite that
            was run, data and metrics are those of that run.
        name: Of its row; no model of the suite file may have it.
        seed: Of its training, to tell several runs of one model apart; also the root of all noise
            of the evaluation.
        note: A remark for the page.
        binarisation: Where the model's pixels are not those of the suite's ``[data]``: as in
            :func:`genbench.load_data`. The model then stands in the table of that protocol.
        dequantisation: Likewise; if only one of the two is given, the other is ``none``.
        kind: What ``log_prob(x)`` is, if not exact.
        measure: Whether its likelihoods are probabilities (``mass``) or densities of pixel values.
            By default as the distribution says that ``observation_model(z)`` returns; without one,
            ``mass`` on binary data and ``density`` on others.
        replace: Put it in the place of the model that was added under this name and seed.
        results: Folder of the results.
        reports: Folder of the reports.
        data: Where the suite's images are, if they are your own and do not lie where its file says.
        plugins: Python files, or one, with metrics of the suite that are not genbench's.
        data_dir: Folder of the data sets.
        report: Write the report.
        progress: Show a bar; by default in a notebook, and where stderr is a terminal.

    Returns:
        Its rows of the table that :func:`genbench.load_results` returns. A metric that the model
        cannot give has status ``not_applicable`` or ``failed``, and the reason.

    Raises:
        ConfigError: Unknown suite, a name that is taken, or pixels that do not exist.
        RunsFailedError: The model gave no number and no figure.
        StorageError: Results cannot be read or written.
    """
    import torch

    from genbench.core.held import tensors_in
    from genbench.core.names import paths_in
    from genbench.core.progress import announce, progress_shown
    from genbench.data.own.names import place_of
    from genbench.reporting import build_report
    from genbench.results.numbers_frame import stored_numbers
    from genbench.results.suite import StoredSuite
    from genbench.runs.elsewhere.describe import hand_over
    from genbench.runs.run_options import RunOptions
    from genbench.suites.elsewhere import find_host

    pixels = {"binarisation": binarisation, "dequantisation": dequantisation}
    given = {key: value for key, value in pixels.items() if value is not None}
    options = RunOptions(
        suite=suite,
        plugins=paths_in(plugins),
        data=None if data is None else place_of(data),
        results=Path(results),
        data_dir=Path(data_dir) if data_dir else None,
    )
    host = find_host(options)
    chosen = host.data({**dict.fromkeys(pixels, "none"), **given} if given else {})
    run = host.run_of(name, seed, chosen, replace=replace)
    device = next((tensor.device for tensor in tensors_in(model)), torch.device("cpu"))
    dataset = host.dataset(run.data, device)
    handed = hand_over(model, dataset, kind, note, measure)
    with progress_shown(progress), torch.inference_mode(False):
        host.add(handed, run, dataset, replace=replace)
    stored = StoredSuite.open(options.results, host.suite.name)
    if report:
        build_report(stored, Path(reports))
    frame = stored_numbers(stored)
    rows = frame[(frame["model"] == name) & (frame["seed"] == seed)].reset_index(drop=True)
    with progress_shown(progress):
        for reason, failed in rows[rows["status"] == "failed"].groupby("reason", sort=False):
            announce(f"{name}: {', '.join(failed['metric'])} failed: {reason}")
    return rows
