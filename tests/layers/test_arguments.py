"""Constructors: what they refuse, the hints they give, and representations that paste back."""

import re

import numpy as np
import pytest

import minidl as ml
from minidl.layers import LAYERS, Chain
from minidl.module import Module

NAMES = {name: getattr(ml, name) for name in ml.__all__} | {"Chain": Chain}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ml.Conv2D(6, 3, strides=2), "Conv2D: unknown argument 'strides'; did you mean stride?"),
        (lambda: ml.Conv2D(out_channels=6, kernel_size=3), "Conv2D: unknown argument 'out_channels'; did you mean fil"),
        (lambda: ml.Conv2D(6, 3, use_bias=False), "Conv2D: unknown argument 'use_bias'; did you mean bias?"),
        (lambda: ml.Conv2D(6, 3, kernel_initializer="zeros"), "'kernel_initializer'; did you mean weight_init?"),
        (lambda: ml.Conv2D(6, 3, dilation_rate=2), "'dilation_rate'; did you mean dilation?"),
        (lambda: ml.Conv2D(6, 3, in_channels=3), "did you mean nothing (it is inferred when the model is built)?"),
        (
            lambda: ml.Conv2D(6, 3, activation="relu"),
            "did you mean a layer of its own, such as ReLU(), after this one?",
        ),
        (lambda: ml.Conv2D(6, 3, zzz=1), "unknown argument 'zzz'; known: filters, kernel_size, stride, padding, dil"),
        (lambda: ml.MaxPool2D(2, strides=2), "MaxPool2D: unknown argument 'strides'; did you mean stride?"),
        (lambda: ml.Dense(3, use_bias=True), "Dense: unknown argument 'use_bias'; did you mean bias?"),
        (lambda: ml.Dense(out_features=3), "Dense: unknown argument 'out_features'; did you mean units?"),
        (lambda: ml.LeakyReLU(alpha=0.1), "LeakyReLU: unknown argument 'alpha'; known: negative_slope"),
        (lambda: ml.LeakyReLU(0.1, inplace=True), "'inplace'; did you mean nothing (no layer writes to what it is giv"),
        (lambda: ml.ELU(alfa=1.0), "ELU: unknown argument 'alfa'; did you mean alpha?"),
        (lambda: ml.GELU(approximation="tanh"), "GELU: unknown argument 'approximation'; did you mean approximate?"),
        (lambda: ml.Softplus(treshold=3), "Softplus: unknown argument 'treshold'; did you mean threshold?"),
        (lambda: ml.Clip(min_val=0), "Clip: unknown argument 'min_val'; did you mean low?"),
        (lambda: ml.PReLU(num_parameters=3), "did you mean shared=False, for a weight of each channel,?"),
        (lambda: ml.Softmax(dim=1), "Softmax: unknown argument 'dim'; known: axis"),
        (lambda: ml.Dropout(p=0.5), "Dropout: unknown argument 'p'; did you mean rate?"),
        (lambda: ml.Residual([], projections=[]), "Residual: unknown argument 'projections'; did you mean projection?"),
        (lambda: ml.ConvTranspose2D(out_channels=6, kernel_size=3), "'out_channels'; did you mean filters?"),
        (lambda: ml.ConvTranspose2D(6, 3, strides=2), "ConvTranspose2D: unknown argument 'strides'; did you mean stri"),
        (lambda: ml.DepthwiseConv2D(3, depthwise_initializer="zeros"), "did you mean weight_init?"),
        (
            lambda: ml.SeparableConv2D(2, 3, dilation_rate=2),
            "SeparableConv2D: unknown argument 'dilation_rate'; did yo",
        ),
        (lambda: ml.Conv1D(2, 3, in_channels=3), "did you mean nothing (it is inferred when the model is built)?"),
        (lambda: ml.MaxPool1D(kernel_size=3), "MaxPool1D: unknown argument 'kernel_size'; did you mean pool_size?"),
        (lambda: ml.UpSample2D(scale_factor=2), "UpSample2D: unknown argument 'scale_factor'; did you mean size?"),
        (lambda: ml.UpSample2D(2, mode="bilinear"), "UpSample2D: unknown argument 'mode'; did you mean interpolation?"),
        (
            lambda: ml.UpSample2D(2, align_corners=True),
            "did you mean nothing (corners are never aligned; Resize has coord",
        ),
        (lambda: ml.PixelShuffle(upscale_factor=2), "'upscale_factor'; did you mean factor?"),
        (lambda: ml.ReduceMean(1, keepdim=True), "ReduceMean: unknown argument 'keepdim'; did you mean keepdims?"),
        (lambda: ml.Resize(2, mode="linear"), "Resize: unknown argument 'mode'; did you mean interpolation?"),
        (lambda: ml.Reshape(target_shape=(2, 3)), "Reshape: unknown argument 'target_shape'; did you mean shape?"),
        (lambda: ml.Permute(dims=(2, 1)), "Permute: unknown argument 'dims'; did you mean axes?"),
        (lambda: ml.Embedding(num_embeddings=3, features=2), "'num_embeddings'; did you mean vocabulary_size?"),
        (lambda: ml.Embedding(input_dim=3, features=2), "'input_dim'; did you mean vocabulary_size?"),
        (lambda: ml.Embedding(3, output_dim=2), "Embedding: unknown argument 'output_dim'; did you mean features?"),
        (lambda: ml.Embedding(3, embedding_dim=2), "'embedding_dim'; did you mean features?"),
        (
            lambda: ml.AveragePool2D(kernel_size=3),
            "AveragePool2D: unknown argument 'kernel_size'; did you mean pool_si",
        ),
        (lambda: ml.AveragePool2D(2, strides=2), "AveragePool2D: unknown argument 'strides'; did you mean stride?"),
        (lambda: ml.AveragePool2D(2, divisor_override=2), "did you mean nothing (it isn't offered)?"),
        (lambda: ml.Dropout2D(p=0.5), "Dropout2D: unknown argument 'p'; did you mean rate?"),
        (lambda: ml.LayerNorm(normalized_shape=(3,)), "did you mean nothing (it is a sample's shape)?"),
        (lambda: ml.LayerNorm(epsilon=0.1), "LayerNorm: unknown argument 'epsilon'; did you mean eps?"),
        (lambda: ml.GroupNorm(num_groups=2), "GroupNorm: unknown argument 'num_groups'; did you mean groups?"),
        (lambda: ml.GroupNorm(2, num_channels=4), "did you mean nothing (it is inferred when the model is built)?"),
        (lambda: ml.GroupNorm(2, affine=False), "did you mean scale and center, both of them,?"),
        (lambda: ml.BatchNorm1D(num_features=4), "BatchNorm1D: unknown argument 'num_features'; did you mean nothing"),
        (lambda: ml.Sequential([], input_dim=3), "Sequential: unknown argument 'input_dim'; did you mean nothing (it"),
    ],
)
def test_an_unknown_argument_gets_a_hint(make, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ml.Conv2D(0, 3), "filters: expected an int of at least 1, got 0"),
        (lambda: ml.Conv2D(2**63, 3), "filters: expected an int of at least 1 and at most 9223372036854775807, got 92"),
        (
            lambda: ml.Conv2D(1, 2**31),
            "kernel_size: expected an int or a pair of ints, each at least 1 and at most 21474",
        ),
        (
            lambda: ml.Conv2D(1, 3, padding=(0, 2**31)),
            "padding: expected an int, a pair of ints or ((top, bottom), (left, right)), each at least 0",
        ),
        (
            lambda: ml.Conv1D(1, 3, padding=2**31),
            'padding: expected an int of at least 0 and at most 2147483647, (left, right), "same" or "causal", got',
        ),
        (
            lambda: ml.ConvTranspose2D(1, 1, stride=10**10),
            "stride: expected an int or a pair of ints, each at least 1 and ",
        ),
        (
            lambda: ml.ZeroPad2D(10**10),
            "padding: expected an int, a pair of ints or ((top, bottom), (left, right)), each",
        ),
        (lambda: ml.LeakyReLU(10**400), "negative_slope: expected a finite number of at least 0, got 1000"),
        (lambda: ml.BatchNorm2D(momentum=True), "momentum: expected a number from 0 to 1, got True"),
        (lambda: ml.BatchNorm2D(momentum="0.1"), "momentum: expected a number from 0 to 1, got '0.1'"),
        (lambda: ml.BatchNorm2D(momentum=float("nan")), "momentum: expected a number from 0 to 1, got nan"),
        (lambda: ml.BatchNorm1D(eps=float("inf")), "eps: expected a finite number of at least 0, got inf"),
        (lambda: ml.LayerNorm(eps=10**400), "eps: expected a finite number of at least 0, got 1000"),
        (lambda: ml.LocalResponseNorm(0), "size: expected an int of at least 1, got 0"),
        (lambda: ml.LocalResponseNorm(3, k=0), "k: expected a finite number above 0, got 0"),
        (lambda: ml.SqueezeExcite(0.5), "reduction: expected an int of at least 1, got 0.5"),
        (lambda: ml.SqueezeExcite(gate="relu"), 'gate: expected "sigmoid" or "hard_sigmoid", got \'relu\''),
        (lambda: ml.GroupNorm(2, eps=True), "eps: expected a finite number of at least 0, got True"),
        (lambda: ml.Sequential([], seed=-1), "seed: expected an int of at least 0, or None, got -1"),
        (lambda: ml.Conv2D(2.0, 3), "filters: expected an int of at least 1, got 2.0"),
        (lambda: ml.Conv2D(True, 3), "filters: expected an int of at least 1, got True"),
        (lambda: ml.Conv2D(2, 0), "kernel_size: expected an int or a pair of ints, each at least 1, got 0"),
        (lambda: ml.Conv2D(2, (3, 3, 3)), "kernel_size: expected an int or a pair"),
        (lambda: ml.Conv2D(2, 3, stride=0), "stride: expected an int or a pair"),
        (lambda: ml.Conv2D(2, 3, stride=(1, 0.5)), "stride: expected an int or a pair"),
        (lambda: ml.Conv2D(2, 3, dilation=(1,)), "dilation: expected an int or a pair"),
        (lambda: ml.Conv2D(2, 3, padding=-1), "padding: expected an int, a pair of ints or ((top, bottom), (left"),
        (lambda: ml.Conv2D(2, 3, padding="valid"), "(left, right)) or \"same\", got 'valid'"),
        (lambda: ml.Conv2D(2, 3, groups=0), "groups: expected an int of at least 1, got 0"),
        (lambda: ml.Conv2D(3, 3, groups=2), "filters: expected a multiple of the 2 groups, got 3"),
        (lambda: ml.Conv2D(2, 3, weight_init="he_norm"), "unknown initializer 'he_norm'; did you mean he_normal?"),
        (lambda: ml.MaxPool2D(0), "pool_size: expected an int or a pair"),
        (lambda: ml.MaxPool2D(2, stride=0), "stride: expected an int or a pair"),
        (lambda: ml.MaxPool2D(2, padding=2), "padding: expected less than the pool's span (2, 2), got 2"),
        (lambda: ml.MaxPool2D(2, dilation=0), "dilation: expected an int or a pair of ints, each at least 1, got 0"),
        (lambda: ml.MaxPool1D(2, ceil_mode="no"), "ceil_mode: expected True or False, got 'no'"),
        (lambda: ml.AveragePool2D(2, ceil_mode=2), "ceil_mode: expected True or False, got 2"),
        (lambda: ml.GlobalMaxPool2D(keepdims="yes"), "keepdims: expected True or False, got 'yes'"),
        (lambda: ml.MaxPool2D(2, padding="full"), "padding: expected an int, a pair of ints, ((top, bottom), (left, r"),
        (lambda: ml.Dense(0), "units: expected an int of at least 1, got 0"),
        (lambda: ml.Dense("3"), "units: expected an int of at least 1, got '3'"),
        (lambda: ml.Dense(3, weight_init="glorot"), "unknown initializer 'glorot'; did you mean glorot_normal?"),
        (lambda: ml.LeakyReLU(-0.1), "negative_slope: expected a finite number of at least 0, got -0.1"),
        (lambda: ml.LeakyReLU(float("inf")), "negative_slope: expected a finite number of at least 0, got inf"),
        (lambda: ml.LeakyReLU("0.1"), "negative_slope: expected a finite number of at least 0, got '0.1'"),
        (lambda: ml.Rescaling(float("inf")), "scale: expected a finite number, got inf"),
        (lambda: ml.Rescaling("1"), "scale: expected a finite number, got '1'"),
        (lambda: ml.Rescaling(1, None), "offset: expected a finite number, got None"),
        (lambda: ml.ELU(-1), "alpha: expected a finite number of at least 0, got -1"),
        (lambda: ml.ELU(True), "alpha: expected a finite number of at least 0, got True"),
        (lambda: ml.ELU(float("nan")), "alpha: expected a finite number of at least 0, got nan"),
        (lambda: ml.GELU(approximate=True), 'approximate: expected "none" or "tanh", got True'),
        (lambda: ml.Softplus(0), "beta: expected a finite number above 0, got 0"),
        (lambda: ml.Softplus(-2.0), "beta: expected a finite number above 0, got -2.0"),
        (lambda: ml.Softplus(threshold=-1), "threshold: expected a finite number of at least 0, got -1"),
        (lambda: ml.ConvTranspose2D(0, 3), "filters: expected an int of at least 1, got 0"),
        (lambda: ml.ConvTranspose2D(3, 3, groups=2), "filters: expected a multiple of the 2 groups, got 3"),
        (
            lambda: ml.ConvTranspose2D(2, 3, output_padding=1),
            "output_padding: expected less than the stride (1, 1), got",
        ),
        (
            lambda: ml.ConvTranspose2D(2, 3, stride=2, padding="same", output_padding=1),
            'output_padding: expected 0 with padding "same", got 1',
        ),
        (lambda: ml.DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier: expected an int of at least 1, got 0"),
        (lambda: ml.SeparableConv2D(2, 3, stride=0), "stride: expected an int or a pair"),
        (lambda: ml.Conv1D(2, (3, 3)), "kernel_size: expected an int of at least 1, got (3, 3)"),
        (lambda: ml.Conv1D(2, 3, padding=(1, 1, 1)), '0, (left, right), "same" or "causal", got (1, 1, 1)'),
        (lambda: ml.MaxPool2D(3, padding=((1, 1), (0, 3))), "less than the pool's span (3, 3), got ((1, 1), (0"),
        (
            lambda: ml.ConvTranspose1D(2, 3, stride=2, output_padding=2),
            "output_padding: expected less than the stride 2",
        ),
        (
            lambda: ml.ConvTranspose1D(2, 3, stride=2, padding="same", output_padding=1),
            'output_padding: expected 0 with padding "same", got 1',
        ),
        (lambda: ml.ConvTranspose1D(2, 3, padding="causal"), "0, (left, right) or \"same\", got 'causal'"),
        (lambda: ml.DepthwiseConv1D((3, 3)), "kernel_size: expected an int of at least 1, got (3, 3)"),
        (
            lambda: ml.SeparableConv1D(2, 3, depth_multiplier=0),
            "depth_multiplier: expected an int of at least 1, got 0",
        ),
        (lambda: ml.MaxPool1D(3, padding=(0, 3)), "padding: expected less than the pool's span 3, got (0, 3)"),
        (lambda: ml.MaxPool1D(3, padding=3), "padding: expected less than the pool's span 3, got 3"),
        (lambda: ml.AveragePool1D(2, padding=2), "padding: expected less than the pool's span 2, got 2"),
        (lambda: ml.AveragePool1D(2, count_include_pad=None), "count_include_pad: expected True or False, got None"),
        (
            lambda: ml.MaxPool1D(3, padding="valid"),
            "expected an int of at least 0, (left, right) or \"same\", got 'valid'",
        ),
        (lambda: ml.ZeroPad2D(-1), "padding: expected an int, a pair of ints or ((top, bottom), (left, right)), each"),
        (lambda: ml.ZeroPad2D((1, 2, 3)), "padding: expected an int, a pair of ints or ((top, bottom), (left, right))"),
        (lambda: ml.ZeroPad2D(((1, 2), (3, -4))), "each at least 0, got ((1, 2), (3, -4))"),
        (lambda: ml.UpSample2D(1.5), "size: expected an int or a pair of ints, each at least 1, got 1.5"),
        (
            lambda: ml.UpSample2D(2, interpolation="cubic"),
            'interpolation: expected "nearest" or "bilinear", got \'cubi',
        ),
        (
            lambda: ml.Reshape((-1, -1)),
            "shape: expected sizes of at least 1, 0 for an axis's own, one of which may be -1",
        ),
        (lambda: ml.Reshape((-2, 3)), "one of which may be -1, got (-2, 3)"),
        (lambda: ml.Reshape(6), "one of which may be -1, got 6"),
        (
            lambda: ml.Transpose((1, 0)),
            "axes: expected 0, the batch's, and then 1, 2, ... in a new order, such as (0, 2, 1)",
        ),
        (lambda: ml.Slice(0), "axis: expected an axis of samples, 1, 2, ... or -1, -2, ... from the end, got 0"),
        (lambda: ml.ZeroPadAxis(0), "axis: expected an axis of samples, 1, 2, ... or -1, -2, ... from the end, got 0"),
        (lambda: ml.ZeroPadAxis(1, -1), "before: expected an int of at least 0, got -1"),
        (lambda: ml.ZeroPadAxis(1, after=0.5), "after: expected an int of at least 0, got 0.5"),
        (lambda: ml.Slice(1, step=0), "step: expected an int other than 0, got 0"),
        (lambda: ml.Slice(1, 0.5), "start: expected an int or None, got 0.5"),
        (lambda: ml.Squeeze(0), "axis: expected axes of samples, 1, 2, ... or -1, -2, ... from the end, got 0"),
        (lambda: ml.ReduceMean(0), "axes: expected axes of samples, 1, 2, ... or -1, -2, ... from the end, got 0"),
        (lambda: ml.ReduceMax(1, keepdims="no"), "keepdims: expected True or False, got 'no'"),
        (lambda: ml.ArgMax(None), "axis: expected axes of samples, 1, 2, ... or -1, -2, ... from the end, got None"),
        (lambda: ml.Expand((0, 2)), "shape: expected sizes of at least 1, or -1 for an axis's own, got (0, 2)"),
        (lambda: ml.Resize(), "expected either a size or a scale, got size=None, scale=None"),
        (lambda: ml.Resize(2, scale=2), "expected either a size or a scale, got size=2, scale=2"),
        (lambda: ml.Resize(0), "size: expected an int or a pair of ints, each at least 1, got 0"),
        (lambda: ml.Resize(scale=(1, 0)), "scale: expected a number above 0, or a pair of them, got (1, 0)"),
        (
            lambda: ml.Resize(2, interpolation="area"),
            'interpolation: expected one of "nearest", "linear", "cubic", got',
        ),
        (lambda: ml.Resize(2, coordinates="corners"), 'coordinates: expected one of "half_pixel", "asymmetric", "ali'),
        (lambda: ml.Resize(2, rounding="up"), 'rounding: expected one of "round_prefer_floor", "round_prefer_ceil",'),
        (lambda: ml.Pad2D(1, mode="wrap"), 'mode: expected one of "constant", "reflect", "edge", got \'wrap\''),
        (lambda: ml.Pad2D(-1), "padding: expected an int, a pair of ints or ((top, bottom), (left, right))"),
        (lambda: ml.Pad2D(1, value=float("inf")), "value: expected a finite number, got inf"),
        (lambda: ml.Gather(1, []), "indices: expected ints, those below 0 counted from the end, got []"),
        (lambda: ml.Gather(1, [0.5]), "indices: expected ints, those below 0 counted from the end, got [0.5]"),
        (lambda: ml.PixelShuffle(0), "factor: expected an int of at least 1, got 0"),
        (lambda: ml.PixelUnshuffle(2, order="rcd"), 'order: expected "crd" or "dcr", got \'rcd\''),
        (lambda: ml.Unsqueeze((1, 1)), "axis: expected axes of samples, each once, got (1, 1)"),
        (
            lambda: ml.Permute((0, 1)),
            "axes: expected a sample's axes 1, 2, ... in a new order, such as (2, 1), got (0,",
        ),
        (lambda: ml.Embedding(0, 3), "vocabulary_size: expected an int of at least 1, got 0"),
        (lambda: ml.Embedding(3, 2.5), "features: expected an int of at least 1, got 2.5"),
        (lambda: ml.Embedding(3, 2, weight_init="normal"), "unknown initializer 'normal'; did you mean"),
        (lambda: ml.AveragePool2D(2, padding=2), "padding: expected less than the pool's span (2, 2), got 2"),
        (lambda: ml.AveragePool2D(2, stride=0), "stride: expected an int or a pair"),
        (lambda: ml.AveragePool2D(2, count_include_pad=None), "count_include_pad: expected True or False, got None"),
        (lambda: ml.AdaptiveAveragePool2D(0), "output_size: expected an int or a pair of ints, each at least 1, got 0"),
        (lambda: ml.AdaptiveAveragePool2D((2, None)), "output_size: expected an int or a pair of ints"),
        (lambda: ml.Dropout2D(1.5), "rate: expected a number from 0 to 1, got 1.5"),
        (lambda: ml.Conv2D(2, 3, bias="zeros"), "bias: expected True or False, got 'zeros'"),
        (lambda: ml.Dense(2, bias=None), "bias: expected True or False, got None"),
        (lambda: ml.SeparableConv2D(2, 3, bias=0.5), "bias: expected True or False, got 0.5"),
        (lambda: ml.LayerNorm(eps=-1), "eps: expected a finite number of at least 0, got -1"),
        (
            lambda: ml.LayerNorm(axis=0),
            "axis: expected an axis of samples, 1, 2, ... or -1, -2, ... from the end, got 0",
        ),
        (lambda: ml.LayerNorm(axis=(1, 2)), "axis: expected an axis of samples, 1, 2, ... or -1, -2, ... from the end"),
        (lambda: ml.LayerNorm(scale=None), "scale: expected True or False, got None"),
        (lambda: ml.BatchNorm2D(center="no"), "center: expected True or False, got 'no'"),
        (lambda: ml.Softmax(0), "axis: expected an axis of samples, 1, 2, ... or -1, -2, ... from the end, got 0"),
        (lambda: ml.GroupNorm(0), "groups: expected an int of at least 1, got 0"),
        (lambda: ml.GroupNorm(2, eps=float("nan")), "eps: expected a finite number of at least 0, got nan"),
        (lambda: ml.BatchNorm1D(momentum=2), "momentum: expected a number from 0 to 1, got 2"),
        (lambda: ml.Dropout(-0.1), "rate: expected a number from 0 to 1, got -0.1"),
        (lambda: ml.Dropout(float("nan")), "rate: expected a number from 0 to 1, got nan"),
        (lambda: ml.Sequential([], dtype="float16"), "dtype: expected float32 or float64, got 'float16'"),
        (lambda: ml.Sequential([], dtype=np.int64), "dtype: expected float32 or float64, got <class 'numpy.int64'>"),
        (lambda: ml.Sequential([], dtype="(,)f4"), "dtype: expected float32 or float64, got '(,)f4'"),
        (lambda: ml.Sequential([ml.ReLU()], input_shape=3), "input_shape: expected (c, h, w) or (features,), got 3"),
        (lambda: ml.Sequential([ml.ReLU()], input_shape=()), "input_shape: expected (c, h, w) or (features,), got ()"),
        (lambda: ml.Sequential([ml.ReLU()], input_shape=(3, 0)), "input_shape: expected an int of at least 1, got 0"),
    ],
)
def test_a_value_out_of_range_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("container", [ml.Sequential, Chain, ml.Residual])
def test_containers_take_modules(container):
    with pytest.raises(TypeError, match=re.escape("layers[1]: expected a Module, got 'ReLU'")):
        container([ml.Dense(1), "ReLU"])
    with pytest.raises(TypeError, match=re.escape("got <class 'minidl.layers.activation.ReLU'>; call it: add ()")):
        container([ml.ReLU])


REPRESENTATIONS = [
    "Conv2D(6, 5)",
    "Conv2D(6, (5, 3), stride=2, padding='same', dilation=(1, 2), groups=2, bias=False, weight_init='zeros')",
    "MaxPool2D(2)",
    "MaxPool2D((3, 2), stride=2, padding=1)",
    "Conv2D(6, 5, padding=((1, 2), (0, 3)))",
    "Conv1D(6, 5, padding=(2, 0))",
    "Conv1D(6, 5, padding='causal', dilation=2)",
    "Dense(10)",
    "Dense(10, bias=False, weight_init='glorot_uniform')",
    "ReLU()",
    "LeakyReLU()",
    "LeakyReLU(negative_slope=0.2)",
    "ELU(alpha=0.5)",
    "GELU()",
    "GELU(approximate='tanh')",
    "SiLU()",
    "Sigmoid()",
    "Tanh()",
    "Softplus(beta=2.0, threshold=10)",
    "HardSwish()",
    "SELU()",
    "Mish()",
    "PReLU()",
    "PReLU(shared=False, init=0.1)",
    "ScaleShift()",
    "ScaleShift(shift=False)",
    "Constant(value=0.5)",
    "Constant([1.0, 2.0], trainable=False)",
    "Constant(shape=(3, 4, 5))",
    "Divide()",
    "Maximum([[], Dense(2)])",
    "Minimum()",
    "Pow()",
    "Subtract([[], Dense(2)])",
    "Where()",
    "Abs()",
    "Clip()",
    "Clip(low=-1.5, high=2)",
    "Erf()",
    "Exp()",
    "HardSigmoid()",
    "HardSigmoid(slope=0.2)",
    "Log()",
    "Negative()",
    "Power(2.5)",
    "ReLU6()",
    "Reciprocal()",
    "Sqrt()",
    "Softmax()",
    "LogSoftmax()",
    "Softmax(axis=1)",
    "LogSoftmax(axis=-1)",
    "Flatten()",
    "Dropout(0.5)",
    "Dropout(0.5, seed=3)",
    "Chain([])",
    "Chain([Dense(2), ReLU()])",
    "ConvTranspose2D(6, 5)",
    "ConvTranspose2D(6, (5, 3), stride=2, padding=1, output_padding=1, dilation=(1, 2), groups=2, bias=False)",
    "DepthwiseConv2D(3)",
    "DepthwiseConv2D(3, depth_multiplier=2, stride=2, padding='same', dilation=2, bias=False, weight_init='zeros')",
    "SeparableConv2D(6, 3)",
    "SeparableConv2D(6, 3, depth_multiplier=2, stride=2, padding='same', bias=False)",
    "Conv1D(6, 5)",
    "Conv1D(6, 5, stride=2, padding='same', dilation=2, groups=2, bias=False, weight_init='zeros')",
    "ConvTranspose1D(6, 5)",
    "ConvTranspose1D(6, 5, stride=2, padding=(1, 0), output_padding=1, dilation=2, groups=2, bias=False)",
    "DepthwiseConv1D(3, depth_multiplier=2, stride=2, padding='causal', dilation=2, bias=False, weight_init='zeros')",
    "SeparableConv1D(6, 3, depth_multiplier=2, padding='same', bias=False)",
    "MaxPool1D(2)",
    "MaxPool1D(3, stride=2, padding=1)",
    "AveragePool1D(2)",
    "AveragePool1D(3, stride=2, padding=1, count_include_pad=False)",
    "GlobalAveragePool1D()",
    "GlobalMaxPool1D()",
    "ZeroPad2D(1)",
    "ZeroPad2D(((1, 2), (3, 4)))",
    "UpSample2D()",
    "UpSample2D(size=(2, 3), interpolation='bilinear')",
    "LayerNorm(axis=-1, scale=False)",
    "GroupNorm(2, center=False)",
    "BatchNorm2D(scale=False, center=False)",
    "BatchNorm1D(eps=0.001, center=False)",
    "Reshape((2, -1))",
    "Reshape((0, -1))",
    "Permute((2, 1))",
    "Transpose((0, 2, 1))",
    "Squeeze(1)",
    "Unsqueeze((1, -1))",
    "ZeroPadAxis(1, before=2, after=1)",
    "ZeroPadAxis(-1)",
    "Slice(1)",
    "Slice(1, start=1, stop=-1, step=2)",
    "Resize(size=3)",
    "Resize(scale=(0.5, 2), interpolation='cubic', coordinates='asymmetric', rounding='ceil')",
    "Pad2D(1)",
    "Pad2D(((1, 2), (0, 3)), mode='reflect', value=2.0)",
    "Gather(1, (2, -1))",
    "Expand((-1, 4))",
    "ReduceMean((2, 3))",
    "ReduceSum(-1, keepdims=False)",
    "ReduceMax(1)",
    "ReduceL2((1, -1))",
    "ArgMax(1, keepdims=False)",
    "PixelShuffle(2)",
    "PixelShuffle(2, order='dcr')",
    "PixelUnshuffle(2)",
    "Embedding(10, 4)",
    "Embedding(10, 4, weight_init='zeros')",
    "Embedding(10, 4, padding_idx=0)",
    "Concatenate([[], Dense(2)])",
    "Add([[Dense(2)], Dense(2)])",
    "Multiply([[], Dense(2)])",
    "Concatenate()",
    "Add()",
    "Multiply()",
    "MatMul()",
    "InstanceNorm2D(center=False, eps=0.001)",
    "LocalResponseNorm(5, alpha=0.0002, k=2.0)",
    "SqueezeExcite()",
    "SqueezeExcite(reduction=8, gate='hard_sigmoid')",
    "MaxPool2D(3, dilation=2, ceil_mode=True)",
    "GlobalMaxPool2D(keepdims=True)",
    "Residual([Dense(2)])",
    "AveragePool2D(2)",
    "AveragePool2D((3, 2), stride=2, padding='same', count_include_pad=False)",
    "AdaptiveAveragePool2D((7, 5))",
    "GlobalAveragePool2D()",
    "GlobalMaxPool2D()",
    "BatchNorm1D(momentum=0.2)",
    "BatchNorm2D(momentum=0.2, eps=0.001)",
    "Normalization()",
    "Rescaling(0.5)",
    "Rescaling(2, offset=-1)",
    "LayerNorm()",
    "LayerNorm(eps=0.001)",
    "GroupNorm(4)",
    "GroupNorm(4, eps=0.001)",
    "Dropout2D(0.5, seed=3)",
    "Residual(Dense(2), projection=[Dense(2, bias=False)])",
    "Sequential([Dense(2), Dropout(0.1)])",
    "Sequential([Conv2D(2, 3), Flatten()], input_shape=(1, 5, 5), seed=7, dtype='float64')",
]


@pytest.mark.parametrize("text", REPRESENTATIONS)
def test_a_representation_pastes_back(text):
    layer = eval(text, dict(NAMES))
    assert repr(layer) == text

    def plain(value):
        if isinstance(value, Module):
            return type(value), {name: plain(argument) for name, argument in value.arguments().items()}
        return [plain(item) for item in value] if isinstance(value, list) else value

    assert plain(eval(repr(layer), dict(NAMES))) == plain(layer)


def test_the_representations_are_of_all_layers():
    shown = {re.match(r"\w+", text)[0] for text in REPRESENTATIONS}
    assert {layer.__name__ for layer in LAYERS} <= shown


@pytest.mark.parametrize("branches", [[], ml.Dense(2), "Dense", 3])
@pytest.mark.parametrize("layer", [ml.Concatenate, ml.Add, ml.Multiply])
def test_branches_are_a_list(layer, branches):
    with pytest.raises(TypeError, match="branches: expected a list of modules or of lists of layers, got "):
        layer(branches)


@pytest.mark.parametrize("layer", [ml.Concatenate, ml.Add, ml.Multiply])
def test_branches_are_modules(layer):
    with pytest.raises(TypeError, match=re.escape("branches[1]: expected a Module or a list of layers, got 3")):
        layer([ml.Dense(1), 3])
    with pytest.raises(TypeError, match=re.escape("layers[0]: expected a Module, got <class 'minidl.layers.dense.Den")):
        layer([ml.Dense(1), [ml.Dense]])


def test_the_representation_is_that_of_the_constructor():
    assert repr(ml.Dense(3)) == "Dense(3)"
    assert repr(ml.Residual([ml.Dense(2)])) == "Residual([Dense(2)])"
    model = ml.Sequential([ml.Dense(2)], dtype=np.float64)
    model(np.zeros((1, 3)))
    assert repr(model) == "Sequential([Dense(2)], input_shape=(3,), dtype='float64')"


def test_a_layer_that_keeps_only_some_arguments_has_a_representation():
    class Scale(Module):
        def __init__(self, width, factor=2.0, offset=1.0):
            self.offset = offset

    assert repr(Scale(3, offset=4.0)) == "Scale(..., factor=..., offset=4.0)"


@pytest.mark.parametrize("layer", [ml.Conv2D(2, 3), ml.Dense(2)], ids=["Conv2D", "Dense"])
def test_a_layer_that_is_not_built_says_so(layer):
    x = np.zeros((1, 1, 5, 5), np.float32)
    with pytest.raises(ml.NotBuiltError, match=r"no values yet: give the model input_shape=\(c, h, w\), or call it"):
        layer(x)
    with pytest.raises(ml.NotBuiltError, match="no gradients yet"):
        _ = layer.weight.grad
    with pytest.raises(ml.NotBuiltError):
        layer.state_dict()
