"""The rate of fused multiply-adds that the cores have at most: chains in registers, and nothing from memory."""

import ctypes
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from benchmarks.worker import Job

STEPS = 500_000
"""Of every chain in a call, which takes some milliseconds."""
FACTOR, TERM = 0.5, 0.25
"""What each step multiplies by and adds: a chain goes to 1/2, and no number on the way is subnormal."""


def chains(*, threads: int) -> Job:
    """So many chains at once in each thread that none waits for itself; the outcome is the "flops" of a call."""
    lanes, count = _sizes()
    engine = _engine(lanes, count)
    kernel = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64)(engine.get_function_address("chains"))
    got, wanted = kernel(3), sum(7 / 16 + i / 1024 / 8 for i in range(count))
    if got != wanted:
        raise AssertionError(f"three steps of the chains give {got}, not {wanted}")
    pool = ThreadPoolExecutor(threads)

    def run(engine: Any = engine) -> None:
        del engine  # the default holds the machine code
        list(pool.map(kernel, [STEPS] * threads))

    return Job(run, {"flops": 2 * lanes * count * STEPS * threads})


def _sizes() -> tuple[int, int]:
    """(numbers in a register, chains): three quarters of the registers."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 16, 24
    return (8, 12) if features.get("avx2") else (4, 24 if features.get("neon") else 12)


def _engine(lanes: int, count: int) -> Any:
    """The machine code of `chains(steps)`, the sum of the chains' first numbers."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(str(_module(lanes, count)))
    features = llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=2
    )
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine


def _module(lanes: int, count: int) -> ir.Module:
    single, integer = ir.FloatType(), ir.IntType(64)
    vector = ir.VectorType(single, lanes)
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(single, [integer]), "chains")
    fma = ir.Function(module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f32")
    entry, loop, end = (function.append_basic_block(name) for name in ("entry", "loop", "end"))
    ir.IRBuilder(entry).branch(loop)
    builder = ir.IRBuilder(loop)
    step, values = builder.phi(integer), [builder.phi(vector) for _ in range(count)]
    factor, term = (ir.Constant(vector, [number] * lanes) for number in (FACTOR, TERM))
    after, new = builder.add(step, integer(1)), [builder.call(fma, [value, factor, term]) for value in values]
    step.add_incoming(integer(0), entry)
    step.add_incoming(after, loop)
    for i, (value, later) in enumerate(zip(values, new, strict=True)):
        value.add_incoming(ir.Constant(vector, [i / 1024] * lanes), entry)  # no two alike, or they'd become one
        value.add_incoming(later, loop)
    builder.cbranch(builder.icmp_signed("<", after, function.args[0]), loop, end)
    builder = ir.IRBuilder(end)
    total: Any = single(0.0)
    for value in new:
        total = builder.fadd(total, builder.extract_element(value, ir.IntType(32)(0)))
    builder.ret(total)
    return module
