"""ONNX Runtime on a graph that is built by hand, node by node, from the description of the network."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.networks import Layer
from benchmarks.worker import Job

OPSET, IR_VERSION = 17, 8


def make_graph(layers: list[Layer]) -> Any:
    """The network of the description as an ONNX model with one input, x (n, c, h, w), and one output."""
    nodes, constants, name = [], [], "x"
    for i, layer in enumerate(layers):
        operator, parameters, attributes = _node(layer)
        inputs = [name]
        for parameter in parameters:
            if layer[parameter] is not None:
                inputs.append(f"{i}.{parameter}")
                constants.append(numpy_helper.from_array(np.ascontiguousarray(layer[parameter]), inputs[-1]))
        name = f"y{i}"
        nodes.append(helper.make_node(operator, inputs, [name], **attributes))
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *layers[0]["input_shape"]])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "classes"])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def _node(layer: Layer) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """(operator, parameters, attributes)."""
    kind, affine = layer["kind"], ("weight", "bias")
    if kind == "Conv2D":
        attributes = {"strides": layer["stride"], "dilations": layer["dilation"], "group": layer["groups"]}
        return "Conv", affine, attributes | {"pads": [*layer["padding"], *layer["padding"]]}
    if kind == "MaxPool2D":
        attributes = {"kernel_shape": layer["pool_size"], "strides": layer["stride"]}
        return "MaxPool", (), attributes | {"pads": [*layer["padding"], *layer["padding"]]}
    if kind == "Dense":
        return "Gemm", affine, {"transB": 1}
    if kind == "BatchNorm2D":
        return "BatchNormalization", (*affine, "running_mean", "running_var"), {"epsilon": layer["eps"]}
    if kind == "Softmax":
        return "Softmax", (), {"axis": 1}
    if kind in ("ReLU", "Flatten"):
        return {"ReLU": "Relu", "Flatten": "Flatten"}[kind], (), {}
    raise NotImplementedError(f"{kind} has no counterpart here")


def inference(layers: list[Layer], images: Any, *, threads: int) -> Job:
    """What the last layer gives for a batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        make_graph(layers).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {"x": np.ascontiguousarray(images)}
    return Job(lambda: session.run(None, feed), {"scores": session.run(None, feed)[0]})
