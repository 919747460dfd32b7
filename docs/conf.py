"""The documentation's settings: `make docs` builds it."""

import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from docutils import nodes
from sphinx.errors import SphinxError
from sphinx.transforms import SphinxTransform

import minidl
from docs import build_figures, build_headline, build_tables, build_wheel
from minidl.display import palette
from minidl.explain.document import play_page

project = "minidl"
author = "The minidl developers"
copyright = "2026, The minidl developers"
version = release = minidl.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx_copybutton"]
exclude_patterns = ["_build", "_figures", "_tables", "figures", "results", "**/__pycache__"]
html_theme = "furo"
html_title = f"minidl {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = html_show_sourcelink = False
BRAND = ("color-brand-primary", "color-brand-content")
html_theme_options = {  # the palette's colors, by the names that reports have for them
    f"{theme}_css_variables": dict.fromkeys(BRAND, palette.color("brand", theme)) | palette.variables(theme)
    for theme in ("light", "dark")
}

default_role = "code"  # what docstrings have between single backticks
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
add_module_names = False
autosummary_generate = False  # tables of what a page has, not pages of their own
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say shapes, which the types of arrays can't
copybutton_prompt_text = (
    r">>> |\.\.\.(?: |$)|\$ "  # what is copied of an example: its input, without prompts and output
)
copybutton_prompt_is_regexp = True
linkcheck_timeout = 20


def setup(app):
    """Make figures, tables and the wheel first, and let docstrings write |a - b| and a * b as mathematics does."""
    app.connect("builder-inited", make_parts)
    app.connect("autodoc-process-docstring", escape_mathematics)
    app.add_transform(Drawings)
    app.connect("build-finished", name_landmarks)


def make_parts(app):
    """Draw, write and build what pages show, include and serve; a figure that fails ends the build."""
    try:
        build_figures.build(build_figures.pages(), DOCS / "_figures")
        build_tables.build(DOCS / "results", DOCS / "_tables")
        build_headline.build(DOCS / "results", DOCS / "_tables")
        if app.builder.format == "html":
            served = Path(app.outdir) / "_static"
            served.mkdir(parents=True, exist_ok=True)
            build_wheel.build(served / "minidl.whl")
            (served / "play.html").write_text(play_page(), "utf-8")
    except (build_figures.FigureError, build_tables.ResultsError, build_wheel.WheelError) as error:
        raise NothingToShowError(str(error)) from error


class NothingToShowError(SphinxError):
    """A figure, a table or the wheel can't be made."""

    category = "Figures, tables and wheel"


class Drawings(SphinxTransform):
    """Where a page shows <name>.svg, show what there is of it for dark and for narrow pages, in its place there."""

    default_priority = 400  # before images are collected

    def apply(self, **_):
        for image in list(self.document.findall(nodes.image)):
            stem, _, suffix = image["uri"].rpartition(".")
            drawn = stem.rpartition("/")[0].endswith("_figures") and suffix == "svg"
            shown = [image]
            if self.exists(f"{stem}{build_figures.NARROW}.{suffix}"):
                shown.append(image.copy())
                shown[1]["uri"] = f"{stem}{build_figures.NARROW}.{suffix}"
                for each, kind in zip(shown, ("wide", "narrow"), strict=True):
                    each["classes"] += [kind]
            for each in list(shown) if drawn else ():
                dark = each.copy()
                dark["uri"] = f"{each['uri'].removesuffix('.svg')}-dark.svg"
                each["classes"] += ["only-light"]
                dark["classes"] += ["only-dark"]
                shown.insert(shown.index(each) + 1, dark)
            image.replace_self(shown)

    def exists(self, uri):
        """Whether there is such a file beside the page."""
        return (Path(self.document["source"]).parent / uri).is_file()


LANDMARKS = {
    '<aside class="sidebar-drawer"': ' aria-label="All pages"',
    '<aside class="toc-drawer': ' aria-label="On this page"',
    '<p class="caption" role="heading"': ' aria-level="2"',
    '<div class="highlight"><pre': ' tabindex="0"',  # what is wider than the page scrolls by the arrow keys, too
    '<div class="table-wrapper': ' tabindex="0"',
}
"""What the theme's tags lack for screen readers and keyboards."""


def name_landmarks(app, error):
    """Give the theme's landmarks names, and its headings levels."""
    if error or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text("utf-8")
        for tag, attribute in LANDMARKS.items():
            text = re.sub(rf"({re.escape(tag)}[^>]*?)(?:{attribute})?>", rf"\1{attribute}>", text)
        page.write_text(text, "utf-8")


def escape_mathematics(app, what, name, obj, options, lines):
    """Escape what reStructuredText would take for markup, outside of backticks."""
    for i, line in enumerate(lines):
        parts = line.split("`")
        parts[::2] = [re.sub(r"[|*]|_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
        lines[i] = "`".join(parts)
