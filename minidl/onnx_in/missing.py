"""Which operators of a file minidl hasn't: known before any work."""

from collections import Counter

from minidl.errors import FormatError
from minidl.onnx_in.constants import EVALUATORS
from minidl.onnx_in.proto import File, operations_within
from minidl.onnx_in.rules import RULES
from minidl.saving.npz import shortened

SHOWN = 30
"""Of operators that a message lists."""

OF_SHAPES = ("Shape", "Size")
"""What they give is known whatever a network is given."""


def missing(file: File) -> Counter[str]:
    """How often each operator comes that there is no rule for, those within subgraphs included.

    Where all that it reads is constant, or computed from shapes, it's enough that NumPy has it.
    """
    found: Counter[str] = Counter()
    open_ends = {entry.name for entry in file.inputs}
    for operation in file.operations:
        depends = not open_ends.isdisjoint(operation.inputs)
        if operation.kind not in RULES and (depends or operation.kind not in EVALUATORS):
            found[operation.kind] += 1
        found.update(kind for kind in operations_within(operation) if kind not in RULES and kind not in EVALUATORS)
        if depends and operation.kind not in OF_SHAPES:
            open_ends.update(filter(None, operation.outputs))
    return found


def check(file: File) -> None:
    """Raise FormatError, which lists all operators that are missing, with how often."""
    found = missing(file)
    if found:
        listed = ", ".join(f"{shortened(kind)} ({count})" for kind, count in found.most_common(SHOWN))
        more = f" and {len(found) - SHOWN} others" if len(found) > SHOWN else ""
        raise FormatError(f"minidl lacks {len(found)} of its operators: {listed}{more}")
