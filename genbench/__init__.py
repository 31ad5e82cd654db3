"""genbench compares generative models, with numbers checked against exact answers.

Public names are loaded on first use: ``import genbench`` is quick, and reports need no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from genbench.version import __version__

if TYPE_CHECKING:
    from genbench.api import load_data, load_model, load_results, run
    from genbench.api.adding import add
    from genbench.api.scoring import score
    from genbench.api.tables import style, table
    from genbench.api.verdicts import check, compare
    from genbench.certify.own import certify
    from genbench.core.estimate import Estimate, NotApplicableError
    from genbench.core.options import Options
    from genbench.data.own.registry import dataset
    from genbench.evaluation.generated import Generated
    from genbench.evaluation.spec import Block, PerDatum, evaluator
    from genbench.evaluation.user import check_model, evaluate
    from genbench.recipes import recipe

_HOMES = {
    "add": "genbench.api.adding",
    "certify": "genbench.certify.own",
    "check": "genbench.api.verdicts",
    "check_model": "genbench.evaluation.user",
    "compare": "genbench.api.verdicts",
    "evaluate": "genbench.evaluation.user",
    "load_data": "genbench.api",
    "load_model": "genbench.api",
    "load_results": "genbench.api",
    "run": "genbench.api",
    "score": "genbench.api.scoring",
    "style": "genbench.api.tables",
    "table": "genbench.api.tables",
    "dataset": "genbench.data.own.registry",
    "evaluator": "genbench.evaluation.spec",
    "Block": "genbench.evaluation.spec",
    "Estimate": "genbench.core.estimate",
    "Generated": "genbench.evaluation.generated",
    "NotApplicableError": "genbench.core.estimate",
    "Options": "genbench.core.options",
    "PerDatum": "genbench.evaluation.spec",
    "recipe": "genbench.recipes",
}

__all__ = [
    "Block",
    "Estimate",
    "Generated",
    "NotApplicableError",
    "Options",
    "PerDatum",
    "__version__",
    "add",
    "certify",
    "check",
    "check_model",
    "compare",
    "dataset",
    "evaluate",
    "evaluator",
    "load_data",
    "load_model",
    "load_results",
    "recipe",
    "run",
    "score",
    "style",
    "table",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'genbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
