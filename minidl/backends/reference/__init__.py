"""Every operator as plain loops over every index: the definition that the fast backends are proven equal to.

It imports NumPy and nothing of minidl, not even its shape arithmetic, so that an error can't be common to these
files and to what they check. Images are (n, c, h, w), convolution weights (out, in / groups, kh, kw); `geometry` is
(stride, padding, dilation, groups) and `pool` (pool_size, stride, padding), of averages with count_include_pad behind:
all are (down, across), but that padding is ((top, bottom), (left, right)) and groups are a number.
"""

from minidl.backends.reference.conv import conv2d, conv2d_backward
from minidl.backends.reference.dense import dense, dense_backward
from minidl.backends.reference.dropout import dropout, philox
from minidl.backends.reference.elementwise import elementwise, elementwise_backward
from minidl.backends.reference.embedding import embedding, embedding_backward
from minidl.backends.reference.images import adjust_brightness, crop, erase_images, mix_images, rotate_images
from minidl.backends.reference.norm import (
    batch_norm2d,
    batch_norm2d_backward,
    group_norm,
    group_norm_backward,
    scale_shift,
    scale_shift_backward,
)
from minidl.backends.reference.optim import adagrad_step, adam_step, lion_step, rmsprop_step, sgd_step
from minidl.backends.reference.pool import (
    adaptive_average_pool2d,
    adaptive_average_pool2d_backward,
    average_pool2d,
    average_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from minidl.backends.reference.resize import upsample2d, upsample2d_backward, zero_pad2d, zero_pad2d_backward
from minidl.backends.reference.softmax import (
    cross_entropy,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from minidl.backends.reference.transposed import conv_transpose2d, conv_transpose2d_backward

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
    "philox",
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
