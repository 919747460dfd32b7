import re

import pytest

from minidl.report.figures import svg

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib")


def figure():
    from matplotlib.figure import Figure

    made = Figure(figsize=(2, 1))
    axes = made.subplots()
    axes.plot([1, 3, 2], clip_on=True)
    axes.set_title("Tea & <milk>")
    return made


def test_the_same_figure_gives_the_same_text_without_date_and_addresses():
    text = svg(figure(), name="a", label="tea")
    assert text == svg(figure(), name="a", label="tea")
    assert text.startswith('<svg role="img" aria-label="tea" ')
    assert not re.search(r"http|<metadata|<\?xml|<!DOCTYPE|xmlns", text)


def test_texts_stay_texts():
    assert "Tea &amp; &lt;milk&gt;</text>" in svg(figure(), name="a", label="tea")


def test_ids_begin_with_the_name():
    ids = [re.findall(r'\bid="([^"]+)"', svg(figure(), name=name, label="tea")) for name in ("a", "b")]
    assert len(ids[0]) > 5
    assert all(name.startswith("a-") for name in ids[0])
    assert not set(ids[0]) & set(ids[1])
