"""The same small set of images in every format, written by other libraries than ours."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

PARTS = {"train": 1, "validation": 2, "test": 3}


def encoded(image: np.ndarray, kind: str = "png", **options: object) -> bytes:
    """Return an image (C, H, W) as the bytes of a file."""
    hwc = np.moveaxis(image, 0, 2)
    file = io.BytesIO()
    Image.fromarray(hwc[..., 0] if len(image) == 1 else hwc).save(file, kind, **options)
    return file.getvalue()


@dataclass(frozen=True)
class Pictures:
    """Twenty images (N, C, H, W) of three classes in three parts."""

    levels: np.ndarray
    labels: np.ndarray
    parts: np.ndarray

    def arrays(self, layout: str) -> dict[str, np.ndarray]:
        """Return the arrays of an npz."""
        held = {
            "NHW": self.levels[:, 0],
            "NHWC": np.moveaxis(self.levels, 1, 3),
            "NCHW": self.levels,
        }[layout]
        pairs = {"x": held, "y": self.labels}
        return {
            f"{axis}_{name}": values[self.parts == part]
            for axis, values in pairs.items()
            for name, part in PARTS.items()
        }

    def write_folder(self, folder: Path) -> Path:
        for name, part in PARTS.items():
            for i in np.flatnonzero(self.parts == part):
                file = folder / name / str(self.labels[i]) / f"{i}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(encoded(self.levels[i]))
        return folder

    def table(self, part: int) -> pa.Table:
        chosen = np.flatnonzero(self.parts == part)
        rows = [{"bytes": encoded(self.levels[i]), "path": f"{i}.png"} for i in chosen]
        return pa.table({"image": rows, "label": self.labels[chosen]})

    def write_shards(self, folder: Path) -> Path:
        data = folder / "data"
        data.mkdir(parents=True)
        for name, part in PARTS.items():
            pq.write_table(self.table(part), data / f"{name}-00000-of-00001.parquet")
        return folder

    def rows(self, with_labels: bool = True) -> list[tuple[bytes, int, int]]:
        """Return pixels, label and part of each image, in an order that no format decides."""
        return rows(self) if with_labels else [(pixels, 0, 0) for pixels, _, _ in rows(self)]


def rows(images) -> list[tuple[bytes, int, int]]:
    """Return pixels, label and part of each image, sorted."""
    triples = zip(images.levels, images.labels.tolist(), images.parts.tolist(), strict=True)
    return sorted((pixels.tobytes(), label, part) for pixels, label, part in triples)


@pytest.fixture(params=[1, 3], ids=["grey", "rgb"])
def pictures(request):
    draw = np.random.default_rng(0)
    levels = draw.integers(0, 256, (20, request.param, 6, 5), dtype=np.uint8)
    return Pictures(levels, np.arange(20) % 3, np.repeat([1, 2, 3], [12, 3, 5]))
