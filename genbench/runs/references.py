"""Computes the features that runs compare their samples with before any of them needs these."""

from collections.abc import Sequence
from contextlib import suppress

from genbench.features.reference import reference_of
from genbench.runs.run_context import Group, RunContext


def keep_references(context: RunContext, groups: Sequence[Group]) -> None:
    """Keep the features of real images that groups of runs will look up, unless they are kept.

    Processes that execute runs reach their first metric of samples at about the same time, and each
    would compute what none has kept yet. What cannot be computed is left to the run that needs it,
    which says why.

    Args:
        context: What the runs ask for, their data, and where they are stored.
        groups: The runs that are not stored.
    """
    asked = [task.options for task in context.plan.request.tasks if task.evaluator.of == "samples"]
    spaces = {options.features: None for options in asked if hasattr(options, "features")}
    if not spaces:
        return
    of_each = {spec.data.images: spec for group in groups for spec in group}
    for run in map(context.run, of_each.values()):
        for space in spaces:
            with suppress(Exception, SystemExit):  # the user's own network can raise anything
                reference_of(run.dataset, space, run.folder.features)
