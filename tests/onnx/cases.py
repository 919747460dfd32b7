"""ONNX's own test cases of operators: models of one node or a few, inputs, and the outputs they should give."""

import functools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.reference.ops import op_pool_common

FOLDERS = ("pytorch-converted", "pytorch-operator", "simple")
"""Those of onnx/backend/test/data whose models came from PyTorch or are single nodes."""

RTOL, ATOL = 1e-3, 1e-7
"""What the cases of nodes have, and ONNX's runner takes for the models on disk, which say none."""


class Node:
    """One operator of a model; it keeps account of which attributes were asked for, so that none goes unheeded."""

    def __init__(self, proto: onnx.NodeProto, opset: int) -> None:
        self.operator, self.opset = proto.op_type, opset
        self.inputs, self.outputs = list(proto.input), list(proto.output)
        self.attributes = {attribute.name: _plain(attribute) for attribute in proto.attribute}
        self.unheeded = set(self.attributes)

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute, or what it is where the model doesn't say."""
        self.unheeded.discard(name)
        return self.attributes.get(name, default)


class Case(NamedTuple):
    """A model, and one set of data for it."""

    name: str
    model: onnx.ModelProto
    nodes: list[Node]
    inputs: dict[str, np.ndarray]
    """By name, the model's own constants among them; they can't be written to."""
    outputs: dict[str, np.ndarray]
    rtol: float
    atol: float


@functools.cache
def all_cases() -> tuple[Case, ...]:
    """Every case of nodes, and every small model on disk, by name.

    Not those of functions expanded into primitives: they are the cases of the functions once more.
    """
    return tuple(sorted((*_of_nodes(), *_on_disk()), key=lambda case: case.name))


def _of_nodes() -> Iterator[Case]:
    # Most of them draw from NumPy's one old generator, which gets its state back.
    state = np.random.get_state()  # noqa: NPY002
    with warnings.catch_warnings():  # of NumPy, where other operators' cases are made of infinities
        warnings.simplefilter("ignore")
        np.random.seed(0)  # noqa: NPY002
        with mock.patch.object(op_pool_common, "pool", _pool):
            collected = collect_testcases(None)
    np.random.set_state(state)  # noqa: NPY002
    for found in collected:
        if "_expanded" not in found.name:
            for i, (inputs, outputs) in enumerate(found.data_sets):
                name = found.name.removeprefix("test_") + (f"_{i}" if len(found.data_sets) > 1 else "")
                yield _case(name, found.model, inputs, outputs, found.rtol, found.atol)


def _pool(padded: Any, x_shape: Any, *args: Any, computed: Any = op_pool_common.pool, **options: Any) -> Any:
    """ONNX's own loops, but for images of three dimensions: they take seconds, and a rule leaves those cases out."""
    return padded if len(x_shape) == 5 else computed(padded, x_shape, *args, **options)


def _on_disk() -> Iterator[Case]:
    data = Path(onnx.__file__).parent / "backend" / "test" / "data"
    for folder in FOLDERS:
        for path in sorted((data / folder).glob("*/model.onnx")):
            model = onnx.load(path)
            for i, files in enumerate(sorted(path.parent.glob("test_data_set_*"))):
                inputs, outputs = (
                    [_tensor(files / f"{kind}_{k}.pb") for k in range(len(list(files.glob(f"{kind}_*.pb"))))]
                    for kind in ("input", "output")
                )
                name = f"{folder}/{path.parent.name.removeprefix('test_')}" + (f"_{i}" if i else "")
                yield _case(name, model, inputs, outputs, RTOL, ATOL)


def _case(name: str, model: onnx.ModelProto, inputs: Any, outputs: Any, rtol: float, atol: float) -> Case:
    opset = max(entry.version for entry in model.opset_import)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    fed = [entry.name for entry in model.graph.input if entry.name not in constants]
    nodes = []
    for proto in model.graph.node:
        if proto.op_type == "Constant":
            constants[proto.output[0]] = numpy_helper.to_array(proto.attribute[0].t)
        else:
            nodes.append(Node(proto, opset))
    given = {name: _frozen(tensor) for name, tensor in (constants | dict(zip(fed, inputs, strict=True))).items()}
    expected = dict(zip([entry.name for entry in model.graph.output], outputs, strict=True))
    return Case(name, model, nodes, given, expected, rtol, atol)


def _frozen(tensor: Any) -> Any:
    if isinstance(tensor, np.ndarray | np.generic):
        tensor = np.array(tensor)
        tensor.flags.writeable = False
    return tensor


def _tensor(path: Path) -> np.ndarray:
    return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))


def _plain(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    return value.decode() if isinstance(value, bytes) else value
