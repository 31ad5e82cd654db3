"""Damaged, hostile and resealed results, met by each command that reads them."""

import resource

from tests.cli.conftest import TINY
from tests.faults.command import Finished
from tests.faults.kills import RUN
from tests.faults.state import different
from tests.faults.trial import Calm, Trial
from tests.results.damages import damage

SECOND = """
[[model]]
name = "vae_2"
recipe = "vae"
hidden = [16]
latent_dim = 2

[evaluate]"""
SUITE = TINY.replace("\n[evaluate]", SECOND)
READERS = {
    "check": ("check", "--baseline", "baseline.json"),
    "compare": ("compare", "tiny:vae", "tiny:vae_2"),
    "report": ("report", "--suite", "tiny"),
    "run": RUN,
}
WEIGHTS = (40, 25, 5, 30)
"""A page takes seconds."""
VERSIONS = "note: the machine, "
"""Begins what the gate says where a run states other versions, as one with a new seal may."""
ROOM = 8 * 2**30
"""Bytes of addresses that a reader may ask for."""


def try_one(trial: Trial) -> str | None:
    """Do one damage to stored results, then read them."""
    trial.write("tiny.toml", SUITE)
    calm = trial.calm(*RUN, suite=SUITE)
    trial.store(calm)
    reader = trial.random.choices(list(READERS), WEIGHTS)[0]
    expected = _undamaged(trial, reader)
    done = damage(trial.results / "tiny", trial.random)
    trial.tried, before = 1, _around(trial)
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    answer = trial.answer(*READERS[reader])
    if reader == "run":
        problem = _after_run(trial, answer, calm, resealed=done.endswith("resealed"))
    else:
        gone = reader == "compare" and (done.endswith(" lost") or " in place of " in done)
        problem = answer.misbehaved(0, 5, *([6] if gone else []))
        if not problem and not answer.code and expected not in ("", _without_note(answer.out)):
            problem = f"another answer, with exit code 0: {answer.out[-500:]}"
    if not problem and answer.code and len(answer.err.splitlines()) > 10:
        problem = f"{len(answer.err.splitlines())} lines"
    if not problem and _around(trial) != before:
        problem = "something outside the results has changed"
    return f"{reader} after {done[:200]}: {problem}" if problem else None


def _undamaged(trial: Trial, reader: str) -> str:
    """Return what a command says of undamaged results; make the baseline that it needs."""
    if reader == "check":
        trial.answer(*READERS["check"], "--suite", "tiny", "--update")
    compared = reader in ("check", "compare")
    return _without_note(trial.answer(*READERS[reader]).out) if compared else ""


def _without_note(text: str) -> str:
    """Return an answer without the remark that versions differ."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(VERSIONS))


def _after_run(trial: Trial, answer: Finished, calm: Calm, *, resealed: bool) -> str | None:
    """Return what is wrong after a run: it makes anew what it cannot trust, or refuses."""
    if resealed:
        return answer.misbehaved(0, 4, 5)
    again = answer.misbehaved(0, 5)
    return again or (None if answer.code else different(trial.results, calm.files))


def _around(trial: Trial) -> dict[str, bytes]:
    """Return the files around results and reports, of which some pretend to be huge."""
    ours = ("results", "reports", ".out", ".err")
    places = [path for path in sorted(trial.folder.rglob("*")) if path.is_file()]
    others = [p for p in places if p.relative_to(trial.folder).parts[0] not in ours]
    return {path.relative_to(trial.folder).as_posix(): path.read_bytes() for path in others}
