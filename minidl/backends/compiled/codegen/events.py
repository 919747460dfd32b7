"""What Numba is compiling, told by its name as it happens."""

import contextlib

from numba.core import event

from minidl.backends.compiled.codegen.kernel_cache import COMPILED


class _Teller(event.Listener):
    def __init__(self, tell):
        self.tell = tell

    def on_start(self, event):
        """One of the many passes over a function begins."""
        module, name = event.data["module"], event.data["qualname"]
        if module.startswith(COMPILED):
            self.tell(f"{module.removeprefix(COMPILED)}.{name.lstrip('_')}")

    def on_end(self, event):
        """It has ended, which nobody wants to know."""


@contextlib.contextmanager
def compiling(notify):
    """Call `notify` with the name of the function at every step of compiling one; never for one read from the cache."""
    with event.install_listener("numba:run_pass", _Teller(notify)):
        yield
