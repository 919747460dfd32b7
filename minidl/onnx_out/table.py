"""Which rule writes which operator."""

from minidl import layers
from minidl.description import operators as op
from minidl.module import Module
from minidl.onnx_out import arithmetic, formulas, moves, norms, pools, products, reductions, sampling, windows
from minidl.onnx_out.writer import Rule

OPERATORS: dict[type, Rule] = {
    op.Add: arithmetic.in_turn("Add"),
    op.ArgMax: reductions.arg_max,
    op.AdaptiveAveragePool: pools.adaptive_average_pool,
    op.AveragePool: pools.average_pool,
    op.Arithmetic: arithmetic.arithmetic,
    op.Concat: moves.concat,
    op.Constant: arithmetic.constant,
    op.Conv: windows.conv,
    op.ConvTranspose: windows.conv_transpose,
    op.Dense: moves.dense,
    op.Elementwise: formulas.elementwise,
    op.Expand: reductions.expand,
    op.Gather: sampling.gather,
    op.GroupNorm: norms.group_norm,
    op.LogSoftmax: formulas.softmax,
    op.MatMul: products.matmul,
    op.MaxPool: pools.max_pool,
    op.Multiply: arithmetic.in_turn("Mul"),
    op.Normalize: norms.normalize,
    op.Pad: sampling.pad,
    op.PadAxis: sampling.pad_axis,
    op.PReLU: formulas.prelu,
    op.ReLU: formulas.relu,
    op.Reduce: reductions.reduce,
    op.Resize: sampling.resize,
    op.Reshape: moves.reshaped,
    op.ResponseNorm: products.response_norm,
    op.Slice: moves.sliced,
    op.Transpose: moves.transpose,
    op.Softmax: formulas.softmax,
    op.UpSample: sampling.upsample,
    op.Where: arithmetic.where,
    op.ZeroPad: sampling.zero_pad,
}
"""By the records of a description."""

WITHOUT: dict[type, str] = {
    op.Input: "it comes from outside",
    op.Identity: "it's what it reads",
    op.Opaque: "its module has a rule, or none has",
    op.BatchNorm: "it's of training: at inference it's Normalize",
    op.Rearrange: "reshapes and transposes that were fused: here they aren't",
    op.Dropout: "it's of training: at inference it isn't described",
}
"""Records that have no rule, and why."""

LAYERS: dict[type[Module], Rule] = {
    layers.ArgMax: reductions.arg_max,
    layers.AveragePool1D: pools.pool,
    layers.AveragePool2D: pools.pool,
    layers.Conv1D: windows.conv1d,
    layers.ConvTranspose1D: windows.conv_transpose1d,
    layers.DepthwiseConv1D: windows.depthwise_conv1d,
    layers.Embedding: moves.embedding,
    layers.Expand: reductions.expand,
    layers.Flatten: moves.flatten,
    layers.GlobalAveragePool1D: pools.global_average_pool,
    layers.GlobalMaxPool1D: pools.global_max_pool,
    layers.GlobalMaxPool2D: pools.global_max_pool,
    layers.MaxPool1D: pools.pool,
    layers.MaxPool2D: pools.pool,
    layers.Normalization: norms.normalization,
    layers.PixelShuffle: windows.pixel_shuffle,
    layers.PixelUnshuffle: windows.pixel_unshuffle,
    layers.ReduceL2: reductions.reduce_layer,
    layers.ReduceMax: reductions.reduce_layer,
    layers.ReduceMean: reductions.reduce_layer,
    layers.ReduceSum: reductions.reduce_layer,
    layers.Reshape: moves.reshape,
    layers.Resize: sampling.resize_layer,
    layers.SeparableConv1D: windows.separable_conv1d,
    layers.Slice: moves.slice_layer,
    layers.Squeeze: moves.squeeze,
    layers.Unsqueeze: moves.squeeze,
}
"""Layers that don't describe themselves, or of which ONNX knows more than their description says."""

AT_LAST: dict[type[Module], Rule] = {
    layers.GroupNorm: norms.group_norm_layer,
    layers.InstanceNorm2D: norms.instance_norm,
    layers.LayerNorm: norms.layer_norm,
}
"""Layers that don't describe themselves in every case: their rules are for the others."""


def rule_of_layer(module: Module, table: dict[type[Module], Rule] = LAYERS) -> Rule | None:
    """The rule of a layer; none where the module, or its class, redefines what the layer does."""
    redefined = any(callable(getattr(type(module), name, None)) for name in vars(module))
    return None if redefined else table.get(type(module))
