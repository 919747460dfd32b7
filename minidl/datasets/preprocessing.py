"""How pictures become a model's inputs: what a run and a model's file must know to read the next one alike."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from minidl import shapes
from minidl.datasets.picture import MOST_PIXELS, Color, Source, as_color, as_floats, read_pixels
from minidl.datasets.resizing import RESIZES, Resize
from minidl.errors import FormatError
from minidl.typing import Array, Pair, Shape


class Preprocessing(NamedTuple):
    """The classes of a data set of pictures, and how each was read.

    `class_names`, `size`, which is (h, w), `grey`, `resize` and `background` are as in `from_folder`. It's plain data:
    `as_dict` and `from_dict` convert it to and from what JSON can hold.
    """

    class_names: tuple[str, ...]
    size: Pair
    grey: bool = False
    resize: Resize = "squash"
    background: Color = "white"

    @property
    def image_shape(self) -> Shape:
        """(c, h, w) of what `read` gives."""
        return (1 if self.grey else 3, *self.size)

    def read(self, path: Source, *, max_pixels: int = MOST_PIXELS) -> Array:
        """A picture as the model takes it, (c, h, w) float32 in [0, 1]; the path, and errors, as in `read_image`."""
        return as_floats(read_pixels(path, self.size, self.resize, self.grey, self.background, max_pixels))

    def as_dict(self) -> dict[str, Any]:
        """Its fields by their names, of lists, texts, numbers and True or False alone."""
        background = self.background if isinstance(self.background, str) else list(self.background)
        return {
            "class_names": list(self.class_names),
            "size": list(self.size),
            "grey": self.grey,
            "resize": self.resize,
            "background": background,
        }

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """The record of what `as_dict` gave, perhaps by way of a file. Raises FormatError for anything else.

        A color that Pillow doesn't know is an error of `read`, as it may not be installed here.
        """
        if not isinstance(values, Mapping) or not {"class_names", "size"} <= set(values) <= set(cls._fields):
            raise FormatError(f"preprocessing: expected an object with {', '.join(cls._fields)}, got {values!r}")
        it = cls(**values)
        names, background = it.class_names, it.background
        is_color = isinstance(background, str) or (
            isinstance(background, list | tuple)
            and len(background) == 3
            and all(shapes.is_int(each) and 0 <= each <= 255 for each in background)
        )
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise FormatError(f"preprocessing: class_names: expected a list of strings, got {names!r}")
        if not isinstance(it.grey, bool) or it.resize not in RESIZES or not is_color:
            raise FormatError(
                f"preprocessing: expected grey as true or false, resize as one of {', '.join(RESIZES)}, and background "
                f"as a color, got {it.grey!r}, {it.resize!r} and {background!r}"
            )
        try:
            size = shapes.pair(it.size, "preprocessing: size")
        except ValueError as error:
            raise FormatError(str(error)) from None
        return cls(tuple(names), size, it.grey, it.resize, as_color(background))
