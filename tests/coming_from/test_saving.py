"""What docs/coming_from.md says of saving and loading."""

import numpy as np
import pytest

import minidl as ml
from tests.coming_from.page import says
from tests.saving.torch_files import saved
from tests.training.blobs import X, fit, network


def normalized():
    return ml.Sequential([ml.Conv2D(2, 3), ml.BatchNorm2D()], input_shape=(1, 4, 4), seed=0)


@says('`model.save("net.npz")`')
def test_a_saved_model_is_the_model(tmp_path):
    model = network()
    model.save(tmp_path / "net.npz")
    np.testing.assert_array_equal(ml.load(tmp_path / "net.npz")(X), model(X))


@says("`model.save_weights(path)`")
def test_weights_alone_and_those_of_pytorch_s_files(tmp_path):
    model, other = network(), network(seed=1)
    model.save_weights(tmp_path / "weights.npz")
    other.load_weights(tmp_path / "weights.npz")
    np.testing.assert_array_equal(other(X), model(X))
    third = network(seed=2)
    (tmp_path / "net.pth").write_bytes(saved(model.state_dict()))
    third.load_weights(tmp_path / "net.pth")
    np.testing.assert_array_equal(third(X), model(X))


@says("`model.state_dict()`: names such as")
def test_names_of_the_state(tmp_path):
    names = ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"]
    model = normalized()
    assert list(model.state_dict()) == names
    theirs = {name: value + 1 for name, value in model.state_dict().items()}
    (tmp_path / "net.pth").write_bytes(saved({**theirs, "1.num_batches_tracked": np.array(5)}))
    model.load_weights(tmp_path / "net.pth")
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, theirs[name])


@says("`optimizer.state_dict()`")
def test_the_state_of_an_optimizer():
    model = network()
    optimizer = ml.Adam(model.parameters(), lr=0.02)
    fit(model, optimizer=optimizer)
    other = ml.Adam(model.parameters(), lr=0.5)
    other.load_state_dict(optimizer.state_dict())
    assert other.lr == 0.02


@says("Files are read as data")
def test_neither_classes_of_your_own_nor_pickles_are_taken(tmp_path):
    class Own(ml.Module):
        def forward(self, x, *, train=False):
            return x, lambda dy, **_: dy

    with pytest.raises(TypeError, match="Own isn't one of minidl's layers"):
        ml.Sequential([Own()], input_shape=(2,), seed=0).save(tmp_path / "own.npz")
    ml.Sequential([ml.Dense(2)], input_shape=(2,), seed=0).save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as file:
        arrays = dict(file)
    text = arrays["__metadata__"].tobytes().replace(b'"Dense"', b'"Own"')
    np.savez(tmp_path / "other.npz", **(arrays | {"__metadata__": np.frombuffer(text, np.uint8)}))
    with pytest.raises(ml.FormatError, match="Own"):
        ml.load(tmp_path / "other.npz")
    np.savez(tmp_path / "pickle.npz", **(arrays | {"0.bias": np.array([Own], object)[:0]}))
    with pytest.raises(ml.FormatError):
        ml.load(tmp_path / "pickle.npz")


@says("`load_state_dict` is strict")
def test_a_wrong_state_changes_nothing():
    model = normalized()
    before = model.state_dict()
    wrong = {name: value + 1 for name, value in before.items()}
    del wrong["0.bias"]
    wrong["2.weight"] = np.zeros(3, np.float32)
    wrong["1.weight"] = np.zeros(5, np.float32)
    with pytest.raises(ValueError, match=r"(?s)(?=.*0\.bias)(?=.*2\.weight)(?=.*1\.weight)"):
        model.load_state_dict(wrong)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
