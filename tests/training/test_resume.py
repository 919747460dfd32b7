"""A training that is interrupted and goes on, perhaps in another process, ends with the bits of one that isn't."""

import copy
import json
import math

import numpy as np
import pytest

import minidl as ml
from minidl import schedules
from minidl.saving import npz

EPOCHS = 5


def samples(n=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n, 1, 6, 6), np.float32), rng.integers(3, size=n)


X, Y = samples()


class Training:
    """A model with all that trains it; a new one knows nothing of another."""

    def __init__(self, path, *, optimizer=None, schedule=None, callbacks=lambda: [], seed=0, augment=None):
        layers = [ml.Conv2D(3, 3, padding=1), ml.BatchNorm2D(), ml.ReLU(), ml.Flatten(), ml.Dropout(0.3), ml.Dense(3)]
        self.path, self.augment = path, augment
        self.model = ml.Sequential(layers, input_shape=(1, 6, 6), seed=seed)
        make = optimizer or (lambda parameters: ml.Adam(parameters, lr=0.01))
        self.optimizer = make(self.model.parameters())
        self.schedule = None if schedule is None else schedule(self.optimizer)
        self.checkpoint = ml.TrainingCheckpoint(path)
        self.callbacks = [*callbacks(), self.checkpoint]

    def fit(self, epochs, first=0):
        return self.model.fit(
            X,
            Y,
            loss=ml.CrossEntropy(),
            optimizer=self.optimizer,
            schedule=self.schedule,
            callbacks=self.callbacks,
            epochs=epochs,
            initial_epoch=first,
            batch_size=8,
            metrics=[ml.Accuracy(), ml.ConfusionMatrix()],
            validation_data=samples(10, seed=1),
            augment=self.augment,
            seed=7,
            verbose=0,
        )

    def load(self):
        return ml.load_training(
            self.path, self.model, optimizer=self.optimizer, schedule=self.schedule, callbacks=self.callbacks
        )

    def bits(self):
        history = {name: np.asarray(values).tobytes() for name, values in self.checkpoint.history.items()}
        state = self.optimizer.state_dict()
        vectors = {name: np.asarray(value).tobytes() for name, value in state.items()}
        return {name: value.tobytes() for name, value in self.model.state_dict().items()}, vectors, history


CASES = {
    "adam": {},
    "sgd": {"optimizer": lambda p: ml.SGD(p, lr=0.1, momentum=0.9, nesterov=True)},
    "rmsprop": {"optimizer": lambda p: ml.RMSProp(p, momentum=0.5, centered=True)},
    "adagrad": {"optimizer": lambda p: ml.Adagrad(p, lr_decay=0.1)},
    "lion": {"optimizer": lambda p: ml.Lion(p, lr=0.003)},
    "one cycle": {"schedule": lambda o: schedules.OneCycle(o, max_lr=0.05, total_steps=4 * EPOCHS)},
    "plateau": {"schedule": lambda o: schedules.ReduceOnPlateau(o, patience=0, threshold=0.2, factor=0.5)},
    "warm-up": {"schedule": lambda o: schedules.WarmUp(schedules.CosineAnnealing(o, period=4), steps=2)},
    "augmented": {"augment": [ml.augment.RandomShift(1), ml.augment.RandomHorizontalFlip()]},
    "averaged": {"callbacks": lambda: [ml.AverageWeights(0.9)]},
    "averaged apart": {"callbacks": lambda: [ml.AverageWeights(0.9, keep=False)]},
    "stopped early": {
        "callbacks": lambda: [ml.EarlyStopping("val_accuracy", patience=2, restore_best_weights=True)],
        "optimizer": lambda p: ml.SGD(p, lr=0.5),
    },
}


@pytest.mark.parametrize("behind", [1, 3, EPOCHS])
@pytest.mark.parametrize(
    ("case", "backend"), [*((case, "vectorized") for case in CASES), ("adam", "compiled"), ("averaged", "compiled")]
)
def test_an_interrupted_training_ends_with_the_same_bits(tmp_path, case, behind, backend):
    with ml.use_backend(backend):
        whole = Training(tmp_path / "whole.npz", **CASES[case])
        whole.fit(EPOCHS)
        first = Training(tmp_path / "state.npz", **CASES[case])
        first.fit(behind) if case != "one cycle" else interrupted(first, behind)
        again = Training(tmp_path / "state.npz", **CASES[case], seed=99)
        epoch = again.load()
        assert epoch == min(behind, len(whole.checkpoint.history["loss"]))
        again.fit(EPOCHS, epoch)
    assert again.bits() == whole.bits()
    assert len(again.checkpoint.history["confusion_matrix"]) == len(again.checkpoint.history["loss"])
    assert (len(whole.checkpoint.history["loss"]) < EPOCHS) == (case == "stopped early")
    if epoch < len(whole.checkpoint.history["loss"]):
        assert (tmp_path / "state.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def interrupted(training, behind):
    class Interrupt(ml.Callback):
        def on_epoch_begin(self, epoch):
            if epoch == behind:
                raise KeyboardInterrupt

    training.callbacks.append(Interrupt())
    if behind == EPOCHS:
        training.fit(EPOCHS)
    else:
        with pytest.raises(KeyboardInterrupt):
            training.fit(EPOCHS)
    training.callbacks.pop()


def test_the_cases_tell_epochs_apart(tmp_path):
    """The comparison can fail: what isn't loaded, or begins with another epoch, ends with other bits."""
    whole = Training(tmp_path / "whole.npz")
    whole.fit(EPOCHS)
    Training(tmp_path / "state.npz").fit(3)
    for first in (0, 2):
        again = Training(tmp_path / "state.npz")
        again.load()
        again.fit(EPOCHS, first)
        assert again.bits()[0] != whole.bits()[0]
    unloaded = Training(tmp_path / "other.npz")
    unloaded.fit(EPOCHS, 3)
    assert unloaded.bits()[0] != whole.bits()[0]


def test_the_order_of_an_initial_epoch():
    seen = {}

    def note(first):
        model = ml.Sequential([ml.Dense(1)], input_shape=(1,), seed=0)
        orders = seen[first] = []
        x = np.arange(10, dtype=np.float32)[:, np.newaxis]

        def remember(inputs, targets):
            orders.append(inputs[:, 0].tolist())
            return inputs, targets

        model.fit(
            *(x, x),
            loss=ml.MeanSquaredError(),
            optimizer=ml.SGD(model.parameters(), lr=0),
            augment=remember,
            epochs=4,
            initial_epoch=first,
            batch_size=10,
            seed=3,
            verbose=0,
        )

    note(0)
    note(2)
    assert len(seen[0]) == 4
    assert seen[2] == seen[0][2:]


@pytest.mark.parametrize(("first", "message"), [(3, "at most the 2 epochs"), (-1, "at least 0"), (0.5, "an int")])
def test_a_wrong_initial_epoch(first, message):
    model = ml.Sequential([ml.Dense(1)], input_shape=(1,), seed=0)
    options = {"loss": ml.MeanSquaredError(), "optimizer": ml.SGD(model.parameters(), lr=0), "verbose": 0}
    with pytest.raises(ValueError, match=message):
        model.fit(np.ones((2, 1), np.float32), np.ones((2, 1)), epochs=2, initial_epoch=first, **options)


def test_a_schedule_that_ends_is_not_exceeded(tmp_path):
    training = Training(tmp_path / "state.npz", **CASES["one cycle"])
    training.fit(EPOCHS)
    again = Training(tmp_path / "state.npz", **CASES["one cycle"])
    assert again.load() == EPOCHS
    with pytest.raises(ValueError, match="it has 0 steps left, and this training 4 batches"):
        again.fit(EPOCHS + 1, EPOCHS)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"optimizer": lambda p: ml.AdamW(p)}, "expected the states of AdamW, no schedule, .*got Adam,"),
        ({"schedule": lambda o: schedules.Step(o, step_size=1)}, "expected the states of Adam, Step, .*no schedule"),
        ({"callbacks": lambda: [ml.AverageWeights()]}, "AverageWeights, TrainingCheckpoint, got Adam, no schedule, Tr"),
    ],
)
def test_another_training(tmp_path, other, message):
    Training(tmp_path / "state.npz").fit(1)
    again = Training(tmp_path / "state.npz", **other, seed=5)
    before = again.bits()
    with pytest.raises(ml.StateError, match=rf"state\.npz: .*{message}"):
        again.load()
    assert again.bits() == before


def test_another_model_changes_nothing(tmp_path):
    Training(tmp_path / "state.npz").fit(1)
    model = ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0)
    before = {name: value.tobytes() for name, value in model.state_dict().items()}
    with pytest.raises(ml.StateError, match=r"state\.npz: .*0\.bias: expected \(2,\)"):
        ml.load_training(
            *(tmp_path / "state.npz", model),
            optimizer=ml.Adam(model.parameters()),
            callbacks=[ml.TrainingCheckpoint(tmp_path / "state.npz")],
        )
    assert {name: value.tobytes() for name, value in model.state_dict().items()} == before


def test_an_optimizer_that_does_not_fit_leaves_the_model_as_it_was(tmp_path):
    Training(tmp_path / "state.npz").fit(1)
    again = Training(tmp_path / "state.npz", seed=5)
    before = again.bits()
    arrays, metadata = npz.load_arrays(tmp_path / "state.npz")
    arrays["optimizer.1.first_moment"] = np.zeros(3, np.float32)
    npz.save_arrays(tmp_path / "state.npz", arrays, metadata=metadata)
    with pytest.raises(ml.StateError, match="first_moment: expected"):
        again.load()
    assert again.bits() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda metadata: metadata.update(format="another"),
        lambda metadata: metadata.update(state=None),
        lambda metadata: metadata["state"]["items"].pop("epoch"),
        lambda metadata: metadata["state"]["items"].update(epoch="x"),
        lambda metadata: metadata["state"]["items"].update(model={"array": "none"}),
        lambda metadata: metadata["state"]["items"].update(callbacks=[["TrainingCheckpoint"]]),
        lambda metadata: metadata["state"]["items"].update(callbacks=[["TrainingCheckpoint", 3]]),
    ],
)
def test_a_damaged_file(tmp_path, damage):
    Training(tmp_path / "state.npz").fit(1)
    arrays, metadata = npz.load_arrays(tmp_path / "state.npz")
    damage(metadata)
    npz.save_arrays(tmp_path / "state.npz", arrays, metadata=metadata)
    again = Training(tmp_path / "state.npz", seed=5)
    before = again.bits()
    with pytest.raises(ml.FormatError, match=r"state\.npz"):
        again.load()
    assert again.bits() == before


def test_its_place_and_its_folder(tmp_path):
    training = Training(tmp_path / "none" / "state.npz")
    with pytest.raises(FileNotFoundError, match="TrainingCheckpoint: there is no folder"):
        training.fit(1)
    training = Training(tmp_path / "state.npz")
    training.callbacks.append(ml.EarlyStopping())
    with pytest.raises(ValueError, match="expected after EarlyStopping"):
        training.fit(1)


def test_a_log_goes_on_after_the_epochs_before(tmp_path):
    path = tmp_path / "log.csv"
    Training(tmp_path / "state.npz", callbacks=lambda: [ml.CSVLogger(path)]).fit(4)
    whole = path.read_text()
    again = Training(tmp_path / "state.npz", callbacks=lambda: [ml.CSVLogger(path, append=True)])
    again.load()
    again.fit(4, 2)  # the last two lines are replaced
    assert path.read_text().splitlines()[:3] == whole.splitlines()[:3]
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["epoch", "0", "1", "2", "3"]


def test_the_best_of_before_counts(tmp_path):
    def training():
        best = ml.ModelCheckpoint(tmp_path / "best.npz", monitor="val_loss", save_best_only=True)
        return Training(tmp_path / "state.npz", callbacks=lambda: [best]), best

    first, best = training()
    first.fit(2)
    again, resumed = training()
    again.load()
    assert math.isnan(resumed.best)
    again.fit(2, 2)
    assert resumed.best == best.best
    assert best.best == min(first.checkpoint.history["val_loss"])


def test_a_history_of_other_names_is_not_gone_on_with(tmp_path):
    path = tmp_path / "training.npz"
    x, y = np.ones((4, 2), np.float32), np.zeros(4, int)

    def train(metrics, first=0, resume=False):
        model = ml.Sequential([ml.Dense(2)], input_shape=(2,), seed=0)
        optimizer = ml.SGD(model.parameters(), lr=0.1)
        callbacks = [ml.TrainingCheckpoint(path)]
        if resume:
            first = ml.load_training(path, model, optimizer=optimizer, callbacks=callbacks)
        options = {"loss": ml.CrossEntropy(), "optimizer": optimizer, "callbacks": callbacks, "verbose": 0}
        model.fit(x, y, **options, epochs=first + 1, initial_epoch=first, metrics=metrics)
        return callbacks[0].history

    train([ml.Accuracy()])
    before = path.read_bytes()
    with pytest.raises(ml.StateError, match=r"the epochs before have loss, accuracy, and those to come loss, f1$"):
        train([ml.F1()], resume=True)
    assert path.read_bytes() == before
    assert len(train([ml.Accuracy()], resume=True)["accuracy"]) == 2


STATEFUL = {
    "schedule": lambda o: schedules.WarmUp(schedules.ReduceOnPlateau(o, patience=0), steps=2),
    "callbacks": lambda: [
        ml.EarlyStopping(patience=3, restore_best_weights=True),
        ml.ModelCheckpoint("best.npz", save_best_only=True),
        ml.AverageWeights(0.9),
    ],
}
HUGE = 10**400


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """What is in a file of a training with all that has a state."""
    folder = tmp_path_factory.mktemp("saved")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Training(folder / "state.npz", **STATEFUL).fit(2)
    return npz.load_arrays(folder / "state.npz")


def entries(state, *places):
    for place in places:
        state = state[place] if isinstance(state, list) else state["items"][place]
    return state


@pytest.mark.parametrize(
    ("places", "name", "value"),
    [
        (["optimizer", 1], "steps", HUGE),
        (["optimizer", 1], "steps", -1),
        (["optimizer", 1], "steps", True),
        (["optimizer", 1], "lr", HUGE),
        (["optimizer", 1], "lr", math.nan),
        (["optimizer", 1], "lr", "0.1"),
        (["schedule", 1], "steps", HUGE),
        (["schedule", 1], "after.best", HUGE),
        (["schedule", 1], "after.best", None),
        (["schedule", 1], "after.lr", -1),
        (["schedule", 1], "base_lr", math.inf),
        (["callbacks", 0, 1], "best", HUGE),
        (["callbacks", 0, 1], "best", None),
        (["callbacks", 0, 1], "wait", None),
        (["callbacks", 0, 1], "wait", 1.5),
        (["callbacks", 0, 1], "stopped_epoch", "3"),
        (["callbacks", 0, 1], "stopped_epoch", -3),
        (["callbacks", 0, 1], "weights", 3),
        (["callbacks", 0, 1], "weights", {"items": {}}),
        (["callbacks", 1, 1], "best", []),
        (["callbacks", 1, 1], "best", ...),
        (["callbacks", 2, 1], "average", None),
        (["callbacks", 2, 1], "own", {"items": {}}),
        (["callbacks", 2, 1, "average"], "updates", HUGE),
        (["callbacks", 2, 1, "average"], "0.bias", {"array": "model.0.weight"}),
        (["callbacks", 3, 1], "names", ["loss", "loss"]),
        (["callbacks", 3, 1], "names", [3]),
        (["callbacks", 3, 1], "names", ["loss"]),
        (["callbacks", 3, 1], "values", None),
        (["callbacks", 3, 1], "values", [3]),
        ([], "epoch", HUGE),
        ([], "callbacks", [[]] * 4),
    ],
    ids=lambda value: str(value)[:30],
)
def test_states_are_checked_when_they_are_loaded(tmp_path, saved, places, name, value):
    arrays, metadata = saved[0], copy.deepcopy(saved[1])
    items = entries(metadata["state"], *places)["items"]
    if value is ...:
        del items[name]
    else:
        items[name] = value
    npz.save_arrays(tmp_path / "state.npz", arrays, metadata=metadata)
    again = Training(tmp_path / "state.npz", **STATEFUL, seed=5)
    before = again.bits(), again.schedule.state_dict()
    with pytest.raises((ml.FormatError, ml.StateError), match=r"state\.npz: ") as caught:
        again.load()
    assert len(str(caught.value)) < 2000
    assert (again.bits(), again.schedule.state_dict()) == before
    assert [callback.resumed for callback in again.callbacks] == [None] * 4


def test_deep_nesting_in_a_state(tmp_path, saved):
    text = json.dumps(saved[1]).replace('"epoch": 2', f'"epoch": {"[" * 900}{"]" * 900}')
    arrays = saved[0] | {"__metadata__": np.frombuffer(text.encode(), np.uint8)}
    np.savez(tmp_path / "state.npz", **arrays)
    with pytest.raises(ml.FormatError, match=r"state\.npz: "):
        Training(tmp_path / "state.npz", **STATEFUL).load()


def test_masks_that_no_generator_has(tmp_path, saved):
    for digits in ([math.nan] * 5, [-1, 0, 0, 0, 0], [0.5, 0, 0, 0, 0], [2**21, 0, 0, 0, 0]):
        arrays = saved[0] | {"model.4.masks": np.array(digits, np.float32)}
        npz.save_arrays(tmp_path / "state.npz", arrays, metadata=saved[1])
        with pytest.raises(ml.StateError, match=r"4\.masks: expected whole numbers from 0 to 2097151"):
            Training(tmp_path / "state.npz", **STATEFUL).load()


def test_the_budget_of_a_training(tmp_path):
    training = Training(tmp_path / "state.npz")
    training.fit(1)
    with pytest.raises(ml.FormatError, match=r"state\.npz: .* bytes of arrays, more than the 100 allowed"):
        ml.load_training(
            *(tmp_path / "state.npz", training.model), optimizer=training.optimizer, budget=ml.Budget(arrays=100)
        )
