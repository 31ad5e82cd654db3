"""The metrics, from the records beside their functions."""

from genbench.core.capabilities import missing
from genbench.core.metric import Metric
from genbench.evaluation import runner
from genbench.evaluation.spec import Evaluator, evaluators
from records.markdown import code, codes, page, table
from records.options import about, options_table

BETTER = {"higher": "higher is better", "lower": "lower is better", "none": "neither is better"}


def metrics() -> str:
    """Return an overview, and a section for each metric."""
    known = sorted((evaluators[name] for name in evaluators), key=lambda e: e.record.place)
    rows = [
        (
            f"[`{e.name}`](#{e.name})",
            e.record.title,
            e.record.unit,
            BETTER[e.record.better],
            _kind(e),
        )
        for e in known
    ]
    heads = ("metric", "title", "unit", "direction", "kind")
    return page(table(heads, rows), *map(_section, known))


def _kind(evaluator: Evaluator) -> str:
    return evaluator.record.kind.replace("_", " ")


def _section(evaluator: Evaluator) -> str:
    record = evaluator.record
    default = evaluator.name in runner.DEFAULT_METRICS
    facts = [
        ("formula", code(record.formula)),
        ("unit", record.unit),
        ("direction", BETTER[record.better]),
        ("kind", _kind(evaluator)),
        ("version", record.version),
        ("needs", " or ".join(codes(missing(object(), need)) for need in evaluator.needs)),
        ("in tables as", code(evaluator.metric) if evaluator.is_marginal else ""),
        ("parts", code(f"{evaluator.name}[part]") if record.parts else ""),
        ("role", record.role),
        ("column of the leaderboard", record.leaderboard),
        ("rank among the criteria of `tune`", record.selects or ""),
        ("paired", _yes(record.paired)),
        ("margin of the gate", _margin(record)),
        ("evaluated by default", _yes(default)),
        ("source", ", ".join(record.cites)),
    ]
    stated = [fact for fact in facts if fact[1] not in ("", None)]
    return page(
        f"({evaluator.name})=",
        f"## `{evaluator.name}`",
        f"**{record.title}.** {record.description}",
        table(("property", "value"), stated),
        f"**Warning.** {record.warning}" if record.warning else "",
        _options(evaluator),
    )


def _options(evaluator: Evaluator) -> str:
    rows = options_table(evaluator.options)
    return page("Options:", about(evaluator.options), rows) if rows else ""


def _margin(record: Metric) -> str:
    return f"{record.margin:g}" if record.margin and record.gated else "not gated"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
