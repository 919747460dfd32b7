"""The documents' figures: redrawn by each build, but for those of the README, which shows them without one.

Each docs/figures/<page>.py defines FIGURES, {name: function without arguments that returns a matplotlib Figure}, and
NARROW, other drawings of those that a phone would show too small to read. Every drawing is made twice, for light and
for dark pages: docs/_figures/<name>.svg and <name>-dark.svg, <name>-narrow.svg and <name>-narrow-dark.svg. Letters that
a phone would show too small end the build.

    python docs/build_figures.py            what the pages show, into docs/_figures
    python docs/build_figures.py --readme   what the README shows, into docs/images: commit these
"""

import argparse
import importlib.util
import re
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from minidl.display import palette

DOCS = Path(__file__).parent
README = ("cnn", "speed")
"""The README's figures."""
TEXT: dict[palette.Theme, str] = {"light": palette.color("ink", "light"), "dark": palette.color("ink", "dark")}
"""The color of lines and letters, on the pages' own backgrounds."""
NARROW = "-narrow"
"""What the names of drawings for narrow pages end in."""
PHONE, LEAST = 358, 9.0
"""The pixels of a figure on a page of 390, and of the smallest letters that can be read there."""


class FigureError(RuntimeError):
    """A figure can't be made; says which, of which file, and why."""


def style(theme: palette.Theme) -> dict[str, Any]:
    """The settings of matplotlib for one theme; the rest are its defaults, whatever the user's file says."""
    names = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(names, TEXT[theme]),
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "legend.facecolor": "none",
        "axes.prop_cycle": matplotlib.cycler(color=palette.CLASSES[theme]),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.size": 9,
        "axes.titlesize": 10,
        "svg.hashsalt": "minidl",  # the same names of its parts in each build
    }


def figures_of(path: Path) -> dict[str, Callable[[], Figure]]:
    """The FIGURES of one file of docs/figures, and its NARROW ones by their names with that ending."""
    specification = importlib.util.spec_from_file_location(f"figures_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
        figures: dict[str, Callable[[], Figure]] = dict(module.FIGURES)
        for name, make in getattr(module, "NARROW", {}).items():
            if name not in figures:
                raise KeyError(f"NARROW: {name!r} isn't in FIGURES")
            figures[name + NARROW] = make
    except Exception as error:
        raise FigureError(f"{path}: {type(error).__name__}: {error}") from error
    return figures


def build(paths: list[Path], folder: Path, *, only: Collection[str] = ()) -> list[Path]:
    """Draw the figures of these files, or `only` some, into a folder; raises FigureError, with the first that fails."""
    made: dict[str, Path] = {}
    for path in paths:
        figures = figures_of(path)
        for name, make in figures.items():
            if only and name.removesuffix(NARROW) not in only:
                continue
            if name in made:
                raise FigureError(f"{path}: a figure {name!r} is in {made[name]} too: the names are those of files")
            made[name] = path
            for theme in TEXT:
                draw(make, path, name, theme, folder)
            if name + NARROW not in figures and (least := letters(folder / f"{name}.svg")) < LEAST:
                raise FigureError(
                    f"{path}: figure {name!r}: a phone shows its smallest letters {least:.1f} pixels high, of at least "
                    f"{LEAST:g}: make it narrower, or give it a drawing in NARROW"
                )
    return [folder / f"{name}{suffix}.svg" for name in made for suffix in ("", "-dark")]


def draw(make: Callable[[], Figure], path: Path, name: str, theme: palette.Theme, folder: Path) -> None:
    """Write one figure in one theme."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}{'-dark' * (theme == 'dark')}.svg"
    matplotlib.use("agg")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(style(theme))
        try:
            figure = make()
            if not isinstance(figure, Figure):
                raise TypeError(f"expected a matplotlib Figure, got {type(figure).__name__}")
            figure.savefig(target, metadata={"Date": None}, bbox_inches="tight", pad_inches=0.05)
        except Exception as error:
            raise FigureError(f"{path}: figure {name!r}: {type(error).__name__}: {error}") from error


def letters(svg: Path) -> float:
    """The pixels of the smallest letters where a phone shows the figure; infinity without any."""
    text = svg.read_text("utf-8")
    width = re.search(r'<svg[^>]*\swidth="([\d.]+)pt"', text)
    assert width is not None
    points = [100 * float(scale) for scale in re.findall(r"scale\((0\.\d+) -0\.\d+\)", text)]  # of glyphs
    return min(points, default=float("inf")) * min(4 / 3, PHONE / float(width[1]))


def pages() -> list[Path]:
    """The files that define figures."""
    return sorted((DOCS / "figures").glob("*.py"))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", action="store_true", help="make the README's figures instead")
    readme = parser.parse_args().readme
    start = time.perf_counter()
    try:
        folder = DOCS / ("images" if readme else "_figures")
        made = build(pages(), folder, only=README if readme else ())
    except FigureError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(made)} files in {folder}, in {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
