"""What a run need not import: torch's compiler and sympy take seconds in each process."""

import subprocess
import sys

HEAVY = ("torch._dynamo", "torch._inductor", "sympy")
RUN = """
import sys
from genbench.cli import main
assert main(sys.argv[1:]) == 0
print("imported:", *(name for name in {heavy} if name in sys.modules))
"""


def test_a_suite_imports_no_compiler(tmp_path):
    """Joint training, bounds, annealing and densities, each of which once did."""
    options = ["--models", "vae,vae_gaussian,linear_gaussian", "--seeds", "2", "--together"]
    limits = ["--limit", "150", "--set", "train.epochs=1", "--jobs", "1", "--no-report"]
    command = [sys.executable, "-c", RUN.format(heavy=HEAVY), "run", *options, *limits]
    done = subprocess.run(
        [*command, "--results", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported:"
