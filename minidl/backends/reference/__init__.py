"""Every operator as plain loops over every index: the definition that the fast backends are proven equal to.

It imports NumPy and nothing of minidl, not even its shape arithmetic, so that an error can't be common to these
files and to what they check. Images are (n, c, h, w), convolution weights (out, in / groups, kh, kw); `geometry` is
(stride, padding, dilation, groups) and `pool` (pool_size, stride, padding), of averages with count_include_pad behind:
all are (down, across), but that padding is ((top, bottom), (left, right)) and groups are a number.
"""

from minidl.backends.reference.arithmetic import *
from minidl.backends.reference.conv import *
from minidl.backends.reference.dense import *
from minidl.backends.reference.dropout import *
from minidl.backends.reference.elementwise import *
from minidl.backends.reference.embedding import *
from minidl.backends.reference.images import *
from minidl.backends.reference.matmul import *
from minidl.backends.reference.norm import *
from minidl.backends.reference.optim import *
from minidl.backends.reference.pool import *
from minidl.backends.reference.reduce import *
from minidl.backends.reference.resample import *
from minidl.backends.reference.resize import *
from minidl.backends.reference.response import *
from minidl.backends.reference.softmax import *
from minidl.backends.reference.transposed import *
