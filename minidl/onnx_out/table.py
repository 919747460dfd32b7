"""Which rule writes which operator."""

from minidl import layers
from minidl.description import operators as op
from minidl.module import Module
from minidl.onnx_out import formulas, moves, norms, windows
from minidl.onnx_out.writer import Rule

OPERATORS: dict[type, Rule] = {
    op.Add: moves.in_turn("Add"),
    op.AdaptiveAveragePool: windows.adaptive_average_pool,
    op.AveragePool: windows.average_pool,
    op.Concat: moves.concat,
    op.Conv: windows.conv,
    op.ConvTranspose: windows.conv_transpose,
    op.Dense: moves.dense,
    op.Elementwise: formulas.elementwise,
    op.GroupNorm: norms.group_norm,
    op.LogSoftmax: formulas.log_softmax,
    op.MaxPool: windows.max_pool,
    op.Multiply: moves.in_turn("Mul"),
    op.Normalize: norms.normalize,
    op.ReLU: formulas.relu,
    op.Reshape: moves.reshape,
    op.Softmax: formulas.softmax,
    op.UpSample: windows.upsample,
    op.ZeroPad: windows.zero_pad,
}
"""By the records of a description."""

WITHOUT: dict[type, str] = {
    op.Input: "it comes from outside",
    op.Identity: "it's what it reads",
    op.Opaque: "its module has a rule, or none has",
    op.BatchNorm: "it's of training: at inference it's Normalize",
    op.Dropout: "it's of training: at inference it isn't described",
}
"""Records that have no rule, and why."""

LAYERS: dict[type[Module], Rule] = {
    layers.AveragePool1D: windows.average_pool1d,
    layers.Conv1D: windows.conv1d,
    layers.ConvTranspose1D: windows.conv_transpose1d,
    layers.DepthwiseConv1D: windows.depthwise_conv1d,
    layers.Embedding: moves.embedding,
    layers.GlobalAveragePool1D: windows.global_average_pool,
    layers.GlobalMaxPool1D: windows.global_max_pool,
    layers.GlobalMaxPool2D: windows.global_max_pool,
    layers.GroupNorm: norms.group_norm_layer,
    layers.LayerNorm: norms.layer_norm,
    layers.LogSoftmax: formulas.softmax_along,
    layers.MaxPool1D: windows.max_pool1d,
    layers.Normalization: norms.normalization,
    layers.Permute: moves.permute,
    layers.SeparableConv1D: windows.separable_conv1d,
    layers.Softmax: formulas.softmax_along,
}
"""Layers that don't describe themselves, or not in every case."""


def rule_of_layer(module: Module) -> Rule | None:
    """The rule of a module that doesn't describe itself; none where it, or its class, redefines what the layer does."""
    redefined = any(callable(getattr(type(module), name, None)) for name in vars(module))
    return None if redefined else LAYERS.get(type(module))
