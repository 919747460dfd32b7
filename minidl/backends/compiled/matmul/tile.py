"""The heart of every matrix product: a tile of sums that stays in registers from the first product to the last."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minidl.backends.compiled.codegen.cpu import TILE_ROWS
from minidl.backends.compiled.codegen.llvm import (
    I64,
    lanes_of,
    llvm_fma,
    llvm_load,
    llvm_load_first,
    llvm_splat,
    llvm_store,
    llvm_store_first,
    llvm_vector,
    rolled,
)


@intrinsic
def tile(typing, memory, ints, rows, depth, a, row, col, b, c, c_stride, start, start_stride, columns, floor):
    """C[r, j] = max(floor, start[r, j] + sum over k of A[row[r] + col[k]] B[b_row[k] + j]), in registers.

    For `rows` rows, at most TILE_ROWS, and `columns` columns, at most two vectors of them; of B, whole vectors are
    read: in the loop, masks would take registers that the sums need. All addresses are indices of `memory` and `ints`.
    Each element is one chain of FMAs in the order of k, whatever the tile.
    """
    signature = types.void(memory, ints, *[types.int64] * 11, memory.dtype)

    def codegen(context, builder, signature, args):
        dtype = signature.args[0].dtype
        rows, columns, rest = args[2], args[12], (*args[:2], *args[3:])
        wide = builder.icmp_signed(">", columns, ir.Constant(I64, lanes_of(dtype)))
        done = builder.append_basic_block("stored")
        two, one = builder.append_basic_block("two"), builder.append_basic_block("one")
        builder.cbranch(wide, two, one)
        for vectors, block in ((2, two), (1, one)):
            builder.position_at_end(block)
            choice = builder.switch(rows, done)
            for count in range(1, TILE_ROWS + 1):
                with builder.goto_block(builder.append_basic_block(f"rows{count}")):
                    choice.add_case(ir.Constant(I64, count), builder.block)
                    _emit_tile(builder, dtype, count, vectors, *rest)
                    builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return signature, codegen


def _emit_tile(
    builder, dtype, rows, vectors, memory, ints, depth, a, row, col, b, c, c_stride, start, start_stride, columns, floor
):
    n = lanes_of(dtype)

    def const(value):
        return ir.Constant(I64, value)

    def integer(base, index):
        return builder.load(builder.gep(ints, [builder.add(base, index)]))

    def each(emit):
        return [[emit(r, v) for v in range(vectors)] for r in range(rows)]

    left = builder.sub(columns, const((vectors - 1) * n))
    least = llvm_splat(builder, floor, n)

    def places(origin, stride):
        """[vector][row]: of the last vectors, `left` lanes are C's."""
        starts = [builder.add(origin, builder.mul(stride, const(r))) for r in range(rows)]
        return [[builder.add(row_start, const(v * n)) for row_start in starts] for v in range(vectors)]

    panel, table = builder.gep(memory, [b]), builder.gep(ints, [col])
    images = [builder.gep(memory, [builder.add(a, integer(row, const(r)))]) for r in range(rows)]
    *inner, edge = places(start, start_stride)
    first = [[llvm_load(builder, dtype, memory, place) for place in column] for column in inner]
    first.append(llvm_load_first(builder, dtype, memory, edge, left))

    before, loop, after = builder.block, builder.append_basic_block("k"), builder.append_basic_block("sum")
    builder.cbranch(builder.icmp_signed(">", depth, const(0)), loop, after)
    builder.position_at_end(loop)
    k = builder.phi(I64)
    sums = each(lambda r, v: builder.phi(llvm_vector(dtype)))
    entry = builder.gep(table, [builder.shl(k, const(1))])
    offset, origin = builder.load(entry), builder.load(builder.gep(entry, [const(1)]))
    weights = [llvm_load(builder, dtype, panel, builder.add(origin, const(v * n))) for v in range(vectors)]
    scalars = [llvm_splat(builder, builder.load(builder.gep(image, [offset])), n) for image in images]
    added = each(lambda r, v: llvm_fma(builder, dtype, scalars[r], weights[v], sums[r][v]))
    following = builder.add(k, const(1))
    again = builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
    # Unrolled, the rows' addresses would need more registers than there are.
    again.set_metadata("llvm.loop", rolled(builder.module))
    k.add_incoming(const(0), before)
    k.add_incoming(following, loop)

    builder.position_at_end(after)
    totals = each(lambda r, v: builder.phi(llvm_vector(dtype)))
    for r in range(rows):
        for v in range(vectors):
            for phi in (sums[r][v], totals[r][v]):
                phi.add_incoming(first[v][r], before)
                phi.add_incoming(added[r][v], loop)
    results = each(lambda r, v: builder.select(builder.fcmp_ordered("<", totals[r][v], least), least, totals[r][v]))
    *inner, edge = places(c, c_stride)
    for v, column in enumerate(inner):
        for r, place in enumerate(column):
            llvm_store(builder, dtype, memory, place, results[r][v])
    llvm_store_first(builder, dtype, memory, edge, [result[-1] for result in results], left)
