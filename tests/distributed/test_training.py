"""Training that several ranks share: the same bits as in one process, and one word for all."""

import re
import threading

import numpy as np
import pytest

import minidl as ml
from tests.distributed.in_threads import with_ranks

pytestmark = pytest.mark.compiled


def samples(n, seed=0, size=8):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 1, size, size), np.float32), rng.integers(3, size=n)


def small(seed=0):
    """All kinds of layers whose sums or draws are of the batch."""
    branch = ml.Sequential([ml.DepthwiseConv2D(3, padding=1), ml.BatchNorm2D(), ml.ReLU(), ml.Conv2D(4, 1)])
    layers = [
        *[ml.Conv2D(4, 3, padding=1), ml.BatchNorm2D(), ml.ReLU(), ml.MaxPool2D(2), ml.Dropout(0.2)],
        *[ml.Residual(branch), ml.GroupNorm(2), ml.Flatten(), ml.Dense(12), ml.ReLU(), ml.Dropout(0.3), ml.Dense(3)],
    ]
    return ml.Sequential(layers, input_shape=(1, 8, 8), seed=seed)


def bits(model):
    return {name: array.value.tobytes() for name, array in model.named_state()}


def fit(comm, n=37, *, make=small, optimizer=None, x=None, **options):
    """(the bits of a model that has been trained, its history)."""
    model = make()
    made = (optimizer or (lambda parameters: ml.Adam(parameters, lr=0.01)))(model.parameters())
    x, y = samples(n) if x is None else x
    usual = {"epochs": 2, "batch_size": 16, "seed": 3, "metrics": [ml.Accuracy()], "verbose": 0}
    history = model.fit(x, y, loss=ml.CrossEntropy(), optimizer=made, distributed=comm, **usual | options)
    return bits(model), dict(history)


CASES = {
    "as it is": {},
    "a last batch of one": {"n": 33},
    "a last batch of three": {"n": 35},
    "validation": {"validation_data": samples(21, seed=1)},
    "weights": {"sample_weight": np.linspace(0.1, 2, 37), "validation_split": 0.2},
    "augmented": {"augment": [ml.augment.RandomHorizontalFlip(), ml.augment.RandomCrop(8, padding=1)]},
    "any function": {"augment": lambda x, y: (x[::-1], y[::-1])},
    "clipped": {"optimizer": lambda parameters: ml.SGD(parameters, lr=0.1, momentum=0.9, clip_norm=0.5)},
    "in order, without the last": {"shuffle": False, "drop_last": True},
    "prefetched": {"prefetch": 2},
    "in float64": {
        "make": lambda: ml.Sequential(small().layers, input_shape=(1, 8, 8), dtype="float64", seed=0),
        "x": (samples(37)[0].astype(np.float64), samples(37)[1]),
    },
}


RANKS = [(ranks, "a last batch of three") for ranks in (1, 2, 8)]


@pytest.mark.parametrize(("ranks", "case"), [*RANKS, *((4, case) for case in CASES)])
def test_ranks_give_the_bits_of_one_process(ranks, case):
    wanted = fit(None, **CASES[case])
    for got in with_ranks(ranks, lambda comm: fit(comm, **CASES[case])):
        assert got == wanted


def stream():
    x, y = samples(40)
    for start in range(0, 40, 16):
        yield x[start : start + 16], y[start : start + 16]


def test_batches_of_an_iterable_are_shared():
    def of_stream(comm):
        model = small()
        history = model.fit(
            stream,
            loss=ml.CrossEntropy(),
            optimizer=ml.SGD(model.parameters(), lr=0.1),
            epochs=2,
            seed=1,
            verbose=0,
            distributed=comm,
        )
        return bits(model), dict(history)

    wanted = of_stream(None)
    assert with_ranks(2, of_stream) == [wanted] * 2


def test_a_rank_reads_its_own_samples_alone():
    class Watched:
        """Samples in a file, of which somebody counts those that are read."""

        def __init__(self, x):
            self.x, self.read = x, []
            self.shape, self.dtype, self.ndim = x.shape, x.dtype, x.ndim

        def __len__(self):
            return len(self.x)

        def __getitem__(self, rows):
            found = np.arange(len(self.x))[rows]
            self.read.append(np.atleast_1d(found))
            return self.x[rows]

    x, y = samples(64)

    def work(comm):
        watched = Watched(x)
        result = fit(comm, x=(watched, y), epochs=1)
        return result, watched.read

    wanted = fit(None, x=(x, y), epochs=1)
    first, second = with_ranks(2, work)
    assert first[0] == second[0] == wanted
    steps = [[rows for rows in read if len(rows) == 8][-4:] for _, read in (first, second)]
    seen = [set(np.concatenate(rows).tolist()) for rows in steps]
    assert len(seen[0]) == len(seen[1]) == 32
    assert seen[0] | seen[1] == set(range(64))


class Deciding(ml.Callback):
    """Changes all that a callback may, after the first epoch."""

    def __init__(self):
        self.events = []

    def on_train_batch_end(self, batch, logs):
        self.events.append(("batch", batch))
        if batch == 0:
            self.optimizer.lr *= 0.5

    def on_epoch_end(self, epoch, logs):
        self.events.append(("epoch", epoch))
        self.model.layers[0].trainable = False
        self.model.layers[-1].weight.value *= 0.5
        if epoch == 1:
            self.stop_training = True


def test_callbacks_are_the_first_ranks_and_hold_for_all():
    def work(comm):
        callback = Deciding()
        return fit(comm, callbacks=[callback], epochs=5), callback.events

    wanted = work(None)
    got = with_ranks(4, work)
    assert got[0] == wanted
    assert [each[0] for each in got[1:]] == [wanted[0]] * 3
    assert [each[1] for each in got[1:]] == [[]] * 3


def test_usual_callbacks_decide_once_for_all(tmp_path):
    def work(comm):
        callbacks = [
            ml.EarlyStopping(patience=1, restore_best_weights=True),
            ml.AverageWeights(0.9),
            ml.CSVLogger(tmp_path / f"{'one' if comm is None else 'ranks'}.csv"),
            ml.explain.Snapshots(tmp_path / f"{'one' if comm is None else 'ranks'}.npz", samples(2, seed=3)[0]),
            ml.TerminateOnNaN(),
        ]
        optimizer = {"optimizer": lambda parameters: ml.SGD(parameters, lr=0.5)}
        return fit(comm, callbacks=callbacks, epochs=6, validation_data=samples(20, seed=2), **optimizer)

    wanted = work(None)
    assert with_ranks(2, work) == [wanted] * 2
    assert (tmp_path / "ranks.csv").read_text() == (tmp_path / "one.csv").read_text()
    assert (tmp_path / "ranks.npz").read_bytes() == (tmp_path / "one.npz").read_bytes()


def test_a_loss_that_is_no_number_ends_all_ranks():
    def work(comm):
        x, y = samples(37)
        x[20:] = np.nan
        with pytest.warns(RuntimeWarning, match="NaN") if comm is None else np.errstate():
            return fit(comm, x=(x, y), callbacks=[ml.TerminateOnNaN()], shuffle=False)[1].keys()

    assert work(None) == {"loss", "accuracy"}
    with pytest.warns(RuntimeWarning, match="NaN"):
        assert with_ranks(2, work) == [{"loss", "accuracy"}] * 2


@pytest.mark.parametrize("save_freq", ["epoch", 2])
@pytest.mark.parametrize("ranks", [(2, 4), (4, 1), (1, 8)])
def test_another_number_of_ranks_goes_on(tmp_path, ranks, save_freq):
    class Interruption(ml.Callback):
        def on_train_batch_end(self, batch, logs):
            if self.optimizer.steps == 5:
                raise KeyboardInterrupt

    path = tmp_path / "training.npz"

    def work(comm, goes_on=False):
        model = small()
        optimizer = ml.Adam(model.parameters(), lr=0.01)
        checkpoint = ml.TrainingCheckpoint(path, save_freq=save_freq)
        first = ml.load_training(path, model, optimizer=optimizer, callbacks=[checkpoint]) if goes_on else 0
        model.fit(
            *samples(60),
            loss=ml.CrossEntropy(),
            optimizer=optimizer,
            epochs=3,
            initial_epoch=first,
            batch_size=16,
            seed=2,
            callbacks=[checkpoint] if goes_on or whole else [checkpoint, Interruption()],
            verbose=0,
            distributed=comm,
        )
        return bits(model)

    whole = True
    wanted = work(None)
    path.unlink()
    whole = False
    with pytest.raises((KeyboardInterrupt, threading.BrokenBarrierError)):
        with_ranks(ranks[0], work)
    assert with_ranks(ranks[1], lambda comm: work(comm, goes_on=True)) == [wanted] * ranks[1]


DISAGREEMENTS = {
    "weights": lambda rank: {"make": lambda: small(seed=rank)},
    "training data": lambda rank: {"x": samples(37, seed=rank)},
    "seed": lambda rank: {"seed": rank},
    "optimizer": lambda rank: {"optimizer": lambda parameters: ml.SGD(parameters, lr=0.1 + rank)},
    "validation data": lambda rank: {"validation_data": samples(10, seed=rank)},
    "epochs": lambda rank: {"epochs": 2 + rank},
    "set_exact": lambda rank: {},
}


@pytest.mark.parametrize("name", [name for name in DISAGREEMENTS if name != "set_exact"])
def test_ranks_that_do_not_agree_are_told_before_any_work(name):
    messages = []

    def work(comm):
        with pytest.raises(ValueError, match="distributed") as caught:
            fit(comm, **DISAGREEMENTS[name](comm.rank))
        messages.append(str(caught.value))

    with_ranks(2, work)
    assert len(messages) == 2
    assert messages[0] == messages[1]
    assert messages[0].startswith(f"distributed: {name}: rank 1 has ")


def test_another_backend_is_refused():
    with ml.use_backend("vectorized"):

        def work(comm):
            with pytest.raises(ValueError, match=r"expected the backend compiled.*got vectorized"):
                fit(comm)

        with_ranks(2, work)


def test_ranks_without_a_seed_have_the_first_ones():
    first, second = with_ranks(2, lambda comm: fit(comm, seed=None))
    assert first == second


def test_three_ranks_come_close():
    wanted = fit(None, epochs=1)[1]["loss"]
    for _, history in with_ranks(3, lambda comm: fit(comm, epochs=1), exact=False):
        np.testing.assert_allclose(history["loss"], wanted, rtol=1e-5)


@pytest.mark.parametrize(("given", "hint"), [(True, "such as minidl.distributed.MPI"), (ml.distributed.MPI, "add ()")])
def test_what_is_no_communicator(given, hint):
    with pytest.raises(TypeError, match=f"distributed: expected a communicator, got .*{re.escape(hint)}"):
        fit(given)
