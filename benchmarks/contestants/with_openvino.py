"""OpenVINO on the CPU in float32: a batch as one request, or in parts as several that run at once."""

from typing import Any

import numpy as np
import openvino

from benchmarks.contestants.onnx_graph import make_file
from benchmarks.graph import Layer
from benchmarks.worker import Job


def inference(layers: list[Layer], images: Any, *, hint: str) -> Job:
    """What the last layer gives for a batch, tuned for "LATENCY" or "THROUGHPUT".

    For throughput there are streams, each of which takes a request: the batch is cut into as many equal parts.
    """
    images = np.array(images, order="C")  # OpenVINO refuses arrays that may not be written to
    compiled = _compile(layers, len(images), hint)
    parts = 1
    if hint == "THROUGHPUT":
        streams = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        parts = max(count for count in range(1, streams + 1) if len(images) % count == 0)
        if parts > 1:
            compiled = _compile(layers, len(images) // parts, hint)
    requests = [compiled.create_infer_request() for _ in range(parts)]
    for request, part in zip(requests, np.split(images, parts), strict=True):
        request.set_input_tensor(openvino.Tensor(part, shared_memory=True))

    def run() -> None:
        if parts == 1:
            requests[0].infer()
            return
        for request in requests:
            request.start_async()
        for request in requests:
            request.wait()

    run()
    return Job(run, {"scores": np.concatenate([request.get_output_tensor().data for request in requests])})


def onnx_file(path: str, x: Any, *, threads: int) -> Job:
    """What a file's network gives for a batch of this shape."""
    core = openvino.Core()
    model = core.read_model(path)
    model.reshape(list(x.shape))
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    images = np.array(x, order="C")  # which OpenVINO doesn't hold
    request.set_input_tensor(openvino.Tensor(images, shared_memory=True))

    def run() -> Any:
        request.infer()
        return images

    run()
    return Job(run, {f"output.{i}": request.get_output_tensor(i).data.copy() for i in range(len(model.outputs))})


def _compile(layers: list[Layer], batch: int, hint: str) -> Any:
    # By default it computes in bfloat16 where the processor can.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": hint}
    core = openvino.Core()
    return core.compile_model(core.read_model(make_file(layers, batch)), "CPU", settings)
