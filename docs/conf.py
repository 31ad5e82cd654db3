"""How sphinx builds the documentation: ``python -m sphinx -W -b html docs docs/_build/html``."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / "_ext"), str(Path(__file__).parents[1])]

from genbench.version import __version__  # noqa: E402  the path comes first

project = "genbench"
author = "The genbench authors"
copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "records"]
exclude_patterns = ["_build", "images/README.md"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
nitpicky = False

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
smartquotes = False  # "--suite" stays two hyphens in tables of options

html_theme = "furo"
html_title = f"genbench {__version__}"
html_static_path = ["_static"]
html_css_files = ["wide_tables.css"]
html_copy_source = False
html_show_sourcelink = False
