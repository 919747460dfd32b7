"""Networks that a backend has prepared for some module, and where they are while nobody uses them."""

import operator
import weakref
from collections.abc import Sequence
from typing import Any

from minidl.engine.steps import Steps
from minidl.module import Module, Parameter

NETWORK_BYTES = 1 << 14
"""Of a network, besides its larger arrays."""


_trainable = operator.attrgetter("_trainable")  # at each call, for which the property takes too long


class Prepared:
    """A network, which serves one at a time, and what it was prepared from."""

    __slots__ = (
        "__weakref__",
        "added",
        "constants",
        "contents",
        "is_busy",
        "lease",
        "lists",
        "modules",
        "parameters",
        "states",
        "steps",
        "trained",
        "values",
    )

    def __init__(
        self,
        steps: Steps,
        modules: Sequence[Module],
        parameters: list[Parameter],
        constants: Any = None,
        added: int = 0,
    ) -> None:
        self.steps = steps
        self.constants, self.added = constants, added  # what it shares with others, and the bytes that came with it
        self.parameters = parameters
        self.values = [parameter.value for parameter in parameters]
        self.trained = [*map(_trainable, parameters)]
        self.modules = list(modules)
        self.states = [dict(vars(module)) for module in modules]
        lists = [value for state in self.states for value in state.values() if type(value) is list]
        self.lists, self.contents = lists, [list(each) for each in lists]
        self.is_busy = False  # whether an inference is under way, which ends without waiting for anybody
        self.lease: weakref.ref[Any] | None = None  # gone when no backward pass can follow
        every.append(weakref.ref(self, every.remove))

    def fits(self, module: Module) -> bool:
        """Whether the module is the same still: with the same attributes and arrays, and frozen or not as before."""
        same = module is self.modules[0] and [*map(_trainable, self.parameters)] == self.trained
        same = same and all(map(operator.is_, [parameter.value for parameter in self.parameters], self.values))
        return same and [*map(vars, self.modules)] == self.states and self.lists == self.contents

    def is_leased(self) -> bool:
        """Whether a backward pass may need it."""
        return self.lease is not None and self.lease() is not None

    def size(self) -> int:
        """Its bytes."""
        return self.steps.size + self.added + NETWORK_BYTES


class Shelf:
    """The networks for the same layers and inputs that nobody uses, and those that a backward pass may need.

    Its lists' own methods alone change them, so that it needs no lock.
    """

    def __init__(self) -> None:
        self.prepared: list[Prepared] = []
        self.size = 0  # the bytes of the last one
        shelves.append(weakref.ref(self, shelves.remove))

    def take(self, module: Module | None) -> Prepared | None:
        """One that nobody uses and that fits this module; those that don't are dropped. For None any one."""
        leased: list[Prepared] | None = None
        found = None
        try:
            while found is None:
                prepared = self.prepared.pop()
                if prepared.lease is not None and prepared.lease() is not None:
                    leased = [*(leased or ()), prepared]
                elif module is None or prepared.fits(module):
                    found = prepared
        except IndexError:  # there are no more
            pass
        if leased is not None:
            self.prepared[:0] = leased
        return found

    def idle(self) -> int:
        """The bytes of those that nobody uses."""
        return sum(prepared.size() for prepared in list(self.prepared) if not prepared.is_leased())


every: list[weakref.ref[Prepared]] = []
shelves: list[weakref.ref[Shelf]] = []
"""All that there are; lists, which other threads may change while one looks at a copy."""
