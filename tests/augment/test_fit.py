"""Augmented training: each epoch differs, a seed decides every bit, and validation sees the images as they are."""

import tracemalloc

import numpy as np
import pytest

import minidl as ml
from minidl.augment import Augmentation, MixUp, RandomHorizontalFlip, RandomRotation, RandomShift

X = np.random.default_rng(0).random((30, 1, 6, 6), dtype=np.float32)
Y = np.arange(30) % 3


def network():
    return ml.Sequential([ml.Conv2D(3, 3), ml.ReLU(), ml.Flatten(), ml.Dense(3)], input_shape=(1, 6, 6), seed=0)


def fit(model=None, x=X, y=Y, **options):
    model = model or network()
    options = {"epochs": 2, "batch_size": 8, "seed": 4, "verbose": 0} | options
    history = model.fit(x, y, loss=ml.CrossEntropy(), optimizer=ml.SGD(model.parameters(), lr=0.1), **options)
    return history, model.state_dict()


class Recorder(Augmentation):
    """Keeps what comes by, image and numbers."""

    def __init__(self):
        self.seen = []

    def apply(self, x, y, numbers):
        self.seen += [(image.tobytes(), tuple(row)) for image, row in zip(x, numbers, strict=True)]
        return x, y


def test_numbers_depend_on_seed_epoch_and_place_alone():
    def seen(**options):
        recorder = Recorder()
        fit(augment=recorder, **options)
        assert len(recorder.seen) == 60
        return [dict(recorder.seen[:30]), dict(recorder.seen[30:])]

    first = seen()
    assert all(first[0][image] != first[1][image] for image in first[0])
    assert len(set(first[0].values())) == 30
    for options in ({"batch_size": 7}, {"shuffle": False}, {"prefetch": 2}, {"callbacks": [ml.Callback()]}):
        assert seen(**options) == first
    assert seen(seed=5)[0] != first[0]
    unseeded = seen(seed=None)
    assert unseeded[0] != seen(seed=None)[0]


def test_a_seed_decides_every_bit_and_no_augmentation_leaves_the_order():
    steps = [RandomHorizontalFlip(), RandomShift(1), RandomRotation(10)]
    once, again = fit(augment=steps), fit(augment=ml.augment.Compose(steps))
    plain, nothing = fit(), fit(augment=[])
    for name in once[1]:
        np.testing.assert_array_equal(once[1][name], again[1][name])
        np.testing.assert_array_equal(plain[1][name], nothing[1][name])
    assert once[0] == again[0]
    assert not np.array_equal(once[1]["0.weight"], plain[1]["0.weight"])


def test_training_sees_changed_images_and_validation_does_not():
    class Zeros(Augmentation):
        def apply(self, x, y, numbers):
            return np.zeros_like(x), y

    model = network()
    history, _ = fit(model, augment=Zeros(), validation_data=(X, Y), epochs=1)
    assert history["val_loss"][0] == model.evaluate(X, Y, loss=ml.CrossEntropy())["loss"]
    trained_on_zeros = fit(x=np.zeros_like(X), epochs=1)
    np.testing.assert_array_equal(model.state_dict()["3.bias"], trained_on_zeros[1]["3.bias"])


def test_a_function_is_called_with_batches():
    shapes = []

    def halve(x, y):
        shapes.append((x.shape, y.shape))
        return x / 2, y

    _, state = fit(augment=halve)
    assert shapes == [((8, 1, 6, 6), (8,))] * 3 + [((6, 1, 6, 6), (6,))] + shapes[4:]
    assert len(shapes) == 8
    for name, value in fit(x=X / 2)[1].items():
        np.testing.assert_array_equal(value, state[name])


def test_mixup_trains_on_one_hot_rows():
    history, _ = fit(y=ml.one_hot(Y), augment=[MixUp(0.4)], metrics=[ml.Accuracy()])
    assert np.isfinite(history["loss"]).all()
    with pytest.raises(ml.ShapeError, match=r"MixUp: expected targets .* ml.one_hot\(labels, classes\), got int64"):
        fit(augment=[MixUp(0.4)])


def test_errors_come_before_any_work():
    model = network()
    before = model.state_dict()
    for options, message in (
        ({"augment": 3}, "augment: expected an augmentation"),
        ({"augment": RandomShift}, "call it: add ()"),
    ):
        with pytest.raises(TypeError, match=message):
            fit(model, **options)
    with pytest.raises(ValueError, match="prefetch: expected an int of at least 0, got -1"):
        fit(model, prefetch=-1)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_mapped_file_is_trained_on_a_batch_at_a_time(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    want = fit()[1]
    for prefetch in (0, 2):
        for name, value in fit(x=mapped, prefetch=prefetch)[1].items():
            np.testing.assert_array_equal(value, want[name])


@pytest.mark.parametrize("prefetch", [0, 2])
def test_training_on_a_mapped_file_takes_the_memory_of_some_batches(tmp_path, prefetch):
    np.save(tmp_path / "x.npy", np.ones((2000, 1, 32, 32), np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    model = ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=(1, 32, 32), seed=0)
    model.predict(mapped[:10])
    tracemalloc.start()
    try:
        fit(
            model, x=mapped, y=np.arange(2000) % 2, batch_size=10, epochs=1, augment=[RandomShift(1)], prefetch=prefetch
        )
        assert tracemalloc.get_traced_memory()[1] < mapped.nbytes / 4
    finally:
        tracemalloc.stop()


PROGRAM = """
import hashlib
import numpy as np
import minidl as ml

ml.set_num_threads({threads})
A = ml.augment
x = np.random.default_rng(0).random((64, 3, 32, 32), dtype=np.float32)
y = ml.one_hot(np.arange(64) % 10)
steps = A.Compose([
    A.RandomCrop(32, padding=4), A.RandomHorizontalFlip(), A.RandomRotation(30), A.RandomShift(3),
    A.RandomBrightness(0.2), A.RandomContrast(0.5), A.Cutout(8), A.MixUp(),
])
changed, targets = steps(x, y, seed=3, epoch=1)
print(hashlib.sha256(np.ascontiguousarray(changed).tobytes() + targets.tobytes()).hexdigest())
"""
AVX2 = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma,+avx,+bmi,+bmi2,+sse4.2"}


@pytest.mark.compiled
def test_the_same_bits_for_any_threads_vectors_and_backend(run_python):
    digests = {
        run_python(
            PROGRAM.format(threads=threads), covered=False, NUMBA_NUM_THREADS="4", MINIDL_BACKEND=backend, **variables
        ).stdout
        for threads, backend, variables in [
            (1, "compiled", {}), (4, "compiled", {}), (2, "compiled", AVX2), (1, "vectorized", {}),
        ]
    }  # fmt: skip
    assert len(digests) == 1
