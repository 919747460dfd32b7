"""Functions of kernels that emit LLVM's instructions themselves."""

import inspect
from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic


def emitted(result: Any, like: Callable[..., Any] | None = None) -> Callable[[Callable[..., Any]], Any]:
    """Make emit(builder, dtype, *values) what kernels call by (*values), or with the parameters of `like`.

    dtype is that of the first value: memory's floats, or a vector's. Other floats become such, integers have 64 bits.
    `result` is Numba's type of the result, or a function that gives it for dtype.
    """

    def decorate(emit):
        parameters = list(inspect.signature(like or emit).parameters.values())[0 if like else 2 :]

        def typed(typing, *given):
            dtype = getattr(given[0], "dtype", None)
            returned = result if isinstance(result, types.Type) else result(dtype)

            def codegen(context, builder, signature, args):
                value = emit(builder, dtype, *args)
                return context.get_dummy_value() if returned is types.void else value

            return returned(*(_passed(kind, dtype) for kind in given)), codegen

        # Numba reads the number of arguments off this.
        first = inspect.Parameter("typing", inspect.Parameter.POSITIONAL_ONLY)
        typed.__signature__ = inspect.Signature([first, *parameters])
        typed.__name__, typed.__doc__ = (like or emit).__name__, (like or emit).__doc__
        return intrinsic(typed)

    return decorate


def _passed(kind, dtype):
    """The type that an argument is converted to."""
    if isinstance(kind, types.Integer):
        return types.int64
    return dtype if isinstance(kind, types.Float) else kind
