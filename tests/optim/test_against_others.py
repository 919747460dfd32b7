"""Ten steps of every optimizer, clipped or not, against PyTorch's and Keras's, and averages of weights too."""

import json
from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl.module import Parameter

GOLDEN = dict(np.load(Path(__file__).parent.parent / "golden" / "optimizers.npz"))
OPTIONS = json.loads(str(GOLDEN["options"]))
names = pytest.mark.parametrize("name", OPTIONS)


def made(name, parameters):
    return getattr(ml, name.removeprefix("Keras ").split()[0])(parameters, **OPTIONS[name])


@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
@names
def test_ten_steps_in_float64(name, backend):
    parameter = Parameter(GOLDEN["start"])
    optimizer = made(name, [parameter])
    with ml.use_backend(backend):
        for gradient, wanted in zip(GOLDEN["gradients"], GOLDEN[name], strict=True):
            parameter.grad = gradient
            optimizer.step()
            np.testing.assert_allclose(parameter.value, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
@names
def test_ten_steps_in_float32(name, backend):
    parameter = Parameter(GOLDEN["start"].astype(np.float32))
    optimizer = made(name, [parameter])
    with ml.use_backend(backend):
        for gradient in GOLDEN["gradients"]:
            parameter.grad = gradient.astype(np.float32)
            optimizer.step()
    # A centered variance loses some of the digits that its parts have.
    np.testing.assert_allclose(parameter.value, GOLDEN[name][-1], rtol=1e-4 if "centered" in name else 2e-5, atol=1e-5)


@names
def test_resumed_in_the_middle_gives_the_same_bits(name):
    def run(optimizer, parameter, gradients):
        for gradient in gradients:
            parameter.grad = gradient
            optimizer.step()

    whole, first = Parameter(GOLDEN["start"]), Parameter(GOLDEN["start"])
    run(made(name, [whole]), whole, GOLDEN["gradients"])
    interrupted = made(name, [first])
    run(interrupted, first, GOLDEN["gradients"][:5])
    second = Parameter(first.value)
    resumed = made(name, [second])
    resumed.load_state_dict(interrupted.state_dict())
    run(resumed, second, GOLDEN["gradients"][5:])
    assert second.value.tobytes() == whole.value.tobytes()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("averages", lambda model: ml.ExponentialMovingAverage(model, decay=0.9)),
        ("equal averages", ml.StochasticWeightAverage),
    ],
)
def test_averages_of_weights(name, make):
    model = ml.Sequential([ml.Dense(1, bias=False)], input_shape=(5,), dtype="float64")
    average = make(model)
    for gradient, wanted in zip(GOLDEN["gradients"], GOLDEN[name], strict=True):
        model[0].weight.value = gradient[None]
        average.update()
        np.testing.assert_allclose(average.values["0.weight"][0], wanted, rtol=1e-12)
