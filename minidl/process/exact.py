"""Whether convolutions take short cuts that round more: a switch that changes speed and the last digits."""

from types import TracebackType
from typing import Self

_is_exact = False


def is_exact() -> bool:
    """Whether `set_exact` has turned the short cuts off."""
    return _is_exact


class set_exact:  # noqa: N801 - it is called like a function, and may be used in a with statement
    """Turn Winograd's algorithm for convolutions on the compiled backend off (True) or on (False).

    With Winograd, rounding errors are about five times those of plain sums, and relative to the largest number in a
    tile of pixels: small numbers beside a large one are lost. Without it, 3 x 3 filters in float32 take up to four
    times as long; nothing else changes. Called plainly, `exact` stays in effect; as a context manager, the previous
    setting returns at the end. It applies to all threads. Raises TypeError for anything but True and False.
    """

    def __init__(self, exact: bool) -> None:
        global _is_exact
        if not isinstance(exact, bool):
            raise TypeError(f"expected exact=True or False, got {exact!r}")
        self._before = _is_exact
        _is_exact = exact

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _is_exact
        _is_exact = self._before
