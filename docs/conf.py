"""Sphinx configuration; `make docs` builds with warnings as errors."""

from importlib.metadata import version as installed_version

project = "stratus"
author = "the stratus authors"
copyright = "the stratus authors, MIT licence"
release = installed_version("stratus-crystals")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"stratus {release}"
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_member_order = "bysource"

# Grammars are shown in the notation of their text, which abbreviates ("a" | ... | "n").
suppress_warnings = ["misc.highlighting_failure"]
