"""The readable fast path, in NumPy alone: convolution by im2col and one matrix product, pooling by strided views.

Shapes as in `reference`. Images come out channels last in memory: (n, h, w, c) blocks seen as (n, c, h, w).
"""

from minidl.backends.vectorized.conv import conv2d, conv2d_backward
from minidl.backends.vectorized.dense import dense, dense_backward
from minidl.backends.vectorized.dropout import dropout
from minidl.backends.vectorized.elementwise import elementwise, elementwise_backward
from minidl.backends.vectorized.embedding import embedding, embedding_backward
from minidl.backends.vectorized.images import adjust_brightness, crop, erase_images, mix_images, rotate_images
from minidl.backends.vectorized.norm import (
    batch_norm2d,
    batch_norm2d_backward,
    group_norm,
    group_norm_backward,
    scale_shift,
    scale_shift_backward,
)
from minidl.backends.vectorized.optim import adagrad_step, adam_step, lion_step, rmsprop_step, sgd_step
from minidl.backends.vectorized.pool import (
    adaptive_average_pool2d,
    adaptive_average_pool2d_backward,
    average_pool2d,
    average_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from minidl.backends.vectorized.resize import upsample2d, upsample2d_backward, zero_pad2d, zero_pad2d_backward
from minidl.backends.vectorized.softmax import (
    cross_entropy,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from minidl.backends.vectorized.transposed import conv_transpose2d, conv_transpose2d_backward

__all__ = [
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
