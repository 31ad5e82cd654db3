"""Which modules registered what a plan names, so that other processes can import them."""

from collections.abc import Iterable, Sequence

from genbench.data.own.registry import own_datasets
from genbench.recipes import recipes
from genbench.runs.run_context import Group, RunContext

SCRIPT = "__main__"


def registering_modules(context: RunContext, groups: Sequence[Group]) -> tuple[str, ...]:
    """Return the modules that registered recipes, data sets and metrics of these runs.

    Those of genbench, and of plugins, which are loaded as such, are left out.
    """
    return tuple(sorted({name for name in _modules(context, groups) if not _is_known(name)}))


def _modules(context: RunContext, groups: Sequence[Group]) -> Iterable[str]:
    for spec in {spec.name: spec for group in groups for spec in group}.values():
        yield recipes[spec.recipe].build.__module__
        yield type(spec.options).__module__
        if spec.data.name in own_datasets:
            yield own_datasets[spec.data.name].function.__module__
    for task in context.plan.request.tasks:
        yield task.evaluator.function.__module__


def _is_known(module: str) -> bool:
    return module.partition(".")[0] == "genbench" or module.startswith("genbench_plugin_")
