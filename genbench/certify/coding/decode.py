"""Decodes images with nothing but trained models and files: run in a process of its own.

``python -m genbench.certify.coding.decode results/SUITE OUT FILE...`` writes the images of each
file to ``OUT/RUN``, a byte for each level. On stdout: why files could not be decoded, as JSON.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from genbench.certify.coding.code_file import CodeFile, read_code
from genbench.certify.coding.coder import Images, decode
from genbench.core.errors import GenbenchError, StorageError, first_line
from genbench.core.files import canonical_json, sha256_file, write_atomic
from genbench.core.plugins import load_plugins
from genbench.results.run_folder import MODEL, RunFolder
from genbench.runs.stored_model import stored_model


def decode_file(suite_folder: Path, path: Path) -> Images:
    """Return the grey levels (N, C, H, W) of a file, by the model of its run.

    Raises:
        StorageError: The file, or the run, is damaged or missing, or is not the one that the file
            was written with.
    """
    code = read_code(path)
    folder = RunFolder(suite_folder, code.header.run)
    model = stored_model(folder, code.header.run)
    if sha256_file(folder / MODEL) != code.header.weights:
        raise StorageError(f"{path} was coded by a model with other weights than {folder.path}")
    return _decoded(path, code, model)


def _decoded(path: Path, code: CodeFile, model: object) -> Images:
    header = code.header
    try:
        return decode(model, code.known, code.payload, header.n_images, header.n_initial)
    except Exception as error:
        by = ", ".join(f"{name} {version}" for name, version in header.written_by.items())
        raise StorageError(f"{path} ({by}): {first_line(error)}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Decode the files that are named; a file that cannot be decoded does not stop the others."""
    parser = argparse.ArgumentParser(prog="genbench.certify.coding.decode", description=__doc__)
    parser.add_argument("suite", type=Path, help="folder of the suite's results")
    parser.add_argument("out", type=Path, help="folder for the images")
    parser.add_argument("files", type=Path, nargs="+", help="files of coded images")
    parser.add_argument("--plugin", type=Path, action="append", default=[], dest="plugins")
    asked = parser.parse_args(arguments)
    load_plugins(asked.plugins)
    failures: dict[str, str] = {}
    for path in asked.files:
        try:
            images = decode_file(asked.suite.resolve(), path)
            write_atomic(asked.out / path.stem, images.tobytes())
        except GenbenchError as error:
            failures[path.stem] = first_line(error)
    print(canonical_json(failures))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
