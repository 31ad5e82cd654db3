"""Text in Markdown: nothing that anybody wrote is taken for a mark."""

import re

from genbench.core.texts import one_line


def in_markdown(text: str) -> str:
    r"""Return a text on one line, as CommonMark and GitHub show it letter by letter.

    Example:
        >>> print(in_markdown("a|b\n<c> `d`"))
        a\|b \<c\> \`d\`
    """
    return re.sub(r"([\\`*_{}\[\]<>#|~$]|&(?=[#\w]))", r"\\\1", one_line(text))
