"""A network as a drawing: its layers from top to bottom, and what skips some of them."""

from typing import TYPE_CHECKING, Literal

from minidl.display import palette
from minidl.drawing.boxes import diagram
from minidl.drawing.layout import Anchor, layout
from minidl.errors import NotBuiltError, keyword_hints
from minidl.inspection.samples import built
from minidl.module import Module
from minidl.plots.canvas import bare, canvas, figure_of, font_size, literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES = 0.17
"""A line of text in a new figure."""
ALIGNED: dict[Anchor, Literal["left", "center", "right"]] = {"start": "left", "middle": "center", "end": "right"}


@keyword_hints
def architecture(model: Module, *, expand: bool = False, axes: "Axes | None" = None) -> "Figure":
    """Draw a built model as boxes with the shapes between them; skip connections go around the boxes.

    A block, such as a Residual or an inner Sequential, is one box; so are a layer with its normalization and
    activation, and repeated layers, marked with how often they repeat. `expand` shows every layer. Blue boxes have
    parameters, orange ones combine several inputs. Raises TypeError for anything but a model, and NotBuiltError for one
    without weights or `input_shape`.
    """
    shape = getattr(built(model), "input_shape", None)
    if shape is None:
        raise NotBuiltError("a drawing needs shapes: give the model input_shape=(c, h, w), or call it once first")
    drawn = layout(diagram(model, shape, expand=expand))
    axes = canvas(axes, (INCHES * (drawn.width + 1), INCHES * (drawn.height + 1)))
    from matplotlib.patches import FancyBboxPatch  # which may be missing: canvas says so

    bare(axes)
    axes.set_aspect("equal")
    axes.set_xlim(-0.5, drawn.width + 0.5)
    axes.set_ylim(drawn.height + 0.5, -0.5)
    size = font_size(axes, of_width=0.75 / (drawn.width + 1), of_height=0.75 / (drawn.height + 1), most=9)
    for box in drawn.rectangles:
        color = palette.color(box.kind) if box.kind in palette.COLORS else "0.5"
        axes.add_patch(
            FancyBboxPatch(
                (box.x, box.y),
                box.width,
                box.height,
                boxstyle="round,pad=0,rounding_size=0.3",
                facecolor=(color, 0.15),
                edgecolor=color,
                linestyle="--" if box.kind in ("input", "output") else "-",
                linewidth=size / 9,
            )
        )
    for arrow in drawn.arrows:
        xs, ys = [x for x, _ in arrow.points], [y for _, y in arrow.points]
        axes.plot(xs, ys, color="0.5", linewidth=size / 9, solid_joinstyle="round")
        axes.annotate(
            "",
            arrow.points[-1],
            arrow.points[-2],
            arrowprops={"arrowstyle": "->", "color": "0.5", "shrinkA": 0, "shrinkB": 0, "linewidth": size / 9},
        )
    for text in drawn.texts:
        written = axes.text(text.x, text.y, literal(text.text), ha=ALIGNED[text.anchor], va="center", fontsize=size)
        if text.is_shape:
            written.set_color("0.5")
    return figure_of(axes)
