"""One whole training step, forward, cross-entropy, backward and Adam, beside PyTorch, JAX and Keras."""

from benchmarks.crew import Crew
from benchmarks.report import Report
from benchmarks.suites import network_suite
from benchmarks.suites.network_suite import COMPILED, entries, threads_and_layouts
from benchmarks.timing import Settings

_POOLS = {"reduce_window": {"pool": "reduce_window"}, "reshaped pooling": {"pool": "reshape"}}
_XLA = {"tf.function": {"jit_compile": False}, "XLA": {"jit_compile": True}}

_LARGE = ("resnet18-64", "resnet18-224", "mobilenet-224")
"""Networks of which a whole step is too much for XLA to compile."""


def run(crew: Crew, settings: Settings) -> Report:
    """Each network at each batch; gradients and the first losses are compared before."""
    contestants = "benchmarks.contestants"
    return network_suite.run(
        crew,
        settings,
        suite="training",
        title="A whole training step: medians, each framework in its best setting",
        function="training",
        peers={
            "PyTorch": lambda given: entries(
                "PyTorch", f"{contestants}.with_pytorch:training", given, threads_and_layouts()
            ),
            "torch.compile": lambda given: entries(
                "torch.compile", f"{contestants}.with_pytorch:training", given, COMPILED
            ),
            "JAX": lambda given: entries("JAX", f"{contestants}.with_jax:training", given, _POOLS),
            "Keras": lambda given: entries("Keras", f"{contestants}.with_keras:training", given, _XLA),
        },
        labelled=True,
        left_out=dict.fromkeys(("JAX", "Keras"), _LARGE),
    )
