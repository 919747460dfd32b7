"""What one sample's pass through a module takes, from shapes alone: bytes of activations, and operations."""

import math
from typing import Any, NamedTuple

from minidl import shapes
from minidl.graph.network import Network
from minidl.layers.branches import Branches
from minidl.layers.container import Chain, Residual
from minidl.layers.pool import AdaptiveAveragePool2D
from minidl.layers.transposed import ConvTranspose1D, ConvTranspose2D
from minidl.module import Module
from minidl.typing import Shape


class Cost(NamedTuple):
    """The numbers that a pass keeps, its operations, and the shape that comes out of it."""

    values: int
    operations: int
    shape: Shape


def cost(module: Module, shape: Shape) -> Cost:
    """The cost of a pass of one sample of this shape. Raises the module's ShapeError where it doesn't fit.

    Counted are the output of each layer and, where it slides a window, its padded input; operations are
    multiply-accumulates, what windows read, and a pass over each output.
    """
    if isinstance(module, Chain):
        values, operations = 0, 0
        for layer in module.layers:
            one = cost(layer, shape)
            values, operations, shape = values + one.values, operations + one.operations, one.shape
        return Cost(values, operations, shape)
    if isinstance(module, Residual | Branches):
        found = [cost(child, shape) for _, child in module.children()]
        output = module.output_shape(shape)
        own = math.prod(output)
        return Cost(sum(one.values for one in found) + own, sum(one.operations for one in found) + own, output)
    if isinstance(module, Network):
        return _graph_cost(module, shape)
    output = module.output_shape(shape)
    made, (padded, reads) = math.prod(output), _window(module, shape, output)
    return Cost(made + padded, max(module.macs(shape), reads) + made, output)


def _graph_cost(network: Network, shape: Any) -> Cost:
    found = network.value_shapes(shape)
    values, operations = 0, 0
    for vertex in network.wiring.vertices:
        if vertex.layer is not None:
            taken: Any = tuple(found[i] for i in vertex.inputs)
            one = cost(network.layers[vertex.layer], taken[0] if len(taken) == 1 else taken)
            values, operations = values + one.values, operations + one.operations
    return Cost(values, operations, network.output_shape(shape))


def _window(layer: Module, shape: Shape, output: Shape) -> tuple[int, int]:
    """(values of the padded input, values that windows read) of a layer that slides a window; zeros for others."""
    if isinstance(layer, AdaptiveAveragePool2D):
        return 0, 4 * math.prod(shape) + math.prod(output)
    size = getattr(layer, "kernel_size", getattr(layer, "pool_size", None))
    if size is None:
        return 0, 0
    is_sequence = len(shape) == 2
    kernel = (1, size) if is_sequence else shapes.pair(size, "kernel_size")
    stride = getattr(layer, "stride", None) or size
    if isinstance(layer, ConvTranspose1D | ConvTranspose2D):  # each pixel is spread over its stride
        steps, dilations = ((1, value) if is_sequence else shapes.pair(value, "") for value in (stride, layer.dilation))
        large = [
            (pixels - 1) * step + dilation * (taps - 1) + 1
            for pixels, step, dilation, taps in zip((1, *shape[1:])[-2:], steps, dilations, kernel, strict=True)
        ]
        return output[0] * math.prod(large), math.prod(shape) * math.prod(kernel)
    how = {"stride": stride, "padding": getattr(layer, "padding", 0), "dilation": getattr(layer, "dilation", 1)}
    height, width = (1, shape[1]) if is_sequence else shape[1:]
    window = shapes.slide_along(width, size, **how) if is_sequence else shapes.slide((height, width), kernel, **how)
    down, across = map(sum, window.padding)
    padded = shape[0] * (height + down) * (width + across) if down or across else 0
    return padded, math.prod(output) * math.prod(kernel)
