"""What every layer keeps to, whatever it computes: the contract in `minidl.module.Module`."""

import gc
import threading
import weakref

import numpy as np
import pytest

import minidl as ml
from minidl.layers import LAYERS, Chain
from minidl.layers.branches import Branches
from minidl.module import Module, flatten_parameters
from minidl.testing import check_gradients

IMAGE = (4, 5, 5)
TABLE = {
    "Conv2D": (lambda: ml.Conv2D(3, 3, padding=1), IMAGE),
    "Conv2D strided, dilated": (lambda: ml.Conv2D(2, 2, stride=2, dilation=2, padding=1, bias=False), IMAGE),
    "Conv2D in groups": (lambda: ml.Conv2D(4, (2, 3), groups=2, padding="same"), IMAGE),
    "Conv2D padded unequally": (lambda: ml.Conv2D(2, 3, padding=((2, 0), (1, 3)), stride=2), IMAGE),
    "MaxPool2D": (lambda: ml.MaxPool2D(2), IMAGE),
    "MaxPool2D dilated": (lambda: ml.MaxPool2D((2, 3), stride=1, padding=((0, 1), (2, 0)), dilation=2), IMAGE),
    "MaxPool2D rounded up": (lambda: ml.MaxPool2D(3, stride=(2, 3), ceil_mode=True), IMAGE),
    "MaxPool2D overlapping": (lambda: ml.MaxPool2D(3, stride=2, padding=1), IMAGE),
    "Dense": (lambda: ml.Dense(3), (6,)),
    "Dense without bias": (lambda: ml.Dense(3, bias=False), (6,)),
    "ReLU": (lambda: ml.ReLU(), IMAGE),
    "LeakyReLU": (lambda: ml.LeakyReLU(0.3), IMAGE),
    "ELU": (lambda: ml.ELU(0.8), IMAGE),
    "GELU": (lambda: ml.GELU(), IMAGE),
    "GELU by tanh": (lambda: ml.GELU(approximate="tanh"), IMAGE),
    "SiLU": (lambda: ml.SiLU(), IMAGE),
    "Sigmoid": (lambda: ml.Sigmoid(), IMAGE),
    "Tanh": (lambda: ml.Tanh(), IMAGE),
    "Softplus": (lambda: ml.Softplus(1.5, threshold=2), IMAGE),
    "SELU": (lambda: ml.SELU(), IMAGE),
    "Mish": (lambda: ml.Mish(), IMAGE),
    "HardSwish": (lambda: ml.HardSwish(), IMAGE),
    "Softmax": (lambda: ml.Softmax(), (5,)),
    "Softmax of channels": (lambda: ml.Softmax(1), IMAGE),
    "LogSoftmax along the last axis": (lambda: ml.LogSoftmax(axis=-1), IMAGE),
    "LogSoftmax": (lambda: ml.LogSoftmax(), (5,)),
    "BatchNorm2D": (lambda: ml.BatchNorm2D(), IMAGE),
    "Normalization": (lambda: ml.Normalization([1.0, -1.0, 0.5, 0.0], [2.0, 0.5, 1.0, 3.0]), IMAGE),
    "Normalization of vectors": (lambda: ml.Normalization(0.5, 2.0), (6,)),
    "Rescaling": (lambda: ml.Rescaling(-0.5, 0.25), IMAGE),
    "Flatten": (lambda: ml.Flatten(), IMAGE),
    "Dropout": (lambda: ml.Dropout(0.4, seed=1), (6,)),
    "Chain": (lambda: Chain([ml.Conv2D(2, 2), ml.ReLU(), ml.MaxPool2D(2), ml.Flatten(), ml.Dense(3)]), IMAGE),
    "Sequential": (lambda: ml.Sequential([ml.Dense(4), ml.ReLU(), ml.Dropout(0.5, seed=2), ml.Dense(3)]), (6,)),
    "Residual": (lambda: ml.Residual([ml.Dense(6), ml.ReLU(), ml.Dense(6)]), (6,)),
    "Residual with projection": (
        lambda: ml.Residual([ml.Conv2D(3, 3, padding=1), ml.ReLU()], projection=[ml.Conv2D(3, 1)]),
        IMAGE,
    ),
    "Residual in Sequential": (
        lambda: ml.Sequential([ml.Residual(ml.Conv2D(4, 3, padding=1)), ml.Flatten(), ml.Dense(2), ml.Softmax()]),
        IMAGE,
    ),
}


class Numbered(Module):
    """An embedding of the floor of floats, which is flat: so its gradient by them is zero, as the embedding says."""

    def __init__(self):
        self.table = ml.Embedding(7, 3)

    def output_shape(self, input_shape):
        return self.table.output_shape(input_shape)

    def build(self, input_shape, rng):
        self.table.build(input_shape, rng)

    def forward(self, x, *, train):
        y, inner_backward = self.table.forward(np.floor(x * 3 + 0.123).astype(np.int64) % 7, train=train)

        def backward(dy, *, need_dx=True):
            dx = inner_backward(dy, need_dx=need_dx)
            return dx if dx is None else dx.astype(x.dtype)

        return y, backward


SEQUENCE = (4, 7)
TABLE |= {
    "BatchNorm1D": (lambda: ml.BatchNorm1D(), SEQUENCE),
    "LayerNorm": (lambda: ml.LayerNorm(), IMAGE),
    "LayerNorm of vectors": (lambda: ml.LayerNorm(eps=1e-3), (19,)),
    "LayerNorm of features": (lambda: ml.LayerNorm(axis=-1), (3, 8)),
    "LayerNorm of channels": (lambda: ml.LayerNorm(axis=1, center=False), IMAGE),
    "LayerNorm alone": (lambda: ml.LayerNorm(scale=False, center=False), IMAGE),
    "GroupNorm without scale": (lambda: ml.GroupNorm(2, scale=False), IMAGE),
    "BatchNorm2D without center": (lambda: ml.BatchNorm2D(center=False), IMAGE),
    "BatchNorm2D alone": (lambda: ml.BatchNorm2D(scale=False, center=False), IMAGE),
    "GroupNorm": (lambda: ml.GroupNorm(2), IMAGE),
    "InstanceNorm2D": (lambda: ml.InstanceNorm2D(), IMAGE),
    "InstanceNorm2D alone": (lambda: ml.InstanceNorm2D(scale=False, center=False), IMAGE),
    "LocalResponseNorm": (lambda: ml.LocalResponseNorm(3, alpha=0.5), IMAGE),
    "LocalResponseNorm to another power": (lambda: ml.LocalResponseNorm(2, alpha=0.5, beta=0.6, k=2), IMAGE),
    "SqueezeExcite": (lambda: ml.SqueezeExcite(2), IMAGE),
    "SqueezeExcite by a hard sigmoid": (lambda: ml.SqueezeExcite(9, gate="hard_sigmoid"), IMAGE),
    "MatMul": (lambda: ml.MatMul([[ml.Conv2D(4, 1), ml.Tanh()], ml.Permute((1, 3, 2))]), IMAGE),
    "MatMul of matrices": (lambda: ml.MatMul([ml.Reshape((5, 20)), ml.Reshape((20, 5))]), IMAGE),
    "MatMul broadcasting": (
        lambda: ml.MatMul([[], [ml.GlobalAveragePool2D(), ml.Dense(15), ml.Reshape((5, 3))]]),
        IMAGE,
    ),
    "GroupNorm of sequences": (lambda: ml.GroupNorm(4), SEQUENCE),
    "GroupNorm of vectors": (lambda: ml.GroupNorm(2), (6,)),
    "Dropout2D": (lambda: ml.Dropout2D(0.4, seed=1), IMAGE),
    "AveragePool2D": (lambda: ml.AveragePool2D(2), IMAGE),
    "AveragePool2D rounded up": (lambda: ml.AveragePool2D(2, padding=((1, 0), (0, 0)), ceil_mode=True), IMAGE),
    "AveragePool2D overlapping": (lambda: ml.AveragePool2D(3, stride=2, padding=1), IMAGE),
    "AveragePool2D of pixels alone": (lambda: ml.AveragePool2D(2, padding="same", count_include_pad=False), IMAGE),
    "AdaptiveAveragePool2D": (lambda: ml.AdaptiveAveragePool2D((2, 3)), IMAGE),
    "GlobalAveragePool2D": (lambda: ml.GlobalAveragePool2D(), IMAGE),
    "GlobalAveragePool2D of one pixel": (lambda: ml.GlobalAveragePool2D(keepdims=True), IMAGE),
    "GlobalMaxPool2D of one pixel": (lambda: ml.GlobalMaxPool2D(keepdims=True), IMAGE),
    "GlobalMaxPool2D": (lambda: ml.GlobalMaxPool2D(), IMAGE),
    "ConvTranspose2D": (lambda: ml.ConvTranspose2D(3, 3), IMAGE),
    "ConvTranspose2D strided": (
        lambda: ml.ConvTranspose2D(2, (3, 2), stride=2, padding=(1, 0), output_padding=(1, 0), bias=False),
        IMAGE,
    ),
    "ConvTranspose2D in groups": (lambda: ml.ConvTranspose2D(4, 2, stride=(1, 2), dilation=2, groups=2), IMAGE),
    "ConvTranspose2D same": (lambda: ml.ConvTranspose2D(2, 2, stride=(3, 2), padding="same"), IMAGE),
    "DepthwiseConv2D": (lambda: ml.DepthwiseConv2D(3, padding="same"), IMAGE),
    "DepthwiseConv2D multiplied": (lambda: ml.DepthwiseConv2D(2, depth_multiplier=2, stride=2, bias=False), IMAGE),
    "SeparableConv2D": (lambda: ml.SeparableConv2D(3, 3, padding=1), IMAGE),
    "SeparableConv2D multiplied": (
        lambda: ml.SeparableConv2D(2, 2, depth_multiplier=2, dilation=2, bias=False),
        IMAGE,
    ),
    "Conv1D": (lambda: ml.Conv1D(3, 3, padding="same"), SEQUENCE),
    "Conv1D in groups": (lambda: ml.Conv1D(4, 2, stride=2, dilation=2, padding=1, groups=2, bias=False), SEQUENCE),
    "Conv1D causal": (lambda: ml.Conv1D(3, 3, padding="causal", dilation=2), SEQUENCE),
    "ConvTranspose1D": (lambda: ml.ConvTranspose1D(3, 3, stride=2, padding=(1, 0), output_padding=1), SEQUENCE),
    "ConvTranspose1D in groups": (
        lambda: ml.ConvTranspose1D(4, 2, stride=3, dilation=2, padding="same", groups=2, bias=False),
        SEQUENCE,
    ),
    "DepthwiseConv1D": (lambda: ml.DepthwiseConv1D(3, depth_multiplier=2, padding="causal", dilation=2), SEQUENCE),
    "SeparableConv1D": (lambda: ml.SeparableConv1D(3, 3, depth_multiplier=2, padding="same", stride=2), SEQUENCE),
    "SeparableConv1D without bias": (lambda: ml.SeparableConv1D(3, 2, bias=False), SEQUENCE),
    "MaxPool1D": (lambda: ml.MaxPool1D(3, stride=2, padding=1), SEQUENCE),
    "MaxPool1D dilated": (lambda: ml.MaxPool1D(2, padding=(2, 0), dilation=3, ceil_mode=True), SEQUENCE),
    "AveragePool1D rounded up": (lambda: ml.AveragePool1D(3, stride=3, ceil_mode=True), SEQUENCE),
    "AveragePool1D": (lambda: ml.AveragePool1D(3, stride=2, padding=1), SEQUENCE),
    "AveragePool1D of values alone": (
        lambda: ml.AveragePool1D(2, padding="same", count_include_pad=False),
        SEQUENCE,
    ),
    "GlobalAveragePool1D": (lambda: ml.GlobalAveragePool1D(), SEQUENCE),
    "GlobalMaxPool1D": (lambda: ml.GlobalMaxPool1D(), SEQUENCE),
    "ZeroPad2D": (lambda: ml.ZeroPad2D(((0, 1), (2, 3))), IMAGE),
    "UpSample2D": (lambda: ml.UpSample2D((2, 3)), IMAGE),
    "UpSample2D bilinear": (lambda: ml.UpSample2D((3, 2), interpolation="bilinear"), IMAGE),
    "Reshape": (lambda: ml.Reshape((2, -1, 5)), IMAGE),
    "Reshape of any size": (lambda: ml.Reshape((0, -1)), IMAGE),
    "Permute": (lambda: ml.Permute((3, 1, 2)), IMAGE),
    "Transpose": (lambda: ml.Transpose((0, 2, 3, 1)), IMAGE),
    "Transpose of sequences": (lambda: ml.Transpose((0, 2, 1)), SEQUENCE),
    "Squeeze": (lambda: ml.Squeeze((1, -2)), (1, 6, 1, 3)),
    "Unsqueeze": (lambda: ml.Unsqueeze((1, -1)), SEQUENCE),
    "Slice": (lambda: ml.Slice(1, 1, 3), IMAGE),
    "ZeroPadAxis": (lambda: ml.ZeroPadAxis(1, 2, 1), IMAGE),
    "ZeroPadAxis at the end": (lambda: ml.ZeroPadAxis(-1, after=2), (3, 8)),
    "Slice by steps": (lambda: ml.Slice(-1, 4, None, -2), IMAGE),
    "Resize": (lambda: ml.Resize((7, 3)), IMAGE),
    "Resize by a scale": (lambda: ml.Resize(scale=(1.7, 0.6), interpolation="linear"), IMAGE),
    "Resize by cubics": (lambda: ml.Resize((4, 9), interpolation="cubic", coordinates="align_corners"), IMAGE),
    "Pad2D": (lambda: ml.Pad2D(((0, 1), (2, 3)), value=0.5), IMAGE),
    "Pad2D reflecting": (lambda: ml.Pad2D((2, 1), mode="reflect"), IMAGE),
    "Pad2D of edges": (lambda: ml.Pad2D(((0, 6), (2, 0)), mode="edge"), IMAGE),
    "Gather": (lambda: ml.Gather(1, [2, 0, -2, 2]), IMAGE),
    "Gather of rows": (lambda: ml.Gather(-2, [1]), IMAGE),
    "Expand": (lambda: ml.Expand((-1, 4, 3)), (2, 1, 3)),
    "ReduceMean": (lambda: ml.ReduceMean((2, 3)), IMAGE),
    "ReduceMean of features": (lambda: ml.ReduceMean(-1, keepdims=False), SEQUENCE),
    "ReduceSum": (lambda: ml.ReduceSum((1, 2), keepdims=False), IMAGE),
    "ReduceMax": (lambda: ml.ReduceMax((1, 3)), IMAGE),
    "ReduceL2": (lambda: ml.ReduceL2(1), IMAGE),
    "ArgMax": (lambda: ml.ArgMax(1, keepdims=False), IMAGE),
    "PixelShuffle": (lambda: ml.PixelShuffle(2), (8, 2, 3)),
    "PixelShuffle, channels last": (lambda: ml.PixelShuffle(2, order="dcr"), (8, 2, 3)),
    "PixelUnshuffle": (lambda: ml.PixelUnshuffle(2), (2, 4, 6)),
    "PixelUnshuffle, channels last": (lambda: ml.PixelUnshuffle(2, order="dcr"), (2, 4, 6)),
    "Embedding": (Numbered, (5,)),
    "Concatenate": (lambda: ml.Concatenate([[], ml.Conv2D(3, 3, padding=1), [ml.Conv2D(2, 1), ml.ReLU()]]), IMAGE),
    "Concatenate of vectors": (lambda: ml.Concatenate([ml.Dense(3), ml.Dense(2)]), (6,)),
    "Multiply": (lambda: ml.Multiply([[ml.Dense(6), ml.ReLU()], [], ml.Dense(6)]), (6,)),
    "Multiply by gates": (
        lambda: ml.Multiply([[], [ml.AdaptiveAveragePool2D(1), ml.Conv2D(4, 1), ml.Sigmoid()]]),
        IMAGE,
    ),
    "PReLU": (lambda: ml.PReLU(), IMAGE),
    "PReLU of channels": (lambda: ml.PReLU(shared=False), IMAGE),
    "PReLU of vectors": (lambda: ml.PReLU(shared=False, init=-0.5), (6,)),
    "PReLU of sequences": (lambda: ml.PReLU(shared=False), SEQUENCE),
    "ScaleShift": (lambda: ml.ScaleShift(), IMAGE),
    "ScaleShift of sequences": (lambda: ml.ScaleShift(shift=False), SEQUENCE),
    "ScaleShift of vectors": (lambda: ml.ScaleShift(scale=False), (6,)),
    "Subtract": (lambda: ml.Subtract([[ml.Dense(6), ml.Tanh()], []]), (6,)),
    "Subtract from a mean": (lambda: ml.Subtract([[ml.AdaptiveAveragePool2D(1)], []]), IMAGE),
    "Divide": (lambda: ml.Divide([[], [ml.Dense(6), ml.Softplus()]]), (6,)),
    "Pow": (lambda: ml.Pow([[ml.Softplus()], [ml.Conv2D(1, 1)]]), IMAGE),
    "Minimum": (lambda: ml.Minimum([ml.Dense(6), [], ml.Dense(6)]), (6,)),
    "Maximum": (lambda: ml.Maximum([ml.Conv2D(1, 1), [ml.AdaptiveAveragePool2D(1)], []]), IMAGE),
    "Where": (lambda: ml.Where([ml.Clip(0), ml.Conv2D(1, 1), ml.Conv2D(4, 1)]), IMAGE),
    "Constant": (lambda: ml.Constant(np.linspace(-2.0, 1.0, 10).reshape(2, 5)), IMAGE),
    "Constant of images": (lambda: Chain([ml.Constant(np.arange(60.0).reshape(4, 3, 5)), ml.Tanh()]), (6,)),
    "Abs": (lambda: ml.Abs(), IMAGE),
    "Clip": (lambda: ml.Clip(-1.111, 0.911), IMAGE),
    "Erf": (lambda: ml.Erf(), IMAGE),
    "Exp": (lambda: ml.Exp(), SEQUENCE),
    "HardSigmoid": (lambda: ml.HardSigmoid(0.45), IMAGE),
    "Log": (lambda: Chain([ml.Softplus(), ml.Log()]), IMAGE),
    "Negative": (lambda: ml.Negative(), (6,)),
    "Power": (lambda: Chain([ml.Softplus(), ml.Power(1.7)]), IMAGE),
    "Power of 2": (lambda: ml.Power(2), IMAGE),
    "ReLU6": (lambda: ml.ReLU6(), IMAGE),
    "Reciprocal": (lambda: Chain([ml.Softplus(), ml.Reciprocal()]), (6,)),
    "Sqrt": (lambda: Chain([ml.Softplus(), ml.Sqrt()]), (6,)),
    "Add, repeating": (lambda: ml.Add([[], ml.Conv2D(1, 1), [ml.AdaptiveAveragePool2D(1)]]), IMAGE),
    "Add": (lambda: ml.Add([[ml.Dense(6), ml.ReLU()], [], ml.Dense(6)]), (6,)),
}

layers = pytest.mark.parametrize(("factory", "shape"), TABLE.values(), ids=TABLE.keys())


@pytest.fixture(params=["reference", "vectorized", "compiled"])
def backend(request):
    with ml.use_backend(request.param):
        yield request.param


def made(factory, shape, dtype=np.float32):
    """A built layer with biases that aren't zero."""
    layer, rng = factory(), np.random.default_rng(3)
    layer.build(shape, rng)
    flatten_parameters(layer, dtype)
    for parameter in layer.parameters():
        parameter.value += 0.1 * rng.standard_normal(parameter.value.shape)
    return layer


def sample(shape, n=3, dtype=np.float32, seed=0):
    """Distinct values, so that no window has a tie and no ReLU a corner."""
    values = np.random.default_rng(seed).permutation(n * int(np.prod(shape))) + 0.5
    return ((values / max(values.size, 1) - 0.5) * 4).reshape(n, *shape).astype(dtype)


def freeze(array):
    array.flags.writeable = False
    return array


class Frozen(Module):
    """The inner layer, with everything that goes in or comes out made read-only."""

    def __init__(self, inner):
        self.inner = inner

    def output_shape(self, input_shape):
        return self.inner.output_shape(input_shape)

    def build(self, input_shape, rng):
        self.inner.build(input_shape, rng)

    def forward(self, x, *, train):
        y, inner_backward = self.inner.forward(freeze(x), train=train)

        def backward(dy, *, need_dx=True):
            dx = inner_backward(freeze(dy), need_dx=need_dx)
            return None if dx is None else freeze(dx)

        return freeze(y), backward


def frozen_inside(layer):
    """The layer, with every layer inside of it frozen as well."""
    if isinstance(layer, Chain):
        layer.layers = [frozen_inside(inner) for inner in layer.layers]
    elif isinstance(layer, ml.Residual):
        layer.body = frozen_inside(layer.body)
        layer.projection = layer.projection and frozen_inside(layer.projection)
    elif isinstance(layer, Branches):
        layer.branches = [frozen_inside(branch) for branch in layer.branches]
    return Frozen(layer)


def gradients(layer):
    return {name: parameter.grad.copy() for name, parameter in layer.named_parameters()}


def assert_equal(got, wanted):
    assert got.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_array_equal(got[name], wanted[name])


def test_the_table_has_every_layer():
    def classes(module):
        yield type(module)
        for _, child in module.children():
            yield from classes(child)

    assert {found for factory, _ in TABLE.values() for found in classes(factory())} >= set(LAYERS)


@pytest.mark.untraced
@layers
def test_no_layer_writes_to_what_it_did_not_allocate(factory, shape, backend):
    plain, x = made(factory, shape), sample(shape)
    frozen = frozen_inside(made(factory, shape))
    y, backward = plain.forward(x, train=True)
    frozen_y, frozen_backward = frozen.forward(x.copy(), train=True)
    np.testing.assert_array_equal(frozen_y, y)
    dy = sample(y.shape[1:], seed=5)
    np.testing.assert_array_equal(frozen_backward(dy.copy()), backward(dy))
    assert_equal({k.replace("inner.", ""): v for k, v in gradients(frozen).items()}, gradients(plain))


@pytest.mark.untraced
@layers
def test_gradients_agree_with_differences(factory, shape, backend):
    check_gradients(made(factory, shape), sample(shape, n=1 if backend == "reference" else 2, dtype=np.float64))


class Twice(Module):
    """layer(x) + 2 layer(0.7 x): one layer in two places."""

    def __init__(self, inner):
        self.inner = inner

    def build(self, input_shape, rng):
        self.inner.build(input_shape, rng)

    def forward(self, x, *, train):
        first, first_backward = self.inner.forward(x, train=train)
        second, second_backward = self.inner.forward(x * 0.7, train=train)

        def backward(dy, *, need_dx=True):
            dx = second_backward(dy * 2, need_dx=need_dx)
            other = first_backward(dy, need_dx=need_dx)
            return None if dx is None or other is None else other + 0.7 * dx

        return first + 2 * second, backward


@pytest.mark.untraced
@layers
def test_a_layer_used_twice_has_the_sum_of_both_gradients(factory, shape):
    check_gradients(Twice(made(factory, shape)), sample(shape, n=2, dtype=np.float64))


def test_a_layer_used_twice_in_a_row():
    dense = ml.Dense(4)
    check_gradients(ml.Sequential([dense, ml.ReLU(), dense], input_shape=(4,), seed=0), sample((4,), dtype=np.float64))


@pytest.mark.untraced
@layers
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(factory, shape, dtype, backend):
    layer = made(factory, shape, dtype)
    y, backward = layer.forward(sample(shape, dtype=dtype), train=True)
    dx = backward(np.ones_like(y))
    assert {y.dtype, dx.dtype, *(p.grad.dtype for p in layer.parameters())} == {np.dtype(dtype)}
    assert layer(sample(shape, dtype=dtype)).dtype == dtype


@layers
def test_backward_adds_to_the_gradients(factory, shape, backend):
    layer = made(factory, shape)
    y, backward = layer.forward(sample(shape), train=True)
    dy = sample(y.shape[1:], seed=5)
    first = backward(dy)
    once = gradients(layer)
    second = backward(dy)
    np.testing.assert_array_equal(first, second)
    assert_equal(gradients(layer), {name: 2 * grad for name, grad in once.items()})
    assert all(np.any(grad) for grad in once.values())


@layers
def test_without_dx_the_parameters_have_the_same_gradients(factory, shape, backend):
    layer = made(factory, shape)
    y, backward = layer.forward(sample(shape), train=True)
    dy = sample(y.shape[1:], seed=5)
    assert backward(dy).shape == (3, *shape)
    wanted = gradients(layer)
    layer.zero_grad()
    assert backward(dy, need_dx=False) is None
    assert_equal(gradients(layer), wanted)


@layers
def test_calling_is_inference(factory, shape, backend):
    layer, x = made(factory, shape), sample(shape)
    np.testing.assert_array_equal(layer(x), layer.forward(x, train=False)[0])
    np.testing.assert_array_equal(layer(x), layer(x))


class Spy(Module):
    """x + 1, and a weak reference to each array that it gives."""

    def __init__(self):
        self.seen = []

    def forward(self, x, *, train):
        y = x + 1
        self.seen.append(weakref.ref(y))
        return y, lambda dy, need_dx=True: dy


@pytest.mark.untraced
@layers
def test_inference_keeps_nothing_alive(factory, shape):
    before, after = Spy(), Spy()
    model = Chain([before, made(factory, shape), after])
    y = model(sample(shape))
    gc.collect()
    assert before.seen[0]() is None
    assert after.seen[0]() is y
    _, backward = model.forward(sample(shape), train=True)
    del y, _, backward
    gc.collect()
    assert [reference() for reference in before.seen + after.seen] == [None] * 4


@layers
def test_batches_of_none_and_one(factory, shape, backend):
    layer, x = made(factory, shape), sample(shape)
    y = layer(x)
    np.testing.assert_allclose(np.concatenate([layer(x[i : i + 1]) for i in range(3)]), y, rtol=1e-5, atol=1e-6)
    empty, backward = layer.forward(x[:0], train=True)
    assert empty.shape == (0, *y.shape[1:])
    assert backward(empty).shape == (0, *shape)
    assert not any(np.any(grad) for grad in gradients(layer).values())


@layers
def test_the_output_shape_is_what_comes_out(factory, shape):
    layer = factory()
    assert layer.output_shape(shape) == made(factory, shape)(sample(shape)).shape[1:]
    built = made(factory, shape)
    assert built.output_shape(shape) == layer.output_shape(shape)


@pytest.mark.untraced
@layers
def test_threads_do_not_mix(factory, shape):
    layer = made(factory, shape)
    inputs = [sample(shape, seed=i) for i in range(8)]
    serial = []
    for x in inputs:
        y, backward = layer.forward(x, train=False)
        serial.append((y, backward(y)))
    found, start, meeting = [None] * 8, threading.Barrier(8), threading.Barrier(8)

    def work(i):
        start.wait()
        for _ in range(5):
            y, backward = layer.forward(inputs[i], train=False)
            meeting.wait()  # every thread has been forward before any goes back
            found[i] = y, backward(y)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (y, dx), (wanted_y, wanted_dx) in zip(found, serial, strict=True):
        np.testing.assert_array_equal(y, wanted_y)
        np.testing.assert_array_equal(dx, wanted_dx)


def test_the_first_calls_of_many_threads_build_once():
    model = ml.Sequential([ml.Dense(5), ml.ReLU(), ml.Dense(2)], seed=0)
    x, start, found = sample((6,)), threading.Barrier(8), [None] * 8

    def work(i):
        start.wait()
        found[i] = model(x)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = ml.Sequential([ml.Dense(5), ml.ReLU(), ml.Dense(2)], input_shape=(6,), seed=0)(x)
    for y in found:
        np.testing.assert_array_equal(y, wanted)
