"""fit, evaluate and predict: what they compute, that a seed decides every bit, and what they refuse."""

import io
import re
import sys

import numpy as np
import pytest

import minidl as ml
from minidl.display import progress
from minidl.layers import Chain
from tests.training.blobs import X, Y, blobs, fit, network

BACKENDS = ["reference", "vectorized", "compiled"]


def bits(model):
    return {name: value.tobytes() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("backend", BACKENDS)
def test_fit_learns(backend):
    with ml.use_backend(backend):
        model = network()
        before = ml.evaluate(model, X, Y, loss=ml.CrossEntropy())["loss"]
        history = fit(model, epochs=3, metrics=[ml.Accuracy()])
        after = ml.evaluate(model, *blobs(seed=1), loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])
    assert after["loss"] < 0.5 * before
    assert history["loss"] == sorted(history["loss"], reverse=True)
    assert after["accuracy"] > 0.95


@pytest.mark.compiled
def test_backends_agree():
    def trained(backend):
        with ml.use_backend(backend):
            model = network(dtype="float64")
            return fit(model, x=X.astype(np.float64), epochs=2)["loss"], model.state_dict()

    losses, wanted = trained("reference")
    for backend in BACKENDS[1:]:
        other, state = trained(backend)
        np.testing.assert_allclose(other, losses, rtol=1e-9)
        for name, value in state.items():
            np.testing.assert_allclose(value, wanted[name], rtol=1e-7, atol=1e-9)


def test_history():
    metrics = [ml.Accuracy(), ml.TopKAccuracy(2), ml.ConfusionMatrix()]
    history = fit(network(), epochs=3, metrics=metrics, validation_data=blobs(20, seed=1))
    names = ["loss", "accuracy", "top_2_accuracy", "confusion_matrix"]
    assert list(history) == names + [f"val_{name}" for name in names]
    assert {len(values) for values in history.values()} == {3}
    assert history["top_2_accuracy"] == [1, 1, 1]
    assert [counts.sum() for counts in history["confusion_matrix"]] == [60] * 3
    assert [counts.sum() for counts in history["val_confusion_matrix"]] == [20] * 3
    assert list(fit(network())) == ["loss"]
    assert fit(network(), epochs=0) == {}


def test_the_loss_of_an_epoch_is_the_mean_over_samples():
    model = network()
    # Without a change of the weights, unequal batches have the mean of the whole.
    history = fit(model, optimizer=ml.SGD(model.parameters(), lr=0), batch_size=7, validation_data=(X[:9], Y[:9]))
    assert history["loss"][0] == pytest.approx(ml.CrossEntropy()(model(X), Y)[0], rel=1e-6)
    assert history["val_loss"][0] == pytest.approx(ml.CrossEntropy()(model(X[:9]), Y[:9])[0], rel=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_seeds_give_the_same_bits(backend):
    with ml.use_backend(backend):
        first, second, shuffled, initialized = network(), network(), network(), network(seed=1)
        models = [network(dropout=0.3) for _ in range(2)]
        for model in [first, second, initialized, *models]:
            fit(model)
        fit(shuffled, seed=1)
    assert bits(first) == bits(second)
    assert bits(models[0]) == bits(models[1])
    assert bits(first) != bits(models[0])
    assert bits(first) != bits(shuffled)
    assert bits(first) != bits(initialized)


def test_without_a_seed_the_order_differs():
    first, second = network(), network()
    fit(first, seed=None)
    fit(second, seed=None)
    assert bits(first) != bits(second)


class Recorder(ml.Module):
    """Passes everything on and remembers the first value of each sample that training saw."""

    def __init__(self):
        self.seen = []

    def forward(self, x, *, train):
        if train:
            self.seen += x[:, 0].tolist()
        return x, lambda dy, need_dx=True: dy if need_dx else None


def order(n=10, **options):
    recorder = Recorder()
    model = ml.Sequential([recorder, ml.Dense(2)], input_shape=(1,), seed=0)
    x, y = np.arange(n, dtype=np.float32)[:, None], np.zeros(n, int)
    optimizer = ml.SGD(model.parameters(), lr=0)
    history = ml.fit(model, x, y, loss=ml.CrossEntropy(), optimizer=optimizer, verbose=0, batch_size=3, **options)
    return recorder.seen, history


def test_the_order_of_the_samples():
    assert order(shuffle=False, epochs=2)[0] == [*range(10), *range(10)]
    rng = np.random.default_rng(4)
    assert order(seed=4, epochs=2)[0] == [*rng.permutation(10), *rng.permutation(10)]


def test_validation_takes_the_last_share():
    seen, history = order(validation_split=0.3, shuffle=False)
    assert seen == [*range(7)]
    assert "val_loss" in history
    assert sorted(order(validation_split=0.25, seed=0)[0]) == [*range(7)]
    held_out = np.float32([[100]]), np.array([1])
    seen, history = order(validation_split=0.3, validation_data=held_out, shuffle=False)
    assert seen == [*range(10)]
    model = ml.Sequential([Recorder(), ml.Dense(2)], input_shape=(1,), seed=0)
    assert history["val_loss"][0] == pytest.approx(ml.CrossEntropy()(model(held_out[0]), held_out[1])[0])


def test_verbosity(capsys, monkeypatch):
    fit(network(), verbose=0)
    assert capsys.readouterr() == ("", "")
    fit(network(), verbose=2, epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:11] for line in lines] == ["epoch 1/2  ", "epoch 2/2  "]
    assert all("samples/s  loss 0." in line for line in lines)
    for verbose in (1, "auto"):  # the output of a test is no terminal
        fit(network(), verbose=verbose)
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith("epoch 1/1  ")

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(progress, "_tqdm", lambda stream: None)
    for verbose in (1, "auto"):
        monkeypatch.setattr(sys, "stdout", Terminal())
        fit(network(), verbose=verbose)
        assert sys.stdout.getvalue().startswith("\r\x1b[Kepoch 1/1  [")
        assert sys.stdout.getvalue().count("\n") == 1
    monkeypatch.setattr(sys, "stdout", Terminal())
    fit(network(), verbose=2)
    assert sys.stdout.getvalue().startswith("epoch 1/1  ")


@pytest.mark.parametrize("verbose", [1, 2])
def test_evaluate_and_predict_say_so_when_they_are_asked_to(capsys, verbose):
    model = network()
    result = ml.evaluate(model, X, Y, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()], verbose=verbose)
    out, err = capsys.readouterr()
    numbers = rf"loss {result['loss']:.4f}  accuracy {result['accuracy']:.4f}"
    assert re.fullmatch(rf"evaluate  [\d.]+ [mµ]?s  [\d,]+ samples/s  {numbers}\n", out)
    for batch_size in (7, 256):
        quiet = ml.predict(model, X, batch_size=batch_size)
        assert capsys.readouterr() == ("", "")
        np.testing.assert_array_equal(ml.predict(model, X, batch_size=batch_size, verbose=verbose), quiet)
        assert re.fullmatch(r"predict  [\d.]+ [mµ]?s  [\d,]+ samples/s\n", capsys.readouterr().out)
    assert err == ""


def test_evaluate_and_predict_are_silent_else(capsys):
    for verbose in (0, "auto"):
        ml.evaluate(network(), X, Y, loss=ml.CrossEntropy(), verbose=verbose)
        ml.predict(network(), X, batch_size=7, verbose=verbose)
    assert capsys.readouterr() == ("", "")
    with pytest.raises(ValueError, match=r"verbose: expected .* got 'loud'"):
        ml.predict(network(), X, verbose="loud")
    with pytest.raises(ValueError, match="verbose: expected"):
        ml.evaluate(network(), X, Y, loss=ml.CrossEntropy(), verbose=3)


def test_a_bar_changes_no_bit(monkeypatch):
    monkeypatch.setattr(progress, "can_draw", lambda stream: True)
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    drawn, silent = network(dropout=0.3), network(dropout=0.3)
    bar = ml.ProgressBar(stream=io.StringIO(), live=True)
    options = {"epochs": 2, "metrics": [ml.Accuracy()], "validation_data": blobs(20, seed=1)}
    assert fit(drawn, callbacks=[bar], **options) == fit(silent, **options)
    assert bits(drawn) == bits(silent)
    loud, quiet = (ml.predict(drawn, X, batch_size=7, verbose=verbose) for verbose in ("auto", 0))
    assert "predict" in sys.stderr.getvalue()
    assert loud.tobytes() == quiet.tobytes()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_softmax_at_the_end_gives_the_bits_of_the_logits(backend):
    options = {"epochs": 2, "metrics": [ml.Accuracy()], "validation_data": blobs(20, seed=1)}
    with ml.use_backend(backend):
        logits, softmax, nested = network(), network(softmax=True), network()
        wanted = fit(logits, **options)
        assert fit(softmax, **options) == wanted
        assert bits(softmax) == bits(logits)
        model = ml.Sequential([nested, Chain([ml.Softmax()])], input_shape=(1, 4, 4))
        smooth = ml.CrossEntropy(from_logits=False, label_smoothing=0.1)
        fit(model, loss=smooth)
        again = network()
        fit(again, loss=ml.CrossEntropy(label_smoothing=0.1))
        assert list(bits(model).values()) == list(bits(again).values())
        for loss in (ml.CrossEntropy(), ml.CrossEntropy(from_logits=False)):
            values = ml.evaluate(softmax, X, Y, loss=loss, metrics=[ml.Accuracy()])
            assert values == ml.evaluate(logits, X, Y, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])
    np.testing.assert_allclose(ml.predict(softmax, X).sum(axis=1), np.ones(60), rtol=1e-6)


def test_metrics_of_a_model_with_softmax_see_probabilities():
    class Sums(ml.Metric):
        name = "sums"

        def reset(self):
            self.sums = []

        def update(self, scores, labels):
            self.sums += scores.sum(axis=1).tolist()

        def result(self):
            return np.ptp(self.sums), np.mean(self.sums)

    spread, mean = ml.evaluate(network(softmax=True), X, Y, loss=ml.CrossEntropy(), metrics=[Sums()])["sums"]
    assert spread < 1e-6
    assert mean == pytest.approx(1)
    assert ml.evaluate(network(), X, Y, loss=ml.CrossEntropy(), metrics=[Sums()])["sums"][0] > 0.01


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("make", [ml.Adam, lambda p: ml.SGD(p, lr=0.1, momentum=0.9, nesterov=True)])
def test_a_loop_of_one_s_own_gives_the_same_bits(backend, make):
    with ml.use_backend(backend):
        fitted, model = network(dropout=0.2), network(dropout=0.2)
        fit(fitted, optimizer=make(fitted.parameters()), epochs=2, seed=5, metrics=[ml.Accuracy()])
        criterion, optimizer, rng = ml.CrossEntropy(), make(model.parameters()), np.random.default_rng(5)
        for _ in range(2):
            for images, labels in ml.batches(X, Y, batch_size=8, rng=rng):
                scores, backward = model.forward(images, train=True)
                _, dscores = criterion(scores, labels)
                optimizer.zero_grad()
                backward(dscores, need_dx=False)
                optimizer.step()
    assert bits(model) == bits(fitted)


def test_one_hot_labels_and_other_losses():
    first, second = network(), network()
    fit(first)
    fit(second, y=np.eye(2)[Y])
    assert bits(first) == bits(second)
    regression = network()
    losses = fit(regression, y=np.eye(2)[Y], loss=ml.MeanSquaredError(), epochs=5)["loss"]
    assert losses[-1] < 0.3 * losses[0]


def test_inputs_are_converted_to_the_model_s_dtype_and_never_written():
    x, y = X.astype(np.float64), Y.copy()
    x.flags.writeable = y.flags.writeable = False
    first, second = network(), network()
    fit(first, x=x, y=y)
    fit(second)
    assert bits(first) == bits(second)
    np.testing.assert_array_equal(ml.predict(first, x), ml.predict(second, X))


class Log(ml.Callback):
    def __init__(self):
        self.calls = []

    def on_train_begin(self):
        self.calls.append(("begin", dict(self.params)))

    def on_epoch_begin(self, epoch):
        self.calls.append(("epoch", epoch))

    def on_train_batch_end(self, batch, logs):
        self.calls.append(("batch", batch, sorted(logs)))

    def on_epoch_end(self, epoch, logs):
        self.calls.append(("end", epoch, sorted(logs)))

    def on_train_end(self):
        self.calls.append("over")


def test_callbacks_are_told_in_order():
    log, model = Log(), network()
    optimizer = ml.Adam(model.parameters())
    fit(model, optimizer=optimizer, batch_size=40, validation_data=(X, Y), callbacks=[log])
    params = {"epochs": 1, "initial_epoch": 0, "steps": 2, "samples": 60, "metrics": ["loss", "val_loss"]}
    params |= {"validation_freq": 1, "initial_batch": 0}
    steps = [("batch", 0, ["loss"]), ("batch", 1, ["loss"])]
    assert log.calls == [("begin", params), ("epoch", 0), *steps, ("end", 0, ["loss", "val_loss"]), "over"]
    assert log.model is model
    assert log.optimizer is optimizer


@pytest.mark.parametrize("where", ["on_epoch_begin", "on_train_batch_end", "on_epoch_end"])
def test_an_interrupt_still_ends_the_training(where):
    class Interrupt(ml.Callback):
        pass

    def interrupt(self, *arguments):
        raise KeyboardInterrupt

    setattr(Interrupt, where, interrupt)
    log = Log()
    with pytest.raises(KeyboardInterrupt):
        fit(network(), callbacks=[Interrupt(), log])
    assert log.calls[-1] == "over"
    assert log.calls.count("over") == 1


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_callback_stops_within_an_epoch_which_is_validated(prefetch):
    class Stop(ml.Callback):
        def on_train_batch_end(self, batch, logs):
            self.stop_training = batch == 2

    stop = Stop()
    for _ in range(2):  # `fit` begins with a callback that doesn't stop
        log = Log()
        history = fit(network(), epochs=5, callbacks=[stop, log], validation_data=(X, Y), prefetch=prefetch)
        assert [len(values) for values in history.values()] == [1, 1]
        assert [call[0] for call in log.calls[:-1]] == ["begin", "epoch", *["batch"] * 3, "end"]


def test_a_callback_stops_after_an_epoch():
    class Stop(ml.Callback):
        def on_epoch_end(self, epoch, logs):
            self.stop_training = epoch == 1

    assert len(fit(network(), epochs=5, callbacks=[Stop()])["loss"]) == 2


def test_a_validation_every_few_epochs(tmp_path):
    def train(**options):
        log = Log()
        model = network()
        optimizer = ml.SGD(model.parameters(), lr=0.5)
        schedule = ml.schedules.ReduceOnPlateau(optimizer, patience=0, threshold=10, threshold_mode="abs")
        callbacks = [
            log,
            ml.EarlyStopping(patience=9),
            ml.ModelCheckpoint(tmp_path / "best.npz", save_best_only=True),
            ml.ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.1f}.npz"),
            ml.CSVLogger(tmp_path / "log.csv"),
            ml.TrainingCheckpoint(tmp_path / "state.npz"),
        ]
        initial_epoch = 0
        if options.pop("resume", False):
            path = tmp_path / "state.npz"
            options["initial_epoch"] = initial_epoch = ml.load_training(
                path, model, optimizer=optimizer, schedule=schedule, callbacks=callbacks
            )
        history = fit(
            model, optimizer=optimizer, schedule=schedule, callbacks=callbacks, validation_data=(X, Y), **options
        )
        ends = [call[2] for call in log.calls if call[0] == "end"]
        assert ["val_loss" in names for names in ends] == [
            (epoch + 1) % 3 == 0 for epoch in range(initial_epoch, options["epochs"])
        ]
        return history, bits(model), [path.name for path in sorted(tmp_path.iterdir())]

    history, whole, names = train(epochs=7, validation_freq=3)
    assert [len(history[name]) for name in ("loss", "val_loss", "lr")] == [7, 2, 7]
    assert history["lr"] == pytest.approx([0.5] * 6 + [0.05])
    assert {"1-nan.npz", "2-nan.npz", "best.npz"} <= {*names}
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert ["nan" in row for row in rows] == [False, True, True, False, True, True, False, True]
    train(epochs=2, validation_freq=3)
    assert train(epochs=7, validation_freq=3, resume=True)[1] == whole


def test_the_validations_of_each_epoch_are_those_of_every_second_one_too():
    every = fit(network(), epochs=4, validation_data=(X, Y))["val_loss"]
    assert fit(network(), epochs=4, validation_data=(X, Y), validation_freq=2)["val_loss"] == every[1::2]
    with pytest.raises(ValueError, match="validation_freq: expected an int of at least 1, got 0"):
        fit(network(), validation_freq=0)


def test_warming_up_changes_nothing():
    model = ml.Sequential([ml.Dense(4), ml.ReLU(), ml.Dropout(0.5), ml.Dense(3)], input_shape=(5,), seed=0)
    before, expected = model.state_dict(), model(np.ones((2, 5), np.float32))
    ml.warm_up(model, (5,), batch_size=7)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(parameter.grad.any() for parameter in model.parameters())
    np.testing.assert_array_equal(model(np.ones((2, 5), np.float32)), expected)


def test_evaluating_builds_a_model_that_ends_in_softmax():
    model = ml.Sequential([ml.Dense(3), ml.Softmax()], seed=0)
    assert model.evaluate(np.ones((4, 5)), [0, 1, 2, 0], loss=ml.CrossEntropy())["loss"] > 0
    assert model.input_shape == (5,)
