"""The network as an ONNX file, built by hand, node by node, from its description: for all that read one."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.graph import IMAGES, Layer

OPSET, IR_VERSION = 17, 8


def make_file(layers: list[Layer], batch: int) -> bytes:
    """The network of the description for batches of one size: one input, x (n, c, h, w), and one output."""
    nodes, constants, names = [], [], {IMAGES: "x"}
    for i, layer in enumerate(layers):
        operator, parameters, attributes = _node(layer)
        inputs = [names[source] for source in layer["inputs"]]
        for parameter in parameters:
            if layer[parameter] is not None:
                inputs.append(f"{i}.{parameter}")
                constants.append(numpy_helper.from_array(np.ascontiguousarray(layer[parameter]), inputs[-1]))
        names[i] = f"y{i}"
        nodes.append(helper.make_node(operator, inputs, [names[i]], **attributes))
    ends = {"x": layers[0]["input_shape"], names[len(layers) - 1]: layers[-1]["shape"]}
    taken, given = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *shape]) for name, shape in ends.items()
    )
    graph = helper.make_graph(nodes, "network", [taken], [given], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def _node(layer: Layer) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """(operator, parameters, attributes)."""
    kind, affine = layer["kind"], ("weight", "bias")
    if kind in ("Conv", "ConvTranspose"):
        attributes = {"strides": layer["stride"], "dilations": layer["dilation"], "group": layer["groups"]}
        return kind, affine, attributes | {"pads": [*layer["padding"], *layer["padding"]]}
    if kind == "MaxPool":
        attributes = {"kernel_shape": layer["pool_size"], "strides": layer["stride"]}
        return kind, (), attributes | {"pads": [*layer["padding"], *layer["padding"]]}
    if kind == "Dense":
        return "Gemm", affine, {"transB": 1}
    if kind == "BatchNorm":
        return "BatchNormalization", (*affine, "running_mean", "running_var"), {"epsilon": layer["eps"]}
    if kind == "GlobalAveragePool":
        return "ReduceMean", (), {"axes": [2, 3], "keepdims": 0}
    if kind in ("Softmax", "Concat"):
        return kind, (), {"axis": 1}
    if kind in ("ReLU", "Flatten", "Add"):
        return {"ReLU": "Relu"}.get(kind, kind), (), {}
    raise NotImplementedError(f"{kind} has no counterpart here")
