"""All claims of a model in a small world: their sums, and what is impossible about them."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from genbench.certify.claims import Likelihood, claims_of, tasks_in
from genbench.certify.diagnosis import reference_of
from genbench.certify.impossible import judge_entropy, judge_mass, judge_order
from genbench.certify.points import Points, points_of
from genbench.certify.sums import N_REPEATS, judge_sum
from genbench.certify.verdict import Verdict, fault
from genbench.certify.worlds import LAWS, World
from genbench.core.seeding import Stream


def sums_of_model(
    model: Any, world: World, name: str, note: str = "", seed: int = 0
) -> Iterator[Verdict]:
    """Yield the verdicts on each claim of a model in a world.

    Args:
        model: Anything with the methods that evaluators need.
        world: The world that it was trained on.
        name: Of the model, in the subject.
        note: Follows the name of the world in the check.
        seed: Of the claims' noise.
    """
    points, stream = points_of(world, model), Stream(seed, ("certify", world.title))
    where = f"the {world.title} world" + (f", {note}" if note else "")
    known = partial(reference_of, model, points, stream)
    n_levels = world.dataset.n_levels
    claims: list[Likelihood] = []
    for claim in claims_of(model, world, points, tasks_in(world), N_REPEATS, stream):
        if isinstance(claim, Likelihood):
            if points.group is not None and claim.kind == "upper_bound":
                continue  # its mean over the noise of a level bounds nothing
            claims.append(claim)
            subject, check = f"{name}: {claim.name}", f"sum over {where}"
            yield judge_sum(subject, check, claim, points, n_levels, known)
        else:
            yield fault(f"{name}: {claim.metric}", f"sum over {where}", "a number", claim.reason)
    yield from _impossible(claims, world, points, name, where)


def _impossible(
    claims: Sequence[Likelihood], world: World, points: Points, name: str, where: str
) -> Iterator[Verdict]:
    """Yield the verdicts on values that no likelihood has: of each kind the failures, or the worst.

    Codes are checked where all images of a distribution that is known are listed once.
    """
    pairs = [(f"{name}: {claim.name}", claim) for claim in claims]
    if not world.is_grid and points.group is None:
        named = [pair for pair in pairs if pair[1].kind != "upper_bound"]
        yield from _worst(judge_mass(s, where, c.values.mean(dim=0)) for s, c in named)
        law = LAWS[world.dataset.domain].joint.sum(dim=1)
        if len(law) == len(points.x) and points.n_summed == world.index.shape[1]:
            yield from _worst(judge_entropy(s, where, c.values, law) for s, c in named)
    exact = next((claim for claim in claims if claim.kind == "exact"), None)
    if exact and points.group is None:
        weight = (exact.values.mean(dim=0) + points.log_weight).softmax(dim=0)
        bounds = [pair for pair in pairs if pair[1].kind == "lower_bound"]
        yield from _worst(judge_order(s, where, c.values - exact.values, weight) for s, c in bounds)


def _worst(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the verdicts that failed, or the one that was found to be nearest to failure."""
    known = list(verdicts)
    failed = [verdict for verdict in known if not verdict.passed]
    return failed or sorted(known, key=lambda verdict: abs(verdict.found))[:1]
