"""The documentation's settings: `make docs` builds it."""

import re

import minidl

project = "minidl"
author = "The minidl developers"
copyright = "2026, The minidl developers"
version = release = minidl.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"minidl {release}"

default_role = "code"  # what docstrings have between single backticks
myst_heading_anchors = 3
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say shapes, which the types of arrays can't


def setup(app):
    """Let docstrings write |a - b| and a * b as mathematics does."""
    app.connect("autodoc-process-docstring", escape_mathematics)


def escape_mathematics(app, what, name, obj, options, lines):
    """Escape what reStructuredText would take for markup, outside of backticks."""
    for i, line in enumerate(lines):
        parts = line.split("`")
        parts[::2] = [re.sub(r"[|*]|_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
        lines[i] = "`".join(parts)
