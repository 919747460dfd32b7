"""Training with several inputs and outputs, against a loop written by hand."""

import json

import numpy as np
import pytest

import minidl as ml
from minidl import metrics
from minidl.schedules import ReduceOnPlateau
from tests.two_by_two import TwoByTwo, data

IMAGES, ANGLES, CLASSES, BOXES = data()
X, Y = {"angle": ANGLES, "image": IMAGES}, {"box": BOXES, "class": CLASSES}
LOSS = {"class": ml.CrossEntropy(), "box": ml.MeanSquaredError()}
WEIGHTS = {"box": 0.3}


def made(seed=0):
    model = TwoByTwo(seed)
    return model, ml.Adam(model.parameters(), lr=0.01)


def options(**more):
    return {"loss": LOSS, "loss_weights": WEIGHTS, "batch_size": 8, "epochs": 3, "seed": 5, "verbose": 0} | more


def trained(x=X, y=Y, **more):
    model, optimizer = made()
    history = ml.fit(model, x, y, optimizer=optimizer, **options(**more))
    return model, history


def loop(order=None, counts=None, epochs=3):
    """The same by hand; `counts` are weights of samples for each loss."""
    model, optimizer = made()
    rng = np.random.default_rng(5)
    logs = []
    for _ in range(epochs):
        rows = rng.permutation(len(IMAGES)) if order is None else order
        sums, seen, right = [0.0, 0.0], [0.0, 0.0], 0
        for start in range(0, len(rows), 8):
            part = rows[start : start + 8]
            (scores, boxes), backward = model.forward((IMAGES[part], ANGLES[part]), train=True)
            weights = [None, None] if counts is None else [None if each is None else each[part] for each in counts]
            values, gradients = [], []
            for loss, own, targets, weight in zip(
                LOSS.values(), (scores, boxes), (CLASSES[part], BOXES[part]), weights, strict=True
            ):
                value, gradient = loss(own, targets) if weight is None else loss(own, targets, weight)
                values.append(value)
                gradients.append(gradient)
            optimizer.zero_grad()
            backward((gradients[0], np.float32(0.3) * gradients[1]), need_dx=False)
            optimizer.step()
            for k, (value, weight) in enumerate(zip(values, weights, strict=True)):
                count = len(part) if weight is None else float(weight.sum())
                sums[k] += value * count
                seen[k] += count
            right += int((scores.argmax(axis=1) == CLASSES[part]).sum())
        first, second = sums[0] / seen[0], sums[1] / seen[1]
        values = {"loss": first + 0.3 * second, "class_loss": first, "box_loss": second}
        logs.append(values | {"class_accuracy": right / len(rows)})
    return model, logs


def bits(model):
    return {name: value.tobytes() for name, value in model.state_dict().items()}


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (X, Y),
        ((IMAGES, ANGLES), (CLASSES, BOXES)),
        ([IMAGES, ANGLES], [CLASSES, BOXES.tolist()]),
        ((IMAGES.astype(np.float64), ANGLES.tolist()), Y),
    ],
)
def test_fit_is_the_loop(x, y):
    wanted, logs = loop()
    model, history = trained(x, y, metrics={"class": [ml.Accuracy()]})
    assert bits(model) == bits(wanted)
    assert list(history) == ["loss", "class_loss", "box_loss", "class_accuracy"]
    assert [dict(zip(history, values, strict=True)) for values in zip(*history.values(), strict=True)] == logs


@pytest.mark.parametrize("prefetch", [0, 2])
def test_arrays_in_files(prefetch, tmp_path):
    x, y = dict(X), dict(Y)
    for arrays in (x, y):
        for name, array in arrays.items():  # floats in another type than the model's
            np.save(tmp_path / f"{name}.npy", array.astype(np.float64) if array.dtype.kind == "f" else array)
            arrays[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    wanted, _ = loop()
    model, _ = trained(x, y, prefetch=prefetch)
    assert bits(model) == bits(wanted)
    assert ml.predict(model, x, batch_size=4)[1].tobytes() == ml.predict(wanted, X, batch_size=4)[1].tobytes()


def test_without_shuffling_and_without_weights():
    wanted, _ = loop(order=np.arange(22))
    assert bits(trained(shuffle=False)[0]) == bits(wanted)
    assert bits(trained(shuffle=False, loss_weights=(1, 0.3))[0]) == bits(wanted)
    assert bits(trained(shuffle=False, loss_weights=None)[0]) != bits(wanted)
    assert bits(trained(shuffle=False, loss_weights=None)[0]) == bits(trained(shuffle=False, loss_weights=[1, 1])[0])


def test_a_loss_for_all_and_losses_in_order():
    targets = {"class": np.eye(3, dtype=np.float32)[CLASSES], "box": BOXES}
    one, _ = trained(y=targets, loss=ml.MeanSquaredError())
    each, _ = trained(y=targets, loss=(ml.MeanSquaredError(), ml.MeanSquaredError()))
    assert bits(one) == bits(each)
    assert bits(one) != bits(trained()[0])


def test_weights_of_samples_and_classes():
    ours = np.arange(1.0, 23)
    wanted, logs = loop(counts=[None, ours])
    model, history = trained(sample_weight={"box": ours})
    assert bits(model) == bits(wanted)
    assert history["loss"] == [each["loss"] for each in logs]
    wanted, _ = loop(counts=[ours, ours])
    assert bits(trained(sample_weight=ours)[0]) == bits(wanted)
    of_classes = np.array([0.5, 1, 2])[CLASSES]
    wanted, _ = loop(counts=[of_classes, None])
    assert bits(trained(class_weight={"class": {0: 0.5, 2: 2}})[0]) == bits(wanted)
    wanted, _ = loop(counts=[of_classes * ours, None])
    model, _ = trained(class_weight={"class": {0: 0.5, 2: 2}}, sample_weight={"class": ours})
    assert bits(model) == bits(wanted)


def test_weighted_metrics_of_outputs():
    judges = {"metrics": {"class": [ml.Accuracy()]}, "weighted_metrics": {"class": ml.Accuracy(name="own")}}
    model, ours = TwoByTwo(3), np.arange(22.0)
    values = ml.evaluate(model, X, Y, loss=LOSS, sample_weight={"class": ours}, verbose=0, **judges)
    scores = model.predict(X)[0]
    assert values["class_accuracy"] == ml.Accuracy()(scores, CLASSES)
    assert values["class_own"] == pytest.approx(ml.Accuracy()(scores, CLASSES, ours))
    plain = ml.evaluate(model, X, Y, loss=LOSS, sample_weight={"box": ours}, verbose=0, **judges)
    assert plain["class_own"] == plain["class_accuracy"]
    of_classes = np.array([2, 1, 0.5])[CLASSES]
    model, history = trained(class_weight={"class": [2, 1, 0.5]}, **judges)
    assert bits(trained(sample_weight={"class": of_classes}, **judges)[0]) == bits(model)
    assert history["class_own"] != history["class_accuracy"]
    with pytest.raises(TypeError, match=r"weighted_metrics: expected those of each output, {'class': "):
        trained(weighted_metrics=[ml.Accuracy()])
    with pytest.raises(ValueError, match="metrics: more than one metric is called 'accuracy'"):
        trained(metrics={"class": ml.Accuracy()}, weighted_metrics={"class": ml.Accuracy()})


def test_evaluate_and_predict():
    model = TwoByTwo(3)
    results = ml.evaluate(
        model, X, Y, loss=LOSS, loss_weights=WEIGHTS, batch_size=8, verbose=0,
        metrics={"box": metrics.MeanAbsoluteError(), "class": [ml.Accuracy(), ml.ConfusionMatrix()]},
    )  # fmt: skip
    sums, parts = np.zeros(2), []
    for start in range(0, 22, 8):
        part = slice(start, start + 8)
        scores, boxes = model((IMAGES[part], ANGLES[part]))
        parts.append((scores, boxes))
        values = LOSS["class"](scores, CLASSES[part])[0], LOSS["box"](boxes, BOXES[part])[0]
        sums += np.array(values) * len(scores)
    scores, boxes = (np.concatenate(each) for each in zip(*parts, strict=True))
    assert list(results) == [
        "loss", "class_loss", "box_loss", "class_accuracy", "class_confusion_matrix", "box_mean_absolute_error"
    ]  # fmt: skip
    assert [results["class_loss"], results["box_loss"]] == list(sums / 22)
    assert results["loss"] == results["class_loss"] + 0.3 * results["box_loss"]
    assert results["class_accuracy"] == (scores.argmax(axis=1) == CLASSES).mean()
    assert results["box_mean_absolute_error"] == pytest.approx(np.abs(boxes.astype(float) - BOXES).mean())
    weighted = ml.evaluate(model, X, Y, loss=LOSS, sample_weight={"box": np.arange(22)}, verbose=0)
    assert weighted["box_loss"] == pytest.approx(np.arange(22) @ ((boxes - BOXES) ** 2).mean(axis=1) / 231)
    assert weighted["class_loss"] == pytest.approx(results["class_loss"])
    for x in (X, (IMAGES, ANGLES)):
        for size in (8, 256):
            found = model.predict(x, batch_size=size)
            assert isinstance(found, tuple)
            np.testing.assert_allclose(found[0], scores, rtol=1e-5)
            np.testing.assert_allclose(found[1], boxes, rtol=1e-5)
    assert [each.tobytes() for each in model.predict(X, batch_size=8)] == [scores.tobytes(), boxes.tobytes()]
    assert [each.shape for each in model.predict((IMAGES[:0], ANGLES[:0]))] == [(0, 3), (0, 4)]


@pytest.mark.parametrize("kind", ["data", "weighted", "split"])
def test_validation(kind):
    images, angles, classes, boxes = data(10, seed=1)
    given = {"metrics": {"class": ml.Accuracy()}, "epochs": 2}
    if kind == "split":
        model, history = trained(**given, validation_split=0.25)
        x, y, weights = (IMAGES[16:], ANGLES[16:]), (CLASSES[16:], BOXES[16:]), None
        own = {name: array[:16] for name, array in X.items()}, {name: array[:16] for name, array in Y.items()}
        assert bits(model) == bits(trained(*own, epochs=2)[0])
    else:
        weights = None if kind == "data" else {"box": np.arange(1, 11)}
        x, y = {"image": images, "angle": angles}, (classes, boxes)
        model, history = trained(**given, validation_data=(x, y) if weights is None else (x, y, weights))
    names = ["loss", "class_loss", "box_loss", "class_accuracy"]
    assert list(history) == [*names, *(f"val_{name}" for name in names)]
    results = model.evaluate(
        x, y, loss=LOSS, loss_weights=WEIGHTS, metrics={"class": ml.Accuracy()}, sample_weight=weights, verbose=0
    )
    assert {name: history[f"val_{name}"][-1] for name in names} == results


def test_weights_of_a_split():
    weights = np.arange(1.0, 23)
    model, history = trained(sample_weight={"box": weights}, validation_split=0.25, epochs=1)
    results = model.evaluate(
        (IMAGES[16:], ANGLES[16:]), (CLASSES[16:], BOXES[16:]), loss=LOSS, verbose=0,
        sample_weight={"box": weights[16:]},
    )  # fmt: skip
    assert history["val_box_loss"][-1] == results["box_loss"]


def test_a_data_set():
    names = ("a", "b", "c")
    train = ml.datasets.Dataset(IMAGES, CLASSES, names, extra_inputs={"angle": ANGLES}, extra_targets={"box": BOXES})
    wanted, history = trained(validation_data=(X, Y))
    model, found = trained(train, None, validation_data=train)
    assert bits(model) == bits(wanted)
    assert found == history
    assert model.evaluate(train, loss=LOSS, verbose=0) == model.evaluate(X, Y, loss=LOSS, verbose=0)
    assert model.predict(train)[1].tobytes() == model.predict(X)[1].tobytes()


def test_callbacks_and_schedules_see_the_names():
    seen = []

    class Listener(ml.Callback):
        def on_train_batch_end(self, batch, logs):
            seen.append(set(logs))

    model, optimizer = made()
    listener = Listener()
    stopping = ml.EarlyStopping("val_box_loss", patience=0, min_delta=1e9)
    history = model.fit(
        X, Y, optimizer=optimizer, callbacks=[listener, stopping], validation_data=(X, Y),
        schedule=ReduceOnPlateau(optimizer, monitor="val_class_accuracy"),
        **options(metrics={"class": [ml.Accuracy()]}),
    )  # fmt: skip
    assert len(history["loss"]) == 2
    assert seen[0] == {"loss", "class_loss", "box_loss", "class_accuracy"}
    assert listener.logged.names == list(history) == listener.params["metrics"]
    assert listener.logged.better["val_class_loss"] == "smaller"
    assert listener.logged.better["class_accuracy"] == "larger"
    with pytest.raises(ValueError, match="nothing called 'val_accuracy' is logged; did you mean val_class_accuracy"):
        trained(
            metrics={"class": [ml.Accuracy()]}, validation_data=(X, Y), callbacks=[ml.EarlyStopping("val_accuracy")]
        )


def test_progress_and_history_show_the_names(capsys, tmp_path):
    _, history = trained(
        verbose=2, epochs=1, metrics={"class": ml.Accuracy()}, callbacks=[ml.CSVLogger(tmp_path / "log.csv")]
    )
    (line,) = capsys.readouterr().out.splitlines()
    for name in ("loss", "class_loss", "box_loss", "class_accuracy"):
        assert f"{name} {history[name][0]:.4f}" in line
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "epoch,loss,class_loss,box_loss,class_accuracy"
    assert json.loads(json.dumps(history)) == history


def test_a_training_that_is_resumed_has_the_same_bits(tmp_path):
    path = tmp_path / "training.npz"
    wanted, history = trained(epochs=5)
    model, optimizer = made()
    checkpoints = [ml.TrainingCheckpoint(path)]
    model.fit(X, Y, optimizer=optimizer, callbacks=checkpoints, **options(epochs=2))
    model, optimizer = made(seed=9)
    epoch = ml.load_training(path, model, optimizer=optimizer, callbacks=checkpoints)
    rest = model.fit(X, Y, optimizer=optimizer, **options(epochs=5, initial_epoch=epoch))
    assert bits(model) == bits(wanted)
    assert rest["loss"] == history["loss"][2:]


def test_a_loss_that_is_no_number_is_told():
    def broken(scores, targets):
        return float("nan"), np.zeros_like(scores)

    with pytest.warns(RuntimeWarning, match="the loss is nan in batch 1 of epoch 1"):
        _, history = trained(loss={"class": ml.CrossEntropy(), "box": broken}, epochs=1)
    assert np.isnan(history["loss"][0])
    assert np.isfinite(history["class_loss"][0])


def test_augmentation_with_several_outputs():
    class Boxes(TwoByTwo):
        input_names = ("image",)

        def forward(self, x, *, train):
            return super().forward((x, np.zeros((len(x), 2), np.float32)), train=train)

    def by_hand(images, targets):
        assert isinstance(targets, tuple)
        return images * 2, (targets[0], targets[1] * 2)

    def train(images, boxes, **more):
        model = Boxes()
        model.fit(images, (CLASSES, boxes), optimizer=ml.SGD(model.parameters(), lr=0.01), **options(**more))
        return bits(model)

    assert train(IMAGES, BOXES, augment=by_hand) == train(IMAGES * 2, BOXES * 2)
    flip = ml.augment.RandomHorizontalFlip(rate=1)
    assert train({"image": IMAGES}, BOXES, augment=flip) == train(IMAGES[..., ::-1].copy(), BOXES)
    with pytest.raises(ml.ShapeError, match="MixUp: expected the targets of a single output, got those of 2"):
        train(IMAGES, BOXES, augment=ml.augment.MixUp())


def test_one_output_with_a_name_is_logged_without_it():
    class Named(ml.Model):
        input_names, output_names = ("image",), ("class",)

        def __init__(self):
            layers = [ml.Flatten(), ml.Dense(3), ml.Softmax()]
            self.body = ml.Sequential(layers, input_shape=(1, 5, 5), seed=0)

        def forward(self, x, *, train):
            return self.body.forward(x, train=train)

    def train(model, x, y, loss, metrics):
        optimizer = ml.SGD(model.parameters(), lr=0.1)
        history = ml.fit(model, x, y, loss=loss, optimizer=optimizer, metrics=metrics, seed=0, verbose=0)
        return history, bits(model)

    loss = ml.CrossEntropy(from_logits=False)
    plain = train(Named(), IMAGES, CLASSES, loss, [ml.Accuracy()])
    named = train(Named(), {"image": IMAGES}, {"class": CLASSES}, {"class": loss}, {"class": [ml.Accuracy()]})
    assert plain == named
    assert list(named[0]) == ["loss", "accuracy"]
    assert Named().predict({"image": IMAGES}).tobytes() == Named().predict(IMAGES).tobytes()


def test_integers_for_the_inputs_that_take_them():
    class Words(ml.Model):
        input_names = ("words", "angle")
        integer_inputs = ("words",)

        def __init__(self):
            self.body = ml.Sequential([ml.Dense(2)], input_shape=(2,), seed=0)

        def forward(self, x, *, train):
            words, angle = x
            assert words.dtype == np.int64
            assert angle.dtype == np.float32
            y, backward = self.body.forward(angle, train=train)
            return y + words[:, None].astype(np.float32), backward

    model, words = Words(), np.arange(22)
    model.fit(
        (words, ANGLES.astype(np.float64)), CLASSES % 2, loss=ml.CrossEntropy(), verbose=0,
        optimizer=ml.SGD(model.parameters(), lr=0.1),
    )  # fmt: skip
    with pytest.raises(ml.DTypeError, match=r"x\['angle'\]: expected samples as floats, got int64"):
        model.predict((words, words))
