"""The identity of a run in other processes, with other orders of hashing, locales and folders."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.faults.kills import RUN
from tests.faults.trial import Trial

REPOSITORY = Path(__file__).parents[2]


def try_one(trial: Trial) -> str | None:
    """Ask a fresh process what it would do with what is stored: nothing."""
    trial.store(trial.calm(*RUN))
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONHASHSEED": str(trial.random.randrange(2**32)),
        "LC_ALL": trial.random.choice(("C", "C.UTF-8", "POSIX")),
        "TZ": trial.random.choice(("UTC", "Asia/Kathmandu", "America/St_Johns")),
        "PYTHONUTF8": trial.random.choice("01"),
    }
    environment.pop("LD_PRELOAD", None)
    command = [sys.executable, "-m", "genbench", *RUN, "--dry-run"]
    done = subprocess.run(
        command, cwd=trial.folder, env=environment, capture_output=True, text=True, check=False
    )
    trial.tried = 1
    stored = re.findall(r"^(vae|gan|linear_gaussian) +.*stored", done.stdout, re.M)
    return None if len(stored) == 3 else f"exit {done.returncode}: {done.stdout}{done.stderr}"
