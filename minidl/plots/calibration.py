"""Whether a classifier is as often right as it is sure."""

from typing import TYPE_CHECKING

import numpy as np

from minidl.errors import keyword_hints
from minidl.inspection import Calibration
from minidl.plots.canvas import canvas, figure_of, font_size
from minidl.plots.colors import color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST = 180
"""The area of a point that stands for all answers, in square points."""


@keyword_hints
def calibration(result: Calibration, *, axes: "Axes | None" = None) -> "Figure":
    """Plot the reliability curve: the share of right answers by their probability; more answers make larger points.

    Below the diagonal, the model is overconfident. `result` is what `minidl.inspection.calibration` returns.
    """
    if not isinstance(result, Calibration):
        raise TypeError(f"expected what inspection.calibration returns, got {type(result).__name__}")
    axes = canvas(axes, (4.5, 4))
    some = result.counts > 0
    shares = result.counts[some] / max(1, result.counts.sum())
    size = font_size(axes, of_height=0.045)
    axes.plot([0, 1], [0, 1], color=color("soft"), linestyle=":", label="as sure as right")
    points = result.confidence[some], result.accuracy[some]
    axes.plot(*points, color=color("test"), label=f"calibration error {result.error:.1%}")
    axes.scatter(*points, s=12 + LARGEST * np.sqrt(shares), color=color("test"))
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.03)
    axes.set_aspect("equal")
    axes.set_xlabel("probability of the answer", fontsize=size)
    axes.set_ylabel("share that is right", fontsize=size)
    axes.tick_params(labelsize=size)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=0.9 * size, loc="upper left")
    return figure_of(axes)
