"""Models, weights, arrays and trainings in files that are open already; paths are replaced whole as before."""

import gzip
import io
import re

import numpy as np
import pytest

import minidl as ml
from tests.training.blobs import X, Y, network


class Slow(io.BytesIO):
    """Takes a few bytes at a time, as a socket may."""

    def write(self, data):
        return super().write(bytes(data[:1000]))


def test_a_model_goes_through_memory_with_the_bytes_of_a_file(tmp_path):
    model, buffer = network(), io.BytesIO()
    model.save(buffer)
    model.save(tmp_path / "model.npz")
    assert buffer.getvalue() == (tmp_path / "model.npz").read_bytes()
    buffer.seek(0)
    np.testing.assert_array_equal(ml.load(buffer)(X), model(X))
    assert not buffer.closed


@pytest.mark.parametrize("opened", [open, gzip.open])
def test_open_files(opened, tmp_path):
    model = network()
    with opened(tmp_path / "weights", "wb") as file:
        model.save_weights(file)
    other = network(seed=1)
    with opened(tmp_path / "weights", "rb") as file:
        other.load_weights(file)
    np.testing.assert_array_equal(other(X), model(X))


def test_a_file_is_written_and_read_from_where_it_stands():
    buffer = Slow(b"head")
    buffer.seek(4)
    ml.save_arrays(buffer, {"a": np.arange(9)}, metadata={"b": 1})
    assert buffer.getvalue()[:4] == b"head"
    buffer.seek(4)
    arrays = ml.load_arrays(buffer)
    np.testing.assert_array_equal(arrays["a"], np.arange(9))
    assert arrays.metadata == {"b": 1}


def test_nothing_is_written_where_saving_fails():
    buffer = io.BytesIO()
    with pytest.raises(ml.DTypeError, match="only numbers and bools can be saved"):
        ml.save_arrays(buffer, {"a": np.array(["text"])})
    assert buffer.getvalue() == b""


def test_a_training():
    buffer, whole = io.BytesIO(), network()
    ml.fit(whole, X, Y, loss=ml.CrossEntropy(), optimizer=ml.Adam(whole.parameters()), epochs=2, seed=0, verbose=0)
    first, second = network(), network(seed=1)
    optimizer = ml.Adam(first.parameters())
    ml.fit(first, X, Y, loss=ml.CrossEntropy(), optimizer=optimizer, epochs=1, seed=0, verbose=0)
    ml.save_training(buffer, first, optimizer=optimizer, epoch=1)
    buffer.seek(0)
    optimizer = ml.Adam(second.parameters())
    epoch = ml.load_training(buffer, second, optimizer=optimizer)
    options = {"epochs": 2, "initial_epoch": epoch, "seed": 0, "verbose": 0}
    ml.fit(second, X, Y, loss=ml.CrossEntropy(), optimizer=optimizer, **options)
    np.testing.assert_array_equal(second(X), whole(X))


@pytest.mark.parametrize("read", [ml.load, ml.load_arrays])
def test_damage_names_the_file(read, tmp_path):
    with pytest.raises(ml.FormatError, match=r"^BytesIO: "):
        read(io.BytesIO(b"PK and so on"))
    (tmp_path / "damaged").write_bytes(b"")
    with (
        open(tmp_path / "damaged", "rb") as file,
        pytest.raises(ml.FormatError, match=f"^{re.escape(str(tmp_path))}.*damaged: "),
    ):
        read(file)


def test_what_expands_too_much_is_refused():
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.zeros(2**24, np.uint8))
    buffer.seek(0)
    with pytest.raises(ml.FormatError, match=r"^BytesIO: .* bytes that expand to"):
        ml.load_arrays(buffer, budget=ml.Budget(expansion=10))


def test_files_of_text_and_other_things_are_refused(tmp_path):
    with open(tmp_path / "text", "w+") as file:
        with pytest.raises(TypeError, match=r'text: expected a file in binary mode: open\(path, "wb"\)'):
            network().save(file)
        with pytest.raises(TypeError, match=r'text: expected a file in binary mode: open\(path, "rb"\)'):
            ml.load(file)
    with pytest.raises(TypeError, match="expected a path, or a file to read, open in binary mode, got 3"):
        ml.load(3)
    with pytest.raises(TypeError, match="expected a path, or a file to write, open in binary mode, got None"):
        network().save(None)
