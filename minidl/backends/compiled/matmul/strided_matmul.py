"""Matrix products whose rows lie at equal distances: no tables, and sums that begin at zero or at C itself.

`gather_matmul` looks up every row and every k, loads what sums begin with and compares them with a floor, which takes
a fifth of the time where the depth is 32. Where whole vectors may be read and written, none of it is needed.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from minidl.backends.compiled.codegen.cpu import TILE_ROWS
from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.llvm import (
    I64,
    in_chains,
    lanes_of,
    llvm_fma,
    llvm_load,
    llvm_splat,
    llvm_store,
    shapes,
    summed,
    zeros,
)
from minidl.backends.compiled.codegen.load_store import lanes
from minidl.backends.compiled.matmul.tile import CHAIN, SHAPES


def _at(builder, origin, stride, number):
    """origin + number stride."""
    return builder.add(origin, builder.mul(stride, ir.Constant(I64, number)))


def _sums(builder, dtype, rows, panel, vectors, length, counters):
    """[row][vector]: the sums of `length` products, from pointers to rows of A and to B, in registers."""
    n = lanes_of(dtype)

    def products(_, place, origin, sums):
        places = [_at(builder, origin, ir.Constant(I64, n), v) for v in range(vectors)]
        weights = [llvm_load(builder, dtype, panel, place) for place in places]
        added = []
        for row, totals in zip(rows, sums, strict=True):
            scalar = llvm_splat(builder, builder.load(builder.gep(row, [place])), n)
            added.append([llvm_fma(builder, dtype, scalar, *pair) for pair in zip(weights, totals, strict=True)])
        return added

    return summed(builder, length, [[zeros(dtype)] * vectors for _ in rows], counters, products)


def _tile(are_apart: bool) -> Any:
    """The tile for rows of A that lie `a_stride` apart, or else side by side and what follows in each as far apart."""

    def emit(builder, dtype, memory, rows, vectors, depth, a, a_stride, b, b_stride, c, c_stride, adds):
        n, one = ir.Constant(I64, lanes_of(dtype)), ir.Constant(I64, 1)
        adds = builder.icmp_unsigned("!=", adds, adds.type(0))
        row_stride, k_stride = (a_stride, one) if are_apart else (one, a_stride)
        panel = builder.gep(memory, [b])
        for count, size in shapes(builder, rows, vectors, SHAPES):
            images = [builder.gep(memory, [_at(builder, a, row_stride, r)]) for r in range(count)]
            starts = [_at(builder, c, c_stride, r) for r in range(count)]
            places = [_at(builder, start, n, v) for start in starts for v in range(size)]
            with in_chains(builder, depth, CHAIN) as (k, length, is_first, _):
                counters = [(builder.mul(k, stride), stride) for stride in (k_stride, b_stride)]
                rows_of_sums = _sums(builder, dtype, images, panel, size, length, counters)
                sums, before = [total for row in rows_of_sums for total in row], builder.block
                with builder.if_then(builder.or_(adds, builder.not_(is_first))):
                    found = [llvm_load(builder, dtype, memory, place) for place in places]
                    totals, after = list(map(builder.fadd, found, sums)), builder.block
                results = [builder.phi(total.type) for total in totals]
                for result, fresh, total in zip(results, sums, totals, strict=True):
                    result.add_incoming(fresh, before)
                    result.add_incoming(total, after)
                for place, result in zip(places, results, strict=True):
                    llvm_store(builder, dtype, memory, place, result)

    return emitted(types.void)(emit)


def _product(tile: Any, are_apart: bool) -> Callable[..., None]:
    """The product by such tiles, of equal heights: a row left over would run slowly."""

    def product(memory, rows, depth, columns, a, a_stride, b, b_stride, c, c_stride, adds):
        n = lanes(memory)
        tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
        least = rows // tiles
        higher = rows - least * tiles  # of the tiles have a row more
        for j in range(0, columns, 2 * n):
            vectors = 2 if columns - j > n else 1
            place, target = a, c + j
            for i in range(tiles):
                height = least + 1 if i < higher else least
                tile(memory, height, vectors, depth, place, a_stride, b + j, b_stride, target, c_stride, adds)
                place, target = place + height * (a_stride if are_apart else 1), target + height * c_stride

    return njit(product)


strided_matmul = _product(_tile(True), True)
"""C[m, j] = sum over k of A[m, k] B[k, j], added to C if it `adds`, for whole vectors of columns up to the last.

Rows lie a stride apart. Each element is a chain of FMAs for each CHAIN of products, from zero on, and those are added
up in the order of k: they are the bits of `gather_matmul`, but for the sign of zero.
"""

transposed_tile = _tile(False)
"""Up to TILE_ROWS rows, and one or two vectors, of the product with A[k, m] for A[m, k]."""

strided_transposed_matmul = _product(transposed_tile, False)
"""That product, whole."""
