"""Optimizers against PyTorch's rules, written out once more in plain NumPy, and against its numbers."""

import numpy as np
import pytest

import minidl as ml
from minidl.module import Parameter

BACKENDS = ["reference", "vectorized", "compiled"]
backends = pytest.mark.parametrize("backend", BACKENDS)
START = np.array([1.0, -2.0, 0.5])


def gradient(step, w):
    return np.array([0.5, -1.0, 2.0]) / step + 0.1 * w


def sgd(lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    w, buffer = START.copy(), None
    for step in range(1, 11):
        g = gradient(step, w) + weight_decay * w
        if momentum:
            buffer = g if buffer is None else momentum * buffer + g
            g = g + momentum * buffer if nesterov else buffer
        w = w - lr * g
    return w


def adam(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    w, m, v = START.copy(), np.zeros(3), np.zeros(3)
    for step in range(1, 11):
        g = gradient(step, w) + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat, v_hat = m / (1 - betas[0] ** step), v / (1 - betas[1] ** step)
        w = w - lr * m_hat / (np.sqrt(v_hat) + eps)
    return w


# (class, rule above, options, PyTorch 2.13.0's numbers after the ten steps, in float64)
CASES = {
    "SGD": (ml.SGD, sgd, {"lr": 0.1}, [0.7672634715494383, -1.5345269430988766, -0.09628337633306255]),
    "momentum": (
        ml.SGD,
        sgd,
        {"lr": 0.1, "momentum": 0.9},
        [-0.06215150781495363, 0.12430301562990725, -2.42238292490692],
    ),
    "momentum, weight decay": (
        ml.SGD,
        sgd,
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        [-0.08741793907935162, 0.17483587815870325, -2.4037404015053947],
    ),
    "Nesterov": (
        ml.SGD,
        sgd,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        [-0.12412541278658225, 0.2482508255731645, -2.5356405529897983],
    ),
    "Nesterov, weight decay": (
        ml.SGD,
        sgd,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        [-0.1473451623253884, 0.2946903246507768, -2.5022986283163515],
    ),
    "Adam": (ml.Adam, adam, {"lr": 0.1}, [0.17886819559333805, -1.1551598011826032, -0.27107444400149294]),
    "Adam, every option": (
        ml.Adam,
        adam,
        {"lr": 0.1, "betas": (0.8, 0.99), "eps": 1e-4, "weight_decay": 0.01},
        [0.233542197407288, -1.2028225053278074, -0.20401541368318515],
    ),
}
cases = pytest.mark.parametrize(("kind", "rule", "options", "golden"), CASES.values(), ids=CASES)


def run(optimizer, parameter, steps):
    for step in steps:
        optimizer.zero_grad()
        parameter.grad += gradient(step, parameter.value)
        optimizer.step()


@cases
@backends
def test_ten_steps_in_float64(kind, rule, options, golden, backend):
    parameter = Parameter(START)
    with ml.use_backend(backend):
        run(kind([parameter], **options), parameter, range(1, 11))
    np.testing.assert_allclose(parameter.value, rule(**options), rtol=1e-12)
    np.testing.assert_allclose(parameter.value, golden, rtol=1e-12)


@cases
@backends
def test_ten_steps_in_float32(kind, rule, options, golden, backend):
    parameter = Parameter(START.astype(np.float32))
    with ml.use_backend(backend):
        run(kind([parameter], **options), parameter, range(1, 11))
    assert parameter.value.dtype == np.float32
    np.testing.assert_allclose(parameter.value, golden, rtol=1e-5, atol=1e-6)


@cases
@backends
def test_interrupted_and_resumed_gives_the_same_bits(kind, rule, options, golden, backend):
    with ml.use_backend(backend):
        parameter = Parameter(START.astype(np.float32))
        run(kind([parameter], **options), parameter, range(1, 11))

        first = Parameter(START.astype(np.float32))
        interrupted = kind([first], **options)
        run(interrupted, first, range(1, 6))
        second = Parameter(first.value.copy())
        state = interrupted.state_dict()
        run(interrupted, first, range(6, 8))  # the state is a copy
        resumed = kind([second], **options | {"lr": 7.0})
        resumed.load_state_dict(state)
        assert resumed.lr == options["lr"]
        run(resumed, second, range(6, 11))
    assert second.value.tobytes() == parameter.value.tobytes()


@backends
def test_a_model_resumed_from_files_gives_the_same_bits(backend, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.random((12, 1, 4, 4), np.float32), rng.integers(3, size=12)

    def model(seed):
        layers = [ml.Conv2D(2, 3), ml.ReLU(), ml.Flatten(), ml.Dense(3)]
        return ml.Sequential(layers, input_shape=(1, 4, 4), seed=seed)

    def train(net, optimizer, batches):
        for images, labels in batches:
            scores, backward = net.forward(images, train=True)
            optimizer.zero_grad()
            backward(ml.CrossEntropy()(scores, labels)[1], need_dx=False)
            optimizer.step()

    batches = [(x[i : i + 3], y[i : i + 3]) for i in range(0, 12, 3)]
    with ml.use_backend(backend):
        whole = model(0)
        train(whole, ml.Adam(whole.parameters(), lr=0.01), batches)
        part = model(0)
        optimizer = ml.Adam(part.parameters(), lr=0.01)
        train(part, optimizer, batches[:2])
        ml.save_arrays(tmp_path / "model.npz", part.state_dict())
        ml.save_arrays(tmp_path / "optimizer.npz", {k: np.asarray(v) for k, v in optimizer.state_dict().items()})
        again = model(1)
        again.load_state_dict(ml.load_arrays(tmp_path / "model.npz"))
        optimizer = ml.Adam(again.parameters())
        optimizer.load_state_dict(ml.load_arrays(tmp_path / "optimizer.npz"))
        train(again, optimizer, batches[2:])
    for name, value in whole.state_dict().items():
        assert again.state_dict()[name].tobytes() == value.tobytes()


@backends
@pytest.mark.parametrize("kind", [ml.SGD, ml.Adam])
def test_a_step_leaves_the_gradients(kind, backend):
    parameters = [Parameter(np.ones((2, 3), np.float32)), Parameter(np.ones(4, np.float32))]
    optimizer = kind(parameters, lr=0.1, weight_decay=0.5)
    for parameter in parameters:
        parameter.grad += 2
    with ml.use_backend(backend):
        optimizer.step()
    assert all((parameter.grad == 2).all() and (parameter.value != 1).all() for parameter in parameters)
    optimizer.zero_grad()
    assert not any(parameter.grad.any() for parameter in parameters)


@pytest.mark.parametrize("kind", [ml.SGD, ml.Adam])
def test_several_parameters_move_as_each_alone(kind):
    def trained(arrays):
        parameters = [Parameter(array) for array in arrays]
        optimizer = kind(parameters, lr=0.1, weight_decay=0.1)
        for step in range(1, 4):
            optimizer.zero_grad()
            for parameter in parameters:
                parameter.grad += parameter.value / step
            optimizer.step()
        return [parameter.value for parameter in parameters]

    arrays = [np.ones((2, 3)), np.arange(4.0), np.full((1, 2, 2), -3.0)]
    for array, together in zip(arrays, trained(arrays), strict=True):
        np.testing.assert_array_equal(trained([array])[0], together)


def test_nan_gradients_reach_the_weights():
    parameter = Parameter(np.ones(2))
    parameter.grad += [np.nan, 1]
    ml.Adam([parameter]).step()
    assert np.isnan(parameter.value[0])
    assert parameter.value[1] < 1


def test_state_dict():
    parameter = Parameter(np.ones(3, np.float32))
    assert ml.SGD([parameter], lr=0.1).state_dict() == {"steps": 0, "lr": 0.1}
    state = ml.Adam([parameter]).state_dict()
    assert list(state) == ["steps", "lr", "first_moment", "second_moment"]
    assert state["first_moment"].dtype == np.float32


def test_a_state_that_does_not_fit_changes_nothing():
    parameter = Parameter(np.ones(3))
    optimizer = ml.Adam([parameter], lr=0.1)
    run(optimizer, parameter, [1])
    before = optimizer.state_dict()
    wrong = {"steps": 5, "first_moment": np.zeros(2), "velocity": np.zeros(3)}
    with pytest.raises(ml.StateError) as caught:
        optimizer.load_state_dict(wrong)
    assert str(caught.value) == (
        "the state doesn't fit this Adam: missing lr; missing second_moment; unexpected velocity; "
        "first_moment: expected (3,), got (2,)"
    )
    with pytest.raises(ValueError, match="lr: expected a number of at least 0"):
        optimizer.load_state_dict(before | {"lr": -1.0, "steps": 9, "first_moment": np.zeros(3)})
    after = optimizer.state_dict()
    assert all(np.array_equal(after[name], before[name]) for name in before)


ONE = [Parameter(np.ones(2))]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ml.SGD([], lr=0.1), ValueError, "parameters: expected at least one, got none"),
        (
            lambda: ml.SGD([np.ones(2)], lr=0.1),
            TypeError,
            r"expected Parameters, as from model.parameters\(\), got arr",
        ),
        (lambda: ml.Adam(0.001), TypeError, r"expected Parameters, as from model.parameters\(\), got 0.001"),
        (lambda: ml.SGD([Parameter()], lr=0.1), ml.NotBuiltError, "no values yet"),
        (lambda: ml.Adam([*ONE, Parameter(np.ones(1, "f4"))]), ValueError, "one dtype, got float32 and float64"),
        (lambda: ml.SGD(ONE, lr=-1), ValueError, "lr: expected a number of at least 0, got -1"),
        (lambda: ml.SGD(ONE, lr=float("nan")), ValueError, "lr: expected a number of at least 0, got nan"),
        (lambda: ml.SGD(ONE, lr=float("inf")), ValueError, "lr: expected a number of at least 0, got inf"),
        (lambda: ml.SGD(ONE, lr=1, momentum=-1), ValueError, "momentum: expected"),
        (lambda: ml.SGD(ONE, lr=1, weight_decay=-1), ValueError, "weight_decay: expected"),
        (lambda: ml.SGD(ONE, lr=1, nesterov=True), ValueError, "nesterov: needs a momentum above 0"),
        (
            lambda: ml.SGD(ONE, lr=1, momentum=0.9, dampening=0.1, nesterov=True),
            ValueError,
            "nesterov: needs dampening=0",
        ),
        (lambda: ml.SGD(ONE, lr=1, dampening=2), ValueError, "dampening: expected a number from 0 to 1, got 2"),
        (lambda: ml.Adam(ONE, amsgrad="no"), ValueError, "amsgrad: expected True or False, got 'no'"),
        (lambda: ml.Adam(ONE, betas=(0.9, 1.0)), ValueError, "betas: expected two numbers of at least 0 and less than"),
        (lambda: ml.Adam(ONE, betas=(0.9,)), ValueError, "betas: expected two numbers"),
        (
            lambda: ml.SGD(ONE, lr=1, momentum=0.9, nesterov="no"),
            ValueError,
            "nesterov: expected True or False, got 'no'",
        ),
        (lambda: ml.RMSProp(ONE, centered="no"), ValueError, "centered: expected True or False, got 'no'"),
        (lambda: ml.Adam(ONE, eps=-1), ValueError, "eps: expected a number"),
        (lambda: ml.Adam(ONE, learning_rate=1), TypeError, "Adam: unknown argument 'learning_rate'; did you mean lr?"),
        (lambda: ml.SGD(params=ONE, lr=1), TypeError, "SGD: unknown argument 'params'; did you mean parameters?"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_what_an_optimizer_has_to_define():
    with pytest.raises(NotImplementedError, match=r"Optimizer doesn't define update\(value, grad, state\)"):
        ml.Optimizer(ONE, lr=0.1).step()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lr", -1, "lr: expected a number of at least 0, got -1"),
        ("weight_decay", -0.1, "weight_decay: expected a number of at least 0, got -0.1"),
        ("momentum", 0.9, "momentum: a group can't have it unless the optimizer has it from the start"),
        ("nesterov", True, "nesterov: needs a momentum above 0"),
        ("clip_norm", 0, "clip_norm: expected a number above 0, or None"),
    ],
)
def test_an_option_is_checked_when_it_is_set(name, value, message):
    """A momentum without a velocity would do nothing, and a rate below 0 climb."""
    optimizer = ml.SGD([Parameter(np.ones(2))], lr=0.1)
    before = dict(vars(optimizer))
    with pytest.raises(ValueError, match=message):
        setattr(optimizer, name, value)
    assert vars(optimizer) == before
    optimizer.lr, optimizer.weight_decay = 0.2, 0.1
    assert (optimizer.lr, optimizer.weight_decay) == (0.2, 0.1)


def shared():
    layer = ml.Dense(4)
    return ml.Sequential([layer, ml.ReLU(), layer, ml.Dense(2)], input_shape=(4,), seed=0)


DUPLICATES = {
    "twice": (lambda m: [*m.parameters(), m[0].weight], r"got Parameter\(\(4, 4\), float32\) twice"),
    "by name": (lambda m: [*m.named_parameters(), ("0.weight", m[0].weight)], "got 0.weight twice"),
    "by two names": (lambda m: [*m.named_parameters(), ("tied", m[0].bias)], "got 0.bias, which is tied too, twice"),
    "with its module": (lambda m: [*m.named_parameters(), *m[3].parameters()], "got 3.weight twice"),
}


@pytest.mark.parametrize(("given", "message"), DUPLICATES.values(), ids=DUPLICATES)
def test_a_parameter_is_given_once(given, message):
    """Twice, it would move twice."""
    model = shared()
    for use in (
        lambda parameters: ml.SGD(parameters, lr=1),
        lambda parameters: ml.Adam(parameters, groups={lambda name, parameter: True: {"lr_scale": 0.1}}),
        lambda parameters: ml.clip_gradients(parameters, norm=1),
    ):
        with pytest.raises(ValueError, match=f"^parameters: expected each once, {message}$"):
            use(given(model))
    assert len(ml.SGD(model.parameters(), lr=1).parameters) == 4  # a shared layer's count once
    assert len(ml.ExponentialMovingAverage(model).values) == 4
