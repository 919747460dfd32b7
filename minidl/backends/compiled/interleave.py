"""Lines that lie apart, woven into one: from planes to channels last, and from lines of an image to its patches."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minidl.backends.compiled.jit import njit
from minidl.backends.compiled.simd import I32, I64, lanes, lanes_of, llvm_load, llvm_splat, llvm_store, load, store

MOST_WOVEN = 8
"""Up to so many lines are woven in registers."""


def _shuffle(builder, a, b, places):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(places)), places))


def _woven(builder, vectors):
    """Vectors whose lanes, one vector after the other, are the first lanes of all given ones, then the second ..."""
    count, n = len(vectors), vectors[0].type.count
    results = []
    for part in range(count):
        result = None
        for k, vector in enumerate(vectors):
            lanes_of_k = [(part * n + lane) // count if (part * n + lane) % count == k else None for lane in range(n)]
            if all(lane is None for lane in lanes_of_k):
                continue
            if result is None:
                result = _shuffle(builder, vector, vector, [lane or 0 for lane in lanes_of_k])
            else:
                places = [i if lane is None else n + lane for i, lane in enumerate(lanes_of_k)]
                result = _shuffle(builder, result, vector, places)
        results.append(result)
    return results


@intrinsic
def _weave(typing, memory, count, source, stride, target, left):
    """Write `count` woven vectors from source, source + stride, ... to target, of which `left` floats at most."""

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        memory, count, source, stride, target, left = args
        n = lanes_of(dtype)
        places = ir.Constant(ir.VectorType(I32, n), list(range(n)))
        done = builder.append_basic_block("woven")
        choice = builder.switch(count, done)
        for lines in range(2, MOST_WOVEN + 1):
            with builder.goto_block(builder.append_basic_block(f"weave{lines}")):
                choice.add_case(ir.Constant(I64, lines), builder.block)
                vectors = [
                    llvm_load(builder, dtype, memory, builder.add(source, builder.mul(stride, ir.Constant(I64, k))))
                    for k in range(lines)
                ]
                remaining = builder.trunc(left, I32)
                for v, vector in enumerate(_woven(builder, vectors)):
                    here = builder.sub(remaining, ir.Constant(I32, v * n))
                    mask = builder.icmp_signed("<", places, llvm_splat(builder, here, n))
                    llvm_store(builder, dtype, memory, builder.add(target, ir.Constant(I64, v * n)), vector, mask)
                builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(memory, *[types.int64] * 5), codegen


@njit
def weave(memory, count, source, stride, target, length):
    """Write element j of `count` lines, `stride` apart from each other, to target + count j and on, for j < length.

    Reads up to a vector beyond the ends of the lines.
    """
    if count == 1:
        for j in range(0, length, lanes(memory)):
            store(memory, target + j, load(memory, source + j, length - j), length - j)
    elif count <= MOST_WOVEN:
        for j in range(0, length, lanes(memory)):
            _weave(memory, count, source + j, stride, target + count * j, count * (length - j))
    else:
        for j in range(length):
            for k in range(count):
                memory[target + j * count + k] = memory[source + k * stride + j]
