"""Whether convolutions take short cuts that round more: a switch that changes speed and the last digits."""

from types import TracebackType
from typing import Self

_is_exact = False


def is_exact() -> bool:
    """Whether `set_exact` has turned the short cuts off."""
    return _is_exact


class set_exact:  # noqa: N801 - it is called like a function, and may be used in a with statement
    """Let convolutions on the compiled backend do without Winograd's tiles, or take them again.

    With tiles, results are off by some five times as much as plain sums, and by parts of the largest number of a tile:
    what is small beside a neighbor is lost. Without them, filters of 3 x 3 in float32 take up to four times as long,
    and all else is as it was. As a plain call it stays; as a context manager, what was before comes back at the end.
    The switch is one for all threads: `exact` is True to do without tiles. Raises TypeError for anything but True and
    False.
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
