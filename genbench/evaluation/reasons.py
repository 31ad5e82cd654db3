"""Why a model has no number: what it lacks, and what it raised; failures become rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from genbench.core.capabilities import to_add
from genbench.core.errors import GenbenchError, first_line
from genbench.core.estimate import NonFiniteError, NotApplicableError, UnusableError
from genbench.core.texts import one_line
from genbench.evaluation.collection import Collected
from genbench.evaluation.task import Task


def require_capability(task: Task, model: Any, collected: Collected) -> None:
    """Stop the task if the model has none of the capabilities that the evaluator accepts."""
    if lacking := to_add(model, task.evaluator.needs):
        collected.stop("not_applicable", f"the model has no {', '.join(lacking)}")


@contextmanager
def errors_as_reasons(collected: Sequence[Collected]) -> Iterator[None]:
    """Stop tasks with the error that the model raised as their reason."""
    try:
        yield
        return
    except GenbenchError:
        raise
    except NotApplicableError as reason:
        status, text = "not_applicable", str(reason)
    except NotImplementedError as error:
        lacks = str(error) or "a method is not implemented"
        status, text = "not_applicable", f"a distribution of the model lacks a method: {lacks}"
    except (NonFiniteError, UnusableError) as error:
        status, text = "failed", str(error)
    except Exception as error:  # noqa: BLE001  a user's model can raise anything
        status, text = "failed", f"{type(error).__name__}: {first_line(error)}"
    for one in collected:
        one.stop(status, one_line(text))
