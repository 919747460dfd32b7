"""A network's operators with all their arrays in place: forward is a single call, and so is backward."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.ahead import want
from minidl.backends.compiled.graph.lower import READERS, WRITERS, can_defer, can_repeat, lower, reads_gradient_in_block
from minidl.backends.compiled.graph.lowered import Lowered, as_kernels_see, new
from minidl.backends.compiled.merge import prepare_copy_channels, prepare_sum_of
from minidl.backends.compiled.runtime.arena import Workspace
from minidl.backends.compiled.runtime.constants import Constants
from minidl.backends.compiled.runtime.copy import prepare_copy
from minidl.backends.compiled.runtime.memory import address, empty, planned
from minidl.backends.compiled.runtime.program import Job, Program, Slot
from minidl.description.fuse import fused
from minidl.description.graph import Description
from minidl.description.operators import Concat, Identity, Input, Masks, Rearrange, Slice, Transpose, is_trained
from minidl.typing import Array, IntArray

LAST = 1 << 62
"""The place, among the readers of a value, of what comes from outside."""


class Network:
    """A description prepared for batches of one size, whose inputs have been checked.

    One that `keeps` holds what backward needs, so it serves one batch at a time. Else activations use each other's
    memory once they have been read. With `constants`, for inference alone, what follows from weights is computed as it
    is prepared; else in every call, as they may have changed.
    """

    def __init__(
        self,
        description: Description,
        batch_size: int,
        dtype: np.dtype[Any],
        *,
        keeps: bool,
        constants: Constants | None = None,
    ) -> None:
        self._description = fused(description, keeps=keeps)
        self._readers = self._description.readers()
        self._dtype = dtype
        self._workspace = Workspace(constants)
        self._masks: list[tuple[Masks, IntArray]] = []
        self._backward: dict[bool, _Backward] = {}
        with planned(self._workspace):
            lowered, arrays, jobs = self._lower(batch_size, keeps=keeps)
            inputs = [arrays[i] for i in self._description.inputs]
            outputs = self._alone([arrays[i] for i in self._description.outputs], jobs, besides=inputs)
        self._inputs, self._outputs = [*map(_Port, inputs)], [*map(_Port, outputs)]
        self._steps_back: dict[bool, _Steps] = {}
        if keeps:
            self._lowered = lowered
            self._compile_ahead(jobs)
        self._forward = self._program(jobs, [], reuse=not keeps)
        if not keeps:
            self._workspace.owners.clear()

    @property
    def size(self) -> int:
        """The bytes of its own arrays."""
        return sum(arena.nbytes for arena in self._workspace.arenas)

    def forward(self, *xs: Array) -> tuple[list[Array], list[Array]]:
        """(what the outputs give for these inputs, the arrays to hold as long as backward may follow)."""
        held = [port.take(x) for port, x in zip(self._inputs, xs, strict=True)]
        ys = [port.give() for port in self._outputs]
        held += ys
        for masks, mask in self._masks:
            mask[:] = masks.next_pass()
        self._forward.run()
        return ys, held

    def backward(self, *dys: Array, need_dx: bool) -> list[Array | None]:
        """Add to the gradients of the parameters, for the last forward; dx of each input, None where there's none."""
        if need_dx not in self._backward:
            self._backward[need_dx] = self._prepare_backward(need_dx)
        program, slopes, gradients = self._backward[need_dx]
        held = [port.take(dy) for port, dy in zip(slopes, dys, strict=True)]
        dxs = [None if port is None else port.give() for port in gradients]
        program.run()
        del held  # what the program has read
        return dxs

    def _lower(self, batch_size: int, *, keeps: bool) -> tuple[list[Lowered], list[Array], list[Job]]:
        """(each node in jobs, what it gives, all jobs)."""
        lowered: list[Lowered] = []
        arrays: list[Array] = []
        jobs: list[Job] = []
        nodes, _, outputs = self._description
        blocks, readers = self._blocks(batch_size), self._readers
        for number, node in enumerate(nodes):
            if isinstance(node.operator, Input):
                make = empty if self._is_moved(number, readers[number]) else new
                one = Lowered(make((batch_size, *node.shape), self._dtype), [], None)
            else:
                options: dict[str, Any] = {"deferred": True} if self._is_deferred(number, readers[number]) else {}
                if number not in outputs and can_repeat(node.operator, [nodes[i].operator for i in readers[number]]):
                    options["repeated"] = True
                if isinstance(node.operator, Slice) and node.operator.is_channels and self._can_be_part(number):
                    options["stays"] = True
                if lowered[node.inputs[0]].prologue is not None:
                    options["prologue"] = lowered[node.inputs[0]].prologue
                one = lower(node.operator, [arrays[i] for i in node.inputs], blocks.get(number), **options)
            if one.masks is not None:
                self._masks.append(one.masks)
            lowered.append(one)
            arrays.append(one.y)
            jobs += one.jobs
        return lowered, arrays, jobs

    def _is_moved(self, number: int, readers: Sequence[int]) -> bool:
        """Whether all that read an input put its axes in another order: then it's taken in NumPy's."""
        nodes, _, outputs = self._description
        operators = [nodes[reader].operator for reader in readers]
        return number not in outputs and all(isinstance(each, Transpose | Rearrange) for each in operators)

    def _is_deferred(self, number: int, readers: Sequence[int]) -> bool:
        """Whether a normalization is left to the one operator that reads it."""
        nodes, _, outputs = self._description
        operators = [nodes[reader].operator for reader in readers]
        return number not in outputs and len(readers) == 1 and can_defer(nodes[number].operator, operators[0])

    def _blocks(self, batch_size: int) -> dict[int, Array]:
        """For concatenated images or vectors the block, and for what all readers can read there its channels of it."""
        nodes = self._description.nodes
        found: dict[int, Array] = {}
        for number, node in reversed([*enumerate(nodes)]):  # a block may be a part of a later one
            if not isinstance(node.operator, Concat) or len(node.shape) not in (1, 3):
                continue
            if number not in found:
                found[number] = new((batch_size, *node.shape), self._dtype)
            start = 0
            for i in node.inputs:
                part = found[number][:, start : start + nodes[i].shape[0]]
                start += nodes[i].shape[0]
                while isinstance(nodes[i].operator, Identity):
                    (i,) = nodes[i].inputs
                if i not in found and isinstance(nodes[i].operator, WRITERS) and self._can_be_part(i):
                    found[i] = part
        return found

    def _can_be_part(self, number: int) -> bool:
        """Whether all that read a value, directly or passed on, can read it from some channels of a block."""
        nodes, _, outputs = self._description
        readers = self._readers[number]
        passed_on = [reader for reader in readers if isinstance(nodes[reader].operator, Identity)]
        is_read = all(isinstance(nodes[reader].operator, READERS) for reader in readers)
        return is_read and number not in outputs and all(map(self._can_be_part, passed_on))

    def _alone(self, arrays: Sequence[Array], jobs: list[Job], *, besides: Iterable[Array]) -> list[Array]:
        """The arrays, or copies that `jobs` make, that share their memory with none other and fill it."""
        taken = {self._workspace.owner_of(array) for array in besides}
        found = []
        for array in arrays:
            owner, seen = self._workspace.owner_of(array), as_kernels_see(array)
            fills = owner is not None and self._workspace.owners[owner].nbytes == array.nbytes
            if owner in taken or not fills or not seen.flags.c_contiguous:
                array = new(array.shape, self._dtype)
                owner = self._workspace.owner_of(array)
                jobs.append(prepare_copy(seen, as_kernels_see(array)))
            taken.add(owner)
            found.append(array)
        return found

    def _program(self, jobs: list[Job], others: "Sequence[_Port]", *, reuse: bool) -> Program:
        """The jobs as a program whose arrays have their places; what comes and goes is in ports, and in `others`."""
        program = Program(jobs, self._dtype)
        ports = [*self._inputs, *self._outputs, *others]
        self._workspace.place(program.owners, outside={port.owner for port in ports}, reuse=reuse)
        for owner, start in self._workspace.starts.items():
            program.put(owner, start // self._dtype.itemsize)
        for port in ports:
            port.slot.add(program.words, program.uses.get(port.owner, ()))
        return program

    def _compile_ahead(self, jobs: list[Job]) -> None:
        """In a new process also have those kernels compiled that training will need after the forward pass."""
        dtype = self._dtype.char
        if not all(dtype in job.kernel.compiled for job in jobs):
            self._steps_back[False] = self._lower_backward(need_dx=False)
            want((job.kernel for job in (*jobs, *self._steps_back[False].jobs)), dtype)

    def _prepare_backward(self, need_dx: bool) -> "_Backward":
        known = need_dx in self._steps_back
        jobs, slopes, dxs = self._steps_back.pop(need_dx) if known else self._lower_backward(need_dx)
        taken, given = [*map(_Port, slopes)], [None if dx is None else _Port(dx) for dx in dxs]
        program = self._program(jobs, [*taken, *(port for port in given if port is not None)], reuse=True)
        return _Backward(program, taken, given)

    def _lower_backward(self, need_dx: bool) -> "_Steps":
        nodes, inputs, outputs = self._description
        wanted: list[bool] = []
        for node in nodes:
            below = [wanted[i] for i in node.inputs]
            wanted.append(need_dx if isinstance(node.operator, Input) else is_trained(node.operator) or any(below))
        with planned(self._workspace):
            slopes = [new(port.shape, self._dtype) for port in self._outputs]
            gradients: list[list[tuple[int, int, list[Array]]]] = [
                [] for _ in nodes
            ]  # (reader, which input, sum of dx)
            for i, dy in zip(outputs, slopes, strict=True):
                gradients[i].append((LAST, 0, [dy]))
            totals: list[Array | None] = [None] * len(nodes)
            jobs: list[Job] = []
            for i in reversed(range(len(nodes))):
                sums = [terms for _, _, terms in sorted(gradients[i], key=lambda each: each[:2])]
                if not sums or not wanted[i]:
                    continue
                parts = sums[0] if len(sums) == 1 else [prepare_sum_of(terms, jobs) for terms in sums]
                is_passed_on, of_sum = isinstance(nodes[i].operator, Identity), self._lowered[i].backward_of_sum
                last = parts[1:][-1:] if is_passed_on or of_sum is not None else []
                totals[i] = dy = prepare_sum_of(parts[: len(parts) - len(last)], jobs)
                backward = self._lowered[i].backward
                if is_passed_on:
                    gradients[nodes[i].inputs[0]].append((nodes[i].order, 0, [dy, *last]))
                    continue
                if backward is None:
                    continue
                if not (as_kernels_see(dy).flags.c_contiguous or reads_gradient_in_block(nodes[i].operator)):
                    part, dy = dy, new(dy.shape, self._dtype)
                    jobs.append(prepare_copy_channels(part, dy))
                needs = [wanted[source] for source in nodes[i].inputs]
                dxs, more = backward(dy, needs) if of_sum is None else of_sum([dy, *last], needs)
                jobs += more
                for place, (source, dx) in enumerate(zip(nodes[i].inputs, dxs, strict=True)):
                    if dx is not None:
                        gradients[source].append((nodes[i].order, place, [dx]))
            found = [totals[i] if need_dx else None for i in inputs]
            alone = iter(self._alone([dx for dx in found if dx is not None], jobs, besides=slopes))
            given = [None if dx is None else next(alone) for dx in found]
        return _Steps(jobs, slopes, given)


class _Port:
    """An array that comes from outside in each call, or goes there."""

    def __init__(self, array: Array) -> None:
        self.shape, self.dtype = array.shape, array.dtype
        self.is_image = array.ndim == 4 and as_kernels_see(array).flags.c_contiguous
        self.owner = id(array if array.base is None else array.base)
        self.slot = Slot()

    def take(self, array: Array) -> Array:
        """Let the programs use this array, or a dense copy: that which is returned, to be held as long as they do."""
        dense = array.transpose(0, 2, 3, 1) if self.is_image else array
        flags = dense.flags
        if not (flags.c_contiguous and flags.aligned):
            given, dense = dense, empty(dense.shape, self.dtype)
            np.copyto(dense, given)
        self.slot.put(address(dense))
        return dense

    def give(self) -> Array:
        """A new array that the programs write to."""
        array = new(self.shape, self.dtype)
        self.slot.put(address(array))
        return array


class _Steps(NamedTuple):
    """A backward pass in jobs, the gradients that they read, and those that they write, None where there's none."""

    jobs: list[Job]
    slopes: list[Array]
    dxs: list[Array | None]


class _Backward(NamedTuple):
    """A backward pass, the gradients that it takes, and those that it gives."""

    program: Program
    slopes: list[_Port]
    gradients: list[_Port | None]
