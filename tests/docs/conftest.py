"""The pages of the documentation, read as text."""

import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "reports" / "README.md",
    REPOSITORY / "results" / "README.md",
    *sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts),
]
FENCE = re.compile(r"^```(\S*)(?: (\S+))?\n((?::[^\n]*\n)*)(.*?)^```$", re.M | re.S)

if str(DOCS / "_ext") not in sys.path:
    sys.path.append(str(DOCS / "_ext"))


def name_of(path):
    """Return the path below the repository, to name a test by."""
    return path.relative_to(REPOSITORY).as_posix()


def blocks(path):
    """Return the fenced blocks of a page: language, caption and text of each."""
    found = []
    for directive, language, options, text in FENCE.findall(path.read_text(encoding="utf-8")):
        caption = re.search(r":caption: (\S+)", options)
        kind = language if directive == "{code-block}" else directive
        found.append((kind, caption[1] if caption else "", text))
    return found


def shell_lines(path):
    """Return the lines of a page that are shell commands, their comments cut off."""
    fenced = [line for kind, _, text in blocks(path) if kind == "bash" for line in text.split("\n")]
    indented = re.findall(r"^    (python -m .*)$", path.read_text(encoding="utf-8"), re.M)
    commands = [part for line in [*fenced, *indented] for part in line.split("#")[0].split(" && ")]
    return [command.strip() for command in commands if command.strip()]
