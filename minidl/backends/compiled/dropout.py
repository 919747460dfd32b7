"""Dropout: a vector of blocks of the counter-based generator at a time, so that nothing is drawn in turn.

Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011: Philox4x32-10.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.jit import inlined, kernel, njit
from minidl.backends.compiled.codegen.lanewise import multiply
from minidl.backends.compiled.codegen.llvm import I64, VectorType, lanes_of, llvm_splat, llvm_vector
from minidl.backends.compiled.codegen.load_store import lanes, load, store
from minidl.backends.compiled.graph.lowered import Lowered, through
from minidl.backends.compiled.runtime.memory import as_nhwc, contiguous, empty
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import Dropout
from minidl.process import share
from minidl.typing import Array, IntArray

__all__ = ["dropout"]

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10


def _philox(builder, count, block, counter, key):
    """The four words of each of `count` blocks, as vectors of 64-bit integers whose upper halves are zero."""
    wide = ir.VectorType(I64, count)
    half, lower = ir.Constant(wide, [32] * count), ir.Constant(wide, [2**32 - 1] * count)

    def halves(value):
        return builder.and_(value, lower), builder.lshr(value, half)

    a, b = halves(builder.add(llvm_splat(builder, block, count), ir.Constant(wide, list(range(count)))))
    c, d = halves(llvm_splat(builder, counter, count))
    keys = halves(llvm_splat(builder, key, count))
    for _ in range(ROUNDS):
        (low, high), (other_low, other_high) = (
            halves(builder.mul(word, ir.Constant(wide, [multiplier] * count)))
            for word, multiplier in zip((a, c), MULTIPLIERS, strict=True)
        )
        a, b = builder.xor(builder.xor(other_high, b), keys[0]), other_low
        c, d = builder.xor(builder.xor(high, d), keys[1]), low
        keys = [
            builder.and_(builder.add(part, ir.Constant(wide, [step] * count)), lower)
            for part, step in zip(keys, KEY_STEPS, strict=True)
        ]
    return a, b, c, d


def _four_vectors(dtype):
    return types.UniTuple(VectorType(dtype), 4)


@emitted(_four_vectors)
def _factors(builder, dtype, memory, block, counter, key, threshold, scale):
    """For the four words of each lane's block: the scale, or zero for a word below the threshold."""
    n = lanes_of(dtype)
    least, kept = llvm_splat(builder, threshold, n), llvm_splat(builder, scale, n)
    dropped = ir.Constant(llvm_vector(dtype), [0.0] * n)
    factors = [
        builder.select(builder.icmp_unsigned(">=", word, least), kept, dropped)
        for word in _philox(builder, n, block, counter, key)
    ]
    return cgutils.pack_array(builder, factors)


class _Dropout(NamedTuple):
    x: Array
    y: Array
    mask: IntArray  # (key, counter)
    threshold: int  # words below it drop their values
    scale: float
    start: int  # the place of x in the batch that ranks share
    stop: int
    blocks: int  # of the whole batch: word k of block b is for place k blocks + b
    tasks: int


@inlined
def _has(job, word, begin, end):
    return job.start <= word * job.blocks + begin and word * job.blocks + end <= job.stop


@njit
def _some_blocks(memory, ints, job, task, begin, end):
    """A task's share of blocks from `begin` on, all of which x has the same words of, if it has any."""
    words = 0
    for word in range(4):
        words += _has(job, word, begin, end)
    if words == 0:
        return
    key, counter, last = ints[job.mask], ints[job.mask + 1], begin + (task + 1) * (end - begin) // job.tasks
    for block in range(begin + task * (end - begin) // job.tasks, last, lanes(memory)):
        factors = _factors(memory, block, counter, key, job.threshold, job.scale)
        for word in range(4):
            if _has(job, word, begin, end):
                place, count = word * job.blocks + block - job.start, last - block
                store(memory, job.y + place, multiply(load(memory, job.x + place, count), factors[word]), count)


@kernel(_Dropout)
def _dropout(memory, ints, job, task, scratch):
    """A share of the blocks: those before x begins and ends in them, those between, and those behind."""
    first, last = job.start % job.blocks, job.stop % job.blocks
    _some_blocks(memory, ints, job, task, 0, min(first, last))
    _some_blocks(memory, ints, job, task, min(first, last), max(first, last))
    _some_blocks(memory, ints, job, task, max(first, last), job.blocks)


def prepare_dropout(x: Array, mask: IntArray, rate: float) -> tuple[Array, list[Job]]:
    """(y, jobs) of `dropout`, whose mask is that of the (key, counter) in `mask` when the jobs run."""
    order = (0, *range(2, x.ndim), 1)[: x.ndim]
    source = contiguous(x.transpose(order))
    y, scale = empty(source.shape, x.dtype), 1 / (1 - rate) if rate < 1 else 0
    start, size = _within_batch(x)
    tasks = pieces(x.size) if x.size else 0
    places = start, start + x.size, (size + 3) // 4
    record = _Dropout(source, y, mask, int(rate * 2**32), scale, *places, tasks)
    return y.transpose(np.argsort(order)), [Job(_dropout, record, tasks, 8 * x.size)]


def _within_batch(x: Array) -> tuple[int, int]:
    """(the place in the batch that x begins at, the batch's size)."""
    now = share.current()
    if now is None:
        return 0, x.size
    sample = x.size // max(len(x), 1)
    return now.start * sample, sum(share.counts(len(x))) * sample


class _ScaleChannels(NamedTuple):
    x: Array
    factors: Array  # (n, channels)
    y: Array
    pixels: int  # of all images
    size: int  # pixels of one
    channels: int
    tasks: int


@kernel(_ScaleChannels)
def _scale_channels(memory, ints, job, task, scratch):
    for pixel in range(task * job.pixels // job.tasks, (task + 1) * job.pixels // job.tasks):
        start, factors = pixel * job.channels, job.factors + pixel // job.size * job.channels
        for c in range(0, job.channels, lanes(memory)):
            count = job.channels - c
            product = multiply(load(memory, job.x + start + c, count), load(memory, factors + c, count))
            store(memory, job.y + start + c, product, count)


def prepare_dropout2d(x: Array, mask: IntArray, rate: float) -> tuple[Array, list[Job]]:
    """(y, jobs) of dropout of whole channels, those whose values `dropout` of (n, c) drops."""
    n, channels, height, width = x.shape
    factors, jobs = prepare_dropout(np.ones((n, channels), x.dtype), mask, rate)
    images = as_nhwc(x)
    y, pixels, tasks = empty(images.shape, x.dtype), n * height * width, pieces(x.size)
    record = _ScaleChannels(images, factors, y, pixels, height * width, channels, tasks)
    return y.transpose(0, 3, 1, 2), [*jobs, Job(_scale_channels, record, tasks, 8 * x.size)]


_dropout_by_mask = Replay(prepare_dropout)


def dropout(x: Array, *, rate: float, key: int, counter: int) -> Array:
    """X times 1 / (1 - rate), or times zero where the generator says so."""
    return _dropout_by_mask(x, np.array([key, counter], np.int64), rate=rate)


def lower_dropout(operator: Dropout, x: Array) -> Lowered:
    """Dropout in training, as an operator of a network: backward draws the same mask again."""
    mask = np.zeros(2, np.int64)
    prepare = prepare_dropout2d if operator.by_channel else prepare_dropout
    y, jobs = prepare(x, mask, operator.rate)
    return Lowered(y, jobs, through(lambda dy: prepare(dy, mask, operator.rate)), (operator.masks, mask))
