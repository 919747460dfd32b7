"""The readable fast path, in NumPy alone: convolution by im2col and one matrix product, pooling by strided views.

Shapes as in `reference`. Images come out channels last in memory: (n, h, w, c) blocks seen as (n, c, h, w).
"""

from minidl.backends.vectorized.arithmetic import *
from minidl.backends.vectorized.conv import *
from minidl.backends.vectorized.dense import *
from minidl.backends.vectorized.dropout import *
from minidl.backends.vectorized.elementwise import *
from minidl.backends.vectorized.embedding import *
from minidl.backends.vectorized.images import *
from minidl.backends.vectorized.matmul import *
from minidl.backends.vectorized.norm import *
from minidl.backends.vectorized.optim import *
from minidl.backends.vectorized.pool import *
from minidl.backends.vectorized.reduce import *
from minidl.backends.vectorized.resample import *
from minidl.backends.vectorized.resize import *
from minidl.backends.vectorized.response import *
from minidl.backends.vectorized.softmax import *
from minidl.backends.vectorized.transposed import *
