"""A training that is interrupted within an epoch goes on from the last batch that was saved, to the same bits."""

import numpy as np
import pytest

import minidl as ml
from minidl import schedules
from minidl.saving import npz
from tests.training.test_resume import Training, samples

METRICS = [ml.Accuracy(), ml.ConfusionMatrix(), ml.ROCAUC(average="macro"), ml.F1(average="macro")]


class Interruption(ml.Callback):
    def __init__(self, epoch, batch):
        self.place, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs):
        if (self.epoch, batch) == self.place:
            raise KeyboardInterrupt


CASES = {
    "SGD": {"optimizer": lambda parameters: ml.SGD(parameters, lr=0.1, momentum=0.9)},
    "schedule by batches": {"schedule": lambda optimizer: schedules.OneCycle(optimizer, max_lr=0.1, total_steps=12)},
    "averages": {"callbacks": lambda: [ml.AverageWeights(0.9)]},
    "augmented": {"augment": [ml.augment.RandomHorizontalFlip()]},
}


def within(path, save_freq=2, **case):
    training = Training(path, **case)
    training.callbacks[-1] = training.checkpoint = ml.TrainingCheckpoint(path, save_freq=save_freq)
    return training


def bits(training):
    return {name: array.value.tobytes() for name, array in training.model.named_state()}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("place", [(0, 2), (1, 1), (1, 3), (2, 0)])
def test_it_ends_with_the_same_bits(tmp_path, case, place):
    whole = within(tmp_path / "whole.npz", **CASES[case])
    wanted = whole.fit(3)
    broken = within(tmp_path / "broken.npz", **CASES[case])
    broken.callbacks.append(Interruption(*place))  # behind the checkpoint
    with pytest.raises(KeyboardInterrupt):
        broken.fit(3)
    other = within(tmp_path / "broken.npz", **CASES[case])
    behind = other.load()
    saved = place[1] + 1 - (place[1] + 1) % 2
    assert (int(behind), behind.batch) == (place[0], saved)
    got = other.fit(3, behind)
    assert bits(other) == bits(whole)
    for name, values in other.checkpoint.history.items():
        np.testing.assert_array_equal(values, wanted[name])
    assert got["loss"] == wanted["loss"][place[0] :]


def test_metrics_go_on_with_what_they_have_counted(tmp_path):
    rng = np.random.default_rng(0)
    scores, labels = rng.random((20, 3), np.float32), rng.integers(3, size=20)
    for metric in METRICS:
        objective = ml.training.objective.objective(ml.Sequential([ml.Dense(3)]), ml.CrossEntropy(), [metric])
        objective.reset()
        objective.count(scores[:8], labels[:8])
        kept = objective.state_dict()
        objective.count(scores[8:], labels[8:])
        wanted = objective.result()
        objective.reset()
        objective.load_state_dict(kept)
        objective.count(scores[8:], labels[8:])
        for name, value in objective.result().items():
            np.testing.assert_array_equal(value, wanted[name])


def test_a_metric_that_no_file_holds(tmp_path):
    class Odd(ml.Metric):
        name = "odd"

        def reset(self):
            self.seen = {1, 2}

        def update(self, scores, labels):
            pass

        def result(self):
            return 0.0

    model = ml.Sequential([ml.Flatten(), ml.Dense(3)], input_shape=(1, 6, 6), seed=0)
    optimizer = ml.SGD(model.parameters(), lr=0.1)
    with pytest.raises(TypeError, match=r"Odd\.seen: expected numbers, arrays and lists.*got set.*save_freq"):
        model.fit(
            *samples(),
            loss=ml.CrossEntropy(),
            optimizer=optimizer,
            metrics=[Odd()],
            batch_size=8,
            callbacks=[ml.TrainingCheckpoint(tmp_path / "t.npz", save_freq=1)],
            verbose=0,
        )
    assert not (tmp_path / "t.npz").exists()


def test_its_frequency():
    with pytest.raises(ValueError, match="save_freq"):
        ml.TrainingCheckpoint("t.npz", save_freq=0)


def test_a_file_of_within_an_epoch_says_so(tmp_path):
    training = within(tmp_path / "t.npz", save_freq=3)
    training.callbacks.append(Interruption(0, 2))
    with pytest.raises(KeyboardInterrupt):
        training.fit(1)
    assert npz.load_arrays(tmp_path / "t.npz")[1]["format"] == "minidl-training-2"
