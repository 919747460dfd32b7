"""How gradients go back through a graph: in reverse, added where several read one value."""

from collections.abc import Sequence
from typing import Any

from minidl.graph.plan import Step
from minidl.graph.wiring import Wiring
from minidl.typing import Array, Backward


def gradients_of_inputs(
    wiring: Wiring,
    steps: Sequence[Step],
    backwards: Sequence[Backward],
    given: Sequence[Array | None],
    *,
    need_dx: bool,
) -> list[Array | None]:
    """The gradient of each input, None where no output's depends on it, from those `given` for the outputs.

    The gradients that readers of one value give are added in the order of the readers, and the output's comes last: so
    the bits are fixed. Nothing is computed for what neither `need_dx` nor a parameter wants.
    """
    parts: dict[int, list[tuple[int, int, Array]]] = {}
    for place, (i, dy) in enumerate(zip(wiring.outputs, given, strict=True)):
        if dy is not None:
            parts.setdefault(i, []).append((len(wiring.vertices), place, dy))
    needed = _needed(wiring, steps, need_dx)
    for step, backward in zip(reversed(steps), reversed(backwards), strict=True):
        total = _sum(parts.pop(step.output, []))
        if total is None or step.output not in needed:
            continue
        is_wanted = any(i in needed for i in step.inputs)
        dx: Any = backward(total, need_dx=is_wanted)
        if not is_wanted:
            continue
        for place, (i, part) in enumerate(zip(step.inputs, dx if len(step.inputs) > 1 else (dx,), strict=True)):
            if i in needed and part is not None:
                parts.setdefault(i, []).append((step.vertices[0], place, part))
    return [_sum(parts.get(i, [])) for i in wiring.inputs]


def _needed(wiring: Wiring, steps: Sequence[Step], need_dx: bool) -> set[int]:
    """The vertices whose gradient is wanted, by an input or by what is trained before them."""
    needed = set(wiring.inputs) if need_dx else set()
    for step in steps:
        if any(i in needed for i in step.inputs) or step.module.needs_gradient:
            needed.add(step.output)
    return needed


def _sum(parts: Sequence[tuple[int, int, Array]]) -> Array | None:
    """The gradients added in the order of their readers, or None where there are none."""
    total: Array | None = None
    for _, _, gradient in sorted(parts, key=lambda part: part[:2]):
        total = gradient if total is None else total + gradient
    return total
