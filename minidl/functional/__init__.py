"""The operators as functions: op(x, ...) -> (y, pullback), on the backend in use.

Each checks its arguments once, before any work. `pullback(dy)` returns the gradients of what went in, in the same
order, for the gradient dy of y; it belongs to the backend that computed y. Images are (n, c, h, w), weights
(out, in / groups, kh, kw) and (out, in). Arrays are float32 or float64, all of one call alike.
"""

from typing import TYPE_CHECKING

from minidl.errors import missing_name as _missing_name
from minidl.errors import moved as _moved
from minidl.exports import exported as _exported
from minidl.functional.activation import *
from minidl.functional.arithmetic import *
from minidl.functional.arrange import *
from minidl.functional.checks import *
from minidl.functional.conv import *
from minidl.functional.dense import *
from minidl.functional.dropout import *
from minidl.functional.formulas import *
from minidl.functional.matmul import *
from minidl.functional.network import *
from minidl.functional.norm import *
from minidl.functional.pool import *
from minidl.functional.pullbacks import *
from minidl.functional.reduce import *
from minidl.functional.resample import *
from minidl.functional.softmax import *
from minidl.functional.upsample import *

if not TYPE_CHECKING:  # for which a star makes names public
    __all__ = _exported(globals())

    def __getattr__(name):
        if f"{__name__}.{name}" in _moved.NAMES:
            return _moved.moved_name(__name__, name)
        raise _missing_name(__name__, name, __all__)
