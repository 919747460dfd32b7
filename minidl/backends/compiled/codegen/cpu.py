"""What kernels know of the CPU: its vectors, how many of them a tile may use, and how a thread says that it waits."""

import platform
from typing import NamedTuple

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

CACHE_LINE = 16
"""Floats of a cache line: of a longer one, some are asked for twice."""


class _Vectors(NamedTuple):
    name: str
    register_bytes: int
    has_masks: bool  # whether part of a register is read and written as fast as the whole of it
    tile_rows: int  # rows of two vectors each that a matrix product's tile keeps in registers, and no more fit
    sum_registers: int  # registers for the sums of a planar tile; the others are for what is multiplied


_ON_ARM = platform.machine().lower() in ("aarch64", "arm64")
_AVX_512 = _Vectors("AVX-512", 64, has_masks=True, tile_rows=12, sum_registers=24)  # of 32
_AVX2 = _Vectors("AVX2", 32, has_masks=False, tile_rows=6, sum_registers=12)  # of 16
_SMALLEST = _Vectors("NEON" if _ON_ARM else "128 bits", 16, has_masks=False, tile_rows=8, sum_registers=24)  # NEON: 32


def _vectors() -> _Vectors:
    """Those of the CPU that Numba compiles for."""
    name, features = (getattr(numba.config, setting) for setting in ("CPU_NAME", "CPU_FEATURES"))
    if name or features:
        on = {name[1:] for name in (features or "").split(",") if name.startswith("+")}
    else:
        on = {name for name, there in llvmlite.binding.get_host_cpu_features().items() if there}
    return _AVX_512 if "avx512f" in on else _AVX2 if "avx2" in on else _SMALLEST


VECTORS_NAME, REGISTER_BYTES, HAS_MASKS, TILE_ROWS, SUM_REGISTERS = _vectors()


@intrinsic
def pause(typing):
    """Tell the CPU that this thread waits for another one, where it can be told."""

    def codegen(context, builder, signature, args):
        if llvmlite.binding.get_default_triple().startswith("x86_64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), codegen
