"""Plots of training and of what a model sees: each draws in `axes`, or in a figure of its own, and returns the Figure.

They need matplotlib: `pip install "minidl[plot]"`. Figures are made without pyplot, so no window opens: notebooks show
them, and `figure.savefig("plot.png")` writes them. What is computed for them is in `minidl.inspection`.
"""

from minidl.plots.architecture import architecture
from minidl.plots.attribution import occlusion, saliency
from minidl.plots.bars import benchmark
from minidl.plots.calibration import calibration
from minidl.plots.classes import confusion_matrix, mistakes
from minidl.plots.curves import learning_curves, learning_rates
from minidl.plots.im2col import windows
from minidl.plots.layers import feature_maps, filters
from minidl.plots.scatter import features

__all__ = [
    "architecture",
    "benchmark",
    "calibration",
    "confusion_matrix",
    "feature_maps",
    "features",
    "filters",
    "learning_curves",
    "learning_rates",
    "mistakes",
    "occlusion",
    "saliency",
    "windows",
]
