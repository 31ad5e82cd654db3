"""Which browser the tests drive; as a program, whether there is one."""

import shutil
import sys

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def installed_browser():
    """Return the path of a browser; None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


if __name__ == "__main__":
    sys.exit(installed_browser() is None)
