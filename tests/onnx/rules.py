"""Which of ONNX's cases are of minidl's operators, and which of them are left out, each by a rule that says why."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.onnx.cases import Case, Node, all_cases
from tests.onnx.translation import OPERATORS


class Rule(NamedTuple):
    """Leaves out the cases of these operators to which it applies."""

    reason: str
    operators: tuple[str, ...]
    applies: Callable[[Case, Node], Any]


def dimensions(case: Case, node: Node) -> int:
    """How many a window has."""
    size = node.attributes.get("kernel_shape")
    return len(size) if size else case.inputs[node.inputs[1]].ndim - 2


def first_arrays(case: Case, node: Node) -> list[np.ndarray]:
    """What the node is given first, unless another node makes it."""
    return [case.inputs[name] for name in node.inputs[:1] if name in case.inputs]


def draws(case: Case, node: Node) -> bool:
    """Whether a dropout is to draw a mask: in training, which is its third input, with a ratio above 0."""
    arrays = [case.inputs[name] for name in node.inputs]
    return len(arrays) > 2 and bool(arrays[2]) and arrays[1] > 0


RULES = (
    Rule(
        "images of three dimensions",
        ("AveragePool", "Conv", "ConvTranspose", "MaxPool"),
        lambda case, node: dimensions(case, node) == 3,
    ),
    Rule("dilated averages", ("AveragePool",), lambda case, node: max(node.attributes.get("dilations", [1])) > 1),
    Rule(
        "modes `edge`, `reflect` and `wrap`",
        ("Pad",),
        lambda case, node: node.attributes.get("mode", "constant") != "constant",
    ),
    Rule("masks that NumPy's old generator draws", ("Dropout",), draws),
    Rule(
        "other than two matrices",
        ("MatMul",),
        lambda case, node: any(case.inputs[name].ndim != 2 for name in node.inputs if name in case.inputs),
    ),
    Rule(
        "integers: minidl computes in float32 and float64",
        tuple(OPERATORS),
        lambda case, node: any(array.dtype not in (np.float32, np.float64) for array in first_arrays(case, node)),
    ),
)


def main_node(case: Case) -> Node | None:
    """The node whose case it is: the first of minidl's operators. Others beside it are for NumPy."""
    return next((node for node in case.nodes if node.operator in OPERATORS), None)


def our_cases() -> list[tuple[Case, Node]]:
    """The cases of minidl's operators, each with the node that it is of."""
    return [(case, node) for case in all_cases() if (node := main_node(case)) is not None]


def reason_against(case: Case, node: Node) -> str | None:
    """Why the case is left out, or None for one to run."""
    met = (rule.reason for rule in RULES if node.operator in rule.operators and rule.applies(case, node))
    return next(met, None)


def is_small(case: Case) -> bool:
    """Whether plain loops are done with it in a moment."""
    return sum(array.size for array in (*case.inputs.values(), *case.outputs.values())) < 20_000
