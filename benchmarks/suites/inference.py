"""The scores of a batch, beside ONNX Runtime, OpenVINO, JAX and PyTorch."""

from benchmarks import machine
from benchmarks.crew import Crew
from benchmarks.report import Report
from benchmarks.suites import network_suite
from benchmarks.suites.network_suite import COMPILED, entries, threads_and_layouts
from benchmarks.timing import Settings

_POOLS = {"reduce_window": {"pool": "reduce_window"}, "reshaped pooling": {"pool": "reshape"}}

_HINTS = {"latency": {"hint": "LATENCY"}, "throughput": {"hint": "THROUGHPUT"}}


def run(crew: Crew, settings: Settings) -> Report:
    """Each network at each batch; the scores are compared before."""
    contestants = "benchmarks.contestants"
    threads = {f"{count} thread{'s' * (count > 1)}": {"threads": count} for count in machine.thread_counts()}
    return network_suite.run(
        crew,
        settings,
        suite="inference",
        title="Inference: medians, each framework in its best setting",
        function="inference",
        peers={
            "ONNX Runtime": lambda given: entries(
                "ONNX Runtime", f"{contestants}.with_onnxruntime:inference", given, threads
            ),
            "OpenVINO": lambda given: entries("OpenVINO", f"{contestants}.with_openvino:inference", given, _HINTS),
            "JAX": lambda given: entries("JAX", f"{contestants}.with_jax:inference", given, _POOLS),
            "PyTorch": lambda given: entries(
                "PyTorch", f"{contestants}.with_pytorch:inference", given, threads_and_layouts()
            ),
            "torch.compile": lambda given: entries(
                "torch.compile", f"{contestants}.with_pytorch:inference", given, COMPILED
            ),
        },
        labelled=False,
    )
