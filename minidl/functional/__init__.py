"""The operators as functions: op(x, ...) -> (y, pullback), on the backend in use.

Each checks its arguments once, before any work. `pullback(dy)` returns the gradients of what went in, in the same
order, for the gradient dy of y; it belongs to the backend that computed y. Images are (n, c, h, w), weights
(out, in / groups, kh, kw) and (out, in). Arrays are float32 or float64, all of one call alike.
"""

from typing import TYPE_CHECKING

from minidl.errors import missing_name
from minidl.functional.activation import (
    check_approximate,
    elu,
    formula,
    gelu,
    hard_swish,
    leaky_relu,
    relu,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from minidl.functional.checks import check_number, check_share, check_slope, check_switch
from minidl.functional.conv import conv1d, conv2d, conv_transpose2d
from minidl.functional.dense import dense, embedding
from minidl.functional.dropout import dropout, dropout2d
from minidl.functional.network import CannotPrepareError, can_prepare, network
from minidl.functional.norm import batch_norm2d, group_norm, layer_norm, scale_shift
from minidl.functional.pool import (
    adaptive_average_pool2d,
    average_pool2d,
    global_average_pool2d,
    global_max_pool2d,
    max_pool1d,
    max_pool2d,
)
from minidl.functional.pullbacks import AffinePullback, NormPullback, Pullback
from minidl.functional.resize import upsample2d, zero_pad2d
from minidl.functional.softmax import cross_entropy, log_softmax, softmax

__all__ = [
    "AffinePullback",
    "CannotPrepareError",
    "NormPullback",
    "Pullback",
    "adaptive_average_pool2d",
    "average_pool2d",
    "batch_norm2d",
    "can_prepare",
    "check_approximate",
    "check_number",
    "check_share",
    "check_slope",
    "check_switch",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dense",
    "dropout",
    "dropout2d",
    "elu",
    "embedding",
    "formula",
    "gelu",
    "global_average_pool2d",
    "global_max_pool2d",
    "group_norm",
    "hard_swish",
    "layer_norm",
    "leaky_relu",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "network",
    "relu",
    "scale_shift",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
    "upsample2d",
    "zero_pad2d",
]


if not TYPE_CHECKING:

    def __getattr__(name):
        raise missing_name(__name__, name, __all__)
