"""What the ranks of a training tell each other: scores, gradients, and what the first one's callbacks decided."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np

from minidl.data.batches import cut
from minidl.functional.origin import is_from_sigmoid, mark_sigmoid
from minidl.module import Module
from minidl.nested import map_arrays
from minidl.optim import Optimizer
from minidl.process.importing import imported
from minidl.process.share import Share, sharing
from minidl.typing import Array

if TYPE_CHECKING:
    from minidl.distributed.communicator import Communicator


Function = TypeVar("Function", bound=Callable[..., Any])


class DisagreementError(ValueError):
    """Ranks differ in what they must have in common, as all of them say."""


class Batch(NamedTuple):
    """How many samples a batch has, and those of this rank, with their targets and perhaps weights."""

    images: int
    inputs: Any
    part: tuple[Any, ...]


class Ranks:
    """The ranks that share each batch of a training; without a communicator this one alone, which has nobody to ask."""

    def __init__(self, communicator: "Communicator | None") -> None:
        if communicator is not None and (isinstance(communicator, type) or not hasattr(communicator, "ranks")):
            hint = "; call it: add ()" if isinstance(communicator, type) else ", such as minidl.distributed.MPI()"
            raise TypeError(f"distributed: expected a communicator, got {communicator!r}{hint}")
        self.are_several = communicator is not None and communicator.ranks > 1
        self.is_first = communicator is None or communicator.rank == 0
        self.communicator = cast("Communicator", communicator)  # asked where there are several
        self._parts: dict[Any, tuple[Array, Array]] = {}

    def share(self, images: int) -> Share:
        """The share that this rank has of a batch of so many images."""
        return Share(self.communicator.ranks, self.communicator.rank, images, self.communicator.gather)

    def own(self, images: int) -> slice:
        """Which images of such a batch this rank has."""
        share = self.share(images)
        return slice(share.start, share.start + share.sizes[share.rank])

    @contextlib.contextmanager
    def sharing(self, images: int) -> Iterator[None]:
        """Within the block what is computed is a share of a batch of so many images."""
        with sharing(self.share(images)) if self.are_several else contextlib.nullcontext():
            yield

    def seed(self, given: int | None) -> int | None:
        """The seed, or where there's none one that the first rank has drawn."""
        return self.agreed(imported("secrets").randbits(63)) if given is None and self.are_several else given

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """An error in one rank ends them all, which would wait for it for ever."""
        try:
            yield
        except DisagreementError:  # which all of them raise
            raise
        except BaseException as error:
            if self.are_several:
                self.communicator.failed(error)
            raise

    def agreed(self, value: Any) -> Any:
        """The first rank's value, in all of them."""
        return self.communicator.share(value) if self.are_several else value

    def gathered(self, arrays: Any, images: int) -> Any:
        """Arrays with a row for each image of the batch, of those with rows for this rank's, nested as they are.

        Scores of images have their channels last in memory, as a network writes them.
        """
        if not self.are_several:
            return arrays
        rows: list[Array] = []
        map_arrays(lambda array: rows.append(np.asarray(array)), arrays)
        wholes = iter(self._gathered(rows, images))
        return map_arrays(lambda _: next(wholes), arrays)

    def _gathered(self, rows: list[Array], images: int) -> list[Array]:
        moved = [array.ndim == 4 and array.dtype.kind == "f" for array in rows]
        dense = [
            np.ascontiguousarray(array.transpose(0, 2, 3, 1) if is_image else array)
            for array, is_image in zip(rows, moved, strict=True)
        ]
        sizes, each = self.share(images).sizes, [_row_bytes(array) for array in dense]
        packed = np.concatenate([array.reshape(-1).view(np.uint8) for array in dense])
        everything = self.communicator.gather_uneven(packed, [sum(each) * size for size in sizes])
        wholes = [np.empty((images, *array.shape[1:]), array.dtype) for array in dense]
        start = first = 0
        for size in sizes:
            for whole, row_bytes in zip(wholes, each, strict=True):
                stop = start + size * row_bytes
                part = everything[start:stop].view(whole.dtype)
                whole[first : first + size] = part.reshape(size, *whole.shape[1:])
                start = stop
            first += size
        found = [whole.transpose(0, 3, 1, 2) if image else whole for whole, image in zip(wholes, moved, strict=True)]
        return [mark_sigmoid(y) if is_from_sigmoid(own) else y for y, own in zip(found, rows, strict=True)]

    def cut(self, arrays: Any, images: int) -> Any:
        """The rows of this rank, of arrays with one for each image of the batch."""
        return cut(arrays, self.own(images)) if self.are_several else arrays

    def add_up(self, optimizer: Optimizer) -> None:
        """Let the gradients that an optimizer is to read be the sums of all ranks'.

        Each rank adds a part of it, by the tree that the images were taken apart by, and gives it to the others: as
        many bytes as the best of sums in any order, and the same bits whoever has which images.
        """
        if not self.are_several:
            return
        for gradient in optimizer.gradients():
            if not self.communicator.exact:
                self.communicator.add_up(gradient)
                continue
            ranks, size = self.communicator.ranks, gradient.size
            key = size, gradient.dtype.char
            if key not in self._parts:
                empty = np.zeros((ranks, -(-size // ranks)), gradient.dtype)
                self._parts[key] = empty, empty.copy()
            parts, received = self._parts[key]
            flat = parts.reshape(-1)
            flat[:size] = gradient
            self.communicator.scatter(parts, received)
            self.communicator.gather(_sum_by_tree(received), parts)
            gradient[:] = flat[:size]

    def settle(self, stop: bool, optimizer: Optimizer, module: Module) -> bool:
        """Take over what the first rank has: what is frozen, weights, options of the optimizer, and whether to stop."""
        if not self.are_several:
            return stop
        found = [*_trainable(module)]
        marks = self.agreed([each.trainable for each in found])
        for each, mark in zip(found, marks, strict=True):
            if each.trainable != mark:
                each.mark_trainable(mark)
        for _, array in module.named_state():
            dense = np.ascontiguousarray(array.value)
            self.communicator.share_array(dense)
            if not self.is_first:
                array.value[...] = dense
        return self.settle_options(stop, optimizer)

    def settle_options(self, stop: bool, optimizer: Optimizer) -> bool:
        """Take over the first rank's options of the optimizer, such as its learning rate, and whether to stop."""
        if not self.are_several:
            return stop
        own = {name: value for name, value in vars(optimizer).items() if isinstance(value, int | float)}
        stop, options = self.agreed((stop, own))
        for name, value in options.items():
            if own.get(name) != value and name != "steps" and not name.startswith("_"):
                setattr(optimizer, name, value)
        return stop


def _trainable(module: Module) -> Iterator[Any]:
    """Whatever can be frozen: modules, from the outermost, then their parameters."""
    yield module
    for _, child in module.children():
        yield from _trainable(child)
    yield from (parameter for _, parameter in module.named_parameters())


def _row_bytes(array: Array) -> int:
    return array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64))


def _sum_by_tree(rows: Array) -> Array:
    """(0 + 1) + (2 + 3), and so on, of as many rows as a power of two."""
    while len(rows) > 1:
        rows = rows[::2] + rows[1::2]
    return np.ascontiguousarray(rows[0])


ALONE = Ranks(None)
"""No others."""


def ending_together(function: Function) -> Function:
    """Let an error in a function with an argument `distributed` end the other ranks, which would wait for this one."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        distributed = kwargs.get("distributed")
        if distributed is None:
            return function(*args, **kwargs)
        with Ranks(distributed).guarded():
            return function(*args, **kwargs)

    return cast(Function, call)
