"""One thread in each of the processes that share the tests; set before torch is imported."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"
