"""Commands that a message suggests: each runs what the message is about, as it stands."""

import re
from pathlib import Path

import genbench

_RUN = re.compile(r"python -m genbench run(?! --suite)")


def test_no_message_suggests_to_run_the_default_suite():
    """``run`` without a suite trains digits, whatever the message is about."""
    sources = Path(genbench.__file__).parent.rglob("*.py")
    hints = [path.name for path in sources if _RUN.search(path.read_text())]
    assert hints == []
