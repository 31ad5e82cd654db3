"""A worker process: ``python -m genbench.runs.work HANDLE [MODULES]``.

The handle is that of a socket that it inherits; modules are imported while there is nothing to do.
"""

import sys

from genbench.core.ahead import many_imports

if __name__ == "__main__":
    with many_imports():
        from genbench.runs.executors.worker import main
    main(int(sys.argv[1]), sys.argv[2:])
