"""Files of 0.1.0 load to the same bits; what they hold predicts and goes on as then, but for how sums are rounded.

0.1.0 added all products of a sum in one chain, and 0.2.0 adds chains of 64.
"""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import minidl as ml

HERE = Path(__file__).with_name("files_of_0_1_0")


def made_by():
    """The script that wrote them."""
    spec = importlib.util.spec_from_file_location("files_of_0_1_0", HERE / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = made_by()


@pytest.fixture(scope="module")
def expected():
    with np.load(HERE / "expected.npz") as file:
        return dict(file)


@pytest.fixture(params=["compiled", "vectorized", "reference"])
def backend(request):
    with ml.use_backend(request.param):
        yield request.param


def assert_as_before(got, want, backend):
    """On the backend of the files but for rounding; on another one what float32 and its sums allow."""
    assert got.dtype == want.dtype
    if backend == "compiled":
        scale = np.finfo(want.dtype).eps * abs(want).max()
        np.testing.assert_allclose(got, want, rtol=0, atol=8 * scale)
    else:
        np.testing.assert_allclose(got, want, rtol=2e-3, atol=2e-4)


def assert_predicts(name, model, expected, backend):
    assert_as_before(model(make.samples(1, model.dtype)[0]), expected[f"{name}/score"], backend)
    if backend != "reference":  # whose loops take long
        scores = model.predict(make.samples(24, model.dtype)[0], batch_size=16)
        assert_as_before(scores, expected[f"{name}/scores"], backend)


def assert_went_on(name, model, expected, backend):
    scores = model.predict(make.samples(24, model.dtype)[0], batch_size=16)
    wanted = expected[f"{name}/scores after"]
    if backend == "compiled":
        np.testing.assert_allclose(scores, wanted, rtol=0, atol=200 * np.finfo(wanted.dtype).eps * abs(wanted).max())
    else:
        np.testing.assert_allclose(scores, wanted, rtol=2e-2, atol=5e-3)


@pytest.mark.parametrize("name", make.MODELS)
def test_a_model(name, expected, backend):
    model = ml.load(HERE / f"{name}.npz")
    with np.load(HERE / f"{name}.npz") as file:
        for parameter, array in model.named_state():
            assert array.value.tobytes() == file[parameter].tobytes()
    assert repr(model) == repr(make.MODELS[name]())
    assert_predicts(name, model, expected, backend)
    if backend != "reference":
        make.fit(model, ml.SGD(model.parameters(), lr=0.01, momentum=0.9), seed=2)
        assert_went_on(name, model, expected, backend)


def test_a_training_goes_on(expected, backend, tmp_path):
    model = ml.load(HERE / "branches.npz")
    optimizer, schedule, callbacks = make.resumable(model, tmp_path)
    epoch = ml.load_training(HERE / "training.npz", model, optimizer=optimizer, schedule=schedule, callbacks=callbacks)
    assert epoch == 2
    assert_predicts("training", model, expected, backend)
    if backend != "reference":
        history = make.fit(model, optimizer, schedule=schedule, callbacks=callbacks, epochs=3, initial_epoch=epoch)
        assert_as_before(np.float32(history["loss"]), np.float32(expected["training/losses after"]), backend)
        assert_went_on("training", model, expected, backend)


@pytest.mark.compiled
def test_a_run_of_the_command_line_goes_on(expected, tmp_path):
    run = shutil.copytree(HERE / "run", tmp_path / "run")
    make.train_command("--resume", str(run), "--epochs", "2")
    assert make.digests(ml.load(run / "model.npz")).keys() == json.loads(str(expected["run/digests after"])).keys()
    got, want = json.loads((run / "history.json").read_text("utf-8")), json.loads(str(expected["run/history.json"]))
    assert got.keys() == want.keys()
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-5)
    rows, wanted = (
        text.splitlines() for text in ((run / "history.csv").read_text("utf-8"), str(expected["run/history.csv"]))
    )
    assert rows[:2] == wanted[:2]  # the names, and what 0.1.0 wrote
    assert len(rows) == len(wanted)
