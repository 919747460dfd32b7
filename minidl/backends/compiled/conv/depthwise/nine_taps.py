"""The weights' gradient of a depthwise convolution for nine taps at once, in registers."""

from llvmlite import ir

from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.llvm import (
    I64,
    VectorType,
    llvm_fma,
    llvm_load,
    llvm_mask,
    llvm_store,
    summed,
)

TAPS = 9


@emitted(VectorType)
def add_nine_taps(builder, dtype, memory, ints, pixels, table, image, tap_offsets, dy, dw, step, total, count):
    """Add an image's part to dw, whose taps lie `step` apart: nine chains, pixel by pixel. Gives total + the sum of dy.

    The table has two offsets for each pixel: of the first tap of its window in the image, and of its dy.
    """
    mask, one = llvm_mask(builder, dtype, count), ir.Constant(I64, 1)
    taps = [ir.Constant(I64, tap) for tap in range(TAPS)]
    offsets = [builder.load(builder.gep(ints, [builder.add(tap_offsets, tap)])) for tap in taps]
    windows = [builder.gep(memory, [builder.add(image, offset)]) for offset in offsets]
    targets = [builder.add(dw, builder.mul(step, tap)) for tap in taps]
    begin = [llvm_load(builder, dtype, memory, target, mask) for target in targets]
    grads = builder.gep(memory, [dy])

    def products(k, entry, sums):
        place, dy_place = (builder.load(builder.gep(ints, [each])) for each in (entry, builder.add(entry, one)))
        grad = llvm_load(builder, dtype, grads, dy_place, mask)
        *sums, total = sums[0]
        values = [llvm_load(builder, dtype, window, place, mask) for window in windows]
        added = [llvm_fma(builder, dtype, value, grad, each) for value, each in zip(values, sums, strict=True)]
        return [[*added, builder.fadd(total, grad)]]

    ((*sums, total),) = summed(builder, pixels, [[*begin, total]], [(table, ir.Constant(I64, 2))], products)
    for target, value in zip(targets, sums, strict=True):
        llvm_store(builder, dtype, memory, target, value, mask)
    return total
