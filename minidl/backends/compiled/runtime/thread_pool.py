"""The threads that help the one that calls with the tasks of its jobs."""

import atexit
import contextlib
import ctypes
import os
import sys
import threading
import time
from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from minidl.backends.compiled.codegen.cpu import pause
from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.jit import entry, once
from minidl.backends.compiled.codegen.llvm import I32, I64
from minidl.backends.compiled.runtime.memory import address, scratch
from minidl.process.interrupts import uninterrupted

SPIN_LIMIT = 50_000
"""How many times a helper looks for work without a break: about a millisecond."""

SLEEP_LIMIT = 5_000
"""Of how many short naps it wakes by itself after that: about a second. Then it sleeps until it is called."""


class _Places(NamedTuple):
    """Those of what threads tell each other, each in a cache line of its own where two may write at once."""

    ticket: int = 0  # 20 bits of sequence number; first and last task, 22 bits each, that nobody has taken
    done: int = 8  # tasks that helpers have finished
    kernel: int = 16
    job: int = 17
    scratch: int = 18
    stride: int = 19
    workers: int = 20
    sequence: int = 21
    stop: int = 24


_Word = _Places()

_BITS = 22
_MOST = (1 << _BITS) - 1
_SEQUENCES = (1 << 20) - 1
MOST_HELPERS = max(64, 4 * (os.cpu_count() or 1))
"""More would only wait for each other; the bits are the same."""

ENTRY = 5
"""Words of a job in the table that a launch reads: kernel, offset of its integers, tasks, shared, scratch."""


@emitted(types.void)
def _call(builder, dtype, kernel, job, task, own):
    """Call the kernel at an address, with null pointers for `memory` and `ints`."""
    floats, ints = ir.FloatType().as_pointer(), I64.as_pointer()
    function = ir.FunctionType(ir.VoidType(), [floats, ints, I64, I64, I64])
    nulls = ir.Constant(floats, None), ir.Constant(ints, None)
    builder.call(builder.inttoptr(kernel, function.as_pointer()), [*nulls, job, task, own])


def _word(builder, index):
    """The pointer to the 64-bit integer whose address, counted in elements, is `index`."""
    return builder.gep(ir.Constant(I64.as_pointer(), None), [index])


@emitted(types.int64)
def _read(builder, dtype, index):
    """The integer that another thread may be writing."""
    return builder.load_atomic(_word(builder, index), "seq_cst", 8)


@emitted(types.void)
def _write(builder, dtype, index, value):
    """Let other threads see an integer, and all that was written before it."""
    builder.store_atomic(value, _word(builder, index), "seq_cst", 8)


@emitted(types.void)
def _count(builder, dtype, index):
    """Add one to an integer that other threads count on, too."""
    builder.atomic_rmw("add", _word(builder, index), ir.Constant(I64, 1), "seq_cst")


@emitted(types.boolean)
def _swap(builder, dtype, index, old, new):
    """Whether the integer was still the old one, and is the new one now."""
    return builder.extract_value(builder.cmpxchg(_word(builder, index), old, new, "seq_cst", "seq_cst"), 1)


def _napping() -> tuple[Any, int]:
    """(function of the system, argument) to sleep for a tenth of a millisecond, or for as short as it can."""
    if sys.platform == "win32":
        return ctypes.windll.kernel32.Sleep, 1  # milliseconds
    return ctypes.CDLL(None).usleep, 100


_nap_function, _NAP = _napping()
llvmlite.binding.add_symbol("minidl_nap", ctypes.cast(_nap_function, ctypes.c_void_p).value)


@emitted(types.void)
def _nap(builder, dtype, time):
    """Let others have the processor for a moment."""
    kind = ir.FunctionType(I32, [I32])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, "minidl_nap"), [builder.trunc(time, I32)])


@entry
def _run_jobs(board, table, first_job, last_job, own, stride, workers):
    """Do some jobs of a table one after the other, each with whatever help turns up.

    This thread takes tasks from the front and helpers take them from the back, so that a thread meets the same images
    in job after job. Nobody waits for a helper that hasn't begun.
    """
    for j in range(first_job, last_job):
        entry = table + ENTRY * j
        kernel, job, tasks = _read(entry), table + _read(entry + 1), _read(entry + 2)
        if workers == 1 or tasks < 2 or tasks > _MOST or _read(entry + 3) == 0:
            for task in range(tasks):
                _call(kernel, job, task, own)
            continue
        sequence = (_read(board + _Word.sequence) + 1) & _SEQUENCES
        _write(board + _Word.sequence, sequence)
        _write(board + _Word.kernel, kernel)
        _write(board + _Word.job, job)
        _write(board + _Word.scratch, own)
        _write(board + _Word.stride, stride)
        _write(board + _Word.workers, workers)
        _write(board + _Word.done, 0)
        _write(board + _Word.ticket, (sequence << (2 * _BITS)) | tasks)
        mine = 0
        while True:
            ticket = _read(board + _Word.ticket)
            first, last = (ticket >> _BITS) & _MOST, ticket & _MOST
            if first >= last:
                break
            if _swap(board + _Word.ticket, ticket, ticket + (1 << _BITS)):
                _call(kernel, job, first, own)
                mine += 1
        while _read(board + _Word.done) + mine < tasks:
            pause()


@entry
def _worker_loop(board, me, patience, naps, nap):
    """Take tasks until there have been none for long. `me` is 1 for the first helper.

    Naps need none of Python's locks to wake from, unlike the sleep that follows.
    """
    idle = 0
    while idle < patience + naps and _read(board + _Word.stop) == 0:
        ticket = _read(board + _Word.ticket)
        first, last = (ticket >> _BITS) & _MOST, ticket & _MOST
        if first < last and me < _read(board + _Word.workers):
            # They belong to the ticket if it is still there when this thread takes its task.
            kernel, job = _read(board + _Word.kernel), _read(board + _Word.job)
            own = _read(board + _Word.scratch) + me * _read(board + _Word.stride)
            if _swap(board + _Word.ticket, ticket, ticket - 1):
                _call(kernel, job, last - 1, own)
                _count(board + _Word.done)
                idle = 0
        else:
            if idle < patience:
                pause()
            else:
                _nap(nap)
            idle += 1


_entries: dict[str, Any] = {}
_functions: dict[str, Any] = {"help": _worker_loop, "lead": _run_jobs}


def make_ready() -> None:
    """Have what leads and helps compiled: not by its first call, which an interrupt may leave half compiled."""
    if len(_entries) < len(_functions):
        once(_entries, "help", lambda: _functions["help"].compile((types.int64,) * 5))
        once(_entries, "lead", lambda: _functions["lead"].compile((types.int64,) * 7))


class _Helper(threading.Thread):
    """A thread that helps with tasks, and sleeps where there have been none for a while."""

    def __init__(self, me: int) -> None:
        super().__init__(name=f"minidl helper {me}", daemon=True)
        self.me = me
        self.bell = threading.Lock()
        self.bell.acquire()
        self.asleep = False
        self.start()

    def run(self) -> None:
        while not _state[_Word.stop]:
            _worker_loop(address(_state), self.me, SPIN_LIMIT, SLEEP_LIMIT, _NAP)
            self.asleep = True
            self.bell.acquire()
            self.asleep = False

    def wake(self) -> None:
        """Ring the bell, which may be ringing already."""
        with contextlib.suppress(RuntimeError):
            self.bell.release()


def _aligned(words: int) -> Any:
    """So many integers, zero, of which the first begins a cache line."""
    area = np.zeros(words + 7, np.int64)
    return area[-address(area) % 8 :][:words]


_state = _aligned(len(_Word) * 8)
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_state))  # for good: a thread may be at it when Python ends
_helpers: list[_Helper] = []
_most = MOST_HELPERS
_leading = threading.Lock()


def _gather(workers: int) -> int:
    """Have enough helpers, and those awake; with how many workers that is, where the system allows fewer threads."""
    global _most
    workers = min(workers, _most + 1)
    if len(_helpers) < workers - 1 and not _state[_Word.stop]:
        # Two helpers of one number would write to the same scratch: none is lost on its way to the list.
        with uninterrupted():
            try:
                while len(_helpers) < workers - 1:
                    _helpers.append(_Helper(len(_helpers) + 1))
            except (RuntimeError, MemoryError):
                _most = len(_helpers)
    helpers = _helpers[: workers - 1]
    for helper in helpers:
        if helper.asleep:
            helper.wake()
    return len(helpers) + 1


@atexit.register
def _dismiss() -> None:
    """End the helpers while Python still runs: a thread that comes back to a finished interpreter is torn down."""
    _state[_Word.stop] = 1
    deadline = time.monotonic() + 1
    for helper in _helpers:
        helper.wake()
    for helper in _helpers:
        helper.join(max(deadline - time.monotonic(), 0))


def _start_alone() -> None:
    """In a forked child there are no helpers, and nobody leads."""
    global _leading
    _helpers.clear()
    _state[:] = 0
    _leading = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_alone)


def run_jobs(table: int, jobs: range, dtype: np.dtype[Any], stride: int, workers: int) -> None:
    """Do these jobs of a table in turn, with `stride` floats for each thread. Where another leads now, work alone.

    The arrays that kernels write to are held from here on, not by the thread's own memory or a module alone: those go
    when Python ends, while daemon threads may still be in a kernel.
    """
    # Not `acquire`, between which and what follows Ctrl-C can come. A thread that is quicker is waited for.
    if workers > 1 and not _leading.locked():
        with _leading:
            workers = _gather(workers)
            area = scratch(dtype, stride * workers) if stride else None
            _run_jobs(
                address(_state), table, jobs.start, jobs.stop, 0 if area is None else address(area), stride, workers
            )
    else:
        area = scratch(dtype, stride) if stride else None
        own = 0 if area is None else address(area)
        _run_jobs(0, table, jobs.start, jobs.stop, own, stride, 1)
