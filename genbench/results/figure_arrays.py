"""The arrays behind figures of models: what each must be, so that it can be drawn."""

from genbench.core.errors import StorageError
from genbench.results.sealed_folder import Arrays

_IMAGES, _NUMBERS, _WHOLE = "u", "f", "iu"
ARRAYS = {
    "samples": (_IMAGES, "n C H W"),
    "class_samples": (_IMAGES, "classes each C H W"),
    "originals": (_IMAGES, "n_originals C H W"),
    "reconstructions": (_IMAGES, "n_reconstructions C H W"),
    "completions": (_IMAGES, "n_shown k C H W"),
    "completion_shown": (_IMAGES, "n_shown C H W"),
    "completion_originals": (_IMAGES, "n_shown C H W"),
    "latent_means": (_NUMBERS, "points D"),
    "latent_labels": (_WHOLE, "points"),
    "latent_dims": (_WHOLE, "D"),
    "manifold": (_IMAGES, "rows columns C H W"),
    "interpolations": (_IMAGES, "pairs steps C H W"),
    "interpolation_ends": (_IMAGES, "pairs 2 C H W"),
    "traversals": (_IMAGES, "dims values C H W"),
    "traversal_dims": (_WHOLE, "dims"),
    "traversal_values": (_NUMBERS, "values"),
    "traversal_kl": (_NUMBERS, "dims"),
}
"""Kind and shape of each; a size of one name is the same in all arrays of a run."""
_GROUPS = (
    {"latent_means", "latent_labels"},
    {"traversals", "traversal_dims", "traversal_values"},
    {"completions", "completion_shown", "completion_originals"},
)
"""Arrays that are drawn together."""
_COLOURS = (1, 3)


def require_drawable(arrays: Arrays, where: str) -> Arrays:
    """Return the arrays, each of which can be drawn.

    Raises:
        StorageError: One has another type or shape, or lacks another that belongs to it.
    """
    sizes: dict[str, int] = {}
    for name in sorted(arrays.keys() & ARRAYS.keys()):
        kind, shape = ARRAYS[name]
        found, expected = arrays[name].shape, shape.split()
        fits = arrays[name].dtype.kind in kind and len(found) == len(expected)
        pairs = zip(expected, found, strict=True) if fits else ()
        if not fits or any(size != _size(sizes, key, size) for key, size in pairs):
            raise StorageError(f"{where} is damaged: '{name}' is no array ({shape}) of its kind")
    if sizes.get("C", 1) not in _COLOURS:
        raise StorageError(f"{where} is damaged: images of {sizes['C']} colours")
    for group in _GROUPS:
        if group & arrays.keys() and not group <= arrays.keys():
            lacking = sorted(group - arrays.keys())[0]
            raise StorageError(f"{where} is damaged: no array '{lacking}'")
    return arrays


def _size(sizes: dict[str, int], key: str, found: int) -> int:
    return int(key) if key.isdigit() else sizes.setdefault(key, found)
