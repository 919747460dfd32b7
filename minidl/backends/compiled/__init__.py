"""Numba kernels: the default backend. Shapes as in `reference`.

Beyond the functions that every backend has, a `Network` computes operators in a row in one call, and joins
neighbours in one pass, with the same bits.
"""

from minidl.backends.compiled.activation.elementwise import *
from minidl.backends.compiled.activation.prelu import *
from minidl.backends.compiled.activation.softmax import *
from minidl.backends.compiled.arithmetic import *
from minidl.backends.compiled.augment import *
from minidl.backends.compiled.conv.select import *
from minidl.backends.compiled.conv.transposed import *
from minidl.backends.compiled.dropout import *
from minidl.backends.compiled.embedding import *
from minidl.backends.compiled.graph.lowered import CannotPrepareError
from minidl.backends.compiled.graph.network import Network
from minidl.backends.compiled.matmul.batched import *
from minidl.backends.compiled.matmul.dense import *
from minidl.backends.compiled.norm.batch import batch_norm2d, batch_norm2d_backward, scale_shift, scale_shift_backward
from minidl.backends.compiled.norm.group import *
from minidl.backends.compiled.norm.response import *
from minidl.backends.compiled.optim import *
from minidl.backends.compiled.pool.average import *
from minidl.backends.compiled.pool.max import *
from minidl.backends.compiled.reduce import *
from minidl.backends.compiled.reduce_gradient import *
from minidl.backends.compiled.resample import *
from minidl.backends.compiled.resize import *
from minidl.backends.compiled.runtime.constants import Constants
from minidl.backends.vectorized import embedding
