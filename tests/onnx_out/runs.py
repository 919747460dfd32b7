"""What runs ONNX files: ONNX's own reference, and ONNX Runtime and OpenVINO where they are installed."""

import io
from collections.abc import Callable

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from minidl.display.installed import is_installed
from minidl.onnx_out import save_onnx

TOLERANCE = 1e-5
"""Of a difference, relative to the largest number of an output."""


def exported(model, **options) -> onnx.ModelProto:
    """The file of a model, which ONNX's full check passes."""
    file = io.BytesIO()
    save_onnx(model, file, **options)
    proto = onnx.load_from_string(file.getvalue())
    onnx.checker.check_model(proto, full_check=True)
    return proto


def by_reference(proto, *inputs):
    names = [entry.name for entry in proto.graph.input]
    return ReferenceEvaluator(proto).run(None, dict(zip(names, inputs, strict=True)))


def by_onnxruntime(proto, *inputs):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))


def by_openvino(proto, *inputs):
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(core.read_model(proto.SerializeToString()), "CPU", settings)
    return [np.array(each) for each in compiled(list(inputs)).to_tuple()]


RUNTIMES: dict[str, Callable] = {"reference": by_reference} | {
    name: run for name, run in (("onnxruntime", by_onnxruntime), ("openvino", by_openvino)) if is_installed(name)
}


def several(value):
    return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else [value]


def assert_agree(got, wanted):
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        assert np.isfinite(other).all()
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE * max(np.abs(other).max(initial=0), 1e-30))


def check(model, *inputs, runtimes=RUNTIMES, taken=None, **options):
    """The file, after every runtime has given what the model gives; `taken` where the file takes other arrays."""
    proto = exported(model, **options)
    wanted = several(model(inputs if len(inputs) > 1 else inputs[0]))
    for name in runtimes:
        assert_agree(RUNTIMES[name](proto, *(taken or inputs)), wanted)
    return proto
