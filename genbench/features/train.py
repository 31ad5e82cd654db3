"""Trains a network of :data:`genbench.features.shipped.SHIPPED` anew: weights and record.

``python -m genbench.features.train mnist-cnn64-v1`` takes half a minute on one core. Other versions
of torch, and other processors, give weights that differ in their last digits and have another
digest; numbers stay comparable only with the same weights, so new ones get a new name.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save

from genbench.core.files import pretty_json, sha256_bytes, write_atomic
from genbench.data import DataConfig, load
from genbench.features.shipped import FOLDER, SHIPPED, TrainingRecord
from genbench.features.space import FeatureSpace
from genbench.features.training import budget_of, confusion_counts, trained_classifier
from genbench.training.checkpoint import weights_of
from genbench.version import __version__


def train(name: str, folder: Path = FOLDER) -> TrainingRecord:
    """Train a network, write its weights and its training record, and return the record."""
    known = SHIPPED[name]
    dataset = load(DataConfig(name=known.data))
    network = trained_classifier(dataset, known.dim, name)
    test = dataset.unprocessed.held_out("test")
    predicted = FeatureSpace(name, network, True).predicted(test.x)
    confusion = confusion_counts(predicted, test.y, dataset.n_classes)
    budget, content = budget_of(dataset.size("train")), save(weights_of(network))
    record = TrainingRecord(
        name=name,
        data=dataset.protocol.text,
        data_digest=dataset.digest,
        image_shape=dataset.image_shape,
        epochs=budget.epochs,
        batch_size=budget.batch_size,
        learning_rate=budget.learning_rate,
        seed=0,
        accuracy=float(confusion.trace()) / len(test.y),
        confusion=tuple(map(tuple, confusion.tolist())),
        sha256=sha256_bytes(content),
        genbench=__version__,
        torch=torch.__version__,
    )
    write_atomic(folder / f"{name}.safetensors", content)
    write_atomic(folder / f"{name}.json", pretty_json(record.canonical()))
    return record


def main() -> None:
    """Train the network that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m genbench.features.train")
    parser.add_argument("name", choices=sorted(SHIPPED))
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files go")
    asked = parser.parse_args()
    record = train(asked.name, asked.folder)
    print(f"{record.name}: accuracy {record.accuracy:.4f}, sha256 {record.sha256}")  # noqa: T201


if __name__ == "__main__":
    main()
