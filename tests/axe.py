"""What axe-core finds in a page that those can't use who don't see it, or have no mouse."""

import os
from pathlib import Path

import pytest

SCRIPT = (
    "const done = arguments[0]; axe.run(document).then(found => done(found.violations), error => done(String(error)))"
)


def violations(driver, *, scheme="light"):
    """What is wrong, each as "rule: element: why", of what axe-core finds in a Chromium's page, light or dark.

    Skips unless the environment variable AXE_CORE names npm's folder: `npm install axe-core` makes it.
    """
    folder = os.environ.get("AXE_CORE")
    if not folder:
        pytest.skip("AXE_CORE doesn't name the folder of npm's axe-core")
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        driver.execute_script(Path(folder, "axe.min.js").read_text("utf-8"))
        found = driver.execute_async_script(SCRIPT)
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert isinstance(found, list), found
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
