"""Inference with modules that don't change meanwhile: what follows from weights alone is computed once."""

import copy
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from minidl.engine.networks import Networks
from minidl.engine.room import thread
from minidl.module import Module


class Frozen:
    """`with frozen:` what this thread infers may take every module to be as it was when it entered.

    What it prepares serves the next time, too, as long as only weights' values have changed by then.
    """

    def __init__(self) -> None:
        self._found: dict[Networks, tuple[Module, Networks]] = {}
        self._before: Any = None

    def networks(self, networks: Networks, module: Module) -> Networks:
        """The frozen ones in the place of a module's own."""
        found = self._found.get(networks)
        if found is None:
            found = self._found[networks] = module, Networks(is_frozen=True)
        return found[1]

    def __enter__(self) -> Self:
        for module, networks in self._found.values():
            networks.refresh(module)
        self._before, thread.frozen = thread.frozen, self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        thread.frozen = self._before


def snapshot(module: Module) -> Module:
    """A frozen copy of a module: with its values, and without gradients."""
    arrays: dict[int, Any] = {id(array): array.snapshot() for _, array in module.named_state()}
    copied = copy.deepcopy(module, arrays)
    for networks in networks_of(copied):
        networks.is_frozen = True
    return copied


def networks_of(module: Module) -> Iterator[Networks]:
    """Those of a module and of all inside of it."""
    own = vars(module).get("_networks")
    if isinstance(own, Networks):
        yield own
    for _, child in module.children():
        yield from networks_of(child)
