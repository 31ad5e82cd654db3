"""The keys of a suite file, from the models that validate it."""

from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.data.protocol import DataConfig, SplitOptions
from genbench.features.custom import FeatureOptions
from genbench.runs.assume import Assume
from genbench.suites.entries import ModelEntry, Published, SamplesEntry, StudyEntry
from genbench.suites.search import Tune
from genbench.suites.spec import SuiteSpec
from genbench.training.config import TrainConfig
from records.markdown import page
from records.options import about, options_table

TABLES: dict[str, type[Options]] = {
    "Top level": SuiteSpec,
    "`[data]`": DataConfig,
    "`[data.split]`": SplitOptions,
    "`[train]`": TrainConfig,
    "`[[model]]`": ModelEntry,
    "`[model.assume]`": Assume,
    "`[features]`": FeatureOptions,
    "`[tune]`": Tune,
    "`[[samples]]`": SamplesEntry,
    "`[[study]]`": StudyEntry,
    "`[[plot]]`": Plot,
    "`[[published]]`": Published,
}


def suite_file() -> str:
    """Return a section for each table of a suite file."""
    return page(*(_section(name, options) for name, options in TABLES.items()))


def _section(name: str, options: type[Options]) -> str:
    return page(f"## {name}", about(options), options_table(options))
