"""Same seed, same bits: whatever the number of threads, and whatever the width of the CPU's vectors."""

import pytest

PROGRAM = """
import hashlib
import numpy as np
import minidl as ml

ml.set_num_threads({threads})
rng = np.random.default_rng(0)
images = rng.standard_normal((96, *{shape}), dtype=np.float32)
labels = rng.integers(0, 10, 96)
model = ml.models.{name}(seed=0)
optimizer, criterion = ml.Adam(model.parameters(), lr=1e-3), ml.CrossEntropy()
for step in range(50):
    part = np.arange(step * 32, step * 32 + 32) % 96
    scores, backward = model.forward(images[part], train=True)
    loss, dscores = criterion(scores, labels[part])
    optimizer.zero_grad()
    backward(dscores, need_dx=False)
    optimizer.step()
state = model.state_dict()
assert all(np.isfinite(value).all() for value in state.values())
print(hashlib.sha256(b"".join(value.tobytes() for value in state.values())).hexdigest())
"""

PLAIN = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
"""Vectors of 16 bytes, as NEON has, and products and sums that the system's library rounds once."""


@pytest.mark.compiled
@pytest.mark.parametrize(("name", "shape"), [("lenet", (1, 28, 28)), ("vgg", (3, 32, 32))])
def test_weights_after_fifty_steps(run_python, lines_for_threads, name, shape):
    digests = lines_for_threads(PROGRAM, name=name, shape=shape)
    if name == "lenet":
        program = PROGRAM.format(name=name, shape=shape, threads=2)
        done = run_python(program, covered=False, NUMBA_NUM_THREADS="4", **PLAIN)
        digests["no vectors to speak of"] = done.stdout.splitlines()
    assert all(digest == digests[1] for digest in digests.values()), digests


OPTIMIZERS = """
import hashlib
import numpy as np
import minidl as ml
from minidl.module import Parameter

ml.set_num_threads({threads})
digest = hashlib.sha256()
decay = {{"weight_decay": 0.1}}
for kind, options in [
    (ml.SGD, {{"momentum": 0.9, "nesterov": True}} | decay),
    (ml.Adam, decay),
    (ml.AdamW, decay),
    (ml.RMSProp, {{"centered": True, "momentum": 0.9}} | decay),
    (ml.Adagrad, decay),
    (ml.Lion, decay),
]:
    rng = np.random.default_rng(0)
    parameter = Parameter(rng.standard_normal(50_001, dtype=np.float32))
    optimizer = kind([parameter], lr=0.01, clip_norm=100.0, **options)
    for step in range(5):
        parameter.grad = rng.standard_normal(50_001, dtype=np.float32)
        optimizer.step()
    assert np.isfinite(parameter.value).all()
    digest.update(parameter.value.tobytes())
print(digest.hexdigest())
"""


@pytest.mark.compiled
def test_five_steps_of_every_optimizer(lines_for_threads):
    digests = lines_for_threads(OPTIMIZERS)
    assert all(digest == digests[1] for digest in digests.values()), digests


LAYERS = """
import hashlib
import numpy as np
import minidl as ml

ml.set_num_threads({threads})
rng = np.random.default_rng(0)
labels = rng.integers(0, 3, 40)
shapes = ml.Sequential([
    ml.Conv2D(6, 3, stride=2, padding=1), ml.ReLU(), ml.ConvTranspose2D(5, 4, stride=2, padding=1),
    ml.UpSample2D(2, interpolation="bilinear"), ml.ZeroPad2D(1), ml.SeparableConv2D(7, 3, stride=2), ml.UpSample2D(2),
    ml.DepthwiseConv2D(3, padding="same"), ml.Concatenate([[], ml.Conv2D(3, 1)]), ml.Add([[], ml.Conv2D(10, 1)]),
    ml.Reshape((10, -1)), ml.Conv1D(3, 5, stride=3), ml.MaxPool1D(2), ml.Flatten(), ml.Dense(3),
], input_shape=(3, 12, 12), seed=0)
moved = ml.Sequential([
    ml.Conv2D(8, 3, padding=1), ml.Resize(scale=(2, 1.7), interpolation="cubic"), ml.Pad2D(2, mode="reflect"),
    ml.PixelUnshuffle(2), ml.Conv2D(12, 1), ml.Reshape((3, 4, 14, 12)), ml.Transpose((0, 2, 1, 3, 4)),
    ml.Reshape((12, 14, 12)), ml.Conv2D(8, 3), ml.ReLU(), ml.Slice(1, 1, -1),
    ml.Resize((30, 9), interpolation="linear"), ml.Gather(2, range(0, 30, 2)),
    ml.Add([[], [ml.ReduceMean((2, 3)), ml.Expand((-1, 15, 9))]]), ml.ReduceL2(3),
    ml.Concatenate([[ml.ReduceMax(2)], [ml.ReduceSum(2)]]), ml.Flatten(), ml.Dense(3),
], input_shape=(3, 12, 12), seed=0)
words = ml.Sequential([ml.Embedding(9, 5), ml.Flatten(), ml.Dense(3)], input_shape=(4,), seed=0)
images = rng.standard_normal((40, 3, 12, 12), dtype=np.float32)
cases = [(shapes, images), (moved, images), (words, rng.integers(9, size=(40, 4)))]
for model, x in cases:
    model.fit(x, labels, loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters()), epochs=3, seed=0, verbose=0)
    state = model.state_dict()
    assert all(np.isfinite(value).all() for value in state.values())
    print(hashlib.sha256(b"".join(value.tobytes() for value in state.values())).hexdigest())
"""


@pytest.mark.compiled
def test_weights_of_layers_that_move_values_about(lines_for_threads):
    digests = lines_for_threads(LAYERS)
    assert all(digest == digests[1] for digest in digests.values()), digests


NORMS = """
import hashlib
import numpy as np
import minidl as ml

ml.set_num_threads({threads})
rng = np.random.default_rng(0)
labels = rng.integers(0, 3, 40)
images = ml.Sequential([
    ml.Conv2D(20, 3, padding=1), ml.GroupNorm(4), ml.ReLU(), ml.AveragePool2D(3, stride=2, padding=1),
    ml.Dropout2D(0.2), ml.LayerNorm(), ml.AdaptiveAveragePool2D((4, 5)),
    ml.Concatenate([ml.GlobalAveragePool2D(), ml.GlobalMaxPool2D()]),
    ml.BatchNorm1D(), ml.LayerNorm(), ml.Dense(3),
], input_shape=(3, 33, 30), seed=0)
vectors = ml.Sequential([ml.Dense(300), ml.LayerNorm(), ml.GroupNorm(3), ml.Dense(3)], input_shape=(500,), seed=0)
for model in (images, vectors):
    x = rng.standard_normal((40, *model.input_shape), dtype=np.float32)
    model.fit(x, labels, loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters()), epochs=3, seed=0, verbose=0)
    state = model.state_dict()
    assert all(np.isfinite(value).all() for value in state.values())
    print(hashlib.sha256(b"".join(value.tobytes() for value in state.values())).hexdigest())
"""


@pytest.mark.compiled
def test_weights_behind_normalization_and_averages(lines_for_threads):
    digests = lines_for_threads(NORMS)
    assert all(digest == digests[1] for digest in digests.values()), digests


BRANCHES = """
import hashlib
import numpy as np
import minidl as ml

ml.set_num_threads({threads})
rng = np.random.default_rng(0)
cases = [
    (ml.models.resnet20(input_shape=(3, 16, 16), seed=0), rng.integers(0, 10, 24)),
    (ml.models.mobilenet(input_shape=(3, 16, 16), seed=0), rng.integers(0, 10, 24)),
    (ml.models.unet(input_shape=(1, 16, 16), classes=3, seed=0), rng.integers(0, 3, (24, 16, 16))),
]
for model, labels in cases:
    images = rng.standard_normal((24, *model.input_shape), dtype=np.float32)
    optimizer, criterion = ml.Adam(model.parameters(), lr=1e-3), ml.CrossEntropy()
    for step in range(3):
        scores, backward = model.forward(images, train=True)
        loss, dscores = criterion(scores, labels)
        optimizer.zero_grad()
        dx = backward(dscores, need_dx=step % 2 == 0)
        optimizer.step()
    state = model.state_dict()
    assert all(np.isfinite(value).all() for value in state.values())
    arrays = [*state.values(), model(images), model.forward(images, train=True)[1](dscores)]
    print(hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest())
"""


@pytest.mark.compiled
def test_weights_of_networks_with_branches(run_python, lines_for_threads):
    digests = lines_for_threads(BRANCHES)
    done = run_python(BRANCHES.format(threads=2), covered=False, NUMBA_NUM_THREADS="4", **PLAIN)
    digests["no vectors to speak of"] = done.stdout.splitlines()
    assert len(digests[1]) == 3
    assert all(digest == digests[1] for digest in digests.values()), digests
