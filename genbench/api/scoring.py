"""Scores images that anybody made, without their model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from genbench.data import Dataset
    from genbench.data.archives.read import Archive
    from genbench.evaluation.external.scoring import Scored
    from genbench.reporting.tables.small_table import SmallTable


def score(
    images: Any,
    data: str | Path,
    *,
    features: str | Path = "auto",
    n: int | None = None,
    name: str | None = None,
    data_dir: str | Path | None = None,
    reports: str | Path | None = None,
) -> "pd.DataFrame":
    """Score images by the metrics of samples, beside controls made of the data.

    Args:
        images: A folder of PNG or JPEG files, an ``.npz`` (``arr_0``, ``samples`` or ``images``),
            ``.npy`` or ``.parquet`` file; or an array or tensor (N, H, W), (N, H, W, C) or
            (N, C, H, W). Values are 8-bit levels, or floats in [0, 1], [-1, 1] or [0, 255].
        data: Name or path of the data that they imitate, as in :func:`genbench.load_data`.
        features: Name of the feature space, or a ``.safetensors`` file with a network of your own,
            as ``[features] weights`` of a suite; by default the space that suits the data.
        n: How many images to score; by default all, at most 10,000 and as many as test images.
        name: What they are called; by default their file's name.
        data_dir: Folder of the data sets; features of training images are kept there, else in the
            user's cache.
        reports: Write a page with the images, the flags and the table below this folder.

    Returns:
        One row for each metric of ``external:NAME`` and of each control, as from
        :func:`genbench.load_results`. ``attrs["flags"]`` says what is odd about the images, and
        ``attrs["protocol"]`` what two numbers must share to be compared.

    Raises:
        ConfigError: Unknown data or feature space, or ``n`` is more than there are test images.
        DataError: There are fewer images than ``n``; they have another shape or range than the
            data, or hold NaN; or a file is missing or damaged.
    """
    found = scored(images, Asked(data, features, n, name, data_dir))
    if reports is not None:
        write_page(found, Path(reports))
    found.frame.attrs["flags"] = [flag.text for flag in found.flags]
    found.frame.attrs["protocol"] = found.protocol
    return found.frame


class Asked(NamedTuple):
    """How images are scored: see :func:`score`."""

    data: str | Path
    features: str | Path = "auto"
    n: int | None = None
    name: str | None = None
    data_dir: str | Path | None = None


def scored(images: Any, asked: Asked) -> "Scored":
    """Return all that is found out about images; raises as :func:`score`."""
    from genbench.core.names import require_name
    from genbench.core.plugins import load_plugins
    from genbench.data import DataConfig, load
    from genbench.data.own.names import name_of, place_of
    from genbench.data.protocol import chosen
    from genbench.evaluation.external.scoring import score_archive
    from genbench.features.custom import asked_space

    load_plugins()
    config = DataConfig.read(chosen(asked.data), "data")
    path = place_of(images) if isinstance(images, str | Path) else Path("images")
    called = require_name(asked.name or name_of(path), "name")
    place = Path(asked.data_dir) if asked.data_dir else None
    dataset = load(config, place)
    archive = _archive(images, path, dataset)
    features, weights = asked_space(asked.features)
    return score_archive(archive, dataset, called, features, asked.n, _kept_in(place), weights)


def _archive(images: Any, path: Path, dataset: "Dataset") -> "Archive":
    from genbench.data.archives.read import archive_of, read_archive
    from genbench.evaluation.user.data import tensor_of

    if isinstance(images, str | Path):
        return read_archive(path, dataset.image_shape)
    return archive_of(tensor_of(images, "images").cpu().numpy(), "images", dataset.image_shape)


def _kept_in(data_dir: Path | None) -> Path | None:
    """Return where features of training images are kept; nowhere if nothing can be written."""
    import os

    from genbench.data.storage import cache_home

    home = data_dir or cache_home()
    existing = next(path for path in (home, *home.absolute().parents) if path.exists())
    return home / "features" if os.access(existing, os.W_OK) else None


def table_of(found: "Scored") -> "SmallTable":
    """Return the table of metrics by sets."""
    from genbench.reporting.tables.scores import score_table

    return score_table(found.frame, f"{found.name} beside controls")


def write_page(found: "Scored", reports: Path) -> Path:
    """Write the page of scored images below ``reports``, and return its path."""
    from genbench.reporting.page.score_page import ScorePage, write_score_page

    called = found.name.partition(":")[2]
    content = ScorePage(
        name=found.name,
        facts=[f"{found.n:,} samples", f"beside {found.frame['dataset'].iloc[0]}"],
        protocol=found.protocol,
        flags=found.flags,
        table=table_of(found),
        notes=found.notes,
        samples=found.samples,
        suspects=found.suspects,
        nearest=found.nearest,
    )
    return write_score_page(content, reports / f"score-{called}")
