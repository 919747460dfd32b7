"""The layers, a file for each family."""

from typing import TYPE_CHECKING

from minidl.errors import missing_name as _missing_name
from minidl.exports import exported as _exported
from minidl.layers.activation import *
from minidl.layers.arithmetic import *
from minidl.layers.branches import *
from minidl.layers.constant import *
from minidl.layers.container import *
from minidl.layers.conv import *
from minidl.layers.dense import *
from minidl.layers.dropout import *
from minidl.layers.embedding import *
from minidl.layers.excite import *
from minidl.layers.formulas import *
from minidl.layers.instance_norm import *
from minidl.layers.matmul import *
from minidl.layers.norm import *
from minidl.layers.normalization import *
from minidl.layers.parts import *
from minidl.layers.pool import *
from minidl.layers.reduce import *
from minidl.layers.resample import *
from minidl.layers.rescaling import *
from minidl.layers.reshape import *
from minidl.layers.resize import *
from minidl.layers.response import *
from minidl.layers.scale_shift import *
from minidl.layers.separable import *
from minidl.layers.sequence import *
from minidl.layers.sequence_pool import *
from minidl.layers.sequence_separable import *
from minidl.layers.transposed import *
from minidl.module import Module as _Module

LAYERS: tuple[type[_Module], ...] = tuple(globals()[name] for name in _exported(globals()))
"""All of them: what a saved model may name."""


if not TYPE_CHECKING:  # for which a star makes names public
    __all__ = [*_exported(globals()), "LAYERS"]

    def __getattr__(name):
        raise _missing_name(__name__, name, __all__)
