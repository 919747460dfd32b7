"""The documents' figures: made twice to the same bytes, named, and refused with the reason where one fails."""

import xml.etree.ElementTree

import pytest

from docs import build_figures

GOOD = """
from matplotlib.figure import Figure

def line():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [1, 0])
    return figure

FIGURES = {"a-line": line}
"""


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def test_figures_are_drawn_for_both_themes_and_reproducibly(tmp_path):
    path = write(tmp_path, "page.py", GOOD)
    made = build_figures.build([path], tmp_path / "one")
    again = build_figures.build([path], tmp_path / "two")
    assert [file.name for file in made] == ["a-line.svg", "a-line-dark.svg"]
    assert [file.read_bytes() for file in made] == [file.read_bytes() for file in again]
    light, dark = (file.read_text("utf-8") for file in made)
    assert build_figures.TEXT["light"] in light
    assert build_figures.TEXT["light"] not in dark
    assert build_figures.TEXT["dark"] in dark
    assert xml.etree.ElementTree.fromstring(light).tag.endswith("svg")


WIDE = GOOD.replace("(2, 1)", "(8, 1)")


@pytest.mark.parametrize(("width", "pixels"), [(200, 8 * 4 / 3), (358, 8), (716, 4)])
def test_how_high_a_phone_shows_letters(tmp_path, width, pixels):
    glyphs = '<g transform="translate(3 5) scale(0.09 -0.09)"/><g transform="rotate(-45) scale(0.08 -0.08)"/>'
    picture = '<image transform="scale(1 -1)"/>'
    (tmp_path / "a.svg").write_text(f'<svg version="1.1" width="{width}pt" height="9pt">{glyphs}{picture}</svg>')
    assert build_figures.letters(tmp_path / "a.svg") == pytest.approx(pixels)


def test_a_figure_that_a_phone_shows_too_small_needs_a_narrow_drawing(tmp_path):
    path = write(tmp_path, "page.py", WIDE)
    with pytest.raises(build_figures.FigureError, match=r"'a-line': a phone shows its smallest letters \d\.\d pixels"):
        build_figures.build([path], tmp_path)
    path = write(tmp_path, "page.py", WIDE + 'NARROW = {"a-line": line}\n')
    with pytest.raises(build_figures.FigureError, match="'a-line-narrow': a phone shows"):
        build_figures.build([path], tmp_path)
    path = write(tmp_path, "page.py", GOOD + 'NARROW = {"another": line}\n')
    with pytest.raises(build_figures.FigureError, match="'another' isn't in FIGURES"):
        build_figures.build([path], tmp_path)


def test_narrow_drawings_are_made_beside_the_wide_ones(tmp_path):
    narrow = """
def small():
    figure = line()
    figure.set_size_inches(3, 1)
    return figure

NARROW = {"a-line": small}
"""
    path = write(tmp_path, "page.py", WIDE + narrow)
    made = [file.name for file in build_figures.build([path], tmp_path, only=["a-line"])]
    assert made == ["a-line.svg", "a-line-dark.svg", "a-line-narrow.svg", "a-line-narrow-dark.svg"]
    assert all((tmp_path / name).is_file() for name in made)


@pytest.mark.parametrize("name", build_figures.README)
def test_the_readmes_figures_can_be_read_on_a_phone(name):
    assert build_figures.letters(build_figures.DOCS / "images" / f"{name}-narrow.svg") >= build_figures.LEAST
    text = (build_figures.DOCS.parent / "README.md").read_text("utf-8")
    assert f'<source media="(max-width: 600px)" srcset="docs/images/{name}-narrow.svg">' in text


def test_users_settings_of_matplotlib_change_nothing(tmp_path):
    import matplotlib

    path = write(tmp_path, "page.py", GOOD)
    plain = build_figures.build([path], tmp_path / "one")[0].read_bytes()
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30}):
        assert build_figures.build([path], tmp_path / "two")[0].read_bytes() == plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("return figure", "raise ValueError('no data')"), "figure 'a-line': ValueError: no data"),
        (
            GOOD.replace("return figure", "return 3"),
            "figure 'a-line': TypeError: .* got int",
        ),
        (GOOD.replace("FIGURES", "PICTURES"), "AttributeError: .*FIGURES"),
        ("import nowhere\n", "ModuleNotFoundError: .*nowhere"),
    ],
)
def test_a_failing_figure_is_named_with_its_file(tmp_path, text, said):
    path = write(tmp_path, "page.py", text)
    with pytest.raises(build_figures.FigureError, match=f"page.py: {said}"):
        build_figures.build([path], tmp_path)


def test_two_figures_of_one_name_are_refused(tmp_path):
    paths = [write(tmp_path, "one.py", GOOD), write(tmp_path, "two.py", GOOD)]
    with pytest.raises(build_figures.FigureError, match=r"two.py: a figure 'a-line' is in .*one.py too"):
        build_figures.build(paths, tmp_path)


def test_only_some_are_drawn_when_asked(tmp_path):
    path = write(tmp_path, "page.py", GOOD.replace('{"a-line": line}', '{"a-line": line, "another": line}'))
    assert [file.stem for file in build_figures.build([path], tmp_path, only=["another"])] == [
        "another",
        "another-dark",
    ]


def test_the_readmes_chart_is_of_the_results():
    [benchmarks] = [path for path in build_figures.pages() if path.stem == "benchmarks"]
    digest = build_figures.figures_of(benchmarks)["speed"].__globals__["digest"]()
    for name in ("speed.svg", "speed-dark.svg", "speed-narrow.svg", "speed-narrow-dark.svg"):
        chart = (build_figures.DOCS / "images" / name).read_text("utf-8")
        assert f"results-{digest}" in chart, "redraw it: python docs/build_figures.py --readme"


@pytest.mark.compiled
def test_the_tutorials_ways_to_convolve_agree():
    [tutorial] = [path for path in build_figures.pages() if path.stem == "tutorial"]
    seconds = build_figures.figures_of(tutorial)["ladder"].__globals__["measured"]()  # raises where they don't
    assert next(iter(seconds)) == "loops: reference"
    assert all(second > 0 for second in seconds.values())
