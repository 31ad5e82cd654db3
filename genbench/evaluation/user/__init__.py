"""What users bring: models with methods of their own, data as they have them."""

from genbench.evaluation.user.adapter import adapt
from genbench.evaluation.user.checking import check_model
from genbench.evaluation.user.evaluating import evaluate

__all__ = ["adapt", "check_model", "evaluate"]
