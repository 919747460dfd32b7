"""Modules made of modules: one after the other, or around a shortcut."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.engine.composite import Composite
from minidl.errors import DTypeError, ShapeError
from minidl.functional.origin import mark_sigmoid
from minidl.layers.activation import Sigmoid, Softmax
from minidl.layers.reshape import Flatten, Permute, Reshape
from minidl.module import Module
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["Chain", "Residual"]

_SHAPES = (Flatten, Reshape, Permute)
"""Layers that leave the numbers as they are."""


class Chain(Composite):
    """Layers one after the other, each fed with what the one before gives."""

    def __init__(self, layers: Sequence[Module]) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                hint = "; call it: add ()" if isinstance(layer, type) and issubclass(layer, Module) else ""
                raise TypeError(f"layers[{i}]: expected a Module, got {layer!r}{hint}")
        self.layers = list(layers)
        super().__init__()

    def children(self) -> Iterator[tuple[str, Module]]:
        yield from ((str(i), layer) for i, layer in enumerate(self.layers))

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = input_shape
        for i, layer in enumerate(self.layers):
            try:
                shape = shapes.single(layer.output_shape(shape))
            except ShapeError as error:
                raise self._located(error, i, input_shape) from None
        return shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        shape = input_shape
        for i, layer in enumerate(self.layers):
            try:
                layer.build(shape, rng)
                shape = shapes.single(layer.output_shape(shape))
            except ShapeError as error:
                raise self._located(error, i, input_shape) from None

    def macs(self, input_shape: Shape) -> int:
        total, shape = 0, input_shape
        for layer in self.layers:
            total += layer.macs(shape)
            shape = layer.output_shape(shape)
        return total

    def describe(self, describer: Describer, x: Value) -> Value:
        for i, layer in enumerate(self.layers):
            x = describer.call(layer, x, name=str(i))
        return x

    def infer_by_parts(self, x: Array) -> Array:
        y = x
        for i, layer in enumerate(self.layers):
            try:
                y = layer(y)
            except (ShapeError, DTypeError) as error:
                raise self._located(error, i, x.shape[1:]) from None
        return self._marked(y)

    def forward_by_parts(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        backwards: list[Backward] = []
        y = x
        for i, layer in enumerate(self.layers):
            try:
                y, of_layer = layer.forward(y, train=train)
            except (ShapeError, DTypeError) as error:
                raise self._located(error, i, x.shape[1:]) from None
            backwards.append(of_layer)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            lowest = 0 if need_dx or len(backwards) == 1 else self._lowest_trained()  # one layer knows itself
            gradient: Array | None = dy if need_dx or backwards else None
            for i in reversed(range(len(backwards))):
                if i < lowest:  # nothing is trained from here on down
                    return None
                assert gradient is not None
                gradient = backwards[i](gradient, need_dx=need_dx or i > lowest)
            return gradient

        return self._marked(y), backward

    def _marked(self, y: Array) -> Array:
        """The output, known as a sigmoid's where it is what one gave, computed with others in a row, in some shape."""
        for layer in reversed(self.layers):
            if not isinstance(layer, _SHAPES):
                return mark_sigmoid(y) if type(layer) is Sigmoid else y
        return y

    def _lowest_trained(self) -> int:
        """The first layer that training needs a gradient of, or how many layers there are."""
        return next((i for i, layer in enumerate(self.layers) if layer.needs_gradient), len(self.layers))

    def _located(self, error: ShapeError | DTypeError, index: int, input_shape: Shape) -> ShapeError | DTypeError:
        """The error with the layer that it came from and the shapes on the way there."""
        trail, shape = [f"input {shapes.show(input_shape)}"], input_shape
        for i, layer in enumerate(self.layers[:index]):
            before, shape = shape, layer.output_shape(shape)
            if shape != before:
                trail.append(f"{i} {type(layer).__name__} {shapes.show(shape)}")
        name, message = type(self.layers[index]).__name__, str(error)
        message = message if message.startswith((f"{name}: ", f"{name}[")) else f"{name}: {message}"
        return type(error)(f"{type(self).__name__}[{index}] {message}; {' -> '.join(trail)}")


class Residual(Composite):
    """body(x) + shortcut(x), where the shortcut is x itself, or `projection` of it where the shapes differ.

    `body` and `projection` are modules, or lists of layers. Source: He et al., "Deep residual learning", 2015.
    """

    def __init__(self, body: Module | Sequence[Module], *, projection: Module | Sequence[Module] | None = None) -> None:
        self.body = body if isinstance(body, Module) else Chain(body)
        self.projection = projection if projection is None or isinstance(projection, Module) else Chain(projection)
        super().__init__()

    def shown_arguments(self) -> dict[str, Any]:
        return {name: listed(value) for name, value in super().shown_arguments().items()}

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = shapes.single(self.body.output_shape(input_shape))
        self._check_shapes(shape, input_shape if self.projection is None else self.projection.output_shape(input_shape))
        return shape

    def _check_shapes(self, body: Shape, shortcut: Shape) -> None:
        if body != shortcut:
            hint = "; a projection, such as a 1 x 1 Conv2D, can fit it" if self.projection is None else ""
            raise ShapeError(
                f"expected a shortcut {shapes.show(body)} like the body's, got {shapes.show(shortcut)}{hint}"
            )

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        self.body.build(input_shape, rng)
        if self.projection is not None:
            self.projection.build(input_shape, rng)

    def macs(self, input_shape: Shape) -> int:
        return self.body.macs(input_shape) + (0 if self.projection is None else self.projection.macs(input_shape))

    def describe(self, describer: Describer, x: Value) -> Value:
        x = describer.fork(x)
        body = describer.call(self.body, x, name="body")
        shortcut = x if self.projection is None else describer.call(self.projection, x, name="projection")
        self._check_shapes(body.shape, shortcut.shape)
        return describer.add(op.Add(), body, shortcut, shape=body.shape)

    def infer_by_parts(self, x: Array) -> Array:
        y: Array = self.body(x)
        shortcut = x if self.projection is None else self.projection(x)
        self._check_shapes(y.shape[1:], shortcut.shape[1:])
        return y + shortcut

    def forward_by_parts(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, body_backward = self.body.forward(x, train=train)
        shortcut, shortcut_backward = x, None
        if self.projection is not None:
            shortcut, shortcut_backward = self.projection.forward(x, train=train)
        self._check_shapes(y.shape[1:], shortcut.shape[1:])

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            dx = body_backward(dy, need_dx=need_dx)
            dshortcut = dy if shortcut_backward is None else shortcut_backward(dy, need_dx=need_dx)
            return dx + dshortcut if dx is not None and dshortcut is not None else None

        return y + shortcut, backward


def listed(module: Module | None) -> Module | list[Module] | None:
    """The layers of a plain Chain, as constructors that make one take them; anything else as it is."""
    return module.layers if isinstance(module, Chain) and type(module) is Chain else module


def without_softmax(module: Module, *, kinds: tuple[type[Module], ...] = (Softmax,)) -> Module | None:
    """The same layers less a Softmax, or another of these kinds, at their end, or None where there is none."""
    if isinstance(module, kinds) and getattr(module, "axis", None) in (None, 1, -1):  # the classes, as losses have them
        return Chain([])
    if isinstance(module, Chain) and module.layers:
        last = without_softmax(module.layers[-1], kinds=kinds)
        return None if last is None else Chain([*module.layers[:-1], last])
    return module.without_last(kinds)
