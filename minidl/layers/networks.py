"""The networks that a backend has prepared for the rows of a chain, with all their arrays in place."""

import operator
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from minidl import functional as F
from minidl.errors import NotBuiltError, ShapeError
from minidl.layers.fusion import Row
from minidl.module import Module, Parameter
from minidl.typing import Array, Backward, Shape

KEPT = 16
"""For how many rows and shapes of inputs a chain keeps networks: more than training with validation needs."""


class Networks:
    """What a chain has had prepared. A copy of the chain has its own."""

    def __init__(self) -> None:
        self._idle: dict[Any, list[_Prepared] | None] = {}

    def __deepcopy__(self, memo: Any) -> Self:
        return type(self)()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()

    def infer(self, layers: Sequence[Module], row: Row, x: Array) -> Array | None:
        """What the layers of a row give for x; None where they can't be prepared for it."""
        taken = self._take(layers, row, x, False)
        if taken is None:
            return None
        prepared, idle = taken
        y: Array = prepared.network.forward(x)
        prepared.network.rest()
        idle.append(prepared)
        return y

    def forward(self, layers: Sequence[Module], row: Row, x: Array) -> tuple[Array, Backward] | None:
        """(y, backward) of a row, with which parameters can be trained; None where it can't be prepared for x."""
        taken = self._take(layers, row, x, True)
        if taken is None:
            return None
        lease = _Lease(*taken)
        y: Array = lease.prepared.network.forward(x)
        shape, dtype = y.shape, y.dtype

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            F.check_slope(dy, shape, dtype)
            dx: Array | None = lease.prepared.network.backward(dy, need_dx=need_dx)
            return dx

        return y, backward

    def _take(
        self, layers: Sequence[Module], row: Row, x: Array, keeps: bool
    ) -> "tuple[_Prepared, list[_Prepared]] | None":
        """(a network that nobody uses now, where it goes when that's so again)."""
        if not isinstance(x, np.ndarray):
            return None
        key = (row.start, row.stop, x.shape, x.dtype.char, keeps)
        if key not in self._idle:
            if len(self._idle) >= KEPT:
                self._idle.pop(next(iter(self._idle)), None)
            self._idle[key] = []
        idle = self._idle[key]
        part = layers[row.start : row.stop]
        while idle:
            prepared = idle.pop()
            if prepared.fits(part):
                return prepared, idle
        fresh = None if idle is None else _prepare(part, row, x.shape, x.dtype)
        if fresh is None or idle is None:
            self._idle[key] = None
            return None
        return fresh, idle


class _Prepared:
    """A network, and what it was prepared from."""

    def __init__(self, network: Any, layers: Sequence[Module], parameters: list[Parameter]) -> None:
        self.network = network
        self.parameters = parameters
        self.values = [parameter.value for parameter in parameters]
        self.trained = [parameter.trainable for parameter in parameters]
        self.layers = [dict(vars(layer)) for layer in layers]

    def fits(self, layers: Sequence[Module]) -> bool:
        """Whether these are the same layers still: with the same attributes and arrays, and frozen or not as before."""
        same = all(map(operator.is_, [parameter.value for parameter in self.parameters], self.values))
        same = same and [parameter.trainable for parameter in self.parameters] == self.trained
        return same and [vars(layer) for layer in layers] == self.layers


class _Lease:
    """Holds a network as long as a backward pass may need it."""

    __slots__ = ("idle", "prepared")

    def __init__(self, prepared: _Prepared, idle: list[_Prepared]) -> None:
        self.prepared, self.idle = prepared, idle

    def __del__(self) -> None:
        self.prepared.network.rest()
        self.idle.append(self.prepared)


def _prepare(layers: Sequence[Module], row: Row, shape: Shape, dtype: np.dtype[Any]) -> _Prepared | None:
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
    return None if network is None else _Prepared(network, layers, parameters)
