"""What would be met after an epoch, or in its middle, is met before any work; and looking for it changes nothing."""

import copy
import random
import threading
import tracemalloc

import numpy as np
import pytest

import minidl as ml
from minidl.training import loop

RNG = np.random.default_rng(0)
X, Y = RNG.random((33, 1, 4, 4), np.float32), np.arange(33) % 3


class Worked(ml.Callback):
    begun = False

    def on_train_begin(self):
        self.begun = True


def network(last=3, **options):
    layers = [ml.Conv2D(4, 3, padding=1), ml.BatchNorm2D(), ml.ReLU(), ml.Dropout(0.3), ml.Flatten(), ml.Dense(last)]
    return ml.Sequential(layers, input_shape=(1, 4, 4), seed=0, **options)


def state_of(model):
    return [(array.value.tobytes(), array.grad.tobytes()) for _, array in model.named_state()]


def fit(model, x=X, y=Y, **options):
    options = {"loss": ml.CrossEntropy(), "batch_size": 11, "seed": 0, "verbose": 0} | options
    options.setdefault("optimizer", ml.Adam(model.parameters()))
    return ml.fit(model, x, y, **options)


def spoilt(targets, place, value):
    targets = np.array(targets)
    targets[place] = value
    return targets


NUMBERS = RNG.random((33, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": spoilt(Y, -1, 3)}, "targets: expected class indices from 0 to 2, got 3"),
        ({"y": spoilt(Y, 20, -1)}, "expected class indices from 0 to 2, got -1"),
        ({"y": spoilt(Y, 20, -1), "loss": ml.FocalLoss()}, "expected class indices from 0 to 2, got -1"),
        ({"y": spoilt(np.eye(3)[Y], 32, 0.9)}, "rows that don't sum to 1"),
        ({"y": spoilt(np.eye(3)[Y], 32, 0.9), "loss": ml.KLDivergence()}, "rows that don't sum to 1"),
        (
            {"y": Y[:, None]},
            r"targets: expected \(33,\) class indices or \(33, 3\) one-hot rows, got \(33, 1\): use targets\[:, 0\]",
        ),
        ({"y": Y / 2}, "class indices as integers, got float64"),
        ({"y": spoilt(RNG.random((33, 3)), 30, np.nan), "loss": ml.MeanSquaredError()}, "finite numbers, got nan"),
        ({"y": spoilt(RNG.random((33, 3)), 30, np.inf), "loss": ml.Huber()}, "finite numbers, got inf"),
        ({"y": spoilt(np.zeros((33, 3)), 30, 2), "loss": ml.BinaryCrossEntropy()}, "numbers from 0 to 1, got others"),
        ({"y": spoilt(np.zeros((33, 3)), 30, 2), "loss": ml.BinaryFocalLoss()}, "numbers from 0 to 1, got others"),
        ({"metrics": [ml.metrics.MeanSquaredError()]}, r"labels: expected \(33, 3\), got \(33,\)"),
        ({"validation_data": (X, spoilt(Y, -1, 7))}, "validation_data: targets: expected class .* got 7"),
        ({"validation_data": (X[:, :, :3], Y)}, "validation_data: Sequential.*: expected"),
        ({"validation_data": (X, Y / 2)}, "validation_data: targets: expected class indices as integers, got float64"),
        ({"validation_data": (X, Y[:, None])}, r"validation_data: .*got \(33, 1\): use targets\[:, 0\]"),
        ({"validation_data": (X, Y, np.ones(3))}, r"validation_data: sample_weight: expected \(33,\), got \(3,\)"),
        ({"validation_split": 0.3, "y": spoilt(Y, -1, 7)}, "validation_data: targets: expected class .* got 7"),
        ({"batch_size": 32, "epochs": 1, "metrics": [ml.F1("binary")]}, '"binary" is for two classes'),
        (
            {"y": Y.astype(str)},
            r"targets: expected numbers, got strings; names, numbers = np.unique\(labels, return",
        ),
        ({"y": Y.astype(str).astype(object)}, "targets: expected numbers, got strings"),
        ({"y": Y.astype(object)}, "targets: expected numbers, got object; use .astype to"),
    ],
)
@pytest.mark.filterwarnings("ignore:validation_split")
def test_all_that_is_wrong_is_met_before_any_work(options, message):
    model, worked = network(), Worked()
    optimizer = ml.Adam(model.parameters())
    before = state_of(model)
    with pytest.raises((ValueError, TypeError), match=message):
        fit(model, optimizer=optimizer, callbacks=[worked], **options)
    assert state_of(model) == before
    assert not worked.begun
    assert optimizer.steps == 0


def vectors(**options):
    return ml.Sequential([ml.Dense(4), ml.BatchNorm1D(), ml.Dense(3)], input_shape=(16,), seed=0)


def test_a_last_batch_of_one_with_batch_norm():
    flat, model = X.reshape(33, 16), vectors()
    before = state_of(model)
    message = "the last batch of an epoch has only 1 of 33 samples: .*more than one value.*; drop_last=True leaves"
    with pytest.raises(ml.ShapeError, match=message):
        fit(model, x=flat, batch_size=8)
    assert state_of(model) == before
    fit(model, x=flat, batch_size=8, drop_last=True)
    fit(model, x=flat, batch_size=7)
    with pytest.raises(ml.ShapeError, match=r"^Sequential.*more than one value"):
        fit(model, x=flat, batch_size=1)
    fit(network(), batch_size=8)  # a batch of one image has many values in a channel


def test_drop_last_leaves_out_the_rest_of_each_epoch():
    class Seen(ml.Callback):
        def on_train_begin(self):
            self.batches = 0

        def on_train_batch_end(self, batch, logs):
            self.batches += 1

    dropped, whole, seen = network(), network(), Seen()
    fit(dropped, batch_size=10, drop_last=True, shuffle=False, epochs=2, callbacks=[seen])
    fit(whole, x=X[:30], y=Y[:30], batch_size=10, shuffle=False, epochs=2)
    assert state_of(dropped) == state_of(whole)
    assert seen.batches == 6
    assert (seen.params["steps"], seen.params["samples"]) == (3, 30)
    with pytest.raises(ValueError, match="drop_last: expected at least one batch of 34 samples, got 33 of them"):
        fit(network(), batch_size=34, drop_last=True)


@pytest.mark.parametrize("kind", ["own", "custom"])
def test_it_changes_no_bit(monkeypatch, kind):
    def trained(rehearsed):
        with monkeypatch.context() as patch:
            if not rehearsed:
                patch.setattr(loop, "rehearse", lambda *arguments, **options: None)
            model = network()
            model.layers.insert(4, ml.Dropout2D(0.2, seed=1))
            criterion = ml.CrossEntropy()
            loss = criterion if kind == "own" else lambda scores, targets: criterion(scores, targets)
            history = fit(model, loss=loss, epochs=2, metrics=[ml.Accuracy(), ml.ROCAUC()], validation_data=(X, Y))
            return history, state_of(model)

    assert trained(True) == trained(False)


def test_it_copies_no_weights_of_layers_of_minidl_s():
    model = ml.Sequential([ml.Dense(500), ml.ReLU(), ml.Dense(3)], input_shape=(1000,), seed=0)
    x, y, optimizer = np.zeros((8, 1000), np.float32), np.zeros(8, int), ml.SGD(model.parameters(), lr=0.1)
    options = {"loss": ml.CrossEntropy(), "optimizer": optimizer, "epochs": 0, "verbose": 0}
    ml.fit(model, x, y, **options)
    tracemalloc.start()
    try:
        ml.fit(model, x, y, **options)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 500 * 1000 * 4 / 4


class Strange(ml.Module):
    """Counts its passes, in and out of training, and draws from the generators that all share."""

    def __init__(self):
        self.seen = []

    def forward(self, x, *, train):
        self.seen.append((train, len(x), np.random.random(), random.random()))  # noqa: NPY002
        return x, lambda dy, need_dx=True: dy if need_dx else None


def test_modules_metrics_and_shared_generators_stay_as_they_are():
    class Counting(ml.Metric):
        name, updates = "updates", 0

        def reset(self):
            pass

        def update(self, scores, labels):
            self.updates += 1

        def result(self):
            return float(self.updates)

    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    numbers = [(np.random.random(), random.random()) for _ in range(5)]  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    strange, counting = Strange(), Counting()
    model = ml.Sequential([strange, ml.Flatten(), ml.Dense(3)], input_shape=(1, 4, 4), seed=0)
    fit(model, metrics=[counting], validation_data=(X, Y), batch_size=16)
    assert [each[:2] for each in strange.seen] == [(True, 16), (True, 16), (True, 1), (False, 33)]
    assert [each[2:] for each in strange.seen] == numbers[:4]
    assert counting.updates == 4


def test_a_model_that_cannot_be_copied_trains_all_the_same():
    strange = Strange()
    strange.lock = threading.Lock()
    with pytest.raises(TypeError):
        copy.deepcopy(strange)
    model = ml.Sequential([strange, ml.Flatten(), ml.Dense(3)], input_shape=(1, 4, 4), seed=0)
    fit(model, validation_data=(X, Y))
    assert len(strange.seen) == 4


def test_a_loss_that_wants_whole_batches_gets_them():
    def pairs(scores, targets):
        assert len(scores) == 11
        return ml.CrossEntropy()(scores, targets)

    fit(network(), loss=pairs)


def test_a_loss_or_metric_of_another_kind_reads_targets_in_its_own_way():
    class Shifted(ml.CrossEntropy):
        def each(self, scores, targets):
            return super().each(scores, targets - 1)

    class ShiftedAccuracy(ml.Accuracy):
        def update(self, scores, labels):
            super().update(scores, labels - 1)

    first, second = network(), network()
    fit(first, y=Y + 1, loss=Shifted(), metrics=[ShiftedAccuracy()])
    fit(second, metrics=[ml.Accuracy()])
    assert state_of(first) == state_of(second)


def test_an_augmentation_makes_the_targets_that_are_checked():
    rows = np.float32(np.eye(3)[Y])
    fit(network(), y=rows, augment=ml.augment.MixUp(), loss=ml.KLDivergence())
    with pytest.raises(ml.ShapeError, match="MixUp: expected targets"):
        fit(network(), augment=ml.augment.MixUp())
    calls = []

    def as_rows(x, y):
        calls.append(len(x))
        return x, np.float32(np.eye(3)[y])

    fit(network(), augment=as_rows, loss=ml.KLDivergence())
    assert calls == [11, 11, 11]


def test_evaluate_checks_all_targets_with_the_first_batch():
    class Seen(ml.Metric):
        name, seen = "seen", 0

        def reset(self):
            self.seen = 0

        def update(self, scores, labels):
            self.seen += len(labels)

        def result(self):
            return self.seen

    model, seen = network(), Seen()
    with pytest.raises(ValueError, match="targets: expected class indices from 0 to 2, got 9"):
        model.evaluate(X, spoilt(Y, -1, 9), loss=ml.CrossEntropy(), metrics=[seen], batch_size=4, verbose=0)
    assert seen.seen == 0
    unbuilt = ml.Sequential([ml.Flatten(), ml.Dense(3)], seed=0)
    assert unbuilt.evaluate(X, Y, loss=ml.CrossEntropy(), metrics=[seen], batch_size=4)["seen"] == 33


def test_yes_and_no_are_checked_for_each_metric():
    model = network(last=1)
    for metric in (ml.BinaryAccuracy(), ml.F1(), ml.ROCAUC()):
        with pytest.raises(ValueError, match="labels: expected 0 and 1"):
            fit(model, y=spoilt(np.float64(Y > 0), -1, 0.5), loss=ml.BinaryCrossEntropy(), metrics=[metric])
