"""One thread in each of the processes that share the tests; set before torch is imported."""

import os

from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile("genbench", deadline=None)  # a busy machine breaks no test
settings.load_profile("genbench")
