import numpy as np
import pytest

import minidl as ml
from minidl import inspection
from tests import two_by_two


def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    return (rng.normal(size=(60, 6)) + 2 * np.eye(3, 6)[y]).astype(np.float32), y


def build(*last):
    layers = [ml.Dense(8), ml.BatchNorm1D(), ml.ReLU(), ml.Dropout(0.2), ml.Dense(3), *last]
    return ml.Sequential(layers, input_shape=(6,), seed=0)


def find(model, optimizer, **options):
    x, y = data()
    return inspection.find_learning_rate(
        model, x, y, loss=ml.CrossEntropy(), optimizer=optimizer, batch_size=10, seed=0, **options
    )


def test_model_and_optimizer_stay_as_they_are_bit_for_bit():
    x, y = data()
    model, twin = build(), build()
    optimizers = [ml.Adam(each.parameters(), lr=0.01) for each in (model, twin)]
    options = {"loss": ml.CrossEntropy(), "batch_size": 10, "verbose": 0, "seed": 1}
    for each, optimizer in zip((model, twin), optimizers, strict=True):
        each.fit(x, y, optimizer=optimizer, **options)
    before, state, grads = model.state_dict(), optimizers[0].state_dict(), [p.grad.copy() for p in model.parameters()]
    find(model, optimizers[0])
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    for name, value in optimizers[0].state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    for parameter, grad in zip(model.parameters(), grads, strict=True):
        np.testing.assert_array_equal(parameter.grad, grad)
    for each, optimizer in zip((model, twin), optimizers, strict=True):  # and so does what comes after
        each.fit(x, y, optimizer=optimizer, **options)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, twin.state_dict()[name])


def test_the_losses_are_those_of_steps_at_these_rates():
    x, y = data()
    model, twin = build(), build()
    found = find(model, ml.SGD(model.parameters(), lr=5.0), start=1e-4, stop=1e-2, steps=5)
    np.testing.assert_allclose(found.rates, [1e-4, 10**-3.5, 1e-3, 10**-2.5, 1e-2])
    optimizer, losses, rng = ml.SGD(twin.parameters(), lr=0), [], np.random.default_rng(0)
    parts = ml.batches(x, y, batch_size=10, rng=rng)
    for rate in found.rates:
        inputs, targets = next(parts)
        scores, backward = twin.forward(inputs, train=True)
        loss, dscores = ml.CrossEntropy()(scores, targets)
        losses.append(loss)
        optimizer.lr = rate
        optimizer.zero_grad()
        backward(dscores, need_dx=False)
        optimizer.step()
    np.testing.assert_allclose(found.losses, losses, rtol=1e-6)
    weights = 0.9 ** np.arange(5)[::-1]
    np.testing.assert_allclose(found.smoothed[-1], (weights * losses).sum() / weights.sum(), rtol=1e-6)


def test_it_stops_where_the_loss_explodes():
    model = build()
    found = find(model, ml.SGD(model.parameters(), lr=1), start=1e-3, stop=1e6, steps=60)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 60
    assert found.smoothed[-1] > 4 * found.smoothed[:-1].min() or not np.isfinite(found.smoothed[-1])
    assert all(now <= 4 * found.smoothed[: i + 1].min() for i, now in enumerate(found.smoothed[:-1]))


def test_the_suggestion_lies_on_the_fall():
    model = build()
    found = find(model, ml.SGD(model.parameters(), lr=1), start=1e-5, stop=100, steps=100)
    at = int(np.flatnonzero(found.rates == found.suggestion)[0])
    lowest = int(np.nanargmin(found.smoothed))
    assert 0 < at < lowest
    assert found.smoothed[lowest] < found.smoothed[at] < found.smoothed[0]


def test_without_a_fall_nothing_is_suggested():
    model = build()
    found = find(model, ml.SGD(model.parameters(), lr=1), start=1e5, stop=1e9, steps=20)
    assert found.suggestion is None


def test_a_softmax_at_the_end_changes_nothing():
    plain, ending = build(), build(ml.Softmax())
    losses = [find(model, ml.Adam(model.parameters()), steps=10).losses for model in (plain, ending)]
    np.testing.assert_array_equal(*losses)


def test_a_sigmoid_at_the_end_changes_nothing():
    x, y = data()
    found = []
    for last in ([], [ml.Sigmoid()]):
        model = ml.Sequential([ml.Flatten(), ml.Dense(1), *last], input_shape=x.shape[1:], seed=0)
        options = {"loss": ml.BinaryCrossEntropy(), "optimizer": ml.Adam(model.parameters()), "steps": 5, "seed": 0}
        found.append(inspection.find_learning_rate(model, x, y > 0, **options).losses)
    np.testing.assert_array_equal(*found)


def test_arguments_that_do_not_fit():
    model = build()
    optimizer = ml.SGD(model.parameters(), lr=1)
    with pytest.raises(ValueError, match="0 < start < stop"):
        find(model, optimizer, start=1, stop=0.1)
    with pytest.raises(ValueError, match="steps: expected an int of at least 2"):
        find(model, optimizer, steps=1)
    with pytest.raises(ValueError, match="none of this model's parameters"):
        find(model, ml.SGD(build().parameters(), lr=1))
    wrong = np.append(data()[1][1:], 9)
    with pytest.raises(ValueError, match="targets: expected class indices from 0 to 2, got 9"):
        inspection.find_learning_rate(model, data()[0], wrong, loss=ml.CrossEntropy(), optimizer=optimizer, steps=2)
    with pytest.raises(TypeError, match=r"got 'mse'; did you mean ml.MeanSquaredError\(\)\?"):
        inspection.find_learning_rate(model, *data(), loss="mse", optimizer=optimizer)
    with pytest.raises(TypeError, match="optimizer: expected an object, such as Adam"):
        inspection.find_learning_rate(model, *data(), loss=ml.CrossEntropy(), optimizer=ml.Adam)
    with pytest.raises(TypeError, match=r"optimizer: expected one, such as Adam\(model.parameters\(\)\), got None"):
        inspection.find_learning_rate(model, *data(), loss=ml.CrossEntropy(), optimizer=None)
    with pytest.raises(TypeError, match="y: expected targets"):
        inspection.find_learning_rate(model, data()[0], loss=ml.CrossEntropy(), optimizer=optimizer)
    with pytest.raises(ml.ShapeError, match="as many targets"):
        inspection.find_learning_rate(model, data()[0], data()[1][:5], loss=ml.CrossEntropy(), optimizer=optimizer)


def test_a_model_with_several_outputs():
    images, angles, classes, boxes = two_by_two.data()
    model = two_by_two.TwoByTwo()
    optimizer = ml.SGD(model.parameters(), lr=0.1)
    with pytest.raises(TypeError, match="expected a model with one output, got one with class, box"):
        inspection.find_learning_rate(
            model, (images, angles), (classes, boxes), loss=ml.CrossEntropy(), optimizer=optimizer
        )
