import json
import logging
import os
import shutil
from types import SimpleNamespace

import pytest

import minidl as ml

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000")


@pytest.fixture(autouse=True)
def without_compiling():
    """Pages are made of few pictures, for which kernels needn't be compiled."""
    with ml.use_backend("vectorized"):
        yield


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium that logs what pages say and fetch."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="these pages run in a browser: selenium is missing")
    service = pytest.importorskip("selenium.webdriver.chrome.service")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip(f"these pages run in a browser: {'chromium' if CHROMIUM is None else 'chromedriver'} is missing")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    quiet = service.Service(DRIVER, log_output=os.devnull)
    driver = webdriver.Chrome(options=options, service=quiet)
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page's text; when the test ends, nothing may have gone wrong in it, and nothing have been fetched."""

    def requests():
        messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
        sent = (m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent")
        return [url for url in sent if not url.startswith("data:")]

    def open_page(text, fragment=""):
        path = tmp_path / "page.html"
        path.write_text(text, "utf-8")
        logging.getLogger("selenium").setLevel(logging.WARNING)
        browser.get(path.as_uri() + fragment)
        pages.append(path.as_uri())
        return SimpleNamespace(
            driver=browser,
            find=lambda selector: browser.find_elements("css selector", selector),
            run=browser.execute_script,
        )

    pages = []
    requests(), browser.get_log("browser")
    yield open_page
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    assert requests() == pages
