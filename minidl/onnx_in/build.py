"""Steps as a Graph: layers called on nodes, under the names that the file has."""

import re
from typing import Any

import numpy as np

from minidl.errors import FormatError
from minidl.graph.node import Input, Node
from minidl.graph.wiring import numbered
from minidl.layers.cost import cost
from minidl.layers.rescaling import Rescaling
from minidl.model import Graph
from minidl.module import Buffer, Parameter, flat_views, flatten_parameters
from minidl.onnx_in.proto import File
from minidl.onnx_in.simplify.steps import Steps
from minidl.onnx_in.step import OpenReshape
from minidl.onnx_in.values import UnsettledError
from minidl.process.importing import imported
from minidl.saving.budget import Budget

NAME_LENGTH = 150

PREPROCESSING = "minidl_preprocessing"
"""The key among a file's properties under which minidl keeps it."""


def build(file: File, steps: Steps, budget: Budget) -> Graph:
    """The graph, with the parameters that the file has.

    Raises FormatError where they don't fit, and for more than the budget allows.
    """
    count = sum(step is not None for step in steps.all)
    budget.check_model(layers=count, depth=0)
    _check_size(file, steps, budget)
    try:
        model = _graph(file, steps)
    except FormatError:
        raise
    except (TypeError, ValueError) as error:
        raise FormatError(str(error)) from None
    if len(flat_views(model.parameters())) > 1:
        flatten_parameters(model, file.dtype)
    sample: Any = model.input_shape
    one = cost(model, sample)
    size = sum(map(np.prod, model.input_shapes))
    budget.check_pass(
        sample=_itemsize(file) * int(size), activations=_itemsize(file) * one.values, operations=one.operations
    )
    if (preprocessing := preprocessing_of(file)) is not None:
        model.preprocessing = preprocessing
    return model


def _graph(file: File, steps: Steps) -> Graph:
    """The layers, with their parameters, called on nodes."""
    _fill(steps, file.dtype)
    names = _names(steps)
    nodes: dict[int, Node] = {}
    inputs = []
    for i in steps.present():
        step = steps[i]
        if step.layer is None:
            nodes[i] = Input(step.samples[0], name=names[i])
            if steps.readers[i] or i in steps.outputs:
                inputs.append(nodes[i])
            continue
        if isinstance(step.layer, OpenReshape):
            raise UnsettledError(f"{step.name}: its shape depends on the sizes that the network is given")
        nodes[i] = step.layer(*(nodes[read] for read in step.inputs), name=names[i])
    if not inputs:
        raise FormatError("no output depends on what it's given")
    return Graph(inputs, _outputs(file, steps, nodes), dtype=file.dtype)


def _fill(steps: Steps, dtype: str) -> None:
    """Give parameters their values, in one vector for all: they are copied once."""
    found: list[tuple[Parameter, Any]] = []
    for i in steps.present():
        step = steps[i]
        for name, array in step.arrays.items():
            parameter = getattr(step.layer, name)
            if problem := parameter.problem(array):
                raise FormatError(f"{step.name}: {name}: {problem}")
            found.append((parameter, array))
    size = sum(array.size for parameter, array in found if not isinstance(parameter, Buffer))
    values, grads = np.empty(size, dtype), np.zeros(size, dtype)
    start = 0
    for parameter, array in found:
        if isinstance(parameter, Buffer):
            parameter.value = np.asarray(array, dtype)
            continue
        stop = start + array.size
        parameter.begin(array, values[start:stop], grads[start:stop])
        start = stop


def preprocessing_of(file: File) -> Any:
    """What minidl wrote of a model's classes and pictures, None where it wrote nothing. Raises FormatError."""
    if PREPROCESSING not in file.metadata:
        return None
    try:
        values = imported("json").loads(file.metadata[PREPROCESSING])
    except (ValueError, RecursionError):
        raise FormatError("preprocessing: expected JSON") from None
    return imported("minidl.datasets.preprocessing").Preprocessing.from_dict(values)


def _outputs(file: File, steps: Steps, nodes: dict[int, Node]) -> Any:
    """The nodes that go out, by their names where there are several; each is a value of its own."""
    found: list[Node] = []
    for i in steps.outputs:
        node = nodes[i]
        if node.layer is None or any(node is other for other in found):
            node = Rescaling(1.0)(node)
        found.append(node)
    return found[0] if len(found) == 1 else dict(zip(file.outputs, found, strict=True))


def _itemsize(file: File) -> int:
    return np.dtype(file.dtype).itemsize


def _check_size(file: File, steps: Steps, budget: Budget) -> None:
    """Raise FormatError for parameters that take more than the budget allows."""
    size = sum(_itemsize(file) * np.size(array) for i in steps.present() for array in steps[i].arrays.values())
    budget.check_arrays(size, file.size, slack=COMPUTED)


COMPUTED = 5 * 2**27
"""Bytes that a file may compute from next to nothing: VGG-19, which ONNX ships with such weights, has 575 MB."""


def _names(steps: Steps) -> dict[int, str]:
    """A name for each step as graphs have them: the file's, less the characters that they can't have."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    first = [*steps.outputs, *(i for i in steps.present() if steps[i].layer is None)]  # which keep theirs
    for i in [*first, *(i for i in steps.present() if i not in first)]:
        if i not in names:
            word = re.sub(r"[^A-Za-z0-9_-]", "_", steps[i].name)[-NAME_LENGTH:]
            word = word if re.match(r"[A-Za-z_]", word) else f"_{word}"
            names[i] = numbered(word, taken)
            taken.add(names[i])
    return names
