"""Small ONNX files that tests write, and what ONNX's own evaluator gives for them."""

import io
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import minidl as ml
from minidl.onnx_in import load_onnx


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """An operation; names are parted by spaces, and "-" stands for none."""
    names = [name if name != "-" else "" for name in inputs.split()]
    return helper.make_node(operator, names, outputs.split(), **attributes)


def model(
    nodes: list[Any],
    inputs: dict[str, Any],
    outputs: Any = ("y",),
    *,
    constants: dict[str, Any] | None = None,
    opset: int = 17,
    kinds: dict[str, int] | None = None,
) -> ModelProto:
    """A model of these nodes; sizes of inputs are ints, names or None."""
    kinds = kinds or {}
    entries = [
        helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), list(shape))
        for name, shape in inputs.items()
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, "net", entries, ends, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def loaded(made: ModelProto, **options: Any) -> ml.Graph:
    """The model as `load_onnx` reads it."""
    return load_onnx(io.BytesIO(made.SerializeToString()), **options)


def expected(made: ModelProto, *arrays: Any) -> list[Any]:
    """What ONNX's evaluator gives."""
    names = [entry.name for entry in made.graph.input]
    return ReferenceEvaluator(made).run(None, dict(zip(names, arrays, strict=True)))


def given(network: ml.Graph, *arrays: Any) -> list[Any]:
    """What the network gives, as a list."""
    y = network(*arrays)
    return list(y.values()) if isinstance(y, dict) else [y]


def check(made: ModelProto, *arrays: Any, tolerance: float = 1e-5, **options: Any) -> ml.Graph:
    """Raise AssertionError unless the network gives what ONNX's evaluator does, to this share of the largest."""
    network = loaded(made, **options)
    for y, wanted in zip(given(network, *arrays), expected(made, *arrays), strict=True):
        assert y.shape == wanted.shape
        assert y.dtype == np.float32
        assert np.abs(y - wanted).max(initial=0) <= tolerance * np.abs(wanted).max(initial=1e-6)
    return network


def layers(network: ml.Graph) -> list[str]:
    """The names of the classes of its layers, in order."""
    return [type(network.layers[v.layer]).__name__ for v in network.wiring.vertices if v.layer is not None]


def normal(*shape: int, seed: int = 0) -> Any:
    """Numbers as float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
