"""The columns of every table of numbers, in their order."""

COLUMNS = (
    "suite",
    "dataset",
    "protocol",
    "model",
    "seed",
    "split",
    "metric",
    "value",
    "stderr",
    "n",
    "unit",
    "better",
    "kind",
    "status",
    "reason",
    "evaluator_version",
    "train_id",
    "options",
    "mc_stderr",
    "health",
)
