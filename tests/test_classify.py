"""A model that knows its classes and how pictures are read names what is in one."""

import io

import numpy as np
import pytest

import minidl as ml

Image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")
LOOK = ml.datasets.Preprocessing(("ant", "bee", "cat"), (4, 6), background="black", resize="pad")


def network(*last):
    return ml.Sequential([ml.Flatten(), ml.Dense(3), *last], input_shape=(3, 4, 6), seed=0)


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("last", [[], [ml.Softmax()]])
def test_names_with_their_probabilities_the_most_probable_first(photo, last):
    model = network(*last)
    model.preprocessing = LOOK
    scores = network()(LOOK.read(photo)[None])[0].astype(float)
    expected = np.exp(scores) / np.exp(scores).sum()
    found = model.classify(photo)
    assert [name for name, _ in found] == [LOOK.class_names[k] for k in np.argsort(-expected)]
    np.testing.assert_allclose([p for _, p in found], sorted(expected, reverse=True), rtol=1e-5)
    assert model.classify(str(photo), top=1) == found[:1]
    assert model.classify(photo.read_bytes()) == found
    with open(photo, "rb") as file:
        assert ml.Predictor(model).classify(file, top=2) == found[:2]


def test_a_file_of_a_model_keeps_how_its_pictures_are_read(photo, tmp_path):
    model = network()
    model.preprocessing = LOOK
    model.save(tmp_path / "model.npz")
    loaded = ml.load(tmp_path / "model.npz")
    assert loaded.preprocessing == LOOK
    assert loaded.classify(photo) == model.classify(photo)
    assert ml.Predictor(loaded).preprocessing == LOOK
    network().save(tmp_path / "model.npz")
    assert ml.load(tmp_path / "model.npz").preprocessing is None


def test_training_on_pictures_tells_the_model(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / name / f"{i}.png")
    data = ml.datasets.from_folder(tmp_path, size=(4, 6), grey=True)
    model = ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=(1, 4, 6), seed=0)
    with ml.use_backend("vectorized"):
        model.fit(data, loss=ml.CrossEntropy(), optimizer=ml.SGD(model.parameters(), lr=0.1), epochs=1, verbose=0)
        assert model.preprocessing == data.preprocessing
        assert {name for name, _ in model.classify(tmp_path / "ant" / "0.png")} == {"ant", "bee"}


def test_what_is_missing_is_named(photo, tmp_path):
    with pytest.raises(ValueError, match=r"doesn't know its classes.*datasets\.Preprocessing\(class_names, size\)"):
        network().classify(photo)
    model = network()
    model.preprocessing = LOOK
    with pytest.raises(ValueError, match="top: expected a whole number of at least 1, got 0"):
        model.classify(photo, top=0)
    with pytest.raises(ml.FormatError, match="600"):
        model.classify(photo, max_pixels=100)
    with pytest.raises(ml.FormatError, match="not a picture"):
        model.classify(io.BytesIO(b"nothing"))
    model.preprocessing = LOOK._replace(class_names=("ant", "bee"))
    with pytest.raises(ml.ShapeError, match=r"got \(1, 3\); 2 classes"):
        model.classify(photo)


@pytest.mark.parametrize("damage", [{"size": [0, 3]}, {"class_names": "ant"}, {"resize": "stretch"}, {"other": 1}])
def test_a_damaged_description_is_a_format_error(tmp_path, damage):
    model = network()
    model.preprocessing = LOOK
    model.save(tmp_path / "model.npz")
    arrays = ml.load_arrays(tmp_path / "model.npz")
    arrays.metadata["preprocessing"] |= damage
    ml.save_arrays(tmp_path / "model.npz", arrays, metadata=arrays.metadata)
    with pytest.raises(ml.FormatError, match=r"model\.npz: preprocessing: "):
        ml.load(tmp_path / "model.npz")
