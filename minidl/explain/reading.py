"""How the page is to read a picture of the reader's, as its data says it."""

from typing import Any

from minidl.datasets.picture import color_channels
from minidl.datasets.preprocessing import Preprocessing
from minidl.errors import ShapeError
from minidl.shapes import show
from minidl.typing import Shape


def reading(given: Preprocessing | None, own: Preprocessing | None, input_shape: Shape) -> dict[str, Any]:
    """What the page does as `given.read` would, or else as the model's `own` record says, if it's of such inputs.

    Without either pictures are squashed to the size of the input. Raises ShapeError for a given one of other inputs.
    """
    if given is not None and given.image_shape != input_shape:
        wanted, got = show(input_shape), show(given.image_shape)
        raise ShapeError(f"preprocessing: expected one that gives {wanted}, as the model takes, got {got}")
    look = given or own
    if look is None or look.image_shape != input_shape:
        return {"is_known": False, "resize": "squash", "background": "white"}
    return {"is_known": True, "resize": look.resize, "background": _css(look)}


def _css(look: Preprocessing) -> str:
    """The background as style sheets have it."""
    try:
        red, green, blue = color_channels(look.background)
    except ImportError:  # without Pillow; but for `hsv(...)`, its names are those of style sheets
        return str(look.background)
    return f"rgb({red}, {green}, {blue})"
