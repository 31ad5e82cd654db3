"""Recipes, studies and suites, from their registries and files."""

import inspect
from typing import get_args

from genbench.evaluation import runner  # noqa: F401  a suite file names evaluators
from genbench.recipes import Options, Recipe
from genbench.recipes import recipes as known_recipes
from genbench.recipes.options import ObservationOptions
from genbench.studies import Study
from genbench.studies import studies as known_studies
from genbench.suites.load import suite_files
from genbench.suites.spec import SuiteSpec, load_suite
from records.markdown import code, codes, page, table
from records.options import about, default, options_table


def recipes() -> str:
    """Return a section for each recipe: what it is, which suites use it, its options."""
    suites = [load_suite(name) for name in suite_files()]
    return page(*(_recipe(known_recipes[name], suites) for name in known_recipes))


def _recipe(recipe: Recipe, suites: list[SuiteSpec]) -> str:
    _, _, more = (inspect.getdoc(recipe.build) or "").partition("\n")
    using = [suite.name for suite in suites if recipe.name in {m.recipe for m in suite.model}]
    rows = options_table(recipe.options)
    return page(
        f"(recipe-{recipe.name})=",
        f"## `{recipe.name}`",
        recipe.about,
        more.replace("``", "`").strip(),
        f"In the suites {codes(using)}." if using else "In no suite that comes with genbench.",
        about(recipe.options) if rows else "It has no options.",
        rows,
    )


def observations() -> str:
    """Return the table of observation models, with the options of each."""
    kinds = get_args(get_args(ObservationOptions)[0])
    rows = [(code(cls.model_fields["kind"].default), about(cls), _keys(cls)) for cls in kinds]
    return table(("observation", "p(x given z)", "options and defaults"), rows)


def _keys(options: type[Options]) -> str:
    fields = {name: f for name, f in options.model_fields.items() if name != "kind"}
    return ", ".join(f"`{name}`: {default(field)}" for name, field in fields.items())


def studies() -> str:
    """Return a section for each study: the question, and its options."""
    return page(*(_study(known_studies[name]) for name in known_studies))


def _study(study: Study) -> str:
    text = (inspect.getdoc(study.function) or "").partition("\nReferences:")[0]
    return page(
        f"## `{study.name}`",
        f"**{study.title}.** {text.replace('``', '`').strip()}",
        options_table(study.options),
    )


def suites() -> str:
    """Return a section for each suite: what it is, and how many models, studies and seeds."""
    return page(*(_suite(load_suite(name)) for name in suite_files()))


def _suite(suite: SuiteSpec) -> str:
    return page(
        f"## `{suite.name}`", f"**{suite.title}.** {suite.description}", f"{_contents(suite)}."
    )


def _contents(suite: SuiteSpec) -> str:
    counts = {
        "model": suite.model,
        "study": suite.study,
        "suite": suite.suites,
        "seed": suite.seeds,
    }
    plurals = {"study": "studies"}
    return ", ".join(
        f"{len(items)} {name if len(items) == 1 else plurals.get(name, f'{name}s')}"
        for name, items in counts.items()
        if items and (name != "seed" or suite.model)
    )
