"""What Numba knows as it compiles kernels: integers, floats and loops over ranges, beside what is defined here.

Its usual target also has arrays, strings, dicts, random numbers and all that NumPy can do. To load that takes longer
than to compile most kernels, and every sum of two integers is compared with all sums that it knows. Other programs'
functions have the usual target, and see nothing of this one. Nothing may compile minidl's intrinsics for that: Numba
keeps one piece of code for each signature of an intrinsic, the last target's.
"""

from collections.abc import Hashable
from functools import cached_property
from typing import Any

from numba import types
from numba.core import registry, target_extension
from numba.core.ccallback import CFunc
from numba.core.cpu import CPUContext
from numba.core.typing.context import Context
from numba.core.typing.templates import AbstractTemplate, builtin_registry, signature
from numba.core.typing.templates import _OverloadFunctionTemplate as _Overload

from minidl.backends.compiled.codegen import lowering

_NAME = "minidl"


class _Kernels(target_extension.CPU):
    """For which code is made."""


target_extension.target_registry[_NAME] = _Kernels


class _OfIntegers(AbstractTemplate):
    """`min` and `max`, for which Numba compiles a function of tuples."""

    def generic(self, args: Any, kws: Any) -> Any:
        """The types, if they are two or more integers."""
        if len(args) > 1 and not kws and all(isinstance(each, types.Integer) for each in args):
            return signature(types.int64, *[types.int64] * len(args))
        return None


class _Min(_OfIntegers):
    key = min


class _Max(_OfIntegers):
    key = max


_OWN: dict[Any, Any] = {min: _Min, max: _Max}


class _Typing(Context):
    """Which types a function gives for which."""

    def init(self) -> None:
        """Remember what was found."""
        self._resolved: dict[Any, Any] = {}

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        """The signature of a call, which is looked for once."""
        if kws or not isinstance(func, types.Function):
            return super().resolve_function_type(func, args, kws)
        found = self._resolved.get((func, args))
        if found is None:
            found = self._resolved[func, args] = super().resolve_function_type(func, args, kws)
        return found

    def refresh(self) -> None:
        """Take what is new, for this target: where nothing is being compiled, Numba takes its usual one."""
        with target_extension.target_override(_NAME):
            super().refresh()

    def load_additional_registries(self) -> None:
        """Numba's functions of numbers."""
        from numba.core.typing import mathdecl

        self.install_registry(mathdecl.registry)

    def _load_builtins(self) -> None:
        from numba.core.typing import builtins, collections  # noqa: F401  which register them

        self.install_registry(builtin_registry)

    def _insert_global(self, gv: Any, gty: Any) -> None:
        """Leave out what Numba would compile functions for, and take `min` and `max` from here."""
        if isinstance(gty, types.Function):
            own = _OWN.get(gv) if isinstance(gv, Hashable) else None
            templates = [own] if own else [each for each in gty.templates if not issubclass(each, _Overload)]
            if not templates:
                return
            gty = types.Function(tuple(templates))
        super()._insert_global(gv, gty)


class _Context(CPUContext):
    """How each of them is written in LLVM's code."""

    def load_additional_registries(self) -> None:
        """Import what registers them."""
        from numba.cpython import builtins, mathimpl, numbers, rangeobj, tupleobj  # noqa: F401

        self.install_registry(mathimpl.registry)

    def refresh(self) -> None:
        """Take what is new; of two for the same types, the last one counts."""
        super().refresh()
        self.install_registry(lowering.registry)

    def post_lowering(self, mod: Any, library: Any) -> None:
        """Link nothing: no kernel allocates."""


class _Target(registry.CPUTarget):
    @cached_property
    def _toplevel_target_context(self) -> Any:
        return _Context(self.typing_context, self._target_name)

    @cached_property
    def _toplevel_typing_context(self) -> Any:
        return _Typing()


TARGET: Any = _Target(_NAME)


class Function(registry.CPUDispatcher):
    """A function that Python or kernels call."""

    targetdescr = TARGET


target_extension.dispatcher_registry[_Kernels] = Function


class Callback(CFunc):
    """A function that C calls."""

    _targetdescr = TARGET
