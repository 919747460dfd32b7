"""axe-core, the npm package in the folder that `AXE_CORE` names, finds nothing to complain of."""

import os
from pathlib import Path

import pytest

from tests.explain.networks import page_of

AXE = os.environ.get("AXE_CORE", "")

RUN = """
const done = arguments[0];
const told = ({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
axe.run(document).then((found) => done(told(found)), (error) => done([String(error)]));
"""


@pytest.mark.skipif(not AXE, reason="AXE_CORE doesn't name the folder of axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["lenet", "unet"])
def test_axe_finds_nothing(opened, name, scheme):
    page = opened(page_of(name))
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        page.run("for (const event of ['beforeprint', 'afterprint']) dispatchEvent(new Event(event))")  # draw all steps
        assert len(page.find(".panel:not(:empty)")) == len(page.find(".panel"))
        # By way of the debugger, as the page's policy lets in no script but its own.
        page.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": Path(AXE, "axe.min.js").read_text("utf-8")})
        page.driver.set_script_timeout(300)
        assert page.driver.execute_async_script(RUN) == []
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_every_step_has_a_name_of_its_own(opened):
    page = opened(page_of("resnet20"))
    names = [station.accessible_name for station in page.find(".station")[:12]]
    assert names[:4] == ["1 Convolution", "2 Normalization", "3 ReLU", "4 Convolution"]
    assert len(set(names)) == 12


def test_links_of_the_overview_are_named(opened):
    page = opened(page_of("lenet"))
    page.driver.execute_async_script("const done = arguments[0]; setTimeout(done, 150)")
    names = [link.accessible_name for link in page.find("#plan a")]
    assert names[0] == "Picture. The picture: an image of 28 \N{MULTIPLICATION SIGN} 28 pixels"
    assert names[1] == "1 Conv. Convolution, ReLU: 6 maps of 28 \N{MULTIPLICATION SIGN} 28"
    assert names[5] == "7 Dense. Flatten, dense layer, ReLU: 120 numbers"
