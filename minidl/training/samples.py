"""Samples in the model's dtype, in memory or read from a file by parts, and hints at what is wrong with their shape."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minidl import shapes
from minidl.arraylike import is_data_set, rows_of
from minidl.data.rows import is_in_memory, read_ahead
from minidl.errors import DTypeError, ShapeError
from minidl.module import Module
from minidl.nested import check_lengths, check_names, in_order, input_names, is_several, map_arrays, naming
from minidl.typing import Array, Shape

HINT = "; for bytes of images, x.astype(np.float32) / 255, or a model that begins with Rescaling(1 / 255)"

SMALL = 1 << 26
"""Bytes up to which an array in memory is converted to the model's dtype at once, and not each batch in its turn."""

SINGLE_CHANNEL = "; images of a single channel are x[:, None]"


class Stored:
    """Rows `start` to `stop` of an array, read and converted to a dtype a part at a time."""

    def __init__(self, array: Any, dtype: Any, start: int, stop: int) -> None:
        self._array, self.dtype, self._start, self._stop = array, np.dtype(dtype), start, stop

    @property
    def reads_ahead(self) -> int:
        """How many batches are best read while others are computed: as of the array."""
        return read_ahead(self._array)

    @property
    def shape(self) -> Shape:
        """That of the array of these rows."""
        return (len(self), *self._array.shape[1:])

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, part: Any) -> Array:
        """The rows of a slice, or of numbers (n,) in ascending order."""
        if isinstance(part, slice):
            first, last, step = part.indices(len(self))
            part = slice(self._start + first, self._start + last, step)
        else:
            part = part + self._start
        return np.asarray(self._array[part], self.dtype)


def samples_of(x: Any, module: Module) -> Any:
    """The samples in the model's dtype; those in a file as they are, or to be read and converted by parts.

    Only floats are converted, and bytes for a model that begins with `Rescaling`: elsewhere they are seldom meant.
    Integers stay what they are for a model whose first layer takes them. A data set stands for its images. For a model
    with several inputs it's a tuple of samples in their order, of which those in `integer_inputs` may be integers, or
    all where its first layer takes them. Raises TypeError, DTypeError, ShapeError, and ValueError for inputs that there
    aren't.
    """
    names = input_names(module)
    if is_data_set(x):
        x = _inputs_of(x, names)
    shape: Any = getattr(module, "input_shape", None)
    if len(names) < 2:
        if names and isinstance(x, Mapping):
            (x,) = in_order(x, names, "x")
        check_single(x, "x", "input")
        return _samples(x, module, shape, None)
    has_each = isinstance(shape, tuple) and len(shape) == len(names) and all(isinstance(own, tuple) for own in shape)
    integers: Sequence[str] | None = getattr(module, "integer_inputs", None)
    samples = []
    for place, (name, each) in enumerate(zip(names, in_order(x, names, "x"), strict=True)):
        with naming("x", name):
            own = shape[place] if has_each else None
            samples.append(_samples(each, module, own, None if integers is None else name in integers))
    check_lengths(dict(zip(names, samples, strict=True)))
    return tuple(samples)


def _samples(x: Any, module: Module, wanted: Shape | None, takes_integers: bool | None) -> Any:
    """The samples of one input, of the shape `wanted` if known. With `takes_integers` None the module is asked."""
    rows = rows_of(x, "x", "samples")
    found = rows.dtype if hasattr(rows, "dtype") else np.asarray(rows[:1]).dtype
    dtype = np.dtype(found)
    if takes_integers is None:
        takes_integers = dtype.kind != "f" and module.takes_integers  # which takes a while to tell
    if not (dtype.kind in "iu" and takes_integers):
        if dtype == np.uint8 and not takes_integers and module.takes_bytes:
            dtype = np.dtype(np.float32)
        if dtype.kind != "f":
            hint = HINT if dtype == np.uint8 else ""
            kind = "integers" if takes_integers else "floats"
            raise DTypeError(f"expected samples as {kind}, got {dtype}{hint}")
        first = next((parameter for _, parameter in module.named_parameters()), None)  # the others are like it
        if first is not None and first.is_built:
            dtype = first.value.dtype
    _check_layout(rows.shape, wanted)
    if isinstance(rows, np.ndarray) and (
        rows.dtype == dtype or (rows.size * dtype.itemsize <= SMALL and is_in_memory(rows))
    ):
        return np.asarray(rows, dtype)
    return Stored(rows, dtype, 0, len(rows))


def check_single(values: Any, argument: str, port: str) -> None:
    """Raise TypeError for arrays of different shapes, of which one array can't be made: those of several inputs."""
    if isinstance(values, tuple) and is_several(values) and len({np.shape(each) for each in values}) > 1:
        raise TypeError(
            f"{argument}: expected a single array, got a tuple of {len(values)}: this model has one {port}, and those "
            f"with several name them in {port}_names"
        )


def _inputs_of(data: Any, names: tuple[str, ...]) -> Any:
    """The images of a data set; for a model with several inputs all of its arrays, by the names of the model.

    The images go to the input that isn't among the data set's own names.
    """
    if len(names) < 2:
        return data.images
    return named_arrays(data.images, getattr(data, "extra_inputs", {}), names, f"{data!r}: extra_inputs", "images")


def named_arrays(first: Any, others: Any, names: tuple[str, ...], argument: str, kind: str) -> Any:
    """The arrays of a data set by the names of the model: `first` is that of the name that the others haven't."""
    check_names(others, names, argument)
    left = [name for name in names if name not in others]
    if len(left) != 1:
        without = ", ".join(map(repr, left)) or "none"
        raise ValueError(
            f"{argument}: expected all names of the model but one, that of the {kind}, which isn't there; without an "
            f"array are {without}"
        )
    return {left[0]: first, **others}


def as_input(x: Any, module: Module) -> Any:
    """The samples in the model's dtype, all of them in memory. Raises as `samples_of`."""
    return map_arrays(lambda rows: rows if isinstance(rows, np.ndarray) else rows[:], samples_of(x, module))


def _check_layout(shape: Shape, wanted: Shape | None) -> None:
    """Raise ShapeError for one sample in the place of many, and for channels that come last.

    A layer that flattens its input would take the latter, and mix up all pixels.
    """
    hint = layout_hint(shape, wanted)
    if hint and hint != SINGLE_CHANNEL and wanted is not None:
        raise ShapeError(f"expected samples {shapes.show(('n', *wanted))}, got {shapes.show(shape)}{hint}")


def layout_hint(shape: Shape, wanted: Shape | None) -> str:
    """What to do with an array of this shape where samples of the shape `wanted` are; "" if that isn't plain."""
    if not wanted:
        return ""
    if len(wanted) == 3 and wanted[0] == 1 and tuple(shape[1:]) == tuple(wanted[1:]):
        return SINGLE_CHANNEL
    if tuple(shape) == tuple(wanted):
        return "; a single one is x[None]"
    if len(wanted) == 3 and tuple(shape[1:]) == (*wanted[1:], wanted[0]) != tuple(wanted):
        return "; channels come first: x.transpose(0, 3, 1, 2)"
    return ""


def channels_first(shape: Shape) -> Shape | None:
    """The shape of a sample with its channels first, where it looks as if they came last: (h, w, 3)."""
    is_likely = len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape[:2]) > 4
    return (shape[2], shape[0], shape[1]) if is_likely else None
