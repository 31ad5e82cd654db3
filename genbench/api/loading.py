"""Loads what is stored and what it was measured on: results, trained models, data sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from genbench.api.data import Data
    from genbench.results.records import StoredRun
    from genbench.results.suite import StoredSuite


def load_results(suite: str = "digits", results: str | Path = Path("results")) -> "pd.DataFrame":
    """Return the stored table of a suite; needs no torch.

    ``settings`` says what tells two numbers of one metric apart, such as ``K = 200, given the
    label``. No two rows of a suite share model, seed, metric and settings::

        frame.pivot(index=["model", "seed"], columns=["metric", "settings"], values="value")

    In the table of a collection, ``suite`` belongs to that key too.

    Args:
        suite: Name of a suite that was run.
        results: Folder of the results.

    Returns:
        One row per number, those without a value last. The first columns are ``model``,
        ``metric``, ``value``, ``stderr`` (over the test set), ``n`` and ``kind``; what the number
        comes from is last. ``print`` shows the columns that fit.

    Raises:
        StorageError: There is none, or it is damaged.
    """
    from genbench.results.numbers_frame import stored_numbers
    from genbench.results.suite import StoredSuite

    return stored_numbers(StoredSuite.open(Path(results), suite))


def load_model(
    suite: str,
    model: str,
    seed: int = 0,
    results: str | Path = Path("results"),
    device: str = "cpu",
    plugins: "str | Path | Sequence[str | Path]" = (),
) -> "nn.Module":
    """Return a trained model of a suite that was run, with exactly the stored weights.

    It has the methods of its capabilities: ``sample(n)``, ``posterior(x)``,
    ``observation_model(z)``, ``log_prob(x)`` and so on, as ``genbench.core.capabilities``
    describes them. No data are needed. To go on training, call ``train()`` and use an objective::

        model = genbench.load_model("digits", "vae").train()
        loss = NegativeElbo()(model, Batch(x, y)).value

    with ``NegativeElbo`` from ``genbench.objectives.elbo`` and ``Batch`` from
    ``genbench.core.objective``.

    Args:
        suite: Name of the suite.
        model: Name in its table, or in the suite file: ``gan+normal(0.13)`` is ``gan+normal``.
        seed: Training seed.
        results: Folder of the results.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` and so on, or ``mps``.
        plugins: The Python files, or the one, with recipes of the suite that are not genbench's.

    Returns:
        The model in eval mode.

    Raises:
        ConfigError: The suite has no such model or seed, the device cannot be used, the recipe is
            the user's own and was not registered, by ``plugins`` or an import, or the model was
            trained elsewhere.
        StorageError: There is no such suite, or the run is unfinished, diverged or damaged.
    """
    from genbench.core.devices import pick_device, require_dtypes
    from genbench.core.names import paths_in
    from genbench.core.plugins import load_plugins
    from genbench.results.suite import StoredSuite
    from genbench.runs.stored_model import stored_model

    stored = StoredSuite.open(Path(results), suite)
    run = _run_of(stored, model, seed)
    _require_trained_here(stored, run)
    load_plugins(paths_in(plugins))
    chosen = pick_device(device)
    loaded = stored_model(stored.run_folder(run), run.model)
    require_dtypes(loaded, chosen, f"model '{model}'")
    return loaded.to(chosen)


def _run_of(stored: "StoredSuite", model: str, seed: int) -> "StoredRun":
    from genbench.core.errors import ConfigError, require_known
    from genbench.results.run_tables import is_of_model

    stored.require_no_collection()
    runs = [run for run in stored.record.runs if is_of_model(run.model, model)]
    if not runs:
        require_known(model, stored.models, f"suite '{stored.name}' has no model")
    by_seed = {run.seed: run for run in runs}
    if seed not in by_seed:
        seeds = ", ".join(map(str, by_seed))
        raise ConfigError(f"model '{model}' of '{stored.name}' has no seed {seed}; known: {seeds}")
    return by_seed[seed]


def _require_trained_here(stored: "StoredSuite", run: "StoredRun") -> None:
    from genbench.core.errors import ConfigError
    from genbench.results.run_folder import MODEL

    if run.trained_elsewhere:
        path = stored.run_folder(run) / MODEL
        weights = f"; its weights are in {path}" if path.is_file() else " and held no weights"
        raise ConfigError(
            f"model '{run.model}' was trained elsewhere: genbench does not have its code{weights}"
        )


def load_data(
    name_or_path: str | Path,
    binarisation: Literal["none", "threshold", "static", "dynamic"] = "none",
    dequantisation: Literal["none", "uniform"] = "none",
    *,
    limit: int | None = None,
    validation_size: int | None = None,
    seed: int = 0,
    levels: int | None = None,
    layout: Literal["NHW", "NHWC", "NCHW"] | None = None,
    resize: tuple[int, int] | None = None,
    split: Mapping[str, float] | None = None,
    data_dir: str | Path | None = None,
    device: str = "cpu",
) -> "Data":
    """Return a data set in the form in which models are trained and tested on it.

    Of pixels that are drawn, ``static`` and ``dynamic`` share their held-out data: ``validation``
    and ``test`` are drawn once, as ``seed`` says, bit for bit the same on each device. ``train`` is
    drawn once likewise; with ``dynamic``, training draws each batch anew: ``train_batch``.

    Args:
        name_or_path: Of a data set, as in ``python -m genbench list datasets``; or of images of
            your own: a folder, or an ``.npz``, ``.npy`` or ``.parquet`` file. A known name is that
            data set; a ``Path``, or ``./mnist``, is what lies there.
        binarisation: ``none`` serves grey levels in [0, 1]; ``threshold`` is 1 where grey >= 0.5;
            ``static`` and ``dynamic`` draw each pixel as 0 or 1 with probability grey.
        dequantisation: ``uniform`` adds noise within each grey level.
        limit: Keep only so many data of each split, drawn by ``seed``.
        validation_size: How many of the training data are drawn for validation; None is the
            default.
        seed: Of what is drawn.
        levels: Of own images: how many values a pixel can take, where they do not say.
        layout: Of own images: the order of the dimensions of arrays, where they do not say.
        resize: Of own images: height and width to which each is scaled.
        split: Of own images without a test set: ``{"test": 0.2, "seed": 0}``, a share or a number.
        data_dir: Folder of the data sets.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` and so on, or ``mps``.

    Returns:
        An object with ``train``, ``validation`` and ``test``, each with images ``x`` (N, C, H, W)
        and labels ``y`` (N,), and with ``protocol``, ``facts``, ``classes`` and ``train_batch``.

    Raises:
        ConfigError: Unknown name or option.
        DataError: A file is damaged or cannot be read, or is missing and cannot be downloaded.

    Example:
        >>> data = load_data("digits", binarisation="dynamic", limit=100)
        >>> data.test.x.shape, data.test.y.shape, data.test.x.unique().tolist()
        (torch.Size([100, 1, 8, 8]), torch.Size([100]), [0.0, 1.0])
        >>> data.protocol
        'digits@88b38590/dynamic(seed=0)/100+100+100 of 1097+200+500 validation(seed=0)'
    """
    from genbench.api.data import Data
    from genbench.core.devices import pick_device
    from genbench.core.plugins import load_plugins
    from genbench.data import DataConfig, load
    from genbench.data.protocol import chosen

    load_plugins()
    stated = {
        **chosen(name_or_path),
        "binarisation": binarisation,
        "dequantisation": dequantisation,
        "seed": seed,
        "validation_size": validation_size,
        "limit": limit,
        "levels": levels,
        "layout": layout,
        "resize": resize,
        "split": split,
    }
    config = DataConfig.read(stated, "load_data")
    return Data(load(config, Path(data_dir) if data_dir else None, pick_device(device)))
