"""A case's model as `load_onnx` reads it, and what that gives: weights that a case feeds in become constants."""

import io
import math
from typing import Any

import numpy as np
from onnx import ModelProto, numpy_helper

from minidl.onnx_in import load_onnx
from minidl.onnx_in.rules import RULES
from tests.onnx.cases import Case

VALUES = {"Gemm": (0,), "Gather": (0,), "Where": (0, 1, 2), "MatMul": (0, 1), "PRelu": (0,)} | dict.fromkeys(
    ("Add", "Concat", "Div", "Max", "Mean", "Min", "Mul", "Pow", "Sub", "Sum")
)
"""Which of an operator's inputs are values, all for None; of others the first. The rest are constants of a network."""

OPERATORS = RULES.keys() - {"Cast", "CastLike", "Constant", "Identity", "Shape", "Size"}
"""Those that layers compute."""

ATOL = 1e-6
"""How far a number may be from the case's beside its share of it: those that several layers compute add up a few."""

UNMADE = {
    "Dropout": 1,
    "LayerNormalization": 1,
    "MaxPool": 1,
    "BatchNormalization": 1,
}
"""Of which operators minidl gives the first outputs alone."""


def check(case: Case) -> None:
    """Raise AssertionError unless minidl's outputs are those of the case."""
    outputs = run(case)
    for name, y in outputs.items():
        expected = np.asarray(case.outputs[name])
        assert y.shape == expected.shape, name
        given = np.asarray(y, np.float64)
        np.testing.assert_allclose(
            given, expected.astype(np.float64), rtol=case.rtol, atol=max(case.atol, ATOL), err_msg=name
        )


def run(case: Case) -> dict[str, np.ndarray]:
    """What the network gives for the case's inputs, by the names of outputs; integers go in and come out as floats."""
    content, fed, names = _as_network(case)
    network = load_onnx(io.BytesIO(content))
    arrays = [np.asarray(case.inputs[name]) for name in fed]
    arrays = [
        array if array.dtype.kind == "i" and network.takes_integers else array.astype(network.dtype) for array in arrays
    ]
    shapes = [network.input_shape] if len(fed) == 1 else network.input_shape
    is_one_sample = all(shape == array.shape for shape, array in zip(shapes, arrays, strict=True))
    given = network(*[array[None] for array in arrays]) if is_one_sample else network(*arrays)
    found = given.values() if isinstance(given, dict) else [given]
    outputs = {}
    for name, y in zip(names, found, strict=True):
        expected = np.shape(case.outputs[name])
        y = y[0] if is_one_sample and y.ndim > len(expected) else y
        outputs[name] = y.reshape(expected) if y.ndim != len(expected) and y.size == math.prod(expected) else y
    return outputs


def _as_network(case: Case) -> tuple[bytes, list[str], list[str]]:
    """(the model's file with constants in the place of weights, its inputs, its outputs)."""
    model = ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    fed = [entry.name for entry in graph.input if entry.name not in constants]
    kept = _values(case, fed)
    for name in fed:
        if name not in kept:
            graph.initializer.append(numpy_helper.from_array(np.array(case.inputs[name]), name))
    for entry in [entry for entry in graph.input if entry.name not in kept]:
        graph.input.remove(entry)
    names = [entry.name for entry in graph.output]
    for operator, count in UNMADE.items():
        if len(case.nodes) == 1 and case.nodes[0].operator == operator:
            names = names[:count]
    for entry in [entry for entry in graph.output if entry.name not in names]:
        graph.output.remove(entry)
        for node in graph.node:
            node.output[:] = [name if name != entry.name else "" for name in node.output]
    return model.SerializeToString(), [entry.name for entry in graph.input], names


def _values(case: Case, fed: list[str]) -> list[str]:
    """The inputs that stay inputs."""
    if len(case.nodes) > 1 or not fed:
        return fed
    node = case.nodes[0]
    places: Any = VALUES.get(node.operator, (0,))
    chosen = node.inputs if places is None else [node.inputs[i] for i in places if i < len(node.inputs)]
    return [name for name in fed if name in chosen and np.ndim(case.inputs[name])] or fed
