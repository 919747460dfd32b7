"""A last layer and its loss as one; and custom loops, in which a loss of logits is given probabilities."""

import gc
import warnings

import numpy as np
import pytest

import minidl as ml
from minidl import functional as F

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 4)).astype(np.float32)
Y = (X @ [1, 2, -1, 0.5] + 0.3 > 0).astype(np.intp)
ROWS = np.stack([X[:, 0] > 0, X[:, 1] > 0.5, X[:, 2] + X[:, 3] > 0], axis=1).astype(np.float32)
LOSSES = [
    ml.BinaryCrossEntropy(),
    ml.BinaryCrossEntropy(from_logits=False),
    ml.BinaryCrossEntropy(label_smoothing=0.1, reduction="sum"),
    ml.BinaryFocalLoss(),
    ml.BinaryFocalLoss(from_logits=False),
]


def trained(layers, loss, metrics=(), y=Y):
    model = ml.Sequential(layers, input_shape=(4,), seed=0)
    optimizer = ml.SGD(model.parameters(), lr=0.01 if loss.reduction == "sum" else 0.5)
    history = model.fit(
        X, y, loss=loss, optimizer=optimizer, epochs=2, metrics=metrics, validation_data=(X, y), seed=0, verbose=0
    )
    return model, history


def judges():
    return [ml.BinaryAccuracy(), ml.F1("binary"), ml.Precision("binary"), ml.Recall("binary"), ml.ROCAUC()]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_sigmoid_and_its_loss_are_one(loss):
    with_sigmoid, history = trained([ml.Dense(1), ml.Sigmoid()], loss, judges())
    logits, wanted = trained([ml.Dense(1)], loss.with_logits(), judges())
    for one, other in zip(with_sigmoid.parameters(), logits.parameters(), strict=True):
        np.testing.assert_array_equal(one.value, other.value)
    assert {name: pytest.approx(values) for name, values in wanted.items()} == dict(history)
    assert history["roc_auc"][-1] > 0.7
    values = with_sigmoid.evaluate(X, Y, loss=loss, metrics=judges())
    assert values == {name: pytest.approx(wanted[f"val_{name}"][-1]) for name in values}


def test_an_output_that_has_a_name_is_joined_too():
    losses = []
    for named in (False, True):
        x = ml.Input((4,))
        y = ml.Softmax()(ml.Dense(2)(x))
        model = ml.Graph(x, {"y": y} if named else y, seed=0)
        options = {"loss": ml.CrossEntropy(), "epochs": 2, "metrics": [ml.Accuracy()], "validation_data": (X, Y)}
        losses.append(model.fit(X, Y, optimizer=ml.SGD(model.parameters(), lr=0.5), seed=0, verbose=0, **options))
    assert losses[0] == losses[1]


def test_a_confident_sigmoid_still_learns():
    """Where the probability rounds to 1, its own derivative is 0: only both as one have a gradient."""
    model = ml.Sequential([ml.Dense(1), ml.Sigmoid()], input_shape=(1,), seed=0)
    weight, bias = model.parameters()
    weight.value, bias.value = np.float32([[100]]), np.float32([0])
    x, y = np.float32([[1], [2]]), np.array([0, 0])
    history = model.fit(x, y, loss=ml.BinaryCrossEntropy(), optimizer=ml.SGD(model.parameters(), lr=1), verbose=0)
    assert history["loss"] == [150]
    assert weight.value == 100 - 1.5


@pytest.mark.parametrize("loss", [ml.BinaryCrossEntropy(), ml.MeanSquaredError()], ids=repr)
def test_metrics_judge_what_ends_in_a_sigmoid_by_one_half(loss):
    y = ROWS[:, :1]
    model, _ = trained([ml.Dense(1), ml.Sigmoid()], loss, y=y)
    answers = model.predict(X)[:, 0]
    given = [
        ml.BinaryAccuracy(),
        ml.BinaryAccuracy(threshold=0.5, name="half"),
        ml.BinaryAccuracy(threshold=0.8, name="sure"),
        ml.BinaryAccuracy(threshold=0, name="always"),
    ]
    values = model.evaluate(X, y, loss=loss, metrics=given)
    labels = y[:, 0] == 1
    assert values["accuracy"] == values["half"] == np.mean((answers > 0.5) == labels)
    assert values["sure"] == np.mean((answers > 0.8) == labels)
    assert values["always"] == np.mean(labels)
    assert given[0](model.predict(X) * 8 - 4, y) == values["accuracy"]  # called by itself it's of logits again


def test_several_labels_with_and_without_a_sigmoid():
    def several():
        kinds = (ml.BinaryAccuracy, ml.F1, ml.Precision, ml.Recall, ml.ROCAUC)
        return [kind(multilabel=True) for kind in kinds]

    model, history = trained([ml.Dense(3), ml.Sigmoid()], ml.BinaryCrossEntropy(), several(), y=ROWS)
    _, wanted = trained([ml.Dense(3)], ml.BinaryCrossEntropy(), several(), y=ROWS)
    assert dict(history) == {name: pytest.approx(values) for name, values in wanted.items()}
    seen = model.predict(X) > 0.5
    assert history["val_accuracy"][-1] == pytest.approx(np.mean(seen == ROWS))
    hits = (seen * ROWS).sum(axis=0)
    assert history["val_f1"][-1] == pytest.approx(np.mean(2 * hits / (seen.sum(axis=0) + ROWS.sum(axis=0))))


def test_areas_after_a_softmax_are_of_probabilities():
    y = (X[:, 0] > 0).astype(np.intp) + (X[:, 1] > 0)
    loss = ml.CrossEntropy()
    _, history = trained([ml.Dense(3), ml.Softmax()], loss, [ml.ROCAUC()], y=y)
    for last in ([], [ml.LogSoftmax()]):
        _, wanted = trained([ml.Dense(3), *last], loss, [ml.ROCAUC()], y=y)
        np.testing.assert_allclose(history["val_roc_auc"], wanted["val_roc_auc"], rtol=1e-6)
    model, _ = trained([ml.Dense(3), ml.Softmax()], loss, y=y)
    with pytest.warns(UserWarning, match=r"use ROCAUC\(from_logits=False\)"):
        model.evaluate(X, y, loss=loss, metrics=[ml.ROCAUC(from_logits=True)])


def given_scores(how, *, is_sigmoid=True):
    model = ml.Sequential([ml.Dense(3), *[ml.Sigmoid()] * is_sigmoid], input_shape=(4,), seed=0)
    if how == "forward":
        return model.forward(X, train=True)[0]
    if how == "alone":
        return ml.Sigmoid()(X)
    return {"call": model, "predict": model.predict, "batches": lambda x: model.predict(x, batch_size=70)}[how](X)


@pytest.mark.parametrize("how", ["forward", "call", "alone", "predict", "batches"])
def test_logits_that_a_sigmoid_gave(how):
    p = given_scores(how)
    column, labels = p[:, 0], Y
    for kind in (ml.BinaryCrossEntropy, ml.BinaryFocalLoss):
        with pytest.warns(UserWarning, match=rf"a Sigmoid: leave out the Sigmoid layer, or use {kind.__name__}\(fr"):
            kind()(column, labels)
        kind(from_logits=False)(column, labels)
    for kind in (ml.BinaryAccuracy, ml.F1):
        with pytest.warns(UserWarning, match=rf"come from a Sigmoid: use {kind.__name__}\(threshold=0.5\)"):
            kind()(column, labels)
        kind(threshold=0.5)(column, labels)
        kind(threshold=0.0)(column, labels)
    with pytest.warns(UserWarning, match="leave out the Sigmoid layer, or use BinaryCrossEntropy for several labels"):
        ml.CrossEntropy()(p, Y)
    with pytest.warns(UserWarning, match=r"these scores look like probabilities: use ROCAUC\(from_logits=False\)"):
        ml.ROCAUC()(p, Y)
    ml.MeanSquaredError()(column, labels)


YES, NO = [ml.Dense(1), ml.Sigmoid()], [ml.Dense(1)]


@pytest.mark.parametrize("layers", [[*YES, ml.Flatten()], [*YES, ml.Reshape((1,))], [ml.Concatenate([YES, YES])]])
@pytest.mark.parametrize("inference", [True, False])
def test_sigmoids_in_another_shape_or_side_by_side_are_known(layers, inference):
    model = ml.Sequential(layers, input_shape=(4,), seed=0)
    scores = model(X) if inference else model.forward(X, train=True)[0]
    with pytest.warns(UserWarning, match="leave out the Sigmoid layer"):
        ml.BinaryCrossEntropy()(scores, np.zeros_like(scores))


def test_a_sigmoid_beside_something_else_is_not_taken_for_the_whole():
    scores = ml.Sequential([ml.Concatenate([YES, NO])], input_shape=(4,), seed=0)(X)
    ml.BinaryCrossEntropy()(scores, np.zeros_like(scores))


def test_logits_from_0_to_1_are_logits():
    logits, p = np.random.default_rng(0).random(1000), given_scores("call")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for scores in (logits, np.clip(logits, 0.3, 0.6), given_scores("call", is_sigmoid=False), p.copy()):
            labels = np.zeros(scores.shape, int)
            ml.BinaryCrossEntropy()(scores, labels)
            ml.BinaryFocalLoss()(scores, labels)
            ml.BinaryAccuracy(multilabel=scores.ndim == 2)(scores, labels)


def test_what_a_sigmoid_gave_is_forgotten_with_the_array():
    from minidl.functional import origin

    gc.collect()
    before = set(origin._known)
    kept = F.sigmoid(X)[0]
    assert origin.is_from_sigmoid(kept)
    assert origin.is_from_sigmoid(kept[:, 0])
    assert not origin.is_from_sigmoid(kept.copy())
    assert len(set(origin._known) - before) == 1
    del kept
    gc.collect()
    assert set(origin._known) == before


def test_answers_whose_rows_sum_to_1():
    rows = F.softmax(X)[0]
    with pytest.warns(UserWarning, match=r"leave out the Softmax layer, or use BinaryCrossEntropy\(from_lo"):
        ml.BinaryCrossEntropy()(rows, np.eye(4)[Y])


def test_a_model_of_ones_own_that_gives_probabilities_is_told_of():
    class Own(ml.Model):
        def __init__(self):
            self.body, self.last = ml.Dense(1), ml.Sigmoid()

        def build(self, input_shape, rng):
            self.body.build(input_shape, rng)

        def forward(self, x, *, train):
            y, body = self.body.forward(x, train=train)
            y, last = self.last.forward(y, train=train)
            return y, lambda dy, *, need_dx=True: body(last(dy), need_dx=need_dx)

    model = Own()
    model.build((4,), np.random.default_rng(0))
    options = {"optimizer": ml.SGD(model.parameters(), lr=0.1), "batch_size": 300, "verbose": 0}
    with pytest.warns(UserWarning, match="leave out the Sigmoid layer"):
        model.fit(X, Y, loss=ml.BinaryCrossEntropy(), **options)
    model.fit(X, Y, loss=ml.BinaryCrossEntropy(from_logits=False), **options)
