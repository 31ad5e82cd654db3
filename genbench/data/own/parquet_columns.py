"""Finds the columns of images and labels in a parquet file."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genbench.core.errors import DataError
from genbench.data.own.labels import MAX_CLASSES
from genbench.data.own.limits import MAX_NAME, is_plain, shown

if TYPE_CHECKING:
    from pyarrow import DataType, RecordBatch, Schema

_FIX = "keep one, with pyarrow's table.select([...])"


@dataclass(frozen=True)
class Columns:
    """Where images and labels are.

    Attributes:
        image: Name of the column of images.
        label: Name of the column of labels, if there is one.
        is_struct: Whether an image is a record with its bytes and its path.
        names: Names of the classes, where Hugging Face wrote them.
    """

    image: str
    label: str | None
    is_struct: bool
    names: tuple[str, ...] = ()

    @property
    def read(self) -> list[str]:
        """The names of what is read of a file."""
        image = f"{self.image}.bytes" if self.is_struct else self.image
        return [image, self.label] if self.label else [image]

    @property
    def note(self) -> str:
        """How they are read, as a sentence."""
        labels = f"labels in '{shown(self.label)}'" if self.label else "no labels"
        return f"Images in the column '{shown(self.image)}', {labels}."

    def images_in(self, batch: "RecordBatch") -> list[bytes | None]:
        """Return the bytes of each image."""
        column = batch.column(self.image)
        column = column.field("bytes") if self.is_struct else column
        images: list[bytes | None] = column.to_pylist()
        return images

    def labels_in(self, batch: "RecordBatch") -> list[Any]:
        """Return the label of each image."""
        labels: list[Any] = batch.column(self.label).to_pylist() if self.label else []
        return labels


def columns_of(schema: "Schema", source: str) -> Columns:
    """Return the columns of images and labels.

    Raises:
        DataError: There is no column of images, or several of one kind.
    """
    fields = [(field.name, field.type) for field in schema]
    images = [name for name, kind in fields if _is_binary(kind) or _is_struct(kind)]
    labels = [name for name, kind in fields if _is_label(kind)]
    if not images:
        held = ", ".join(f"{shown(name)} ({shown(str(kind)[:40])})" for name, kind in fields[:5])
        raise DataError(
            f"{source}: no column of images, binary or struct with bytes and path; holds {held}"
        )
    for kind_of, names in (("images", images), ("labels", labels)):
        if len(names) > 1:
            found = ", ".join(map(shown, names[:8]))
            raise DataError(f"{source}: columns {found} may all be {kind_of}; {_FIX}")
    label = labels[0] if labels else None
    is_struct = _is_struct(schema.field(images[0]).type)
    return Columns(images[0], label, is_struct, _class_names(schema, label))


def _value_type(kind: "DataType") -> "DataType":
    from pyarrow import types

    return kind.value_type if types.is_dictionary(kind) else kind


def _is_binary(kind: "DataType") -> bool:
    from pyarrow import types

    kind = _value_type(kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_struct(kind: "DataType") -> bool:
    from pyarrow import types

    return bool(
        types.is_struct(kind)
        and kind.get_field_index("bytes") >= 0
        and _is_binary(kind.field("bytes").type)
    )


def _is_label(kind: "DataType") -> bool:
    from pyarrow import types

    kind = _value_type(kind)
    return bool(types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind))


def _class_names(schema: "Schema", label: str | None) -> tuple[str, ...]:
    """Return the names of the classes that Hugging Face wrote beside the schema, if they hold."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[label]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return ()
    are_names = isinstance(names, list) and all(
        isinstance(name, str) and name.strip() and len(name) <= MAX_NAME and is_plain(name)
        for name in names
    )
    is_sound = are_names and len(set(names)) == len(names) <= MAX_CLASSES
    return tuple(names) if is_sound else ()
