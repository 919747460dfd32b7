"""Which operators of a file minidl hasn't: known before any work."""

from collections import Counter
from collections.abc import Iterable

from minidl.errors import FormatError
from minidl.onnx_in.constants import EVALUATORS
from minidl.onnx_in.proto import Operation, operations_within
from minidl.onnx_in.rules import RULES
from minidl.saving.npz import shortened

SHOWN = 30
"""Of operators that a message lists."""


def missing(operations: Iterable[Operation]) -> Counter[str]:
    """How often each operator comes that neither a rule nor NumPy has; those within subgraphs count as well."""
    found: Counter[str] = Counter()
    for operation in operations:
        for kind in (operation.kind, *operations_within(operation)):
            if kind not in RULES and kind not in EVALUATORS:
                found[kind] += 1
    return found


def check(operations: Iterable[Operation]) -> None:
    """Raise FormatError, which lists all operators that are missing, with how often."""
    found = missing(operations)
    if found:
        listed = ", ".join(f"{shortened(kind)} ({count})" for kind, count in found.most_common(SHOWN))
        more = f" and {len(found) - SHOWN} others" if len(found) > SHOWN else ""
        raise FormatError(f"minidl lacks {len(found)} of its operators: {listed}{more}")
