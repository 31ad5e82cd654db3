"""Per-datum values behind the means of a suite, stored and found under one key."""

import json

from genbench.core.files import canonical_json


def value_key(split: str, metric: str, condition: str, version: int, options: str) -> str:
    """Return the key under which a run stores the values behind one number of its table.

    Args:
        split: Of the data.
        metric: Its name in the table.
        condition: What the number is conditioned on, by its protocol: a conditional model has
            a bound on log p(x given y) and one on log p(x).
        version: Of the evaluator.
        options: Of the evaluator, as JSON.

    Example:
        >>> value_key("test", "iw_log_likelihood", "label", 1, '{"n_samples": 5}')
        'iw_log_likelihood|label/test/v1/{"n_samples":5}'
    """
    given = f"|{condition}" if condition else ""
    return f"{metric}{given}/{split}/v{version}/{canonical_json(json.loads(options or '{}'))}"
