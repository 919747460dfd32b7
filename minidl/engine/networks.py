"""The networks that a backend has prepared for a module, with all their arrays in place."""

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from minidl import functional as F
from minidl.description.graph import CannotDescribeError, Describer, Purpose, Value
from minidl.engine import room
from minidl.engine.room import waiting
from minidl.engine.shelf import Prepared, Shelf
from minidl.engine.steps import Run, Steps, UnexpectedError, expect_gradients
from minidl.errors import NotBuiltError, ShapeError
from minidl.module import Buffer, Module
from minidl.process import share
from minidl.process.exact import is_exact
from minidl.typing import Array

Pullback = Callable[..., list[Array | None]]
"""(dys, need_dx=True) -> dxs."""

KEPT = 16
"""For how many shapes of inputs a module keeps networks: more than training with validation needs."""


class Networks:
    """What a module has had prepared. A copy of the module has its own.

    `is_frozen` says that the module and its weights don't change: then what follows from weights alone is computed as
    a network is prepared, for all of them.
    """

    def __init__(self, is_frozen: bool = False) -> None:
        self.is_frozen = is_frozen
        self._shelves: dict[Any, Shelf | None] = {}  # None for what can't be prepared
        self._constants: Callable[[], Any] = _nothing  # which go with the last network that has them

    def __deepcopy__(self, memo: Any) -> Self:
        return type(self)(self.is_frozen)

    def __reduce__(self) -> tuple[type[Self], tuple[bool]]:
        return type(self), (self.is_frozen,)

    @property
    def nbytes(self) -> int:
        """The bytes that the networks that nobody uses hold, with what was computed from weights."""
        return sum(shelf.idle() for shelf in [*self._shelves.values()] if shelf is not None)

    def refresh(self, module: Module) -> None:
        """Let what is frozen be the module as it is now. No other thread may use it meanwhile."""
        for shelf in self._shelves.values():
            if shelf is None or not all(prepared.fits(module) for prepared in shelf.prepared):
                self._shelves, self._constants = {}, _nothing
                return
        constants = self._constants()
        if constants is not None:
            constants.refresh()

    def infer(self, module: Module, *xs: Array) -> list[Array] | None:
        """What a module gives for these inputs; None where it can't be prepared for them."""
        if room.thread.frozen is not None and not self.is_frozen:
            stand_in: Networks = room.thread.frozen.networks(self, module)
            return stand_in.infer(module, *xs)
        taken = self._take(module, xs, "inference")
        if taken is None:
            return None
        prepared, shelf = taken
        prepared.is_busy = True
        back = None
        try:
            ys = prepared.steps.infer(xs)
            back = prepared
        except UnexpectedError:
            self._shelves[_key(xs, "inference")] = None
            return None
        finally:
            prepared.is_busy = False
            if waiting:
                room.done(shelf, back)
            elif back is not None:
                shelf.prepared.append(back)
        return ys

    def forward(self, module: Module, *xs: Array, train: bool) -> tuple[list[Array], Pullback] | None:
        """(what a module gives, backward of a tuple of gradients); None where it can't be prepared for these inputs."""
        purpose: Purpose = "training" if train else "gradients"
        taken = self._take(module, xs, purpose)
        if taken is None:
            return None
        lease = _Lease(*taken)
        steps = lease.prepared.steps
        buffers = [] if steps.is_tried else [each for each in lease.prepared.parameters if isinstance(each, Buffer)]
        before = [buffer.value.copy() for buffer in buffers]
        try:
            ys, lease.run = steps.forward(xs, train=train)
        except UnexpectedError:
            for buffer, value in zip(buffers, before, strict=True):  # the modules, one by one, move them again
                buffer.value = value
            self._shelves[_key(xs, purpose)] = None
            return None
        outputs = [(y.shape, y.dtype) for y in ys]

        def backward(dys: Sequence[Array], *, need_dx: bool = True) -> list[Array | None]:
            expect_gradients(dys, outputs)
            return lease.run.backward(dys, need_dx=need_dx)

        return ys, backward

    def _take(self, module: Module, xs: tuple[Array, ...], purpose: Purpose) -> tuple[Prepared, Shelf] | None:
        """(a network that nobody uses now, where it goes when that's so again)."""
        if not F.can_prepare():
            return None
        for x in xs:
            if type(x) is not np.ndarray:
                return None
        key = _key(xs, purpose)
        try:
            shelf = self._shelves[key]
        except KeyError:
            if len(self._shelves) >= KEPT:
                self._shelves.pop(next(iter(list(self._shelves)), None), None)  # a list: other threads change the dict
            shelf = self._shelves.setdefault(key, Shelf())
        if shelf is None:
            return None
        is_frozen = self.is_frozen and purpose == "inference"
        prepared = shelf.take(None if is_frozen else module)
        if prepared is None:
            fresh = functools.partial(_prepare, module, xs, purpose, self._constants_of if is_frozen else None)
            prepared = room.prepared(shelf, module, fresh, waits=purpose == "inference")
        if prepared is None:
            self._shelves[key] = None
            return None
        if room.thread.ending is None:
            room.thread.ending = room.Ending()
        return prepared, shelf

    def _constants_of(self, dtype: "np.dtype[Any]") -> Any:
        constants = self._constants()
        if constants is None:
            constants = F.constants(dtype)
            self._constants = weakref.ref(constants)
        return constants


def _nothing() -> None:
    """A reference to constants that aren't there."""


class _Lease:
    """Lets nobody else use a network as long as a backward pass may need it, and holds what that reads."""

    __slots__ = ("__weakref__", "prepared", "run")
    run: Run

    def __init__(self, prepared: Prepared, shelf: Shelf) -> None:
        self.prepared = prepared
        prepared.lease = weakref.ref(self)
        shelf.prepared.append(prepared)


def _key(xs: tuple[Array, ...], purpose: Purpose) -> Any:
    if len(xs) == 1:  # the usual case, and every call asks
        return purpose, is_exact(), share.key(), xs[0].shape, xs[0].dtype.char
    return (purpose, is_exact(), share.key(), *[(x.shape, x.dtype.char) for x in xs])


def _prepare(
    module: Module, xs: tuple[Array, ...], purpose: Purpose, constants: Callable[["np.dtype[Any]"], Any] | None
) -> Prepared | None:
    sizes = {len(x) if x.ndim else 0 for x in xs}
    parameters = [array for _, array in module.named_state()]
    try:
        dtype = parameters[0].value.dtype if parameters else xs[0].dtype
        if len(sizes) != 1 or dtype.char not in "fd" or any(array.value.dtype != dtype for array in parameters):
            return None
        describer = Describer(purpose, batch_size=sizes.pop())
        inputs = [describer.input(x.shape[1:]) for x in xs]
        described = describer.call_in_pass(module, *inputs)
        if described is None:
            return None
        outputs = [described] if isinstance(described, Value) else list(described)
        description = describer.described(inputs, outputs)
        read = {source for node in description.nodes if not node.is_opaque for source in node.inputs}
        if any(x.dtype != dtype for i, x in zip(description.inputs, xs, strict=True) if i in read):
            return None
        held = None if constants is None else constants(dtype)
        before = 0 if held is None else held.nbytes
        steps = Steps(description, describer.batch_size, dtype, keeps=purpose != "inference", constants=held)
    except (ShapeError, NotBuiltError, CannotDescribeError, F.CannotPrepareError):  # the modules, one by one, say where
        return None
    return Prepared(steps, describer.modules, parameters, held, 0 if held is None else held.nbytes - before)
