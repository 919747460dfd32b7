"""What docs/coming_from.md says that each layer computes, as a formula, where PyTorch's or Keras's isn't at hand."""

import math

import numpy as np
import pytest

import minidl as ml
from tests.coming_from.page import says

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((2, 6, 4, 4))
SEQUENCES = RNG.standard_normal((2, 6, 8))
WINDOWS = IMAGES.reshape(2, 6, 2, 2, 2, 2)
"""(n, c, rows, kh, columns, kw): the windows of 2 x 2."""


def model(*layers, of=IMAGES):
    return ml.Sequential(list(layers), input_shape=of.shape[1:], seed=0, dtype="float64")


def shapes(*layers, of=IMAGES):
    return {name: array.shape for name, array in model(*layers, of=of).state_dict().items()}


def check(layer, wanted, x=IMAGES):
    np.testing.assert_allclose(model(layer, of=x)(x), wanted, rtol=1e-12, atol=1e-12)


def of_nodes(function, *values):
    """What a graph gives whose output is a function of its inputs."""
    inputs = [ml.Input(value.shape[1:]) for value in values]
    graph = ml.Graph(inputs, function(*inputs), seed=0, dtype="float64")
    return graph(values if len(values) > 1 else values[0])


@says("`Conv2D(filters, k, stride=")
def test_a_convolution_by_its_definition():
    layer = model(ml.Conv2D(4, 3, stride=2, padding=1, dilation=1, groups=2, bias=True))
    weight = layer.state_dict()["0.weight"]
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (1, 1), (1, 1)))
    wanted = (padded[1, 3:6, 2:5, 0:3] * weight[3]).sum()
    assert layer(IMAGES)[1, 3, 1, 0] == pytest.approx(wanted)


@says("`DepthwiseConv2D(k)`", "`SeparableConv2D(filters, k)`", "`ConvTranspose2D(filters, k)`")
def test_the_weights_of_separable_and_transposed_convolutions():
    assert shapes(ml.DepthwiseConv2D(3))["0.weight"] == (6, 1, 3, 3)
    assert sorted(shapes(ml.SeparableConv2D(5, 3, bias=False)).values()) == [(5, 6, 1, 1), (6, 1, 3, 3)]
    assert shapes(ml.ConvTranspose2D(5, 3))["0.weight"] == (6, 5, 3, 3)


@says("`DepthwiseConv1D`, `SeparableConv1D`, `ConvTranspose1D`")
def test_the_same_of_sequences():
    assert shapes(ml.DepthwiseConv1D(3), of=SEQUENCES)["0.weight"] == (6, 1, 3)
    assert sorted(shapes(ml.SeparableConv1D(5, 3, bias=False), of=SEQUENCES).values()) == [(5, 6, 1), (6, 1, 3)]
    assert shapes(ml.ConvTranspose1D(5, 3), of=SEQUENCES)["0.weight"] == (6, 5, 3)


@says("`Conv1D`, `MaxPool1D`, `AveragePool1D`")
def test_layers_of_sequences():
    assert shapes(ml.Conv1D(4, 3), of=SEQUENCES)["0.weight"] == (4, 6, 3)
    pairs = SEQUENCES.reshape(2, 6, 4, 2)
    check(ml.MaxPool1D(2), pairs.max(3), SEQUENCES)
    check(ml.AveragePool1D(2), pairs.mean(3), SEQUENCES)


@says("`MaxPool2D(2)`, `AveragePool2D(2)`")
def test_pooling():
    check(ml.MaxPool2D(2), WINDOWS.max((3, 5)))
    check(ml.AveragePool2D(2), WINDOWS.mean((3, 5)))


@says("`GlobalAveragePool2D()`", "`GlobalAveragePool1D()`", "`GlobalAveragePool2D(keepdims=True)`")
def test_global_pooling_flattens_unless_told():
    check(ml.GlobalAveragePool2D(), IMAGES.mean((2, 3)))
    check(ml.GlobalMaxPool2D(), IMAGES.max((2, 3)))
    check(ml.GlobalAveragePool1D(), SEQUENCES.mean(2), SEQUENCES)
    check(ml.GlobalMaxPool1D(), SEQUENCES.max(2), SEQUENCES)
    check(ml.GlobalAveragePool2D(keepdims=True), IMAGES.mean((2, 3), keepdims=True))


@says("`AdaptiveAveragePool2D(size)`")
def test_adaptive_pooling_takes_windows_that_may_overlap():
    rows = [slice(0, 2), slice(1, 3), slice(2, 4)]
    wanted = np.stack([np.stack([IMAGES[:, :, i, j].mean((2, 3)) for j in rows], -1) for i in rows], 2)
    check(ml.AdaptiveAveragePool2D(3), wanted)


@says("`Dense(units)`")
def test_dense():
    vectors = RNG.standard_normal((5, 3))
    layer = model(ml.Dense(4), of=vectors)
    np.testing.assert_allclose(layer(vectors), vectors @ layer.state_dict()["0.weight"].T)


@says("`Embedding(vocabulary_size")
def test_an_embedding_with_a_row_of_padding():
    layer = ml.Sequential([ml.Embedding(5, 3, padding_idx=1)], input_shape=(4,), seed=0)
    table = layer.state_dict()["0.weight"]
    assert not table[1].any()
    np.testing.assert_array_equal(layer(np.array([[0, 1, 4, 4]])), table[[[0, 1, 4, 4]]])
    y, backward = layer.forward(np.array([[0, 1, 4, 4]]), train=True)
    backward(np.ones_like(y), need_dx=False)
    assert dict(layer.named_parameters())["0.weight"].grad.sum(1).tolist() == [3, 0, 0, 0, 6]


def normalized(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


@says("`BatchNorm2D()`, `BatchNorm1D()`", "`LayerNorm()`, `GroupNorm(groups)`", "`InstanceNorm2D()`")
def test_what_each_normalization_averages_over():
    y, _ = model(ml.BatchNorm2D()).forward(IMAGES, train=True)
    np.testing.assert_allclose(y, normalized(IMAGES, (0, 2, 3)))
    y, _ = model(ml.BatchNorm1D(), of=SEQUENCES).forward(SEQUENCES, train=True)
    np.testing.assert_allclose(y, normalized(SEQUENCES, (0, 2)))
    check(ml.LayerNorm(), normalized(IMAGES, (1, 2, 3)))
    check(ml.GroupNorm(2), normalized(IMAGES.reshape(2, 2, 48), 2).reshape(IMAGES.shape))
    check(ml.InstanceNorm2D(), normalized(IMAGES, (2, 3)))
    assert sorted(shapes(ml.InstanceNorm2D())) == ["0.bias", "0.weight"]


@says("`LocalResponseNorm(5)`")
def test_a_response_norm_of_odd_and_even_windows():
    squares = np.pad(IMAGES**2, ((0, 0), (2, 2), (0, 0), (0, 0)))
    sums = np.stack([squares[:, i : i + 5].sum(1) for i in range(6)], 1)
    check(ml.LocalResponseNorm(5), IMAGES / (1 + 1e-4 / 5 * sums) ** 0.75)
    ours = np.stack([(IMAGES**2)[:, max(i - 1, 0) : i + 3].sum(1) for i in range(6)], 1)  # ONNX's: PyTorch begins at -2
    check(ml.LocalResponseNorm(4, alpha=1.0), IMAGES / (1 + ours / 4) ** 0.75)


@says("`SqueezeExcite(4)`")
def test_the_channels_within_an_excitation():
    images = RNG.standard_normal((1, 8, 2, 2))
    assert {(2, 8, 1, 1), (8, 2, 1, 1)} <= set(shapes(ml.SqueezeExcite(4), of=images).values())


@says("`MatMul()` of two inputs")
def test_a_product_of_two_inputs():
    a, b = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 4, 5))
    np.testing.assert_allclose(of_nodes(ml.MatMul(), a, b), a @ b)


@says("`Normalization()`, then `adapt(x)`")
def test_normalization_adapts_to_each_channel():
    layer = ml.Normalization()
    layer.adapt(IMAGES)
    np.testing.assert_allclose(model(layer)(IMAGES), normalized(IMAGES, (0, 2, 3), eps=0), rtol=1e-5, atol=1e-6)


@says("`Rescaling(1 / 255)`")
def test_rescaling_within_the_model():
    check(ml.Rescaling(1 / 255), IMAGES / 255)


@says("`PReLU()`, `PReLU(shared=False)`")
def test_slopes_shared_or_one_for_each_channel():
    assert list(shapes(ml.PReLU()).values()) == [(1,)]
    assert list(shapes(ml.PReLU(shared=False)).values()) == [(6,)]
    check(ml.PReLU(), np.where(IMAGES > 0, IMAGES, 0.25 * IMAGES))


@says("`ReLU6()`, `Clip(low, high)`", "`HardSigmoid()`, `HardSwish()`")
def test_clipped_and_hard_activations():
    x = 9 * IMAGES
    check(ml.ReLU6(), np.clip(x, 0, 6), x)
    check(ml.Clip(-2, 3), np.clip(x, -2, 3), x)
    check(ml.HardSigmoid(), np.clip(x + 3, 0, 6) / 6, x)
    check(ml.HardSwish(), x * np.clip(x + 3, 0, 6) / 6, x)


@says("`ScaleShift()`: a weight and a bias for each channel")
def test_scale_and_shift():
    layer = model(ml.ScaleShift())
    layer.load_state_dict({"0.weight": np.arange(6.0), "0.bias": np.full(6, 0.5)})
    np.testing.assert_allclose(layer(IMAGES), IMAGES * np.arange(6)[:, None, None] + 0.5)


@says("`Exp()`, `Log()`")
def test_mathematics_of_nodes():
    x = abs(IMAGES) + 0.1
    ours = {ml.Exp: np.exp, ml.Log: np.log, ml.Sqrt: np.sqrt, ml.Erf: np.vectorize(math.erf), ml.Abs: np.abs}
    for kind, formula in ours.items():
        np.testing.assert_allclose(of_nodes(kind(), x), formula(x), rtol=1e-6)
    np.testing.assert_allclose(of_nodes(ml.Power(2), x), x**2)


@says("`a - b`, `a / b`, `1 - a`")
def test_arithmetic_of_nodes():
    a, b = IMAGES, abs(IMAGES[::-1]) + 1
    np.testing.assert_allclose(of_nodes(lambda a, b: a - b, a, b), a - b)
    np.testing.assert_allclose(of_nodes(lambda a, b: a / b, a, b), a / b)
    np.testing.assert_allclose(of_nodes(lambda a: 1 - a, a), 1 - a)
    np.testing.assert_allclose(of_nodes(lambda a: a**2, a), a**2)
    np.testing.assert_allclose(of_nodes(lambda a, b: ml.Minimum()(a, b), a, b), np.minimum(a, b))
    condition = (a > 0).astype(float)
    np.testing.assert_allclose(of_nodes(lambda c, a, b: ml.Where()(c, a, b), condition, a, b), np.where(a > 0, a, b))


@says("`Constant(value)(node)`, trained or not")
def test_constants():
    given = np.arange(6.0)[:, None, None]
    for trainable in (True, False):
        node = ml.Input(IMAGES.shape[1:])
        graph = ml.Graph(node, node + ml.Constant(given, trainable=trainable)(node), seed=0, dtype="float64")
        np.testing.assert_allclose(graph(IMAGES), IMAGES + given)
        assert len(list(graph.parameters())) == trainable


@says("`Dropout(rate)`, `Dropout2D(rate)`")
def test_dropout_of_elements_and_of_channels():
    ones = np.ones((50, 6, 4, 4))
    y, _ = model(ml.Dropout(0.25, seed=0), of=ones).forward(ones, train=True)
    assert np.unique(y) == pytest.approx([0, 1 / 0.75])
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.03)
    y, _ = model(ml.Dropout2D(0.25, seed=0), of=ones).forward(ones, train=True)
    assert np.unique(y.mean((2, 3)).round(12)) == pytest.approx([0, 1 / 0.75])


@says("`UpSample2D(2)`, `ZeroPad2D(1)`")
def test_upsampling_and_a_border():
    check(ml.UpSample2D(2), IMAGES.repeat(2, 2).repeat(2, 3))
    check(ml.ZeroPad2D(1), np.pad(IMAGES, ((0, 0), (0, 0), (1, 1), (1, 1))))


@says('`Resize(size, interpolation="linear")`', '`Resize(size, coordinates="asymmetric", rounding="floor")`')
def test_resizing():
    x = np.arange(4.0).reshape(1, 1, 1, 4)
    y = model(ml.Resize((1, 8), interpolation="linear"), of=x)(x)
    np.testing.assert_allclose(y[0, 0, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
    y = model(ml.Resize((1, 6), coordinates="asymmetric", rounding="floor"), of=x)(x)
    assert y[0, 0, 0].tolist() == [0, 0, 1, 2, 2, 3]


@says('`Pad2D(1, mode="reflect")`')
def test_borders_that_repeat_pixels():
    for mode in ("reflect", "edge"):
        check(ml.Pad2D(1, mode=mode), np.pad(IMAGES, ((0, 0), (0, 0), (1, 1), (1, 1)), mode=mode))


@says("`PixelShuffle(2)`, `PixelUnshuffle(2)`")
def test_channels_become_pixels_and_pixels_channels():
    x = RNG.standard_normal((1, 8, 3, 3))
    check(ml.PixelShuffle(2), x.reshape(1, 2, 2, 2, 3, 3).transpose(0, 1, 4, 2, 5, 3).reshape(1, 2, 6, 6), x)
    dcr = x.reshape(1, 2, 2, 2, 3, 3).transpose(0, 3, 4, 1, 5, 2).reshape(1, 2, 6, 6)
    check(ml.PixelShuffle(2, order="dcr"), dcr, x)
    check(ml.PixelUnshuffle(2), WINDOWS.transpose(0, 1, 3, 5, 2, 4).reshape(2, 24, 2, 2))


@says("`Reshape(shape)`, `Permute(axes)`", "`Squeeze(1)`, `Unsqueeze(1)`", "`Slice(1, 0, 3)`, `Gather(1, [0, 2])`")
def test_other_shapes():
    check(ml.Reshape((3, 32)), IMAGES.reshape(2, 3, 32))
    check(ml.Permute((2, 3, 1)), IMAGES.transpose(0, 2, 3, 1))
    check(ml.Transpose((0, 2, 1)), SEQUENCES.transpose(0, 2, 1), SEQUENCES)
    check(ml.Slice(1, 0, 3), IMAGES[:, 0:3])
    check(ml.Gather(1, [0, 2]), IMAGES[:, [0, 2]])
    one = IMAGES[:, :1]
    check(ml.Expand((6, 4, 4)), np.broadcast_to(one, IMAGES.shape), one)
    check(ml.Squeeze(1), one[:, 0], one)
    check(ml.Unsqueeze(1), SEQUENCES[:, None], SEQUENCES)


@says("`ReduceMean((2, 3))`")
def test_reductions_keep_their_axes():
    check(ml.ReduceMean((2, 3)), IMAGES.mean((2, 3), keepdims=True))
    check(ml.ReduceSum((2, 3)), IMAGES.sum((2, 3), keepdims=True))
    check(ml.ReduceMax((2, 3)), IMAGES.max((2, 3), keepdims=True))
    check(ml.ReduceL2((2, 3)), np.sqrt((IMAGES**2).sum((2, 3), keepdims=True)))
    assert (model(ml.ArgMax(1))(IMAGES) == IMAGES.argmax(1)[:, None]).all()


@says("`Residual(body)`")
def test_branches():
    relu = np.maximum(IMAGES, 0)
    check(ml.Residual(ml.ReLU()), IMAGES + relu)
    check(ml.Add([[], ml.ReLU()]), IMAGES + relu)
    check(ml.Multiply([[], ml.ReLU()]), IMAGES * relu)
    check(ml.Concatenate([[], ml.ReLU()]), np.concatenate([IMAGES, relu], 1))


@says("`Graph(inputs, outputs)` of `Input`s")
def test_graphs_of_nodes():
    both = IMAGES, IMAGES[::-1]
    np.testing.assert_allclose(of_nodes(lambda a, b: ml.Concatenate()(a, b), *both), np.concatenate(both, 1))
    np.testing.assert_allclose(of_nodes(lambda a, b: a + b, *both), sum(both))


@says('`model.layer("name")`', "`plots.architecture(model)`")
def test_layers_by_their_names():
    node = ml.Input((3,))
    middle = ml.Dense(4)
    graph = ml.Graph(node, {"scores": ml.ReLU()(middle(node))}, seed=0)
    name = next(name for name, layer in graph.children() if layer is middle)
    assert graph.layer(name) is middle
    cut = ml.Graph(graph.inputs, graph.layer_output(name))
    assert cut.output_shape((3,)) == (4,)
