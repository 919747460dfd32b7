"""What a convolution does to its outputs in the same pass is what passes of their own do, bit by bit."""

import os

import numpy as np
import pytest

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl import functional as F
from minidl.backends import use_backend
from minidl.backends.compiled.conv import select
from minidl.backends.compiled.conv.epilogue import Epilogue
from minidl.backends.compiled.matmul import dense
from minidl.backends.compiled.pool.max import max_pool2d
from minidl.backends.compiled.runtime.program import run
from minidl.description.operators import ConvGeometry, Elementwise, MaxPool

pytestmark = pytest.mark.compiled

STRATEGIES = {  # channels, filters, groups, size, stride
    "im2col": (5, 6, 1, (9, 11), 1),
    "im2col, in bands": (3, 33, 1, (70, 40), 2),
    "im2col, in groups": (4, 6, 2, (8, 8), 1),
    "winograd": (16, 33, 1, (9, 13), 1),
    "planar": (1, 5, 1, (13, 10), 1),
    "planar, of three channels": (3, 6, 1, (9, 11), 1),
    "depthwise": (20, 20, 20, (8, 9), 1),
    "depthwise of few channels": (4, 4, 4, (8, 9), 2),
}
ACTIVATIONS = {
    "elu": (0.7,),
    "gelu": (),
    "gelu_tanh": (),
    "hard_swish": (),
    "selu": (),
    "mish": (),
    "leaky_relu": (0.1,),
    "relu": (),
    "sigmoid": (),
    "silu": (),
    "softplus": (2.0, 15.0),
    "tanh": (),
}
POOL = MaxPool((3, 2), (2, 2), ((1, 0), (0, 1)))


def drawn(rng, *shape, dtype):
    n, *rest, channels = shape
    return rng.standard_normal((n, *rest, channels)).astype(dtype).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, strategy, dtype):
    channels, filters, groups, size, stride = STRATEGIES[strategy]
    rng, settings = np.random.default_rng(0), ACTIVATIONS[name]
    x = drawn(rng, 3, *size, channels, dtype=dtype)
    w = rng.standard_normal((filters, channels // groups, 3, 3)).astype(dtype)
    b = rng.standard_normal(filters).astype(dtype)
    geometry, activation = (
        ConvGeometry((stride, stride), ((1, 1), (1, 0)), (1, 1), groups),
        Elementwise(name, settings, True),
    )
    plan = select.plan_of(x, w, *geometry)
    with use_backend("compiled"):
        z = select.conv2d(x, w, b, geometry=geometry)
        other = drawn(rng, *z.transpose(0, 2, 3, 1).shape, dtype=dtype)

        def formula(values):
            return getattr(F, name.removesuffix("_tanh"))(values, **_named(name))[0]

        for added, pool in ((None, None), (other, None), (other, POOL), (None, POOL)):
            y, _, jobs = select.prepare(x, w, plan, Epilogue(b, other=added, activation=activation, pool=pool))
            run(x.dtype, *jobs)
            want = formula(z if added is None else z + other)
            if pool is not None:
                want = max_pool2d(want, pool=pool)[0]
            np.testing.assert_array_equal(y, want)


def _named(name):
    names = {"elu": ["alpha"], "leaky_relu": ["negative_slope"], "softplus": ["beta", "threshold"]}.get(name, [])
    return dict(zip(names, ACTIVATIONS[name], strict=True)) | ({"approximate": "tanh"} if name == "gelu_tanh" else {})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("units", [1, 40])
def test_dense_layers(units, name, dtype):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in ((50, 9), (units, 9), (units,)))
    y, jobs = dense.prepare(x, w, b, Elementwise(name, ACTIVATIONS[name], True))
    run(x.dtype, *jobs)
    with use_backend("compiled"):
        want = getattr(F, name.removesuffix("_tanh"))(F.dense(x, w, b)[0], **_named(name))[0]
    np.testing.assert_array_equal(y, want)


def test_a_channel_block_is_activated_where_it_lies():
    """And what lies beside it stays."""
    rng = np.random.default_rng(0)
    for channels, filters in ((5, 6), (16, 16)):
        x = drawn(rng, 2, 8, 8, channels, dtype=np.float32)
        w = rng.standard_normal((filters, channels, 3, 3)).astype(np.float32)
        plan = select.plan_of(x, w, *ConvGeometry((1, 1), ((1, 1), (1, 1)), (1, 1), 1))
        block = drawn(rng, 2, 8, 8, filters + 7, dtype=np.float32)
        before = block.copy()
        epilogue = Epilogue(np.zeros(filters, np.float32), activation=Elementwise("tanh", (), True))
        y, _, jobs = select.prepare(x, w, plan, epilogue, block[:, 3 : 3 + filters])
        run(x.dtype, *jobs)
        assert np.shares_memory(y, block)
        with use_backend("compiled"):
            want = F.tanh(F.conv2d(x, w, np.zeros(filters, np.float32), padding=1)[0])[0]
        np.testing.assert_array_equal(block[:, 3 : 3 + filters], want)
        for rest in (slice(0, 3), slice(3 + filters, None)):
            np.testing.assert_array_equal(block[:, rest], before[:, rest])
