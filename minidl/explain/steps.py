"""A network as a list of steps that a page computes: each takes earlier values, and gives one."""

import math
from typing import Any

import numpy as np

from minidl import shapes
from minidl.errors import NotBuiltError, ShapeError
from minidl.explain import tables
from minidl.explain.encoding import encode
from minidl.explain.kinds import OPERATIONS, check_layers
from minidl.layers import (
    AveragePool2D,
    BatchNorm1D,
    BatchNorm2D,
    Chain,
    Concatenate,
    Constant,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool2D,
    GlobalMaxPool2D,
    LocalResponseNorm,
    LogSoftmax,
    MatMul,
    MaxPool2D,
    Normalization,
    PReLU,
    ReLU,
    Rescaling,
    Reshape,
    Residual,
    ScaleShift,
    SeparableConv2D,
    Sigmoid,
    Softmax,
    Squeeze,
    SqueezeExcite,
    Unsqueeze,
)
from minidl.layers.branches import Branches
from minidl.layers.container import without_softmax
from minidl.layers.elementwise import Formula
from minidl.model import Graph, SavedModel
from minidl.module import Module, Parameter
from minidl.shapes import Spread, Window
from minidl.typing import Shape

Step = dict[str, Any]
"""What one step is, as JSON holds it.

"kind" says how it's computed, "from" which values it takes, where 0 is the image and i what the i-th step gives, and
"shape" is that of its own value. "layer", "code" and "path" say where it comes from: the layer's class, its repr, and
its place in the model. The other entries are of its kind; arrays are float32, little-endian, in base64.
"""

LARGEST = float(np.finfo(np.float32).max)


def check_explained(model: SavedModel) -> Shape:
    """The shape of what a model of one image gives, scores or maps, if all of its layers have words.

    Raises NotBuiltError, and ShapeError or ValueError for another model: the error names the layer that isn't known
    here, and those that are.
    """
    if model.input_shape is None:
        raise NotBuiltError("a page needs shapes: give the model input_shape=(c, h, w), or call it once first")
    if isinstance(model, Graph) and not len(model.input_names) == len(model.output_names) == 1:
        raise ValueError(
            f"expected a model of one image and its classes, got inputs {', '.join(model.input_names)} and outputs "
            f"{', '.join(model.output_names)}; a Graph of one of each, of the same layers, can be explained"
        )
    if len(model.input_shape) != 3:
        raise ShapeError(f"expected a model of images (c, h, w), got {shapes.show(model.input_shape)}")
    scores: Shape = model.output_shape(model.input_shape)
    if len(scores) != 3 and (len(scores) != 1 or scores[0] < 2):
        raise ShapeError(
            f"expected a model that gives scores (classes,), at least two, or maps (c, h, w), got {shapes.show(scores)}"
        )
    check_layers(model, "")
    if len(scores) == 1 and without_softmax(model, kinds=(Sigmoid,)) is not None:
        raise ValueError("expected a model of classes that exclude each other, got one that ends in Sigmoid")
    return scores


def network_steps(model: SavedModel) -> list[Step]:
    """The steps from an image to the probabilities of the classes, whose last is always a softmax, or to maps.

    Raises what `check_explained` raises, and NotBuiltError for a normalization that has seen no images.
    """
    scores = check_explained(model)
    assert model.input_shape is not None
    steps: list[Step] = []
    last = _add(steps, model, "", 0, model.input_shape)
    if len(scores) == 1 and without_softmax(model) is None:
        _step(steps, "softmax", Softmax(), "", [last], scores)
        steps[-1] |= {"code": "softmax", "is_added": True}
    return steps


def _add(steps: list[Step], module: Module, path: str, taken: int, shape: Shape) -> int:
    """Append the steps of a module that takes value `taken` of this shape; return which value it gives."""
    if isinstance(module, Chain):
        for i, layer in enumerate(module.layers):
            taken, shape = _add(steps, layer, f"{path}{i}.", taken, shape), layer.output_shape(shape)
        return taken
    if isinstance(module, Graph):
        return _add_graph(steps, module, path, taken, shape)
    if isinstance(module, Branches | Residual):
        return _add_branches(steps, module, path, taken, shape)
    if isinstance(module, SqueezeExcite):
        return _add_branches(steps, module.parts(), path, taken, shape)
    if isinstance(module, SeparableConv2D):
        return _add_separable(steps, module, path, taken, shape)
    kind, entries = _describe(module, shape)
    return _step(steps, kind, module, path, [taken], module.output_shape(shape), **entries)


def _add_graph(steps: list[Step], graph: Graph, path: str, taken: int, shape: Shape) -> int:
    given, found = {graph.wiring.inputs[0]: taken}, graph.value_shapes(shape)
    for i, vertex in enumerate(graph.wiring.vertices):
        if vertex.layer is None:
            continue
        layer, place, reads = graph.layers[vertex.layer], f"{path}{vertex.name}.", [given[j] for j in vertex.inputs]
        if len(reads) == 1:
            given[i] = _add(steps, layer, place, reads[0], found[vertex.inputs[0]])
        else:
            joined = _joined(layer, [found[j] for j in vertex.inputs], found[i])
            given[i] = _step(steps, joined.pop("kind"), layer, place, reads, found[i], is_projected=False, **joined)
    return given[graph.wiring.outputs[0]]


def _joined(layer: Module, parts: list[Shape], output: Shape) -> Step:
    """The kind, and its entries, of a step that joins values of these shapes."""
    if isinstance(layer, Concatenate):
        return {"kind": "concatenate"}
    if isinstance(layer, MatMul):
        return {"kind": "product", **tables.multiplied(parts, output)}
    operation = OPERATIONS.get(type(layer), "add")
    if operation == "add" and all(part == output for part in parts):
        return {"kind": "add"}
    return {"kind": "combine", "operation": operation, "places": tables.combined(parts, output)}


def _add_branches(steps: list[Step], module: Branches | Residual, path: str, taken: int, shape: Shape) -> int:
    ends = [_add(steps, child, f"{path}{name}.", taken, shape) for name, child in module.children()]
    given = [child.output_shape(shape) for _, child in module.children()]
    if isinstance(module, Residual) and module.projection is None:
        ends.append(taken)
        given.append(shape)
    output = module.output_shape(shape)
    joined = _joined(module, given, output)
    last = _step(steps, joined.pop("kind"), module, path, ends, output, **joined)
    steps[-1]["code"] = type(module).__name__  # its repr has all the layers inside, which are steps of their own
    steps[-1]["is_projected"] = isinstance(module, Residual) and module.projection is not None
    return last


def _add_separable(steps: list[Step], layer: SeparableConv2D, path: str, taken: int, shape: Shape) -> int:
    weight, output = layer.depthwise_weight, layer.output_shape(shape)
    window = _slide(shape, layer)
    between = (weight.value.shape[0], *output[1:])
    entries = {"groups": shape[0], **_affine(weight, None), **window}
    taken = _step(steps, "convolution", layer, path, [taken], between, part="channel by channel", **entries)
    entries = {"groups": 1, **_affine(layer.pointwise_weight, layer.bias)}
    plain = _window(shapes.slide((output[1], output[2]), (1, 1), stride=1, padding=0), (1, 1))
    return _step(steps, "convolution", layer, path, [taken], output, part="across channels", **entries, **plain)


def _step(
    steps: list[Step], kind: str, layer: Module, path: str, taken: list[int], shape: Shape, **entries: Any
) -> int:
    where = {"layer": type(layer).__name__, "code": repr(layer), "path": path.rstrip(".")}
    steps.append({"kind": kind, **where, "from": taken, "shape": [int(size) for size in _seen(shape)], **entries})
    return len(steps)


def _seen(shape: Shape) -> Shape:
    """The shape of a value as vectors or maps (c, h, w), which are all that a page shows."""
    if len(shape) < 2:
        return shape or (1,)
    return (math.prod(shape[:-2]), *shape[-2:])


def _describe(layer: Module, shape: Shape) -> tuple[str, Step]:
    """(kind, entries) of the one step that a layer is."""
    if isinstance(layer, Conv2D):
        return "convolution", {"groups": layer.groups, **_affine(layer.weight, layer.bias), **_slide(shape, layer)}
    if isinstance(layer, DepthwiseConv2D):
        return "convolution", {"groups": shape[0], **_affine(layer.weight, layer.bias), **_slide(shape, layer)}
    if isinstance(layer, MaxPool2D):
        return "maximum", _pool(shape, layer)
    if isinstance(layer, AveragePool2D):
        return "average", {"counts_padding": layer.count_include_pad, **_pool(shape, layer)}
    if isinstance(layer, GlobalAveragePool2D | GlobalMaxPool2D):
        size = (shape[1], shape[2])
        window = _window(shapes.slide(size, size, stride=size, padding=0), size)
        return "average" if isinstance(layer, GlobalAveragePool2D) else "maximum", {"counts_padding": True, **window}
    if isinstance(layer, BatchNorm2D | BatchNorm1D):
        scale, shift = layer.scale_and_shift()
        return "scale", {"scale": encode(scale), "shift": encode(shift)}
    if isinstance(layer, Normalization):
        if np.isnan(layer.mean.value).any():
            raise NotBuiltError("Normalization: it has no mean and std yet: give them, or call adapt(images) once")
        mean, std = layer.mean.value.astype(np.float64), layer.std.value.astype(np.float64)
        return "scale", {"scale": encode(1 / std), "shift": encode(-mean / std)}
    if isinstance(layer, ScaleShift):
        ones, zeros = np.ones(shape[0]), np.zeros(shape[0])
        scale = layer.weight.value if layer.weight is not None else ones
        shift = layer.bias.value if layer.bias is not None else zeros
        return "scale", {"scale": encode(scale), "shift": encode(shift)}
    if isinstance(layer, Rescaling):
        scale, shift = np.full((2, shape[0]), [[layer.scale], [layer.offset]])
        return "scale", {"scale": encode(scale), "shift": encode(shift)}
    if isinstance(layer, Dense):
        return "dense", _affine(layer.weight, layer.bias)
    if isinstance(layer, ReLU):
        return "elementwise", {"formula": "relu", "settings": []}
    if isinstance(layer, Formula):
        name, settings = layer.formula()
        finite = [min(max(setting, -LARGEST), LARGEST) for setting in settings]  # JSON has no infinity
        return "elementwise", {"formula": name, "settings": finite}
    if isinstance(layer, PReLU):
        return "elementwise", {"formula": "leaky_relu", "settings": [], "slopes": encode(layer.weight.value)}
    if isinstance(layer, Constant):
        return "constant", {"weight": encode(layer.weight.value)}
    if isinstance(layer, Flatten | Reshape | Squeeze | Unsqueeze):
        return "flatten", {}
    if isinstance(layer, ConvTranspose2D):
        return "transposed", {"groups": layer.groups, **_affine(layer.weight, layer.bias), **_spread(shape, layer)}
    return _describe_by_tables(layer, shape)


def _describe_by_tables(layer: Module, shape: Shape) -> tuple[str, Step]:
    if tables.blends(layer):
        return "blend", tables.blended(layer, shape)
    if isinstance(layer, tables.COPIED):
        return "copy", tables.copied(layer, shape)
    if type(layer) in tables.REDUCED:
        return "reduce", tables.reduced(layer, shape)
    if isinstance(layer, tables.Norm):
        entries, weight, bias = tables.normalized(layer, shape)
        return "standardize", {"weight": encode(weight), "bias": encode(bias), **entries}
    if isinstance(layer, LocalResponseNorm):
        return "response", {name: float(getattr(layer, name)) for name in ("size", "alpha", "beta", "k")}
    if isinstance(layer, Softmax | LogSoftmax) and len(shape) > 1:
        return "share", {"is_logarithm": isinstance(layer, LogSoftmax), **tables.shared(layer, shape)}
    kinds: dict[type[Module], str] = {Softmax: "softmax", LogSoftmax: "log_softmax"}
    return kinds.get(type(layer), "identity"), {}


def _affine(weight: Parameter, bias: Parameter | None) -> Step:
    return {"weight": encode(weight.value), "bias": None if bias is None else encode(bias.value)}


def _slide(shape: Shape, layer: Conv2D | DepthwiseConv2D | SeparableConv2D) -> Step:
    kernel = shapes.pair(layer.kernel_size, "kernel_size")
    how: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    return _window(shapes.slide((shape[1], shape[2]), kernel, **how), kernel)


def _spread(shape: Shape, layer: ConvTranspose2D) -> Step:
    kernel = shapes.pair(layer.kernel_size, "kernel_size")
    how: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    return _window(shapes.spread((shape[1], shape[2]), kernel, output_padding=layer.output_padding, **how), kernel)


def _pool(shape: Shape, layer: MaxPool2D | AveragePool2D) -> Step:
    kernel, window = layer.windows(shape)
    if isinstance(layer, AveragePool2D) and layer.count_include_pad and any(window.extra):
        raise ValueError(f"{layer!r} of {shapes.show(shape)} can't be explained: its windows count unequal parts")
    return _window(window, kernel)


def _window(window: Window | Spread, kernel: tuple[int, int]) -> Step:
    return {
        "kernel": list(kernel),
        "stride": list(window.stride),
        "dilation": list(window.dilation),
        "padding": [list(ends) for ends in window.padding],
    }
