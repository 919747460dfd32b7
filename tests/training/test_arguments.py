"""Weights and schedules in fit and evaluate, and hints at what other frameworks call things."""

import numpy as np
import pytest

import minidl as ml
from minidl.training import arguments

RNG = np.random.default_rng(0)
X, Y = RNG.random((30, 4), np.float32), np.arange(30) % 3
WEIGHTS = RNG.random(30) + 0.1


def network(seed=0):
    return ml.Sequential([ml.Dense(3)], input_shape=(4,), seed=seed)


def fit(model, x=X, y=Y, **options):
    options = {"loss": ml.CrossEntropy(), "batch_size": 30, "seed": 0, "verbose": 0, "epochs": 2} | options
    options.setdefault("optimizer", ml.SGD(model.parameters(), lr=0.5))
    return ml.fit(model, x, y, **options)


def weights(model):
    return model.state_dict()["0.weight"]


def test_an_integer_weight_is_a_repeated_sample():
    counts = 1 + np.arange(30) % 2
    weighted, repeated = network(), network()
    losses = fit(weighted, sample_weight=counts)["loss"]
    wanted = fit(repeated, x=X.repeat(counts, axis=0), y=Y.repeat(counts), batch_size=45)["loss"]
    np.testing.assert_allclose(weights(weighted), weights(repeated), rtol=1e-5, atol=1e-7)
    assert losses == pytest.approx(wanted, rel=1e-6)


def test_counts_may_be_of_numpys_types():
    """Also where the last batch is smaller."""
    numpys, pythons = network(), network()
    counts = {"epochs": 2, "batch_size": 8, "initial_epoch": 1, "prefetch": 1, "seed": 3}
    losses = fit(numpys, **{name: np.int64(count) for name, count in counts.items()})["loss"]
    assert losses == fit(pythons, **counts)["loss"]
    assert weights(numpys).tobytes() == weights(pythons).tobytes()
    np.testing.assert_allclose(numpys.predict(X, batch_size=np.int64(8)), numpys.predict(X), rtol=1e-6)


def test_weights_of_classes_are_weights_of_their_samples():
    by_class, by_sample, one_hot, both = network(), network(), network(), network()
    own = np.array([0.5, 1, 3])[Y]
    fit(by_class, class_weight={0: 0.5, 1: 1, 2: 3})
    fit(by_sample, sample_weight=own)
    fit(one_hot, y=np.eye(3)[Y], class_weight={0: 0.5, 1: 1, 2: 3})
    fit(both, class_weight={0: 0.5, 1: 1, 2: 3, 7: 9}, sample_weight=WEIGHTS)
    assert weights(by_class).tobytes() == weights(by_sample).tobytes() == weights(one_hot).tobytes()
    assert weights(by_class).tobytes() != weights(both).tobytes()
    fit(by_sample := network(), sample_weight=own * WEIGHTS)
    assert weights(by_sample).tobytes() == weights(both).tobytes()


@pytest.mark.parametrize("y", [Y, np.eye(3)[Y]])
def test_a_class_that_is_not_named_counts_1(y):
    named, left_out, other = network(), network(), network()
    fit(named, y=y, class_weight={0: 1, 1: 1, 2: 4.0})
    fit(left_out, y=y, class_weight={2: 4.0})
    assert weights(named).tobytes() == weights(left_out).tobytes()
    fit(other, y=y)
    fit(left_out := network(), y=y, class_weight={9: 0.5})
    np.testing.assert_allclose(weights(left_out), weights(other), rtol=1e-6)


@pytest.mark.parametrize("y", [Y, np.eye(3)[Y]])
def test_weights_of_classes_in_other_forms(y):
    wanted, array = network(), network()
    fit(wanted, y=y, class_weight={0: 0.5, 1: 1, 2: 3})
    fit(array, y=y, class_weight=np.float32([0.5, 1, 3]))
    assert weights(array).tobytes() == weights(wanted).tobytes()
    few = np.where(Y == 2, 0, Y)  # a class that isn't there, as an uncommon one in a part of the data
    for own, table in ((Y, ml.class_weights(Y)), (few, ml.class_weights(few, 2))):
        balanced, wanted = network(), network()
        own_y = np.eye(3)[own] if y.ndim == 2 else own
        fit(balanced, y=own_y, class_weight="balanced", sample_weight=WEIGHTS)
        fit(wanted, y=own_y, class_weight=dict(enumerate(table)), sample_weight=WEIGHTS)
        assert weights(balanced).tobytes() == weights(wanted).tobytes()


@pytest.mark.parametrize("end", [[], [ml.Softmax()]])
def test_weighted_metrics_count_samples_by_their_weights(end):
    model = ml.Sequential([ml.Dense(3), *end], input_shape=(4,), seed=0)
    judges = {"metrics": [ml.Accuracy(), ml.F1()], "weighted_metrics": [ml.Accuracy(name="own"), ml.ROCAUC(name="auc")]}
    options = {"loss": ml.CrossEntropy(), "sample_weight": WEIGHTS, "batch_size": 7, "verbose": 0}
    values = model.evaluate(X, Y, **options, **judges)
    scores = model.predict(X)
    assert list(values) == ["loss", "accuracy", "f1", "own", "auc"]
    assert values["accuracy"] == ml.Accuracy()(scores, Y)
    assert values["own"] == pytest.approx(ml.Accuracy()(scores, Y, WEIGHTS))
    assert values["own"] != pytest.approx(values["accuracy"])
    auc = ml.ROCAUC(from_logits=not end)
    assert values["auc"] == pytest.approx(auc(scores, Y, WEIGHTS), rel=1e-6)
    del options["sample_weight"]
    assert model.evaluate(X, Y, **options, **judges)["own"] == values["accuracy"]

    still = {"optimizer": ml.SGD(model.parameters(), lr=0), "seed": 0}
    history = model.fit(
        X, Y, **options, **still, **judges, sample_weight=WEIGHTS, class_weight=[1, 2, 0], validation_split=0.3
    )
    first = slice(0, 21)
    product = (WEIGHTS * np.array([1, 2, 0])[Y])[first]
    assert history["own"][0] == pytest.approx(ml.Accuracy()(scores[first], Y[first], product))
    assert history["val_own"][0] == pytest.approx(ml.Accuracy()(scores[21:], Y[21:], WEIGHTS[21:]))
    assert history["accuracy"][0] == ml.Accuracy()(scores[first], Y[first])


def test_a_loss_that_broadcasts_its_targets_is_stopped():
    def squares(scores, targets):
        return float(((scores - targets) ** 2).mean()), 2 * (scores - targets) / scores.size

    model = ml.Sequential([ml.Dense(1)], input_shape=(4,), seed=0)
    for call in (fit, lambda model, **how: model.evaluate(X, **how)):
        with pytest.raises(ml.ShapeError, match=r"a gradient of the shape of the scores, .*: use y\[:, None\]"):
            call(model, y=X[:, 0], loss=squares)


def test_weights_follow_their_samples_through_shuffling_and_batches():
    whole, apart = network(), network()
    history = fit(whole, batch_size=7, sample_weight=WEIGHTS, optimizer=ml.SGD(whole.parameters(), lr=0))
    assert history["loss"][0] == pytest.approx(ml.CrossEntropy()(whole(X), Y, WEIGHTS)[0], rel=1e-6)
    fit(apart, batch_size=7, sample_weight=np.ones(30))
    fit(whole := network(), batch_size=7)
    np.testing.assert_allclose(weights(apart), weights(whole), rtol=1e-5)


def test_weights_of_validations_and_evaluate():
    model = network()
    kept = fit(model, epochs=1, validation_split=0.4, sample_weight=WEIGHTS, class_weight={0: 1, 1: 2, 2: 3})
    wanted = model.evaluate(X[18:], Y[18:], loss=ml.CrossEntropy(), sample_weight=WEIGHTS[18:])["loss"]
    assert kept["val_loss"][0] == pytest.approx(wanted, rel=1e-6)
    assert wanted == pytest.approx(ml.CrossEntropy()(model(X[18:]), Y[18:], WEIGHTS[18:])[0], rel=1e-6)
    given = fit(model, epochs=1, validation_data=(X, Y, WEIGHTS))["val_loss"][0]
    assert given == pytest.approx(model.evaluate(X, Y, loss=ml.CrossEntropy(), sample_weight=WEIGHTS)["loss"], rel=1e-6)
    metric = model.evaluate(X, Y, loss=ml.CrossEntropy(), sample_weight=WEIGHTS, metrics=[ml.Accuracy()])["accuracy"]
    assert metric == ml.Accuracy()(model(X), Y)


def test_a_batch_of_which_nothing_counts_changes_nothing():
    own = np.zeros(30)
    own[0] = 1
    model, alone = network(), network()
    fit(model, epochs=1, batch_size=1, shuffle=False, sample_weight=own)
    fit(alone, x=X[:1], y=Y[:1], epochs=1, batch_size=1)
    assert weights(model).tobytes() == weights(alone).tobytes()


def test_a_loss_that_is_a_sum():
    summed, mean = network(), network()
    one = fit(summed, loss=ml.CrossEntropy(reduction="sum"), optimizer=ml.SGD(summed.parameters(), lr=0.5 / 30))
    other = fit(mean)
    np.testing.assert_allclose(weights(summed), weights(mean), rtol=1e-5)
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-6)  # History has the mean per sample


def test_yes_and_no():
    model = ml.Sequential([ml.Dense(1)], input_shape=(4,), seed=0)
    y = (X[:, 0] > 0.5).astype(int)
    history = fit(
        model,
        y=y,
        loss=ml.BinaryCrossEntropy(),
        optimizer=ml.Adam(model.parameters(), lr=0.1),
        epochs=60,
        metrics=[ml.BinaryAccuracy(), ml.ROCAUC(), ml.F1("binary")],
        class_weight={0: 1, 1: 2},
    )
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert history["accuracy"][-1] > 0.9
    assert history["roc_auc"][-1] > 0.95


def test_a_softmax_at_the_end_is_differentiated_with_each_loss_of_classes():
    for loss in (ml.FocalLoss(), ml.KLDivergence(), ml.CrossEntropy(class_weight=[1, 2, 3])):
        y = np.eye(3)[Y]
        with_softmax = ml.Sequential([ml.Dense(3), ml.Softmax()], input_shape=(4,), seed=0)
        fit(with_softmax, y=y, loss=loss)
        fit(logits := network(), y=y, loss=loss)
        assert weights(with_softmax).tobytes() == weights(logits).tobytes()


def test_a_schedule_of_epochs_and_one_of_batches():
    model = network()
    optimizer = ml.SGD(model.parameters(), lr=1.0)
    schedule = ml.schedules.Exponential(optimizer, gamma=0.5)
    history = fit(model, optimizer=optimizer, schedule=schedule, epochs=3, batch_size=10)
    assert history["lr"] == [1, 0.5, 0.25]
    assert optimizer.lr == 0.125

    optimizer = ml.SGD(model.parameters(), lr=1.0, momentum=0.9)
    cycle = ml.schedules.OneCycle(optimizer, max_lr=0.1, total_steps=9)
    seen = []

    class Seen(ml.Callback):
        def on_train_batch_end(self, batch, logs):
            seen.append(self.optimizer.lr)

    history = fit(model, optimizer=optimizer, schedule=cycle, epochs=3, batch_size=10, callbacks=[Seen()])
    assert seen == [cycle.lr_at(step) for step in range(1, 10)]
    assert history["lr"] == seen[2::3]
    with pytest.raises(ValueError, match="schedule: it has 0 steps left, and this training 3 batches"):
        fit(model, optimizer=optimizer, schedule=cycle, epochs=1, batch_size=10)


def test_a_schedule_that_watches_the_validation():
    model = network()
    optimizer = ml.SGD(model.parameters(), lr=0.5)
    schedule = ml.schedules.ReduceOnPlateau(optimizer, patience=0, threshold=10, factor=0.5)
    history = fit(model, optimizer=optimizer, schedule=schedule, epochs=4, validation_split=0.3)
    assert history["lr"] == [0.5, 0.25, 0.125, 0.0625]
    assert list(history) == ["loss", "val_loss", "lr"]
    with pytest.raises(ValueError, match="schedule: nothing called 'val_loss' is logged; did you mean loss"):
        fit(model, optimizer=optimizer, schedule=schedule)


def test_a_training_in_two_parts_gives_the_bits_of_one():
    def made(seed=0):
        model = network(seed)
        optimizer = ml.Adam(model.parameters(), lr=0.1)
        return model, optimizer, ml.schedules.WarmUp(ml.schedules.Step(optimizer, step_size=2), steps=2)

    def run(model, optimizer, schedule, epochs):
        fit(model, optimizer=optimizer, schedule=schedule, epochs=epochs, shuffle=False, batch_size=10)

    whole, part, again = made(), made(), made(seed=3)
    run(*whole, epochs=5)
    run(*part, epochs=2)
    for one, other in zip(again, part, strict=True):
        one.load_state_dict(other.state_dict())
    run(*again, epochs=3)
    assert weights(again[0]).tobytes() == weights(whole[0]).tobytes()
    assert again[1].lr == whole[1].lr


def test_every_hint_leads_to_a_name_of_ours():
    tables = arguments.LOSSES, arguments.OPTIMIZERS, arguments.METRICS
    for table in tables:
        for word, name in table.items():
            thing = ml
            for part in name.split("."):
                thing = getattr(thing, part)
            assert isinstance(thing, type), word


class Unweighted(ml.Metric):
    name = "unweighted"

    def reset(self):
        pass

    def update(self, scores, labels):
        pass


OTHER = ml.SGD(network().parameters(), lr=1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"loss": "mae"}, TypeError, r"loss: .*got 'mae'; did you mean ml.MeanAbsoluteError\(\)\?"),
        ({"loss": "L1Loss"}, TypeError, r"did you mean ml.MeanAbsoluteError\(\)\?"),
        ({"loss": "BCEWithLogitsLoss"}, TypeError, r"did you mean ml.BinaryCrossEntropy\(\)\?"),
        ({"loss": "sparse_categorical_crossentropy"}, TypeError, r"did you mean ml.CrossEntropy\(\)\?"),
        ({"loss": "huberr"}, TypeError, "did you mean Huber"),
        ({"loss": ml.Huber}, TypeError, r"loss: expected an object, such as .*, got the class: Huber\(\)"),
        ({"loss": 3}, TypeError, r"loss: expected one, such as CrossEntropy\(\), got 3"),
        ({"loss": ml.Huber(reduction="none")}, ValueError, 'use reduction="mean" or "sum"'),
        ({"optimizer": "rmsprop"}, TypeError, r"did you mean ml.RMSProp\(model.parameters\(\), lr=...\)\?"),
        ({"optimizer": ml.Adam}, TypeError, r"got the class: Adam\(model.parameters\(\), lr=...\)"),
        ({"metrics": ["f1_score"]}, TypeError, r"did you mean ml.F1\(\)\?"),
        ({"metrics": "accuracy"}, TypeError, r"did you mean ml.Accuracy\(\)\?"),
        ({"metrics": [ml.Recall]}, TypeError, r"got the class: Recall\(\)"),
        ({"metrics": ml.Recall()}, TypeError, r"metrics: expected a list, got .*: \[Recall\(\)\]"),
        (
            {"metrics": [ml.MeanAbsoluteError()]},
            TypeError,
            r"got the loss MeanAbsoluteError\(\); did you mean ml.metrics.MeanAbsoluteError\(\)\?",
        ),
        (
            {"metrics": [ml.CrossEntropy()]},
            TypeError,
            r'got the loss CrossEntropy\(\); the loss itself is logged as "loss"',
        ),
        (
            {"loss": ml.metrics.MeanSquaredError()},
            TypeError,
            r"loss: expected a loss, got the metric MeanSquaredError\(\); did you mean ml.MeanSquaredError\(\)\?",
        ),
        ({"loss": ml.Accuracy()}, TypeError, r"loss: expected a loss, got the metric Accuracy\(\)$"),
        ({"optimizer": 0.1}, TypeError, r"optimizer: expected one, such as Adam\(model.parameters\(\)\), got 0.1"),
        ({"schedule": ml.schedules.Step}, TypeError, "call it with the optimizer"),
        ({"schedule": ml.schedules.Step(OTHER, step_size=1)}, ValueError, "schedule: expected one made with this opti"),
        ({"scheduler": None}, TypeError, "unknown argument 'scheduler'; did you mean schedule"),
        ({"sample_weight": [1, 2]}, ml.ShapeError, r"sample_weight: expected \(30,\), got \(2,\)"),
        ({"sample_weight": -WEIGHTS}, ValueError, "sample_weight: expected finite numbers of at least 0, not all 0"),
        ({"sample_weight": ["a"] * 30}, TypeError, "sample_weight: expected numbers, got strings"),
        ({"class_weight": {0: "2"}}, ValueError, "finite numbers of at least 0, got '2' for 0"),
        ({"validation_split": "0.2"}, ValueError, "validation_split: expected a number of at least 0 and less than 1"),
        ({"sample_weights": WEIGHTS}, TypeError, "did you mean sample_weight"),
        ({"class_weight": 3}, ValueError, "class_weight: expected a finite number of at least 0 for each class, .* 3"),
        ({"class_weight": [1, 2]}, ml.ShapeError, "class_weight: expected a number for each of 3 classes, got 2"),
        ({"class_weight": [1, 2], "y": np.eye(3)[Y]}, ml.ShapeError, "a number for each of 3 classes, got 2"),
        ({"class_weight": [1, 2, -1]}, ValueError, "class_weight: expected a finite number of at least 0 for each cl"),
        ({"class_weight": "even"}, ValueError, "expected \"balanced\", {class: weight} or an array, got 'even'"),
        ({"class_weight": "balanced", "y": X}, ValueError, "expected targets of classes, as indices"),
        ({"weighted_metrics": ml.Recall()}, TypeError, r"weighted_metrics: expected a list, got .*: \[Recall\(\)\]"),
        ({"weighted_metrics": ["f1"]}, TypeError, r"weighted_metrics: .*; did you mean ml.F1\(\)\?"),
        (
            {"metrics": [ml.F1()], "weighted_metrics": [ml.F1()]},
            ValueError,
            r"more than one metric is called 'f1'; give F1 another name, as in F1\(name=...\)",
        ),
        (
            {"weighted_metrics": [Unweighted()]},
            TypeError,
            r"Unweighted.update takes only \(scores, labels\); define it as \(scores, labels, sample_weight=None\)",
        ),
        ({"class_weight": {"a": 1}}, ValueError, "classes as integers from 0 on, got 'a'"),
        ({"class_weight": {0: -1}}, ValueError, "finite numbers of at least 0, got -1 for 0"),
        ({"class_weight": {0: 0, 1: 0, 2: 0}}, ValueError, "every sample would have weight 0"),
        ({"class_weight": {0: 1}, "y": X}, ValueError, "expected targets of classes, as indices"),
        ({"class_weight": {0: 1}, "y": np.eye(3)[Y] + np.eye(3)[0]}, ValueError, "or one-hot rows"),
        (
            {"class_weight": {0: 1, 1: 2, 2: 1}, "y": np.tile([1, 0, 1], (30, 1)), "loss": ml.BinaryCrossEntropy()},
            ValueError,
            "or one-hot rows",
        ),
        ({"class_weight": {0: 1}, "y": X[:, 0]}, ValueError, "expected targets of classes, as indices"),
        (
            {"sample_weight": WEIGHTS, "loss": lambda scores, targets: None},
            TypeError,
            r"this loss takes only \(scores, targets\)",
        ),
    ],
)
def test_what_does_not_fit(options, error, message):
    model = network()
    before = weights(model)
    with pytest.raises(error, match=message):
        fit(model, **options)
    np.testing.assert_array_equal(weights(model), before)


class Named(ml.Accuracy):
    def __init__(self, name):
        super().__init__()
        self.name = name


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (
            [ml.F1("macro"), ml.F1("micro")],
            r"more than one metric is called 'f1'; give F1 another name, as in F1\(name=",
        ),
        (
            [ml.Accuracy(), ml.BinaryAccuracy()],
            "more than one metric is called 'accuracy'; give BinaryAccuracy another",
        ),
        ([Named("loss")], "no metric may be called 'loss'; give Named another name"),
        ([Named("lr")], "no metric may be called 'lr'"),
        ([Named("epoch")], "no metric may be called 'epoch'"),
        ([Named("val_accuracy")], "no metric may be called 'val_accuracy'"),
    ],
)
def test_names_of_metrics_are_unique(metrics, message):
    model = network()
    before = weights(model).tobytes()
    with pytest.raises(ValueError, match=f"^metrics: {message}"):
        fit(model, metrics=metrics)
    with pytest.raises(ValueError, match=f"^metrics: {message}"):
        model.evaluate(X, Y, loss=ml.CrossEntropy(), metrics=metrics)
    assert weights(model).tobytes() == before
    with pytest.raises(TypeError, match="metrics: expected objects with a name, such as Accuracy"):
        fit(model, metrics=[len])
    assert set(fit(model, metrics=[Named("a"), Named("b")])) == {"loss", "a", "b"}


def test_a_plateau_is_watched_in_the_direction_of_its_metric():
    """An accuracy that stays perfect is a plateau, whether or not larger is better; one that grows isn't."""

    class Grows(ml.Metric):
        name, value = "grows", 0

        def reset(self):
            self.value += 1

        def update(self, scores, labels):
            """Each epoch has one more."""

        def result(self):
            return float(self.value)

    class Known(Grows):
        better = "larger"

    def rates(metric, **options):
        model = network()
        optimizer = ml.SGD(model.parameters(), lr=1.0)
        schedule = ml.schedules.ReduceOnPlateau(optimizer, monitor="grows", patience=0, factor=0.5, **options)
        schedule = ml.schedules.WarmUp(schedule, steps=1, start_factor=1)
        return fit(model, optimizer=optimizer, schedule=schedule, metrics=[metric], epochs=4)["lr"]

    assert rates(Known()) == rates(Grows(), mode="max") == [1.0] * 4
    assert rates(Known(), mode="min")[-1] < 1
    with pytest.raises(
        ValueError, match="ReduceOnPlateau: expected to know whether a larger or smaller 'grows' is better"
    ):
        rates(Grows())
    model = network()
    optimizer = ml.SGD(model.parameters(), lr=1.0)
    schedule = ml.schedules.ReduceOnPlateau(optimizer, monitor="confusion_matrix", mode="min")
    with pytest.raises(ValueError, match=r"schedule: 'confusion_matrix' isn't a single number; numbers: loss$"):
        fit(model, optimizer=optimizer, schedule=schedule, metrics=[ml.ConfusionMatrix()])


SORTED = np.repeat([0, 1, 2], 10)


@pytest.mark.parametrize(
    ("y", "share", "message"),
    [
        (SORTED, 0.4, "the last 40% of the samples have classes that the rest hasn't, 2: "),
        (SORTED, 0.2, "last 20% of the samples lack classes that the rest has, 0, 1: the samples seem to be"),
        (np.eye(3)[SORTED], 0.4, "have classes that the rest hasn't, 2: "),
        (SORTED[:, None] > 0, 0.8, "have classes that the rest hasn't, 1: "),
        (np.float32(SORTED > 0), 0.2, "lack classes that the rest has, 0: "),
    ],
)
def test_a_split_of_sorted_data_draws_a_warning(y, share, message):
    binary = y.dtype != SORTED.dtype and y.shape != (30, 3)
    model = ml.Sequential([ml.Dense(1)], input_shape=(4,), seed=0) if binary else network()
    loss = ml.BinaryCrossEntropy() if binary else ml.CrossEntropy()
    with pytest.warns(UserWarning, match=message) as warned:
        fit(model, y=y, loss=loss, validation_split=share)
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    ("y", "share"),
    [
        (Y, 0.3),  # in turn
        (np.arange(30) % 15, 0.1),  # three samples of fifteen classes: no wonder
        (SORTED / 2, 0.4),
    ],
)
def test_a_split_of_other_data_draws_none(y, share):
    wide = ml.Sequential([ml.Dense(15)], input_shape=(4,), seed=0)
    fractions = y.dtype == float
    loss = ml.MeanSquaredError() if fractions else ml.CrossEntropy()
    fit(wide, y=y[:, None].repeat(15, axis=1) if fractions else y, loss=loss, validation_split=share)
    one = ml.Sequential([ml.Dense(1)], input_shape=(4,), seed=0)
    fit(one, y=SORTED[:, None], loss=ml.MeanSquaredError(), validation_split=0.4)  # whole numbers, and no classes
