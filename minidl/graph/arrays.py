"""The arrays that a graph is given, in the dtype that each of its inputs takes."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl.errors import DTypeError, ShapeError
from minidl.graph.network import Network
from minidl.module import Module, Parameter
from minidl.training.samples import as_input
from minidl.typing import Array, Shape


def converted(network: Network, x: Any, dtype: np.dtype[Any]) -> tuple[Array, ...]:
    """An array for each input, floats of another dtype converted. Raises ShapeError and DTypeError, with its name."""
    if type(x) is np.ndarray and len(network.input_names) == 1 and x.dtype == dtype:
        return (x,)
    arrays = []
    for i, shape, each in zip(network.wiring.inputs, network.input_shapes, network.arrays_of(x), strict=True):
        try:
            arrays.append(as_input(each, _Entry(network, i, shape)))
        except (ShapeError, DTypeError, TypeError) as error:
            raise type(error)(f"{type(network).__name__}: {network.wiring.vertices[i].name}: {error}") from None
    return tuple(arrays)


class _Entry(Module):
    """What the array of one input is checked against."""

    def __init__(self, network: Network, vertex: int, input_shape: Shape) -> None:
        self.input_shape = input_shape
        self._network = network
        self._integers = network.input_takes_integers(vertex)
        self._bytes = network.input_takes_bytes(vertex)

    @property
    def takes_integers(self) -> bool:
        return self._integers

    @property
    def takes_bytes(self) -> bool:
        return self._bytes

    def named_state(self) -> Iterator[tuple[str, Parameter]]:
        return self._network.named_state()
