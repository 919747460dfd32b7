"""The networks that a backend has prepared for the rows of a chain, with all their arrays in place."""

import functools
import weakref
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from minidl import functional as F
from minidl.errors import NotBuiltError, ShapeError
from minidl.layers import room
from minidl.layers.fusion import Row
from minidl.layers.room import waiting
from minidl.layers.shelf import Prepared, Shelf
from minidl.module import Module
from minidl.typing import Array, Backward, Shape

KEPT = 16
"""For how many rows and shapes of inputs a chain keeps networks: more than training with validation needs."""


class Networks:
    """What a chain has had prepared. A copy of the chain has its own."""

    def __init__(self) -> None:
        self._shelves: dict[Any, Shelf | None] = {}  # None for what can't be prepared

    def __deepcopy__(self, memo: Any) -> Self:
        return type(self)()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()

    def infer(self, layers: Sequence[Module], row: Row, x: Array) -> Array | None:
        """What the layers of a row give for x; None where they can't be prepared for it."""
        taken = self._take(layers, row, x, False)
        if taken is None:
            return None
        prepared, shelf = taken
        prepared.is_busy = True
        back = None
        try:
            y: Array = prepared.network.forward(x)[0]
            back = prepared
        finally:
            prepared.is_busy = False
            if waiting:
                room.done(shelf, back)
            elif back is not None:
                shelf.prepared.append(back)
        return y

    def forward(self, layers: Sequence[Module], row: Row, x: Array) -> tuple[Array, Backward] | None:
        """(y, backward) of a row, with which parameters can be trained; None where it can't be prepared for x."""
        taken = self._take(layers, row, x, True)
        if taken is None:
            return None
        lease = _Lease(*taken)
        y: Array
        y, lease.held = lease.prepared.network.forward(x)
        shape, dtype = y.shape, y.dtype

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            F.check_slope(dy, shape, dtype)
            dx: Array | None = lease.prepared.network.backward(dy, need_dx=need_dx)
            return dx

        return y, backward

    def _take(self, layers: Sequence[Module], row: Row, x: Array, keeps: bool) -> tuple[Prepared, Shelf] | None:
        """(a network that nobody uses now, where it goes when that's so again)."""
        if not isinstance(x, np.ndarray):
            return None
        key = (row.start, row.stop, x.shape, x.dtype.char, keeps)
        try:
            shelf = self._shelves[key]
        except KeyError:
            if len(self._shelves) >= KEPT:
                self._shelves.pop(next(iter(list(self._shelves)), None), None)  # a list: other threads change the dict
            shelf = self._shelves.setdefault(key, Shelf())
        if shelf is None:
            return None
        part = layers[row.start : row.stop]
        prepared = shelf.take(part)
        if prepared is None:
            fresh = functools.partial(_prepare, part, row, x.shape, x.dtype)
            prepared = room.prepared(shelf, part, fresh, waits=not keeps)
        if prepared is None:
            self._shelves[key] = None
            return None
        if room.thread.ending is None:
            room.thread.ending = room.Ending()
        return prepared, shelf


class _Lease:
    """Lets nobody else use a network as long as a backward pass may need it, and holds what that reads."""

    __slots__ = ("__weakref__", "held", "prepared")
    held: tuple[Array, ...]

    def __init__(self, prepared: Prepared, shelf: Shelf) -> None:
        self.prepared = prepared
        prepared.lease = weakref.ref(self)
        shelf.prepared.append(prepared)


def _prepare(layers: Sequence[Module], row: Row, shape: Shape, dtype: np.dtype[Any]) -> Prepared | None:
    from minidl.layers.description import describe  # a tenth of the time of importing minidl

    parameters = [array for layer in layers for _, array in layer.named_state()]
    try:
        if dtype.char not in "fd" or any(parameter.value.dtype != dtype for parameter in parameters):
            return None
        operators, sample, start = [], shape[1:], 0
        for size in row.groups:
            group = layers[start : start + size]
            described = describe(group, (shape[0], *sample))
            operators += [] if described is None else [described]
            for layer in group:
                sample = layer.output_shape(sample)
            start += size
        network = F.network(operators, shape, dtype)
    except (ShapeError, NotBuiltError):  # the layers, one by one, say where
        return None
    return None if network is None else Prepared(network, layers, parameters)
