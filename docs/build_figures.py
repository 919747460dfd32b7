"""The documents' figures: redrawn by each build, but for those of the README, which shows them without one.

Each docs/figures/<page>.py defines FIGURES, {name: function without arguments that returns a matplotlib Figure}. Every
figure is drawn twice, for light and for dark pages: docs/_figures/<name>.svg and <name>-dark.svg.

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


FITS_A_PHONE = 400
"""A figure's width in points, of which a phone shows two thirds in size: letters of 9 points have 8 pixels."""


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
    """The FIGURES of one file of docs/figures."""
    specification = importlib.util.spec_from_file_location(f"figures_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
        figures: dict[str, Callable[[], Figure]] = module.FIGURES
    except Exception as error:
        raise FigureError(f"{path}: {type(error).__name__}: {error}") from error
    return figures


def build(paths: list[Path], folder: Path, *, only: Collection[str] = ()) -> list[Path]:
    """Draw the figures of these files, or `only` some, into a folder; raises FigureError, with the first that fails."""
    made: dict[str, Path] = {}
    for path in paths:
        for name, make in figures_of(path).items():
            if only and name not in only:
                continue
            if name in made:
                raise FigureError(f"{path}: a figure {name!r} is in {made[name]} too: the names are those of files")
            made[name] = path
            for theme in TEXT:
                draw(make, path, name, theme, folder)
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


def is_wide(svg: Path) -> bool:
    """Whether its letters would be too small to read if a page of 390 pixels showed all of its width."""
    found = re.search(r'<svg[^>]*\swidth="([\d.]+)pt"', svg.read_text("utf-8"))
    return found is not None and float(found[1]) > FITS_A_PHONE


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
