"""What docs/coming_from.md says of fit, evaluate, predict and callbacks."""

import inspect
import itertools

import numpy as np
import pytest

import minidl as ml
from tests.coming_from.page import says
from tests.training.blobs import X, Y, network


def seen(x=X, y=Y, model=None, **options):
    """(history, number of batches in each epoch) of a training."""
    batches = []
    counter = ml.LambdaCallback(
        on_epoch_begin=lambda epoch: batches.append(0),
        on_train_batch_end=lambda batch, logs: batches.append(batches.pop() + 1),
    )
    model = network() if model is None else model
    options = {"loss": ml.CrossEntropy(), "optimizer": ml.SGD(model.parameters(), lr=0.1), "seed": 0} | options
    callbacks = [counter, *options.pop("callbacks", [])]
    return model.fit(x, y, callbacks=callbacks, verbose=0, **options), batches


@says("`model.fit(x, y, loss=", '`history["val_loss"]`')
def test_fit_takes_32_samples_at_a_time_and_returns_lists():
    history, batches = seen(epochs=2, validation_data=(X, Y))
    assert batches == [2, 2]  # of 60 samples
    assert len(history["val_loss"]) == 2


@says("`model.evaluate(x, y")
def test_evaluate_gives_a_dict():
    found = network().evaluate(X, Y, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])
    assert list(found) == ["loss", "accuracy"]


@says("`model.predict(x, batch_size=256)`")
def test_predict_takes_256_samples_at_a_time():
    sizes = []

    class Watched(ml.Module):
        def forward(self, x, *, train=False):
            sizes.append(len(x))
            return x, lambda dy, **_: dy

    ml.Sequential([Watched()], input_shape=(2,), seed=0).predict(np.zeros((300, 2), np.float32))
    assert [size for size in sizes if size > 1][-2:] == [256, 44]


@says("`fit(seed=0)`")
def test_a_seed_decides_and_the_rest_of_the_process_does_not():
    weights = []
    for seed in (0, 0, 1):
        model = network(dropout=0.3)
        np.random.seed(len(weights))  # noqa: NPY002 - which nobody reads
        seen(model=model, seed=seed)
        weights.append(model.state_dict()["0.weight"])
    assert (weights[0] == weights[1]).all()
    assert (weights[0] != weights[2]).any()


@says("`fit(validation_split=0.2)`")
def test_the_last_samples_are_held_out():
    model = network()
    whole, _ = seen(validation_split=0.2)
    given, _ = seen(X[:48], Y[:48], model, validation_data=(X[48:], Y[48:]))
    assert whole["val_loss"] == given["val_loss"]
    order = np.argsort(Y)
    with pytest.warns(UserWarning, match="seem to be sorted by class"):
        seen(X[order], Y[order], validation_split=0.2)
    _, held_out = ml.datasets.Dataset(X[order], Y[order], ["top", "bottom"]).split(0.2, seed=0)
    assert set(held_out.labels) == {0, 1}


@says("`fit(drop_last=True)`")
def test_the_last_batch_is_smaller_or_left_out():
    assert seen(batch_size=25)[1] == [3]
    assert seen(batch_size=25, drop_last=True)[1] == [2]


@says("`fit(dataset)`")
def test_data_sets_have_their_labels_with_them():
    data = ml.datasets.Dataset(X, Y, ["top", "bottom"])
    assert seen(data, None, validation_data=data)[0]["loss"] == seen(validation_data=(X, Y))[0]["loss"]


@says("`fit(class_weight={0: 2.0})`")
def test_weights_of_classes_in_three_forms():
    counts = np.bincount(Y)
    balanced = len(Y) / (2 * counts)
    for one, other in (({0: 2.0}, np.array([2.0, 1.0])), ("balanced", balanced)):
        assert seen(class_weight=one)[0]["loss"] == pytest.approx(seen(class_weight=other)[0]["loss"])


@says("`fit(metrics=, weighted_metrics=)`")
def test_weighted_metrics_count_by_weights():
    weights = np.where(Y == 0, 3.0, 1.0)
    model = network()
    history, _ = seen(
        model=model, metrics=[ml.Accuracy()], weighted_metrics=[ml.Accuracy(name="weighted")], sample_weight=weights,
        validation_data=(X, Y, weights))  # fmt: skip
    right = model.predict(X).argmax(1) == Y
    assert history["val_accuracy"] == pytest.approx([right.mean()])
    assert history["val_weighted"] == pytest.approx([(right * weights).sum() / weights.sum()])


@says("`fit(loader)`")
def test_batches_from_elsewhere():
    pairs = [(X[:30], Y[:30]), (X[30:], Y[30:])]

    class Loader:
        def __iter__(self):
            return iter(pairs)

    assert seen(Loader(), None, epochs=2)[1] == [2, 2]
    endless = lambda: itertools.cycle(pairs)  # noqa: E731
    history, batches = seen(endless, None, steps_per_epoch=3, validation_data=endless, validation_steps=2, epochs=2)
    assert batches == [3, 3]
    assert len(history["val_loss"]) == 2
    model = network()
    whole = model.evaluate(X, Y, loss=ml.CrossEntropy())
    assert model.evaluate(endless, loss=ml.CrossEntropy(), steps=2)["loss"] == pytest.approx(whole["loss"])
    assert model.predict((x for x, _ in pairs * 2), steps=2).shape == (60, 2)


@says("`fit(validation_freq=2)`")
def test_validation_every_other_epoch():
    history, _ = seen(epochs=5, validation_data=(X, Y), validation_freq=2)
    every, _ = seen(epochs=5, validation_data=(X, Y))
    assert history["val_loss"] == every["val_loss"][1::2]


@says("`model.train_on_batch(x, y, loss=, optimizer=)`", "`model.test_on_batch(x, y, loss=)`")
def test_single_batches():
    model = network()
    optimizer = ml.SGD(model.parameters(), lr=0.1)
    before = model.test_on_batch(X, Y, loss=ml.CrossEntropy())
    assert model.train_on_batch(X, Y, loss=ml.CrossEntropy(), optimizer=optimizer)["loss"] == pytest.approx(
        before["loss"]
    )
    assert model.test_on_batch(X, Y, loss=ml.CrossEntropy())["loss"] < before["loss"]


@says("`model.history`, after Ctrl-C too")
def test_the_history_of_a_training_that_was_interrupted():
    def interrupt(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt

    model = network()
    with pytest.raises(KeyboardInterrupt):
        seen(model=model, epochs=5, callbacks=[ml.LambdaCallback(on_epoch_end=interrupt)])
    assert len(model.history["loss"]) >= 1


@says('`fit({"image": x, "angle": a}')
def test_several_inputs_and_outputs_by_their_names():
    image, angle = ml.Input((1, 4, 4), name="image"), ml.Input((1,), name="angle")
    both = ml.Concatenate()(ml.Flatten()(image), angle)
    graph = ml.Graph([image, angle], {"class": ml.Dense(2)(both), "box": ml.Dense(4)(both)}, seed=0)
    losses = {"class": ml.CrossEntropy(), "box": ml.MeanSquaredError()}
    history = graph.fit(
        {"image": X, "angle": X[:, :, 0, 0]}, {"class": Y, "box": X[:, 0, 0]}, loss=losses, loss_weights={"box": 0.5},
        optimizer=ml.SGD(graph.parameters(), lr=0.1), seed=0, verbose=0)  # fmt: skip
    assert history["loss"][0] == pytest.approx(history["class_loss"][0] + 0.5 * history["box_loss"][0])


@says("`fit(augment=[...])`")
def test_augmentations_change_the_images_of_training_alone():
    zero = [ml.augment.RandomBrightness(0.9)]
    assert seen(augment=zero)[0]["loss"] != seen()[0]["loss"]


@says('`from_folder("photos"', "`fit(prefetch=2)`")
def test_photos_of_a_folder_are_read_as_they_are_needed(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for k, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        image.new("RGB", (20, 10), (100 * k, 0, 0)).save(tmp_path / name / "a.png")
    data = ml.datasets.from_folder(tmp_path, size=8, resize="crop", lazy=True)
    assert data.images.shape == (2, 3, 8, 8)
    assert not isinstance(data.images, np.ndarray)
    for options in ({}, {"prefetch": 2}):
        model = ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=(3, 8, 8), seed=0)
        assert seen(data, None, model, **options)[1] == [1]


@says("`fit(schedule=OneCycle(...))`")
def test_a_schedule_moves_the_rate_at_every_batch():
    model = network()
    optimizer = ml.SGD(model.parameters(), lr=1.0, momentum=0.9)
    schedule, rates = ml.schedules.OneCycle(optimizer, max_lr=1.0, total_steps=4), []
    note = ml.LambdaCallback(on_train_batch_end=lambda batch, logs: rates.append(optimizer.lr))
    seen(model=model, optimizer=optimizer, schedule=schedule, epochs=2, callbacks=[note])
    assert len(set(rates)) == 4


@says("`EarlyStopping`, `ModelCheckpoint`")
def test_callbacks_have_names_for_all_arguments_but_the_first():
    for name in ("EarlyStopping", "ModelCheckpoint", "CSVLogger", "TensorBoard", "LearningRateScheduler"):
        kinds = [each.kind for each in inspect.signature(getattr(ml, name)).parameters.values()]
        assert set(kinds[1:]) <= {inspect.Parameter.KEYWORD_ONLY}, name
    assert inspect.signature(ml.TerminateOnNaN).parameters == {}
    kinds = [each.kind for each in inspect.signature(ml.LambdaCallback).parameters.values()]
    assert set(kinds) == {inspect.Parameter.KEYWORD_ONLY}


@says('`EarlyStopping(mode="auto")`')
def test_the_metric_says_which_way_is_better():
    class Own(ml.Accuracy):
        better = None

    assert ml.Accuracy().better == "larger"
    seen(metrics=[ml.Accuracy()], callbacks=[ml.EarlyStopping("accuracy")])
    with pytest.raises(ValueError, match="mode"):
        seen(metrics=[Own(name="own")], callbacks=[ml.EarlyStopping("own")])


@says('`ModelCheckpoint("runs/best.npz")`')
def test_a_checkpoint_makes_its_folders(tmp_path):
    seen(callbacks=[ml.ModelCheckpoint(tmp_path / "runs" / "deep" / "best.npz", monitor="loss")])
    assert ml.load(tmp_path / "runs" / "deep" / "best.npz").output_shape((1, 4, 4)) == (2,)


@says("`on_train_batch_end`, `on_epoch_end`")
def test_a_method_that_no_event_calls_is_an_error():
    with pytest.raises(TypeError, match=r"nothing calls on_batch_end; did you mean on_train_batch_end\?"):

        class Wrong(ml.Callback):
            def on_batch_end(self, batch, logs):
                pass


@says("There is no `compile`", "`fit` takes the loss and the optimizer")
def test_losses_and_optimizers_are_objects():
    with pytest.raises(AttributeError, match="there is no compile"):
        network().compile  # noqa: B018
    for options in ({"loss": "cross_entropy"}, {"optimizer": "adam"}):
        with pytest.raises(TypeError, match=next(iter(options))):
            seen(**options)


@says("The loop is PyTorch's", "`forward` also returns the backward pass")
def test_the_loop_by_hand_is_that_of_fit():
    by_hand, by_fit = network(), network()
    criterion, optimizer = ml.CrossEntropy(), ml.SGD(by_hand.parameters(), lr=0.1)
    for _ in range(3):
        scores, backward = by_hand.forward(X, train=True)
        _, dscores = criterion(scores, Y)
        optimizer.zero_grad()
        backward(dscores, need_dx=False)
        optimizer.step()
    seen(model=by_fit, batch_size=len(X), epochs=3, shuffle=False, optimizer=ml.SGD(by_fit.parameters(), lr=0.1))
    for name, value in by_hand.state_dict().items():
        np.testing.assert_allclose(value, by_fit.state_dict()[name], rtol=1e-5, atol=1e-6)
