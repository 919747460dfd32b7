"""What a package exports of what its files do: the order and the making of `__all__`."""

import re
from collections.abc import Mapping
from typing import Any


def exported(scope: Mapping[str, Any]) -> list[str]:
    """The names of the functions and classes among a package's globals, which it has from its files."""
    return in_order(name for name, thing in scope.items() if callable(thing) and not name.startswith("_"))


def in_order(names: Any) -> list[str]:
    """Constants, then classes, then the rest; the numbers in a name count as numbers."""
    return sorted(names, key=_place)


def _place(name: str) -> tuple[int, list[int | str]]:
    rank = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return rank, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
