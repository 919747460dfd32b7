"""Numba kernels: the default backend. Shapes as in `reference`.

Beyond the functions that every backend has, a `Network` computes operators in a row in one call, and joins
neighbours in one pass, with the same bits.
"""

from minidl.backends.compiled.activation.elementwise import elementwise, elementwise_backward
from minidl.backends.compiled.activation.softmax import (
    cross_entropy,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from minidl.backends.compiled.augment import adjust_brightness, crop, erase_images, mix_images, rotate_images
from minidl.backends.compiled.conv.select import conv2d, conv2d_backward
from minidl.backends.compiled.conv.transposed import conv_transpose2d, conv_transpose2d_backward
from minidl.backends.compiled.dropout import dropout
from minidl.backends.compiled.embedding import embedding_backward
from minidl.backends.compiled.graph.lowered import CannotPrepareError
from minidl.backends.compiled.graph.network import Network
from minidl.backends.compiled.matmul.dense import dense, dense_backward
from minidl.backends.compiled.norm.batch import batch_norm2d, batch_norm2d_backward, scale_shift
from minidl.backends.compiled.norm.group import group_norm, group_norm_backward
from minidl.backends.compiled.optim import adagrad_step, adam_step, lion_step, rmsprop_step, sgd_step
from minidl.backends.compiled.pool.average import (
    adaptive_average_pool2d,
    adaptive_average_pool2d_backward,
    average_pool2d,
    average_pool2d_backward,
)
from minidl.backends.compiled.pool.max import max_pool2d, max_pool2d_backward
from minidl.backends.compiled.resize import upsample2d, upsample2d_backward, zero_pad2d, zero_pad2d_backward
from minidl.backends.vectorized import embedding, scale_shift_backward

__all__ = [
    "CannotPrepareError",
    "Network",
    "adagrad_step",
    "adam_step",
    "adaptive_average_pool2d",
    "adaptive_average_pool2d_backward",
    "adjust_brightness",
    "average_pool2d",
    "average_pool2d_backward",
    "batch_norm2d",
    "batch_norm2d_backward",
    "conv2d",
    "conv2d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "crop",
    "cross_entropy",
    "dense",
    "dense_backward",
    "dropout",
    "elementwise",
    "elementwise_backward",
    "embedding",
    "embedding_backward",
    "erase_images",
    "group_norm",
    "group_norm_backward",
    "lion_step",
    "log_softmax",
    "log_softmax_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "mix_images",
    "rmsprop_step",
    "rotate_images",
    "scale_shift",
    "scale_shift_backward",
    "sgd_step",
    "softmax",
    "softmax_backward",
    "upsample2d",
    "upsample2d_backward",
    "zero_pad2d",
    "zero_pad2d_backward",
]
