"""Which commit of genbench runs, where it runs from its own repository."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SECONDS = 10.0
_DESCRIBE = ("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
_COMMIT = re.compile(r"[0-9a-f]{7,64}(-dirty)?")


@cache
def commit(root: Path = _ROOT) -> str:
    """Return the commit, with ``-dirty`` where tracked files differ from it; empty if unknown."""
    git = shutil.which("git")
    if not git or not (root / ".git").exists():
        return ""
    command = [git, "--no-optional-locks", "-C", str(root), *_DESCRIBE]
    try:
        answer = subprocess.run(
            command, capture_output=True, encoding="utf-8", timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = _COMMIT.fullmatch(answer.stdout.strip())
    return found[0] if found else ""
