"""The processes below a process."""

from pathlib import Path


def descendants(pid: int) -> list[int]:
    """Return all processes below one that have not ended."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(stat.parent.name)] = int(parent)
    found, layer = [], [pid]
    while layer:
        layer = [each for each, parent in parents.items() if parent in layer]
        found += layer
    return found
