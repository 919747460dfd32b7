"""Where Python doesn't come, the page says so."""

import time

import pytest

from tests.browser.conftest import DOCS


@pytest.fixture
def told(chromium):
    """Open a page; what it says in the end. Its console may complain."""

    def told(address, begins, after=""):
        chromium.get(address)
        chromium.execute_script(after)
        end = time.monotonic() + 60
        while not (text := chromium.find_element("id", "lab-status").text).startswith(begins):
            assert time.monotonic() < end, text
            time.sleep(0.1)
        return text, chromium.find_element("id", "lab-load").is_enabled()

    yield told
    chromium.get_log("browser")


def test_without_a_server_it_says_how_to_have_one(told):
    text, may_load = told((DOCS / "browser.html").as_uri(), "This part needs JavaScript")
    assert "python -m http.server -d docs/_build/html" in text
    assert not may_load


def test_what_fails_to_load_may_be_tried_again(served, told):
    missing = (
        "document.getElementById('lab').dataset.pyodide = '/nothing/'; document.getElementById('lab-load').click()"
    )
    text, may_load = told(f"{served}/browser.html", "That didn't work", missing)
    assert "/nothing/pyodide.mjs" in text
    assert may_load
