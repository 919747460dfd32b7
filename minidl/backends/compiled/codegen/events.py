"""What Numba is compiling, told by its name as it happens."""

import contextlib

from numba.core import event

from minidl.backends.compiled.codegen.kernel_cache import COMPILED

_tellers: list["_Teller"] = []


class _Teller(event.Listener):
    def __init__(self, tell):
        self.tell = tell

    def on_start(self, event):
        """One of the many passes over a function begins."""
        self.tell_name(event.data["module"], event.data["qualname"])

    def on_end(self, event):
        """It has ended, which nobody wants to know."""

    def tell_name(self, module, name):
        """Of minidl's own functions."""
        if module.startswith(COMPILED):
            self.tell(f"{module.removeprefix(COMPILED)}.{name.lstrip('_')}")


def tell(function):
    """A function is being compiled by another process."""
    for teller in _tellers:
        teller.tell_name(function.__module__, function.__qualname__)


@contextlib.contextmanager
def compiling(notify):
    """Call `notify` with the name of the function at every step of compiling one; never for one read from the cache."""
    teller = _Teller(notify)
    _tellers.append(teller)
    try:
        with event.install_listener("numba:run_pass", teller):
            yield
    finally:
        _tellers.remove(teller)
