"""The steps of a network as the blocks that an overview draws, with the arcs between those that aren't neighbors."""

from collections.abc import Sequence
from typing import Any

from minidl.drawing.layout import lanes_of
from minidl.explain.steps import Step

GO_ALONG = frozenset({"scale", "elementwise", "identity", "standardize", "response", "softmax", "log_softmax", "share"})
"""The kinds of steps that are in one block with the one before: normalizations, activations, dropout."""


def blocks(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Blocks in the order of their steps, the first of which is the image, value 0.

    Of each: "steps", the numbers of the first and the last; "from", the blocks that it takes; and "lane", how far from
    the blocks the arc is by which others than the next one take what it gives, or 0 where none do. A step goes with the
    one before if it takes nothing else, nothing else takes that, and one of the two only changes number by number or
    only rearranges.
    """
    readers = [0] * (len(steps) + 1)
    for step in steps:
        for value in set(step["from"]):
            readers[value] += 1
    ends: list[list[int]] = [[0, 0]]
    block_of = [0]
    for i, step in enumerate(steps, 1):
        if i > 1 and step["from"] == [i - 1] and readers[i - 1] == 1 and _goes_along(steps[i - 2], step):
            ends[-1][1] = i
        else:
            ends.append([i, i])
        block_of.append(len(ends) - 1)
    taken: list[list[int]] = [[] for _ in ends]
    for i, step in enumerate(steps, 1):
        for value in step["from"]:
            if block_of[value] != block_of[i] and block_of[value] not in taken[block_of[i]]:
                taken[block_of[i]].append(block_of[value])
    lanes = lanes_of([(source, j) for j, sources in enumerate(taken) for source in sources])
    return [
        {"steps": [first, last], "from": sources, "lane": lanes.get(j, 0)}
        for j, ((first, last), sources) in enumerate(zip(ends, taken, strict=True))
    ]


def _goes_along(before: Step, step: Step) -> bool:
    return step["kind"] in GO_ALONG or before["kind"] == "flatten"
