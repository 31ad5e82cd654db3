"""``python -m tests.mutations``: inject each bug, print the table, exit 1 unless all are caught."""

import sys

import torch

from tests.mutations.bugs import BUGS
from tests.mutations.walk import caught, oracle_name, walk


def main() -> int:
    torch.set_num_threads(1)
    results = []
    for mutation, red in walk():
        results.append((mutation, red))
        verdict = "red" if red else "MISSED"
        line = f"{mutation.number:>2}  {verdict:6}  {mutation.name:55}"
        print(f"{line}  {oracle_name(mutation)}", flush=True)  # noqa: T201
    found, risks = caught(results), [red for m, red in results if m.number == "-"]
    print(f"{len(found)} of {len(BUGS)} bugs of the collection are caught, and")  # noqa: T201
    print(f"{sum(risks)} of {len(risks)} risks of our own.")  # noqa: T201
    for number in sorted(BUGS.keys() - found):
        print(f"not caught: {number} {BUGS[number]}")  # noqa: T201
    return 0 if len(found) == len(BUGS) and all(risks) else 1


if __name__ == "__main__":
    sys.exit(main())
