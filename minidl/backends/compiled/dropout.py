"""Dropout: a vector of blocks of the counter-based generator at a time, so that nothing is drawn in turn.

Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011: Philox4x32-10.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.lanewise import multiply
from minidl.backends.compiled.codegen.llvm import I64, VectorType, lanes_of, llvm_splat, llvm_vector
from minidl.backends.compiled.codegen.load_store import as_bits, lanes, load, number, store
from minidl.backends.compiled.runtime.memory import address, contiguous, empty
from minidl.backends.compiled.runtime.program import Job, pieces, run
from minidl.typing import Array

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


@intrinsic
def _factors(typing, memory, block, counter, key, threshold, scale):
    """For the four words of each lane's block: the scale, or zero for a word below the threshold."""
    result = types.UniTuple(VectorType(memory.dtype), 4)

    def codegen(context, builder, signature, args):
        _, block, counter, key, threshold, scale = args
        dtype = signature.args[0].dtype
        count = lanes_of(dtype)
        least = llvm_splat(builder, threshold, count)
        kept, dropped = llvm_splat(builder, scale, count), ir.Constant(llvm_vector(dtype), [0.0] * count)
        factors = [
            builder.select(builder.icmp_unsigned(">=", word, least), kept, dropped)
            for word in _philox(builder, count, block, counter, key)
        ]
        return context.make_tuple(builder, result, factors)

    return result(memory, *[types.int64] * 4, memory.dtype), codegen


@Kernel
def _dropout(memory, ints, job, task, own):
    x, y, size, tasks = ints[job], ints[job + 1], ints[job + 2], ints[job + 3]
    counter, key, threshold = ints[job + 4], ints[job + 5], ints[job + 6]
    scale = number(memory, ints[job + 7])
    blocks = (size + 3) // 4
    last = (task + 1) * blocks // tasks
    for block in range(task * blocks // tasks, last, lanes(memory)):
        factors = _factors(memory, block, counter, key, threshold, scale)
        for word in range(4):
            place = word * blocks + block
            count = min(last - block, size - place)
            if count > 0:
                store(memory, y + place, multiply(load(memory, x + place, count), factors[word]), count)


def dropout_jobs(x: Array, rate: float, key: int, counter: int) -> tuple[Array, Array, list[Job]]:
    """`dropout` as jobs that are still to run: (y, what they read, jobs)."""
    order = (0, *range(2, x.ndim), 1)[: x.ndim]
    source = contiguous(x.transpose(order))
    y, tasks = empty(source.shape, x.dtype), pieces(x.size)
    job = [address(source), address(y), x.size, tasks, counter, key, int(rate * 2**32), as_bits(1 / (1 - rate))]
    return y.transpose(np.argsort(order)), source, [Job(_dropout, job, tasks, 8 * x.size)]


def dropout(x: Array, *, rate: float, key: int, counter: int) -> Array:
    """X times 1 / (1 - rate), or times zero where the generator says so."""
    y, _source, jobs = dropout_jobs(x, rate, key, counter)
    run(x.dtype, *jobs)
    return y
