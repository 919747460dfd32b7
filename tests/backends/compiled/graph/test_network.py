"""Whole networks in one program each way give what their modules give one by one."""

import copy
import threading
import tracemalloc

import numpy as np
import pytest

import minidl as ml
from tests.described import is_one_network, prepared, run_one_by_one

pytestmark = pytest.mark.compiled


@pytest.fixture(autouse=True)
def compiled():
    with ml.use_backend("compiled"):
        yield


def conv(filters=6, **options):
    return ml.Conv2D(filters, 3, padding=1, **options)


def frozen(layer):
    layer.trainable = False
    return layer


LAYERS = {
    "residual": lambda: [conv(), ml.Residual([conv(), ml.ReLU(), conv()]), ml.ReLU()],
    "residual, projected": lambda: [ml.Residual([conv(5), ml.BatchNorm2D()], projection=ml.Conv2D(5, 1)), ml.ReLU()],
    "rescaled": lambda: [ml.Rescaling(0.5, -1), conv(), ml.Rescaling(-2.0), ml.ReLU()],
    "residual of residuals": lambda: [ml.Residual([ml.Residual([ml.Residual([]), conv(4)]), ml.Tanh()])],
    "residual of nothing": lambda: [ml.Residual([]), ml.Residual([])],
    "sum of three": lambda: [ml.Add([conv(), [conv(), ml.ReLU()], ml.Conv2D(6, 1)]), ml.ReLU()],
    "concatenated": lambda: [ml.Concatenate([[], conv(5), [ml.ReLU(), conv(3)], []]), conv(7)],
    "concatenated in a block": lambda: [
        ml.Concatenate(
            [
                [
                    conv(16),
                    ml.ReLU(),
                    ml.Concatenate(
                        [ml.MaxPool2D(2, stride=1), [ml.AveragePool2D(2, stride=1)], [ml.Conv2D(3, 2), ml.Tanh()]]
                    ),
                ],
                [conv(4, bias=False), ml.BatchNorm2D(), ml.ReLU(), ml.Conv2D(2, 2)],
                [ml.ConvTranspose2D(3, 3, padding=1), ml.DepthwiseConv2D(2), ml.GELU()],
                [ml.Conv2D(3, 2, bias=False), ml.BatchNorm2D(), ml.ReLU()],
            ]
        ),
        ml.ReLU(),
    ],
    "dense block": lambda: [
        ml.Concatenate([[], [conv(5, bias=False), ml.BatchNorm2D(), ml.ReLU()]]),
        ml.Concatenate([[], conv(20), [ml.UpSample2D(2), ml.MaxPool2D(2)]]),
        conv(3),
    ],
    "concatenated vectors, in a block": lambda: [
        ml.Flatten(),
        ml.Concatenate(
            [
                ml.Dense(5),
                [ml.Dense(3), ml.Tanh()],
                [ml.Dense(4), ml.ReLU(), ml.Dropout(0.4)],
                [ml.Dense(2), ml.Residual(ml.ReLU())],
            ]
        ),
        ml.Dense(3),
    ],
    "concatenated vectors": lambda: [ml.Concatenate([ml.GlobalAveragePool2D(), [ml.Flatten(), ml.Dense(3)]])],
    "concatenated sequences": lambda: [ml.Concatenate([[ml.Reshape((4, -1))], [conv(3), ml.Reshape((3, -1))]])],
    "products": lambda: [ml.Multiply([[], conv(4), ml.Sigmoid()]), ml.ReLU()],
    "gates": lambda: [
        ml.Multiply([conv(), [ml.GlobalAveragePool2D(), ml.Dense(6), ml.Sigmoid(), ml.Reshape((6, 1, 1))]])
    ],
    "gates of pixels": lambda: [
        ml.Multiply([conv(4), [ml.Conv2D(1, 3, padding=1), ml.Sigmoid()], [ml.MaxPool2D((8, 1))]])
    ],
    "norms of sequences": lambda: [ml.Reshape((4, -1)), ml.GroupNorm(2), ml.LayerNorm(), ml.BatchNorm1D(), ml.ReLU()],
    "norms of vectors": lambda: [ml.Flatten(), ml.Dense(8), ml.ReLU(), ml.LayerNorm(), ml.GroupNorm(4)],
    "depthwise": lambda: [ml.DepthwiseConv2D(3, padding=1, depth_multiplier=2), ml.ReLU(), ml.SeparableConv2D(5, 3)],
    "depthwise, normalized": lambda: [ml.DepthwiseConv2D(3, padding=1, bias=False), ml.BatchNorm2D(), ml.ReLU()],
    "normalized, then depthwise": lambda: [
        ml.BatchNorm2D(),
        ml.DepthwiseConv2D(3, stride=2, padding=1, bias=False),
        ml.BatchNorm2D(),
        ml.ReLU(),
        ml.DepthwiseConv2D(1),
        ml.Conv2D(16, 1, bias=False),
        ml.BatchNorm2D(),
        ml.ReLU(),
        ml.DepthwiseConv2D(5, padding=2),
        ml.ReLU(),
    ],
    "transposed": lambda: [ml.ConvTranspose2D(5, 3, stride=2), ml.ReLU(), ml.ConvTranspose2D(3, 2, bias=False)],
    "upsampled": lambda: [ml.UpSample2D(2), conv(), ml.UpSample2D((1, 2), interpolation="bilinear")],
    "zero-padded": lambda: [ml.ZeroPad2D(((1, 2), (0, 3))), conv(), ml.ZeroPad2D(1)],
    "group norm": lambda: [conv(), ml.GroupNorm(3), ml.ReLU(), ml.Flatten(), ml.GroupNorm(6), ml.Dense(3)],
    "layer norm": lambda: [ml.LayerNorm(), conv(), ml.LayerNorm(), ml.Flatten(), ml.LayerNorm()],
    "dropout": lambda: [ml.Dropout(0.3), conv(), ml.Dropout2D(0.5), ml.ReLU(), ml.Residual([ml.Dropout(0.2)])],
    "dropout of everything": lambda: [conv(), ml.Dropout(1), conv(), ml.Dropout2D(1), ml.Residual([])],
    "frozen batch norm": lambda: [conv(), frozen(ml.BatchNorm2D()), ml.ReLU(), conv()],
    "batch norm": lambda: [conv(), ml.BatchNorm2D(), ml.ReLU(), ml.MaxPool2D(2), conv(), ml.BatchNorm2D()],
    "pooled": lambda: [ml.MaxPool2D(3, stride=2), ml.AveragePool2D(2), ml.AdaptiveAveragePool2D((2, 1)), conv()],
    "reshaped": lambda: [ml.Reshape((2, 12, -1)), conv(3), ml.Reshape((3, -1)), ml.Reshape((-1, 4, 4)), ml.ReLU()],
    "transposed axes": lambda: [
        conv(),
        ml.Transpose((0, 2, 3, 1)),
        ml.ReLU(),
        ml.Permute((3, 1, 2)),
        conv(),
        ml.Transpose((0, 3, 2, 1)),
        ml.Reshape((3, 2, -1, 6)),
        ml.Transpose((0, 4, 2, 1, 3)),
        ml.Flatten(),
        ml.Dense(3),
    ],
    "of images with the channels last": lambda: [
        ml.Transpose((0, 3, 1, 2)),
        conv(),
        ml.Add([[], ml.Conv2D(6, 1)]),
        ml.Transpose((0, 2, 3, 1)),
    ],
    "shuffled channels": lambda: [
        conv(),
        ml.Reshape((2, 3, 8, 6)),
        ml.Transpose((0, 2, 1, 3, 4)),
        ml.Reshape((6, 8, 6)),
        conv(8),
        ml.PixelShuffle(2),
        ml.Add([[], ml.Conv2D(2, 1)]),
        ml.PixelUnshuffle(4, order="dcr"),
        conv(),
    ],
    "sliced": lambda: [
        conv(),
        ml.Concatenate([[ml.Slice(1, 0, 3), conv(3)], [ml.Slice(1, 3)], [ml.Slice(1, 2, 5, 2), ml.ReLU()]]),
        ml.Slice(2, -1, None, -2),
        ml.Slice(3, 1),
        ml.Flatten(),
        ml.Slice(1, 7, None, 3),
        ml.Unsqueeze((1, 3)),
        ml.Squeeze(-1),
        ml.Slice(2, 2, -2),
    ],
    "reduced": lambda: [
        conv(),
        ml.Add([[], [ml.ReduceMean((2, 3)), ml.Expand((-1, 8, 6))], [ml.ReduceMax(1), ml.Expand((6, -1, -1))]]),
        ml.Multiply([[], ml.ReduceL2((1, 3)), ml.ReduceSum((1, 2))]),
        ml.Concatenate([ml.ReduceMean((2, 3), keepdims=False), [ml.ReduceMax((1, 3), keepdims=False)]]),
    ],
    "resized": lambda: [
        conv(),
        ml.Resize(scale=(2, 1.5), interpolation="linear"),
        ml.Concatenate(
            [[], [conv(3), ml.Resize((16, 9))], [ml.Resize((16, 12), interpolation="cubic"), ml.Resize((16, 9))]]
        ),
        ml.Pad2D(2, mode="reflect"),
        conv(),
        ml.Resize((5, 4), coordinates="asymmetric", rounding="floor"),
        ml.Pad2D((0, 1), mode="edge"),
        ml.Pad2D(((1, 0), (0, 2)), value=0.5),
        ml.Gather(1, (3, 0, 3)),
        ml.Flatten(),
        ml.Gather(1, range(1, 30, 4)),
    ],
    "largest": lambda: [conv(), ml.Concatenate([[], ml.ArgMax(1)]), ml.ArgMax(2), ml.Flatten()],
    "zeros along axes": lambda: [
        conv(),
        ml.Concatenate([[ml.ZeroPadAxis(1, 1, 2), conv(3)], [ml.ReLU()]]),
        ml.ZeroPadAxis(2, 1),
        ml.Residual([conv(9)], projection=[ml.AveragePool2D(1), ml.ZeroPadAxis(-3)]),
        ml.Flatten(),
        ml.ZeroPadAxis(1, 3),
    ],
    "channels read where they lie": lambda: [
        conv(8),
        ml.Concatenate(
            [
                [ml.Slice(1, 0, 3), ml.ReLU()],
                [ml.Slice(1, 3, 8), ml.Residual([]), ml.MaxPool2D(3, stride=1, padding=1)],
                [ml.Slice(1, 2, 5), ml.Multiply([[], ml.Sigmoid()])],
            ]
        ),
        ml.Flatten(),
        ml.Dense(7),
        ml.Add([[ml.Slice(1, 0, 3), ml.Tanh()], ml.Slice(1, -3)]),
    ],
    "softmax": lambda: [ml.Flatten(), ml.Dense(5), ml.Softmax(), ml.Dense(4), ml.LogSoftmax()],
    "softmax along axes": lambda: [
        conv(),
        ml.Softmax(1),
        conv(),
        ml.Softmax(2),
        ml.LogSoftmax(-1),
        ml.Reshape((6, -1)),
        ml.LogSoftmax(1),
        ml.Softmax(2),
    ],
    "activated": lambda: [
        conv(),
        ml.Tanh(),
        ml.DepthwiseConv2D(3),
        ml.LeakyReLU(),
        ml.Flatten(),
        ml.Dense(5),
        ml.Sigmoid(),
    ],
    "activated, of x": lambda: [
        conv(16),
        ml.GELU(),
        conv(16),
        ml.SiLU(),
        ml.MaxPool2D(2),
        ml.Flatten(),
        ml.Dense(5),
        ml.ELU(),
    ],
    "activations": lambda: [ml.GELU(), ml.Residual(ml.SiLU()), ml.ELU(), ml.LeakyReLU(), ml.HardSwish(), ml.Softplus()],
}
SHAPE = (4, 8, 6)
WHOLE = {
    "resnet20": lambda: ml.models.resnet20(input_shape=(3, 8, 8), seed=0),
    "resnet20, shortcuts without parameters": lambda: ml.models.resnet20(input_shape=(3, 8, 8), shortcut="pad", seed=0),
    "mobilenet": lambda: ml.models.mobilenet(input_shape=(3, 16, 16), width=0.1, seed=0),
    "unet": lambda: ml.models.unet(input_shape=(1, 16, 16), classes=3, depth=2, width=0.1, seed=0),
}


def made(name, dtype=np.float32):
    """A model whose running statistics and weights are none that a new one has."""
    if name in WHOLE:
        model = WHOLE[name]()
    else:
        model = ml.Sequential(LAYERS[name](), input_shape=SHAPE, seed=0, dtype=dtype)
    rng = np.random.default_rng(7)
    state = model.state_dict()
    for key, value in state.items():
        if key.endswith(("running_mean", "running_var")) or "norm" in key or (value.ndim == 1 and "masks" not in key):
            state[key] = rng.uniform(0.5, 1.5, value.shape)
    model.load_state_dict(state)
    return model


def input_of(model, n=4, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal((n, *model.input_shape)).astype(dtype)


def run(model, x, *, train=True, need_dx=True):
    """[y, dx, gradients, state]."""
    y, backward = model.forward(x, train=train)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(x.dtype)
    model.zero_grad()
    dx = backward(dy, need_dx=need_dx)
    gradients = [parameter.grad.copy() for parameter in model.parameters()]
    return [y, *([dx] if need_dx else []), *gradients, *model.state_dict().values()]


def assert_same(got, want):
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("purpose", ["training", "inference"])
@pytest.mark.parametrize("name", [*LAYERS, *WHOLE])
def test_a_model_is_one_program(name, purpose):
    model = made(name)
    assert is_one_network(model, purpose=purpose)


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_model_is_one_program_each_way(name):
    model = made(name)
    for purpose in ("training", "inference"):
        steps = prepared(model, purpose=purpose, batch_size=2)
        assert len(steps.steps) == 1
        assert steps.is_whole


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LAYERS)
def test_bits_in_training_and_of_inference_with_gradients(monkeypatch, name, dtype):
    model = made(name, dtype)
    x = input_of(model, dtype=dtype)
    ways = [{"train": True}, {"train": True, "need_dx": False}, {"train": False}]
    got = [run(twin, x, **how) for how in ways if (twin := copy.deepcopy(model))]
    run_one_by_one(monkeypatch)
    for how, results in zip(ways, got, strict=True):
        assert_same(results, run(copy.deepcopy(model), x, **how))


def test_bits_of_normalized_vectors(monkeypatch):
    layers = [ml.Flatten(), ml.Dense(8), ml.BatchNorm1D(), ml.ReLU()]
    model = ml.Sequential(layers, input_shape=SHAPE, seed=0)
    x = input_of(model)
    assert is_one_network(model, purpose="training")
    got = [run(copy.deepcopy(model), x, train=train) for train in (True, False)]
    run_one_by_one(monkeypatch)
    for train, results in zip((True, False), got, strict=True):
        assert_same(results, run(copy.deepcopy(model), x, train=train))


@pytest.mark.parametrize("name", WHOLE)
def test_bits_of_whole_models(monkeypatch, name):
    model = made(name)
    x = input_of(model, n=3)
    got = [run(copy.deepcopy(model), x, train=train) for train in (True, False)]
    run_one_by_one(monkeypatch)
    for train, results in zip((True, False), got, strict=True):
        assert_same(results, run(copy.deepcopy(model), x, train=train))


@pytest.mark.parametrize("name", [*LAYERS, *WHOLE])
def test_inference_is_the_same_but_for_rounding(monkeypatch, name):
    model = made(name)
    xs = [input_of(model, n=3, seed=seed) for seed in range(2)]
    got = [model(x) for x in xs]
    run_one_by_one(monkeypatch)
    for x, y in zip(xs, got, strict=True):
        np.testing.assert_allclose(y, model(x), rtol=1e-4, atol=2e-5 * abs(y).max())


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("name", LAYERS)
def test_small_batches(monkeypatch, name, n):
    model = made(name)
    x = input_of(model, n=n)
    assert model._networks.infer(model, x) is not None
    assert model._networks.forward(copy.deepcopy(model), x, train=True) is not None
    got, y = run(copy.deepcopy(model), x), model(x)
    run_one_by_one(monkeypatch)
    assert_same(got, run(copy.deepcopy(model), x))
    np.testing.assert_allclose(y, model(x), rtol=1e-4, atol=1e-4)


def unaligned(array):
    buffer = np.empty(array.nbytes + 1, np.uint8)
    other = buffer[1:].view(array.dtype).reshape(array.shape)
    other[...] = array
    return other


ORDERS = {
    "channels first": np.ascontiguousarray,
    "channels last": lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "the first axis first": np.asfortranarray,
    "backwards": lambda a: np.ascontiguousarray(a[::-1, :, ::-1])[::-1, :, ::-1],
    "with gaps": lambda a: np.repeat(a, 2, axis=3)[..., ::2],
    "unaligned": unaligned,
}


@pytest.mark.parametrize("name", ["residual, projected", "concatenated", "reshaped", "zero-padded", "unet"])
def test_inputs_and_gradients_in_any_memory_order(name):
    model = made(name)
    x = input_of(model)
    y, backward = model.forward(x, train=True)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    model.load_state_dict(made(name).state_dict())  # whose statistics have moved
    dx, predicted = backward(dy), model(x)
    for order in ORDERS.values():
        twin = copy.deepcopy(model)
        np.testing.assert_array_equal(twin(order(x)), predicted)
        given, of_twin = twin.forward(order(x), train=True)
        assert_same([given, of_twin(order(dy)), of_twin(dy)], [y, dx, dx])


@pytest.mark.parametrize("name", ["residual, projected", "batch norm", "resnet20", "unet"])
def test_a_second_network_of_the_same_module(name):
    """Two batches are on their way, and backward goes in either order, more than once."""
    model = made(name)
    first, second = input_of(model, seed=1), input_of(model, seed=2)
    want = [run(copy.deepcopy(model), x)[:2] for x in (first, second)]
    (y1, backward1), (y2, backward2) = model.forward(first, train=True), model.forward(second, train=True)
    assert_same([y1, y2], [want[0][0], want[1][0]])
    dy = np.random.default_rng(1).standard_normal(y1.shape).astype(np.float32)
    for _ in range(2):
        assert_same([backward1(dy), backward2(dy)], [want[0][1], want[1][1]])
    (shelf,) = model._networks._shelves.values()
    assert len(shelf.prepared) == 2


def test_results_belong_to_the_caller():
    model = made("residual of nothing")
    x = input_of(model)
    y, backward = model.forward(x, train=True)
    np.testing.assert_array_equal(y, 4 * x)
    dx = backward(y)
    np.testing.assert_array_equal(dx, 16 * x)
    kept, x_before = dx.copy(), x.copy()
    y[...] = 0
    np.testing.assert_array_equal(backward(x), 4 * x)
    np.testing.assert_array_equal(dx, kept)
    dx[...] = 0
    model(x)[...] = 0
    np.testing.assert_array_equal(x, x_before)
    assert not np.shares_memory(model(x), x)


def test_outputs_that_are_one_another_do_not_share_memory():
    x = ml.Input((3, 4, 4))
    y = ml.Conv2D(2, 1)(x)
    graph = ml.Graph(x, [y, ml.Residual([])(y), ml.Flatten()(y), x], seed=0)
    array = np.random.default_rng(0).standard_normal((2, 3, 4, 4), dtype=np.float32)
    for outputs in (graph(array), graph.forward(array, train=True)[0]):
        first, second, flat, same = outputs
        np.testing.assert_array_equal(2 * first, second)
        np.testing.assert_array_equal(flat, first.reshape(2, -1))
        np.testing.assert_array_equal(same, array)
        for i, one in enumerate(outputs):
            assert not any(np.shares_memory(one, other) for other in outputs[i + 1 :])
        first[...] = 0
        assert second.any()
    _, backward = graph.forward(array, train=True)
    dys = [np.random.default_rng(i).standard_normal(each.shape).astype(np.float32) for i, each in enumerate(outputs)]
    (dx,) = [backward(tuple(dys))]
    weight = graph.layers[0].weight.value[:, :, 0, 0]
    total = dys[0] + 2 * dys[1] + dys[2].reshape(2, 2, 4, 4)
    np.testing.assert_allclose(dx, np.einsum("oc,nohw->nchw", weight, total) + dys[3], rtol=1e-5, atol=1e-5)


def test_frozen_parts_have_no_jobs_and_change_no_other_gradient(monkeypatch):
    model = made("resnet20")
    for layer in model.layers[:5]:
        layer.trainable = False
    x = input_of(model)
    got = [run(copy.deepcopy(model), x, need_dx=need_dx) for need_dx in (True, False)]
    run_one_by_one(monkeypatch)
    for need_dx, results in zip((True, False), got, strict=True):
        assert_same(results, run(copy.deepcopy(model), x, need_dx=need_dx))


def test_inference_takes_less_memory_than_training():
    model = made("resnet20")
    training, inference = (prepared(model, purpose=purpose, batch_size=16) for purpose in ("training", "inference"))
    assert 0 < inference.size < training.size / 3


@pytest.mark.parametrize("name", ["residual, projected", "concatenated", "dropout", "unet"])
def test_two_threads_at_once(name):
    """Each with its own inputs."""
    model = made(name)
    model.trainable = False  # nothing is added to by both
    xs = [input_of(model, seed=seed) for seed in range(2)]
    wanted = [(model(x), *run(copy.deepcopy(model), x, train=False)[:2]) for x in xs]
    wrong, together = [], threading.Barrier(2)

    def work(i):
        together.wait()
        for _ in range(20):
            y, dx = run_frozen(model, xs[i])
            got = (model(xs[i]), y, dx)
            wrong.extend(i for a, b in zip(got, wanted[i], strict=True) if not np.array_equal(a, b))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def run_frozen(model, x):
    y, backward = model.forward(x, train=False)
    return y, backward(np.random.default_rng(1).standard_normal(y.shape).astype(x.dtype))


def test_images_are_put_in_order_in_memory_that_is_used_again():
    x = np.random.default_rng(0).standard_normal((8, 3, 64, 64), dtype=np.float32)
    model = ml.Sequential([conv(), ml.ReLU(), ml.GlobalAveragePool2D()], input_shape=x.shape[1:], seed=0)
    expected = model(x)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        y = model(x)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most - before < x.nbytes // 4
    np.testing.assert_array_equal(y, expected)


def test_sequences_of_an_embedding_are_read_where_they_lie(monkeypatch):
    """Channels last, as kernels read them: the convolution is all that is done."""
    from minidl.backends.compiled.graph.network import Network

    words = ml.Sequential([ml.Embedding(9, 4), ml.Permute((2, 1)), ml.Conv1D(8, 3)], input_shape=(6,), seed=0)
    counts = []
    program = Network._program

    def counted(self, jobs, *args, **options):
        counts.append(len(jobs))
        return program(self, jobs, *args, **options)

    monkeypatch.setattr(Network, "_program", counted)
    x = np.arange(12).reshape(2, 6) % 9
    y = words(x)
    assert counts == [1]
    embedded = words[0](x).transpose(0, 2, 1)
    np.testing.assert_allclose(y, words[2](np.ascontiguousarray(embedded)), rtol=1e-5, atol=1e-6)
