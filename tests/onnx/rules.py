"""Which of ONNX's cases are of operators that minidl has, and which are left out, each by a rule that says why."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.onnx import imported, training
from tests.onnx.cases import Case, Node, all_cases

OPERATORS = imported.OPERATORS | training.OPERATORS.keys()


class Rule(NamedTuple):
    """Leaves out the cases of these operators to which it applies; of all, where none are named."""

    reason: str
    operators: tuple[str, ...]
    applies: Callable[[Case, Node], Any]


def dimensions(case: Case, node: Node) -> int:
    """How many a window has."""
    size = node.attributes.get("kernel_shape")
    return len(size) if size else case.inputs[node.inputs[1]].ndim - 2


def is_trained(case: Case, node: Node) -> Any:
    """Whether it's what an operator does in training."""
    arrays = [case.inputs[name] for name in node.inputs if name]
    is_dropout = node.operator == "Dropout" and len(arrays) > 2 and bool(arrays[2])
    return is_dropout or node.attributes.get("training_mode")


def arrays_of(case: Case) -> list[Any]:
    """All that come in and go out."""
    return [np.asarray(array) for array in (*case.inputs.values(), *case.outputs.values())]


def is_empty(case: Case, node: Node) -> bool:
    """Whether what is computed, or what it's computed from, has no values."""
    given = [case.inputs[name] for name in node.inputs[:1] if name in case.inputs]
    return any(0 in np.shape(array) for array in (*given, *case.outputs.values()))


def has_antialias(case: Case, node: Node) -> Any:
    return node.attributes.get("antialias") or node.attributes.get("cubic_coeff_a", -0.75) != -0.75


def mode_of(node: Node) -> Any:
    """Of the coordinates of a Resize."""
    return node.attributes.get("coordinate_transformation_mode")


def is_uneven(case: Case, node: Node) -> bool:
    """Whether a Resize has scales that don't give whole sizes."""
    scales = [case.inputs[name] for name in node.inputs[2:3] if name]
    sizes = case.inputs[node.inputs[0]].shape
    return bool(scales) and any(scale * size % 1 for scale, size in zip(scales[0], sizes, strict=False))


RULES = (
    Rule(
        "3D images",
        ("AveragePool", "Conv", "ConvTranspose", "MaxPool"),
        lambda case, node: dimensions(case, node) == 3,
    ),
    Rule("training mode, which layers handle themselves", ("BatchNormalization", "Dropout"), is_trained),
    Rule("dilation", ("AveragePool",), lambda case, node: max(node.attributes.get("dilations", [1])) > 1),
    Rule("`antialias`, or a `cubic_coeff_a` other than PyTorch's", ("Resize",), has_antialias),
    Rule("`Gradient` as an operator", (), lambda case, node: any(each.operator == "Gradient" for each in case.nodes)),
    Rule("empty arrays", (), is_empty),
    Rule("`tf_crop_and_resize`", ("Resize",), lambda case, node: "crop" in str(mode_of(node))),
    Rule(
        "`align_corners` with fractional sizes (minidl uses the actual output size, like ONNX Runtime)",
        ("Resize",),
        lambda case, node: mode_of(node) == "align_corners" and is_uneven(case, node),
    ),
    Rule(
        "integer division",
        ("Div",),
        lambda case, node: all(array.dtype.kind in "iu" for array in arrays_of(case)),
    ),
    Rule(
        "intermediate results rounded to bfloat16",
        ("Celu",),
        lambda case, node: any(array.dtype.name == "bfloat16" for array in arrays_of(case)),
    ),
    Rule("means over the batch axis", ("MeanVarianceNormalization",), lambda case, node: True),
)


def main_node(case: Case) -> Node | None:
    """The node whose case it is: the first of minidl's operators."""
    return next((node for node in case.nodes if node.operator in OPERATORS), None)


def our_cases() -> list[tuple[Case, Node]]:
    """The cases of minidl's operators, each with the node that it is of."""
    return [(case, node) for case in all_cases() if (node := main_node(case)) is not None]


def reason_against(case: Case, node: Node) -> str | None:
    """Why the case is left out, or None for one to run."""
    met = (
        rule.reason
        for rule in RULES
        if (not rule.operators or node.operator in rule.operators) and rule.applies(case, node)
    )
    return next(met, None)


def check(case: Case, node: Node) -> None:
    """Raise AssertionError unless minidl's outputs are those of the case."""
    (training if node.operator in training.OPERATORS else imported).check(case)


def is_small(case: Case) -> bool:
    """Whether plain loops are done with it in a moment."""
    return sum(array.size for array in arrays_of(case)) < 20_000
