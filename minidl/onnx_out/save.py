"""A model as an ONNX file, for whatever runs these: phones, browsers, other frameworks."""

import math
from typing import Any

from minidl.description.operators import Opaque
from minidl.errors import NotBuiltError, keyword_hints
from minidl.graph.network import Network
from minidl.module import Module
from minidl.onnx_out.build import Ends, proto_of, rule_of, shapes_of
from minidl.onnx_out.outline import Outline, described, folded
from minidl.onnx_out.sizes import fixed, of_any_size
from minidl.onnx_out.writer import onnx_package
from minidl.process.importing import imported
from minidl.saving import files
from minidl.typing import FileOrPath

OLDEST, NEWEST = 14, 24
"""The opsets that can be written."""

IR_VERSION = 8
"""Of files, unless the opset needs a newer one."""

LARGEST = 2**31 - 2**20
"""Bytes of parameters that fit into one file, which protobuf limits to 2 GiB."""


@keyword_hints
def save_onnx(
    model: Module,
    path: FileOrPath,
    *,
    opset: int = 17,
    ir_version: int | None = None,
    fold: bool = False,
    dynamic_size: bool = False,
    takes_bytes: bool = False,
) -> None:
    """Write a built model as an ONNX file of float32, whole or not at all: what it computes at inference.

    The batch is symbolic, "N"; `dynamic_size` leaves the size of images open too, "H" and "W". `fold` computes batch
    normalizations into the weights before them. `takes_bytes` makes uint8 the type of images whose model begins with
    Rescaling. Nodes and constants have the names of the modules and parameters; class names and preprocessing are
    among the file's properties. `opset` is from 14 to 24; `ir_version` is 8, or what the opset needs. Needs
    `pip install "minidl[onnx]"`.

    Raises TypeError, which names them, for modules that neither describe themselves nor are minidl's; ValueError for an
    opset that isn't known, a network that takes images of one size alone, and parameters beyond 2 GiB; NotBuiltError.
    """
    content = _message(
        model,
        opset=opset,
        ir_version=ir_version,
        fold=fold,
        dynamic_size=dynamic_size,
        takes_bytes=takes_bytes,
    ).SerializeToString()
    with files.writing(path) as file:
        file.write(content)


def _message(
    model: Any, *, opset: int, ir_version: int | None, fold: bool, dynamic_size: bool, takes_bytes: bool
) -> Any:
    """The onnx.ModelProto; raises what `save_onnx` says."""
    onnx = onnx_package()
    if not isinstance(model, Module):
        raise TypeError(f"model: expected a model, got {type(model).__name__}")
    if getattr(model, "input_shape", None) is None or not all(array.is_built for _, array in model.named_state()):
        raise NotBuiltError(
            "an ONNX file includes the weights: build the model first, with input_shape=(c, h, w) or a call"
        )
    if type(opset) is not int or not OLDEST <= opset <= min(NEWEST, onnx.defs.onnx_opset_version()):
        raise ValueError(f"opset: expected {OLDEST} to {min(NEWEST, onnx.defs.onnx_opset_version())}, got {opset!r}")
    needs = imported("onnx.helper").find_min_ir_version_for([imported("onnx.helper").make_opsetid("", opset)])
    if ir_version is None:
        ir_version = max(IR_VERSION, needs)
    elif type(ir_version) is not int or not needs <= ir_version <= onnx.IR_VERSION:
        raise ValueError(f"ir_version: expected {needs} to {onnx.IR_VERSION} for opset {opset}, got {ir_version!r}")
    size = sum(4 * math.prod(array.value.shape) for _, array in model.named_state())
    if size > LARGEST:
        raise ValueError(
            f"expected parameters of less than 2 GiB, which is what one ONNX file can hold, got {size / 2**30:.1f} GiB"
        )
    outline = described(model, shapes_of(model))
    _check_rules(outline)
    names = {id(array.value): name for name, array in model.named_state()}
    sized = of_any_size(model, shapes_of(model), outline) if dynamic_size else fixed(outline)
    kept: Any = None
    if fold:
        smaller, kept = folded(sized.outline, names)
        sized = sized._replace(outline=smaller)
    found = proto_of(
        sized,
        _ends(model, outline, takes_bytes=takes_bytes),
        names,
        opset=opset,
        ir_version=ir_version,
        preprocessing=getattr(model, "preprocessing", None),
        version=imported("minidl").__version__,
    )
    del kept  # until here, so that no other array has the id of one of these
    return found


def _check_rules(outline: Outline) -> None:
    """Raise TypeError, which names them, where modules can't be written."""
    missing = []
    for node in (outline.nodes[number] for number in outline.needed() if number not in outline.inputs):
        if rule_of(node) is None:
            kind = type(node.operator.module).__name__ if isinstance(node.operator, Opaque) else node.layer
            missing.append(f"{node.name} {kind}".strip())
    if missing:
        raise TypeError(
            f"these can't be written as ONNX: {', '.join(missing)}; custom layers can if they describe themselves by "
            "operators, or are made of minidl's layers"
        )


def _ends(model: Any, outline: Outline, *, takes_bytes: bool) -> Ends:
    """Names and types. Raises ValueError where bytes are wanted and the model doesn't take them."""
    is_graph = isinstance(model, Network)
    inputs = list(getattr(model, "input_names", None) or ["input"])
    outputs = list(getattr(model, "output_names", None) or ["output"])
    vertices = model.wiring.inputs if is_graph else ()
    integers = [model.input_takes_integers(i) for i in vertices] if is_graph else [model.takes_integers]
    numbers = [model.input_takes_bytes(i) for i in vertices] if is_graph else [model.takes_bytes]
    if takes_bytes and not any(numbers):
        raise ValueError("takes_bytes: expected a model that begins with Rescaling, which takes bytes")
    types = [
        "UINT8" if takes_bytes and raw else "INT64" if whole and not raw else "FLOAT"
        for whole, raw in zip(integers, numbers, strict=True)
    ]
    return Ends(inputs, outputs, types)
