"""The documentation's home page as Sphinx builds it, in a browser: usable for all, light and dark, and on a phone."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.axe import violations
from tests.explain.conftest import browser  # noqa: F401 - fixtures

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PHONE = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
CARDS = "::::{container} headline\n:::{container} card\n**3.1 x as fast**\n\nas another\n:::\n::::\n"
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="200"><rect width="900" height="200"/></svg>'
SETTINGS = """
from docs import build_figures, build_headline, build_tables, build_wheel

for module in (build_figures, build_headline, build_tables, build_wheel):
    module.build = lambda *arguments, **options: None
from docs.conf import *

html_static_path = [str(DOCS / "_static")]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The address of the home page, built with the documents' settings; the pages it links to are empty."""
    for name in ("sphinx", "furo", "myst_parser", "sphinx_copybutton"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"builds the documentation: {name} is missing")
    source, built = tmp_path_factory.mktemp("docs"), tmp_path_factory.mktemp("built")
    (source / "conf.py").write_text(SETTINGS)
    for page in DOCS.rglob("*.md"):
        if not {"_build", "_tables", "_figures"} & set(page.relative_to(DOCS).parts):
            copy = source / page.relative_to(DOCS)
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(f"# {page.stem}\n")
    (source / "index.md").write_bytes((DOCS / "index.md").read_bytes())
    (source / "explain.png").write_bytes((DOCS / "explain.png").read_bytes())
    (source / "_tables").mkdir()
    (source / "_tables" / "headline.md").write_text(CARDS)
    (source / "_figures").mkdir()
    for name in ("cnn", "speed"):
        for suffix in ("", "-dark"):
            (source / "_figures" / f"{name}{suffix}.svg").write_text(DRAWING)
    subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-b", "html", source, built], check=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])})  # fmt: skip
    return (built / "index.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(home, browser, scheme):  # noqa: F811 - a fixture
    browser.get(home)
    assert violations(browser, scheme=scheme) == []


def test_it_fits_a_phone_and_has_copy_buttons(home, browser):  # noqa: F811 - a fixture
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        browser.get(home)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE["width"]
        examples = browser.find_elements("css selector", "div.highlight")
        assert len(browser.find_elements("css selector", "button.copybtn")) == len(examples) > 2
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
