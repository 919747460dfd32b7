"""Averages of weights: applied and taken back, saved and resumed, and as a callback."""

import numpy as np
import pytest

import minidl as ml


def network(seed=0):
    layers = [ml.Conv2D(2, 3), ml.BatchNorm2D(), ml.ReLU(), ml.Flatten(), ml.Dense(2)]
    return ml.Sequential(layers, input_shape=(1, 5, 5), seed=seed)


RNG = np.random.default_rng(0)
X, Y = RNG.random((24, 1, 5, 5), np.float32), RNG.integers(2, size=24)


def bits(model):
    return {name: value.tobytes() for name, value in model.state_dict().items()}


def values(model):
    return np.concatenate([parameter.value.ravel() for parameter in model.parameters()])


def test_a_with_statement_lends_the_average():
    model = network()
    average = ml.ExponentialMovingAverage(model, decay=0.5)
    before = bits(model)
    with average.applied():
        assert bits(model) == before
    average.update()
    model[4].bias.value += 4
    average.update()
    own = bits(model)
    state = average.state_dict()
    with average.applied():
        np.testing.assert_array_equal(model[4].bias.value, [2, 2])
        with pytest.raises(ValueError, match=r"the model has the averaged parameters; call restore\(\) first"):
            average.update()
        for name, parameter in model.named_parameters():
            np.testing.assert_array_equal(average.state_dict()[name], parameter.value)
            np.testing.assert_array_equal(state[name], parameter.value)
    assert bits(model) == own

    def fail():
        with average.applied():
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert bits(model) == own


@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
def test_optimizer_schedule_and_average_resumed_from_files_give_the_same_bits(backend, tmp_path):
    def made(seed=0):
        model = network(seed)
        groups = {ml.biases_and_norms: {"weight_decay": 0, "lr_scale": 0.5}}
        optimizer = ml.AdamW(model.named_parameters(), lr=0.01, groups=groups, clip_norm=1.0)
        after = ml.schedules.CosineAnnealing(optimizer, period=6, per="batch")
        schedule = ml.schedules.WarmUp(after, steps=3)
        return model, optimizer, schedule, ml.ExponentialMovingAverage(model, decay=0.8)

    def train(model, optimizer, schedule, average, parts):
        for part in parts:
            scores, backward = model.forward(X[part : part + 4], train=True)
            optimizer.zero_grad()
            backward(ml.CrossEntropy()(scores, Y[part : part + 4])[1], need_dx=False)
            optimizer.step()
            schedule.step()
            average.update()

    with ml.use_backend(backend):
        whole = made()
        train(*whole, range(0, 24, 4))
        part = made()
        train(*part, range(0, 8, 4))
        for i, item in enumerate(part):
            ml.save_arrays(tmp_path / f"{i}.npz", {k: np.asarray(v) for k, v in item.state_dict().items()})
        again = made(seed=5)
        for i, item in enumerate(again):
            item.load_state_dict(ml.load_arrays(tmp_path / f"{i}.npz"))
        train(*again, range(8, 24, 4))
    assert bits(again[0]) == bits(whole[0])
    for one, other in zip(again[1:], whole[1:], strict=True):
        assert one.state_dict().keys() == other.state_dict().keys()
        for name, value in one.state_dict().items():
            np.testing.assert_array_equal(value, other.state_dict()[name])


def fit(model, callbacks, epochs=3, **options):
    return model.fit(
        X,
        Y,
        loss=ml.CrossEntropy(),
        optimizer=ml.SGD(model.parameters(), lr=0.5),
        epochs=epochs,
        batch_size=8,
        callbacks=callbacks,
        seed=0,
        verbose=0,
        **options,
    )


def test_a_callback_judges_and_keeps_the_average():
    plain, averaged = network(), network()
    validations = []

    class Seen(ml.Callback):
        def on_epoch_end(self, epoch, logs):
            validations.append((values(self.model), logs["val_loss"]))

    by_hand = ml.ExponentialMovingAverage(plain, decay=0.9)

    class ByHand(ml.Callback):
        def on_train_batch_end(self, batch, logs):
            by_hand.update()

    fit(plain, [ByHand()])
    history = fit(averaged, [Seen(), ml.AverageWeights(0.9)], validation_data=(X, Y))
    with by_hand.applied():
        np.testing.assert_array_equal(values(averaged), values(plain))
        wanted = plain.evaluate(X, Y, loss=ml.CrossEntropy())["loss"]
    assert history["val_loss"][-1] == pytest.approx(wanted)
    np.testing.assert_array_equal(validations[-1][0], values(averaged))


def test_a_callback_that_gives_the_weights_back():
    plain, averaged = network(), network()
    fit(plain, [])
    callback = ml.AverageWeights(0.9, keep=False)
    fit(averaged, [callback])
    assert bits(averaged) == bits(plain)
    assert not np.array_equal(callback.average.values["4.weight"], plain.state_dict()["4.weight"])
    again = ml.AverageWeights(average=callback.average)
    fit(averaged, [again], epochs=1)
    assert again.average.updates == 12


@pytest.mark.parametrize(("per", "steps"), [("batch", [4, 5, 6, 7, 8, 9]), ("epoch", [6, 9])])
def test_equal_shares_of_the_last_epochs(per, steps):
    plain, averaged = network(), network()
    seen, validated = [], []

    class Seen(ml.Callback):
        def on_train_batch_end(self, batch, logs):
            seen.append(values(self.model))

        def on_epoch_end(self, epoch, logs):
            validated.append(values(self.model))

    fit(plain, [Seen()])
    del validated[:]
    callback = ml.AverageWeights(None, start_from_epoch=1, per=per)
    fit(averaged, [callback, Seen()])
    assert isinstance(callback.average, ml.StochasticWeightAverage)
    assert callback.average.updates == len(steps)
    np.testing.assert_array_equal(validated[0], seen[2])  # its own, before there's an average
    np.testing.assert_allclose(values(averaged), np.mean([seen[step - 1] for step in steps], axis=0), atol=1e-6)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_an_equal_average_goes_on_from_a_file(stop, tmp_path):
    def train(epochs, first=0, path=None):
        model = network()
        optimizer = ml.Adam(model.parameters(), amsgrad=True)
        callbacks = [ml.AverageWeights(None, start_from_epoch=2), ml.TrainingCheckpoint(tmp_path / "state.npz")]
        if path is not None:
            first = ml.load_training(path, model, optimizer=optimizer, callbacks=callbacks)
        options = {"epochs": epochs, "initial_epoch": first, "batch_size": 8, "seed": 0, "verbose": 0}
        model.fit(X, Y, loss=ml.CrossEntropy(), optimizer=optimizer, callbacks=callbacks, **options)
        return bits(model)

    whole = train(4)
    train(stop)
    assert train(4, path=tmp_path / "state.npz") == whole


def test_without_an_epoch_to_average_the_model_keeps_its_weights():
    plain, averaged = network(), network()
    fit(plain, [])
    fit(averaged, [ml.AverageWeights(None, start_from_epoch=7)])
    assert bits(averaged) == bits(plain)


def test_the_best_average_is_restored_whatever_the_order():
    kept = []
    for first in (True, False):
        model = network()
        stopping = ml.EarlyStopping("loss", mode="max", patience=1, restore_best_weights=True)
        average = ml.AverageWeights(0.9)
        fit(model, [stopping, average] if first else [average, stopping])
        assert stopping.stopped_epoch == 1
        kept.append(bits(model))
    assert kept[0] == kept[1]


def test_an_interrupted_training_keeps_the_average_too():
    class Interrupt(ml.Callback):
        def on_train_batch_end(self, batch, logs):
            if batch == 1:
                raise KeyboardInterrupt

    model = network()
    average = ml.AverageWeights(0.9)
    with pytest.raises(KeyboardInterrupt):
        fit(model, [average, Interrupt()])
    for name, value in average.average.values.items():
        np.testing.assert_array_equal(model.state_dict()[name], value)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda m: ml.ExponentialMovingAverage(m, decay=1), ValueError, "decay: expected a number of at least 0 and l"),
        (lambda m: ml.ExponentialMovingAverage(ml.ReLU()), ValueError, "model: expected one with parameters"),
        (lambda m: ml.ExponentialMovingAverage(ml.Dense(1)), ml.NotBuiltError, "no values yet"),
        (lambda m: ml.ExponentialMovingAverage(m, momentum=1), TypeError, "unknown argument 'momentum'"),
        (lambda m: ml.AverageWeights(2), ValueError, "expected a number of at least 0 and less than 1, or None, got 2"),
        (lambda m: ml.AverageWeights(per="step"), ValueError, 'per: expected "batch" or "epoch", got'),
        (lambda m: ml.AverageWeights(start_from_epoch=-1), ValueError, "start_from_epoch: expected an int of at least"),
        (lambda m: ml.StochasticWeightAverage(ml.Dense(1)), ml.NotBuiltError, "no values yet"),
        (
            lambda m: fit(m, [ml.AverageWeights(average=ml.ExponentialMovingAverage(network()))]),
            ValueError,
            "average: expected one of this model",
        ),
        (
            lambda m: ml.ExponentialMovingAverage(m).load_state_dict(
                {n: p.value for n, p in network().named_parameters() if n != "1.bias"}
                | {"decay": 1, "4.bias": np.zeros(3)}
            ),
            ml.StateError,
            r"missing updates; missing 1.bias; unexpected decay; 4.bias: expected \(2,\), got \(3,\)",
        ),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make(network())


def test_frozen_parameters_are_not_averaged():
    model = network()
    model[0].trainable = False
    model[0].weight.value[...] = np.float32(0.1) * np.arange(18).reshape(2, 1, 3, 3)  # which rounding would change
    average = ml.ExponentialMovingAverage(model, decay=0.9)
    kept, start = model[0].weight.value.copy(), model[4].bias.value.copy()
    for _ in range(20):
        model[4].bias.value += 1
        average.update()
    with average.applied():
        np.testing.assert_array_equal(model[0].weight.value, kept)
        assert (model[4].bias.value < start + 20).all()
    model[4].trainable = False  # the average of what no longer changes is what it is
    average.update()
    np.testing.assert_array_equal(average.values["4.bias"], model[4].bias.value)
