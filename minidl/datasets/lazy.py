"""Pictures in files as an array that isn't there: rows are decoded when they are asked for."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minidl.datasets.picture import MOST_PIXELS, Pixels, as_floats, read_pixels
from minidl.datasets.preprocessing import Preprocessing
from minidl.errors import FormatError, ShapeError
from minidl.process.importing import imported
from minidl.process.threads import num_threads
from minidl.typing import Array, IntArray, Pair

LARGE = 1 << 13
"""Bytes of a file whose decoding is worth threads: of smaller ones, most is done in Python, one thread at a time."""


_WANTED = "Pictures: expected which images, and then ints or slices for their axes; images[:] is an array"


class Pictures:
    """Images (n, c, h, w), float32 in [0, 1], from n files, read and decoded in a few threads when indexed.

    `pictures[...]` takes a number, a slice, numbers in any order or a mask, and gives an array, as does
    `np.asarray(pictures)`; `part` gives some of the pictures, unread. The bits don't depend on the number of threads.
    They are those of `paths`, in this order, of at most `max_pixels` each, read as `look`, a `Preprocessing`, says; or,
    with `like`, which is one of them, all as large as that one, without resizing.

    An index raises FormatError, naming the file, for a picture that can't be read, FileNotFoundError if it's gone by
    now, and ShapeError for one of another size than that of `like`.
    """

    dtype = np.dtype(np.float32)
    ndim = 4

    reads_ahead = 2
    """How many batches of them `fit` has a background thread read ahead, unless it's told: see `batches`."""

    def __init__(
        self,
        paths: Sequence[str],
        look: Preprocessing,
        *,
        max_pixels: int = MOST_PIXELS,
        like: str | None = None,
    ) -> None:
        self.paths = tuple(paths)
        self._look, self._max_pixels, self._like = look, max_pixels, like

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, c, h, w)."""
        return (len(self.paths), *self._look.image_shape)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, part: Any) -> Array:
        if isinstance(part, tuple):
            part, *rest = part or (slice(None),)
            if part is ... or not all(isinstance(each, int | slice) for each in rest):
                raise IndexError(_WANTED)
            return self[part][(*[slice(None)] * (np.ndim(self._numbers(part)) > 0), *rest)]
        numbers = self._numbers(part)
        images = as_floats(self.pixels(np.atleast_1d(numbers)))
        return images if numbers.ndim else images[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("Pictures: expected that a copy may be made, as they are files")
        return self[:].astype(dtype or self.dtype, copy=False)

    def part(self, part: Any) -> "Pictures":
        """The pictures of a slice, of numbers or of a mask, none of which is read yet."""
        paths = [self.paths[i] for i in self._numbers(part)]
        return Pictures(paths, self._look, max_pixels=self._max_pixels, like=self._like)

    def pixels(self, numbers: IntArray, damaged: dict[int, FormatError] | None = None) -> Pixels:
        """The pictures of these numbers as bytes (n, h, w, c).

        With `damaged`, errors go there, by the number, and such pixels are left as they were.
        """
        pixels = np.zeros((len(numbers), *self._look.size, self.shape[1]), np.uint8)

        def read(place: int) -> None:
            try:
                pixels[place] = self._read(self.paths[numbers[place]])
            except FormatError as error:
                if damaged is None:
                    raise
                damaged[int(numbers[place])] = error

        _for_each(read, len(numbers), worth_threads=len(numbers) > 1 and _is_large(self.paths[numbers[0]]))
        return pixels

    def _numbers(self, part: Any) -> Any:
        numbers = np.arange(len(self))[part]
        if numbers.ndim > 1:
            raise IndexError(_WANTED)
        return numbers

    def _read(self, path: str) -> Pixels:
        look = self._look
        size = look.size if self._like is None else None
        pixels = read_pixels(path, size, look.resize, look.grey, look.background, self._max_pixels)
        if self._like is not None:
            check_size(path, pixels.shape[:2], look.size, self._like)
        return pixels

    def __repr__(self) -> str:
        """How many, and of which shape."""
        return f"Pictures({len(self)} files as images {self.shape[1:]})"


def check_size(path: str, found: Pair, wanted: Pair, like: str) -> None:
    """Raise ShapeError, which names both files, for a picture of another size than the one that it must be like."""
    if found != wanted:
        raise ShapeError(
            f"{path}: expected {wanted[0]} x {wanted[1]} pixels, as in {like}, got {found[0]} x {found[1]}; "
            "size=(h, w) resizes them all"
        )


def _for_each(function: Callable[[int], None], n: int, *, worth_threads: bool) -> None:
    """Call it with 0 to n - 1; of several errors, the first one's is raised."""
    threads = min(num_threads(), n) if worth_threads else 1
    if threads == 1:
        for place in range(n):
            function(place)
        return
    with imported("concurrent.futures").ThreadPoolExecutor(threads, "minidl pictures") as pool:
        for _ in pool.map(function, range(n)):
            pass


def _is_large(path: str) -> bool:
    try:
        return os.stat(path).st_size >= LARGE
    except OSError:  # which reading will tell
        return False
