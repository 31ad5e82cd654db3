"""Data sets and the columns of tables, from their records."""

from genbench.data import datasets
from genbench.data.specs import DatasetSpec
from genbench.results.columns import COLUMNS
from records.markdown import code, page, table

MEANINGS = {
    "suite": "Name of the suite.",
    "dataset": "Name of the data set.",
    "protocol": "What must be equal for two numbers to compare: see [](../concepts/protocols.md).",
    "model": "Name of the model in the suite file, with what is assumed of it.",
    "seed": "Seed of the training run.",
    "split": "`train`, `validation` or `test`.",
    "metric": "Name of the metric; `metric[part]` for one of several parts.",
    "value": "The number, in `unit`; empty where `status` is not `ok`.",
    "stderr": "Standard error over the data of the split.",
    "n": "Number of data evaluated.",
    "unit": "Unit of `value`.",
    "better": "`higher`, `lower` or `none`.",
    "kind": "`exact`, `lower_bound`, `upper_bound` or `estimate`.",
    "status": "`ok`, `not_applicable`, `failed`, `diverged` or `running`.",
    "reason": "Why there is no number, or a remark on the one there is.",
    "evaluator_version": "Raised whenever the metric's number can change.",
    "train_id": "Identity of the training run, and the name of its folder.",
    "options": "The evaluator's options, as JSON.",
    "mc_stderr": "Monte-Carlo standard error, from finitely many draws of the latent.",
    "health": "Diagnostics of the estimator, as JSON: see [](../concepts/health.md).",
}


def columns() -> str:
    """Return the table of columns; fails if one has no meaning here."""
    return table(("column", "meaning"), [(code(name), MEANINGS[name]) for name in COLUMNS])


def data_sets() -> str:
    """Return a section for each data set."""
    return page(*(_data_set(datasets[name]) for name in datasets))


def _data_set(spec: DatasetSpec) -> str:
    facts = [
        ("image shape (C, H, W)", " × ".join(map(str, spec.image_shape))),
        ("levels of a pixel", spec.n_levels),
        ("classes", spec.n_classes if spec.n_classes > 1 else "no labels"),
        ("training images", f"{spec.n_train:,}"),
        ("of these drawn for validation", f"{spec.default_validation_size:,}"),
        ("test images", f"{spec.n_test:,}"),
        ("comes with", spec.embedded_in),
        ("licence", spec.licence),
        ("source", spec.citation),
    ]
    files = [(code(f.name), f"{f.n_bytes:,}", code(f.sha256)) for f in spec.files]
    return page(
        f"## `{spec.name}`",
        f"**{spec.title}.** {spec.description}.",
        table(("property", "value"), [fact for fact in facts if fact[1]]),
        table(("file", "bytes", "SHA-256"), files) if files else "",
    )
