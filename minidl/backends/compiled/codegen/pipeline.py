"""What Numba does to compile a function, less what kernels have no use for.

Numba optimizes every function by itself and makes machine code of it, then again as a part of each caller. Here what
only kernels call stays LLVM's code as it was written, and is optimized once, in the kernel that it is linked into.
"""

from typing import Any

import numba._dynfunc
from llvmlite.binding import Linkage
from numba.core import typed_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, DefaultPassBuilder, _LowerResult
from numba.core.compiler_machinery import register_pass

from minidl.backends.compiled.codegen.lowering import Lower

UNNEEDED = {
    "with_lifting",
    "inline_closure_likes",
    "make_function_op_code_to_jit_function",
    "inline_inlinables",
    "find_literally",
    "literal_unroll",
    "LiteralPropagation",
    "inline_overloads",
    "nopython_rewrites",
    "annotate_types",
    "dump_parfor_diagnostics",
    "rewrite_semantic_constants",
    "dead_branch_prune",
    "reconstruct_ssa",
    "strip_phis",
}
"""Passes over what isn't in kernels (closures, objects, variables of two types), by Numba's names."""


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(typed_passes.NativeLowering):
    _name = "kernel_lowering"
    lowering_class = Lower

    def run_pass(self, state: Any) -> bool:
        """Write LLVM's code, and make machine code of it once all that it calls is there."""
        if state.library is None:
            state.library = _KernelLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
            state.library.enable_object_caching()
        return bool(super().run_pass(state))


class KernelCompiler(Compiler):
    """For functions that Python or C calls."""

    lowering: Any = _Lowering

    def define_pipelines(self) -> list[Any]:
        """The only pipeline: there is no object mode to fall back to."""
        passes: Any = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [
            (self.lowering if each is typed_passes.NativeLowering else each, title)
            for each, title in passes.passes
            if each.name() not in UNNEEDED
        ]
        passes._ENFORCING = False  # checks after each pass
        passes.finalize()
        return [passes]


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(_Lowering):
    _name = "part_lowering"

    def run_pass(self, state: Any) -> bool:
        """Write LLVM's code, and have callers link it; without machine code there's nothing to call by address."""
        state.flags.no_compile = True
        state.library = library = _PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        super().run_pass(state)
        lowered = state["cr"]
        fndesc = lowered.fndesc
        # By this object Numba finds what a caller has to link. It has no address, and nobody calls it.
        make: Any = numba._dynfunc.make_function
        entry = make(fndesc.lookup_module(), fndesc.qualname, "", 0, lowered.env, (library,))
        state.targetctx.insert_user_function(entry, fndesc, [library])
        state["cr"] = _LowerResult(fndesc, lowered.call_helper, cfunc=entry, env=lowered.env)
        return True


class PartCompiler(KernelCompiler):
    """For functions that only kernels call."""

    lowering = _PartLowering


class _KernelLibrary(JITCodeLibrary):
    """A function and all that it calls."""

    def add_llvm_module(self, ll_module: Any) -> None:
        """Take code as it was written: it's optimized when all is there."""
        self._final_module.link_in(ll_module)


class _PartLibrary(_KernelLibrary):
    """A function and all that it calls, to be linked into kernels."""

    def finalize(self) -> None:
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.external:
                function.linkage = "linkonce_odr"  # one of several copies stays, or none once it is inlined
        self._shared_module = self._final_module
        self._finalized = True
