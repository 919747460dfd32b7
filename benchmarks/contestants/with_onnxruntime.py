"""ONNX Runtime on the CPU, with one thread or with all."""

from typing import Any

import numpy as np
import onnxruntime

from benchmarks.contestants.onnx_graph import make_file
from benchmarks.graph import Layer
from benchmarks.worker import Job


def inference(layers: list[Layer], images: Any, *, threads: int) -> Job:
    """What the last layer gives for a batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(make_file(layers, len(images)), options, providers=["CPUExecutionProvider"])
    feed = {"x": np.ascontiguousarray(images)}
    return Job(lambda: session.run(None, feed), {"scores": session.run(None, feed)[0]})


def onnx_file(path: str, x: Any, *, threads: int) -> Job:
    """What a file's network gives for a batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: np.ascontiguousarray(x)}
    outcome = {f"output.{i}": y for i, y in enumerate(session.run(None, feed))}
    return Job(lambda: session.run(None, feed), outcome)
