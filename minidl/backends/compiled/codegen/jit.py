"""How kernels are compiled: on first use, and kept on disk for later processes."""

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar, cast

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock

from minidl.backends.compiled.codegen import ahead
from minidl.backends.compiled.codegen.emitted import emitted
from minidl.backends.compiled.codegen.kernel_cache import KernelCache
from minidl.backends.compiled.codegen.pipeline import KernelCompiler, PartCompiler
from minidl.backends.compiled.codegen.record import RecordType
from minidl.backends.compiled.codegen.target import TARGET, Callback
from minidl.backends.compiled.codegen.target import Function as Compiled
from minidl.process import locks
from minidl.process.interrupts import uninterrupted

Function = TypeVar("Function", bound=Callable[..., Any])
FLOATS = {"f": types.float32, "d": types.float64}
"""By NumPy's characters for float32 and float64."""

NOWHERE = 1 << 12
"""An address of nothing."""


class _Cache(KernelCache):
    """A cache that links what it has, and has others compile what else will be needed, once it lacks something."""

    def before_linking(self, data: bytes) -> None:
        """Compile, or read, what the machine code calls by name."""
        for each in _Linked.every:
            for floats in FLOATS:
                if each.symbol(FLOATS[floats]).encode() in data:
                    each.link(floats)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The function compiled for these types, or None where it has to be compiled."""
        found = super().load_overload(sig, target_context)
        if found is None:
            ahead.begin()
        return found


def _jit(function: Callable[..., Any], compiler: Any, **options: Any) -> Any:
    """Divide by zero as IEEE 754 does; no fastmath, which breaks NaN and the order of sums."""
    settings = {"nopython": True, "boundscheck": None, "error_model": "numpy", "nogil": True, "_nrt": False, **options}
    return Compiled(function, locals={}, targetoptions=settings, pipeline_class=compiler)


def entry(function: Function) -> Function:
    """Compile on first use what Python calls, or read it from the cache."""
    dispatcher = _jit(function, KernelCompiler)
    dispatcher._cache = _Cache(function)  # in the place of Numba's, which any trouble with its files stops
    return cast(Function, dispatcher)


def njit(function: Function, **options: Any) -> Function:
    """What kernels alone call: compiled as a part of each, so it isn't in the cache."""
    return cast(Function, _jit(function, PartCompiler, no_cpython_wrapper=True, no_cfunc_wrapper=True, **options))


def inlined(function: Function) -> Function:
    """`njit`, a copy in every caller, so that a `count` of all lanes there loads and stores without a mask here."""
    return njit(function, forceinline=True)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Compile without looking for garbage again and again, which takes a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def callback(function: Callable[..., None], signature: Any) -> Any:
    """The function compiled, or read from the cache, for C to call: its `address`."""
    settings = {"error_model": "numpy", "_nrt": False}
    made: Any = Callback(function, (signature.args, signature.return_type), {}, settings, KernelCompiler)
    made._cache = _Cache(function)
    with _without_collector():
        made.compile()
    return made


_compiling = locks.lock("compiling")
_owner: Any
for _name, _owner in (("numba", global_compiler_lock), ("llvm", getattr(llvmlite.binding.ffi.lib, "_lock", None))):
    if hasattr(_owner, "_lock"):
        locks.heed(_name, _owner._lock)


def once(made: dict[str, Any], name: str, make: Callable[[], Any]) -> Any:
    """made[name], which is made if need be, by one thread and whole: signals wait until it is there."""
    if name not in made:
        locks.give_way()
        with _compiling, uninterrupted():
            if name not in made:
                made[name] = make()
    return made[name]


class _Linked:
    """What `linked` makes code of, for either dtype."""

    every: ClassVar[list["_Linked"]] = []

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function
        self.compiled: dict[str, Any] = {}
        self.every.append(self)

    def symbol(self, dtype: Any) -> str:
        """The name that machine code has it by."""
        return f"minidl_{self.function.__name__}_{dtype}"

    def link(self, dtype: str) -> None:
        """Let kernels find it, which are linked as they are compiled, or read from the cache."""
        once(self.compiled, dtype, lambda: self._compile(FLOATS[dtype]))

    def _compile(self, floats: Any) -> Any:
        integers = [types.int64] * (self.function.__code__.co_argcount - 3)
        made = callback(self.function, types.void(*_pointers(floats), *integers, floats))
        llvmlite.binding.add_symbol(self.symbol(floats), made.address)
        return made


def linked(function: Callable[..., None]) -> Any:
    """Make a function(memory, ints, integers..., floor) one that kernels call by its name.

    What is much code is so compiled once, and not again for every kernel that it would be part of.
    """
    made = _Linked(function)

    def emit(builder, dtype, *args):
        made.link("f" if dtype == types.float32 else "d")
        kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in args])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, made.symbol(dtype)), args)

    return emitted(types.void, like=function)(emit)


def pretend_to_link() -> None:
    """Let kernels be compiled that nobody runs, without what they are linked to."""
    for each in _Linked.every:
        for dtype, floats in FLOATS.items():
            llvmlite.binding.add_symbol(each.symbol(floats), NOWHERE)
            each.compiled[dtype] = None


def _pointers(floats: Any) -> tuple[Any, Any]:
    """The types of `memory` and `ints`."""
    return types.CPointer(floats), types.CPointer(types.int64)


class Kernel:
    """A function kernel(memory, ints, job, task, scratch), called by address and so by any thread.

    `memory` and `ints` are the null pointers to floats and 64-bit integers: addresses counted in elements are their
    indices. `job` is the job's record, `task` the part of it to do, and `scratch` the address of
    floats that are the thread's to write on.
    """

    every: ClassVar[list["Kernel"]] = []

    def __init__(self, function: Callable[..., None], record: Any = None) -> None:
        self.function = function
        self.record = record
        self.compiled: dict[str, Any] = {}
        self.every.append(self)

    def address(self, dtype: str) -> int:
        """The address of the machine code for "f" or "d", compiled or read from the cache if need be."""
        if dtype not in self.compiled:
            ahead.claim(self, dtype)
            self.compile(dtype)
        return int(self.compiled[dtype].address)

    def compile(self, dtype: str) -> None:
        """Compile it, or read it from the cache."""
        once(self.compiled, dtype, lambda: callback(self.function, self._signature(dtype)))

    def file_name(self, dtype: str) -> str:
        """That of its machine code in the cache."""
        return KernelCache(self.function).file_name(self._signature(dtype), TARGET.target_context.codegen())

    def _signature(self, dtype: str) -> Any:
        job = types.int64 if self.record is None else RecordType(self.record)
        return types.void(*_pointers(FLOATS[dtype]), job, types.int64, types.int64)


def kernel(record: Any) -> Callable[[Callable[..., None]], Kernel]:
    """Make a kernel of a function whose `job` is a record of this type: see `record.py`."""
    return lambda function: Kernel(function, record)
