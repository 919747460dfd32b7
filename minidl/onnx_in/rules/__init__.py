"""Which layers each of ONNX's operators is: a rule takes the translation, a node and values, and gives values."""

from collections.abc import Callable
from typing import Any

from minidl.onnx_in.rules import (
    activation,
    arithmetic,
    conv,
    movement,
    norm,
    parts,
    pool,
    product,
    reduction,
    resize,
    trivial,
)

Rule = Callable[..., Any]

RULES: dict[str, Rule] = {
    **activation.RULES,
    **arithmetic.RULES,
    **conv.RULES,
    **movement.RULES,
    **norm.RULES,
    **parts.RULES,
    **pool.RULES,
    **product.RULES,
    **reduction.RULES,
    **resize.RULES,
    **trivial.RULES,
}
