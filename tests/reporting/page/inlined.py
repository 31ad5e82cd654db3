"""A page without its scripts, for tests of what else stands on it."""

import re

from genbench.reporting.page.script import inline_scripts

DATA = re.compile(r'<script type="application/json">[^<]*</script>')
"""The numbers of a chart, in which no ``<`` stands."""


def without_scripts(text):
    """Take away exactly the scripts of the package, and the data of charts."""
    for script in inline_scripts(charts=True):
        text = text.replace(f"<script>{script}</script>", "")
    return DATA.sub("", text)
