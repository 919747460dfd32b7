"""What fit, evaluate and predict take: tables and data sets as arrays, files a batch at a time, layouts with hints."""

import numpy as np
import pytest

import minidl as ml
from minidl.training.samples import samples_of

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 3)), np.arange(40) % 2


def network(**options):
    return ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0, **options)


def fit(model, x, y=None, **options):
    options = {"loss": ml.CrossEntropy(), "batch_size": 8, "seed": 0, "verbose": 0, "epochs": 2} | options
    history = ml.fit(model, x, y, optimizer=ml.Adam(model.parameters()), **options)
    return history, model.state_dict()["0.weight"].tobytes()


class Recorded(np.memmap):
    """A mapped file that remembers how many rows were read at once."""

    def __getitem__(self, part):
        part = super().__getitem__(part)
        self.reads.append(len(part))
        return np.array(part)

    def __array__(self, *arguments, **options):
        raise AssertionError("read whole")


def recorded(tmp_path, values):
    path = tmp_path / f"{values.dtype}.npy"
    values.tofile(path)
    mapped = np.memmap(path, values.dtype, "r", shape=values.shape).view(Recorded)
    mapped.reads = []
    return mapped


class Stored:
    """As a data set in a file: it is read by parts alone."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.reads = values, values.shape, values.dtype, []

    def __len__(self):
        return len(self.values)

    def __getitem__(self, part):
        self.reads.append(len(self.values[part]))
        return self.values[part]


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.float32, ">f4"])
@pytest.mark.parametrize("kind", ["mapped", "stored"])
def test_a_file_is_read_and_converted_a_batch_at_a_time(tmp_path, kind, dtype):
    values = X.astype(dtype)
    x = recorded(tmp_path, values) if kind == "mapped" else Stored(values)
    model, loss = network(), ml.CrossEntropy()
    wanted = model.predict(values)
    np.testing.assert_array_equal(ml.predict(model, x, batch_size=8), model.predict(values, batch_size=8))
    np.testing.assert_allclose(wanted, model.predict(values, batch_size=8), rtol=1e-5)
    assert wanted.dtype == np.float32
    found = ml.evaluate(model, x, Y, loss=loss, batch_size=8)
    assert found == ml.evaluate(model, values, Y, loss=loss, batch_size=8)
    if kind == "mapped" and dtype is np.float32:  # a view of the file does, which isn't counted
        x.reads.append(8)
    assert max(x.reads) <= 8
    assert ml.predict(model, x).tobytes() == wanted.tobytes()
    x.reads[:] = [0]
    for options in ({}, {"validation_split": 0.25}, {"prefetch": 1}, {"validation_data": (x, Y)}):
        given = options | ({"validation_data": (values, Y)} if "validation_data" in options else {})
        assert fit(network(), x, Y, **options) == fit(network(), values, Y, **given)
        assert max(x.reads) <= (40 if "validation_data" in options else 10)


def test_a_file_of_a_model_that_is_not_built():
    x = Stored(X)
    predicted = ml.Sequential([ml.Dense(2)], seed=0).predict(x, batch_size=8)
    assert predicted.tobytes() == network().predict(X, batch_size=8).tobytes()
    found = ml.Sequential([ml.Dense(2)], seed=0).evaluate(x, Y, loss=ml.CrossEntropy(), batch_size=8)
    assert found == network().evaluate(X, Y, loss=ml.CrossEntropy(), batch_size=8)
    assert max(x.reads) <= 8
    with pytest.raises(ml.DTypeError, match="expected samples as floats, got uint8; for bytes of images"):
        network().predict(Stored(np.zeros((40, 3), np.uint8)))


def test_indices_from_a_file_stay_integers():
    words = RNG.integers(0, 9, (40, 4))
    model = ml.Sequential([ml.Embedding(9, 3), ml.Flatten(), ml.Dense(2)], input_shape=(4,), seed=0)
    assert model.predict(Stored(words), batch_size=8).tobytes() == model.predict(words, batch_size=8).tobytes()
    assert samples_of(Stored(words), model)[3:5].dtype == words.dtype


def test_tables_and_lists_give_the_bits_of_arrays():
    pandas = pytest.importorskip("pandas")
    wanted = fit(network(), X, Y, sample_weight=np.arange(40) + 1.0)
    index = RNG.permutation(40)
    x, y = pandas.DataFrame(X, index=index), pandas.Series(Y, index=index)
    weights = pandas.Series(np.arange(40) + 1.0, index=index)
    assert fit(network(), x, y, sample_weight=weights) == wanted
    assert fit(network(), X.tolist(), Y.tolist(), sample_weight=weights.tolist()) == wanted
    held_out = fit(network(), X, Y, validation_data=(X[5:], Y[5:]))
    assert fit(network(), x, y, validation_data=(x[5:], y[5:])) == held_out
    assert fit(network(), x, y, validation_split=0.3) == fit(network(), X, Y, validation_split=0.3)
    assert network().predict(x).tobytes() == network().predict(X).tobytes()
    assert network()(x).tobytes() == network()(X).tobytes()
    loss, metrics = ml.CrossEntropy(), [ml.Accuracy(), ml.F1(), ml.ROCAUC()]
    found = network().evaluate(x, y, loss=loss, metrics=metrics, sample_weight=weights)
    assert found == network().evaluate(X, Y, loss=loss, metrics=metrics, sample_weight=weights.to_numpy())
    with pytest.raises(TypeError, match="targets: expected numbers, got strings"):
        fit(network(), x, y.map({0: "cat", 1: "dog"}))


IMAGES = RNG.random((12, 1, 4, 4), np.float32)
DIGITS = ml.datasets.Dataset(IMAGES, np.arange(12) % 2, ("even", "odd"))


def images(shape=(1, 4, 4)):
    return ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=shape, seed=0)


def test_data_to_validate_with_number_the_classes_alike():
    turned = ml.datasets.Dataset(IMAGES, 1 - DIGITS.labels, ("odd", "even"))
    options = {"loss": ml.CrossEntropy(), "epochs": 1, "seed": 0, "verbose": 0}
    model = images()
    options["optimizer"] = ml.SGD(model.parameters(), lr=0.0)
    with pytest.raises(
        ValueError, match=r"^validation_data: expected the classes .* whose 0 is 'even', got 'odd'; class"
    ):
        model.fit(DIGITS, validation_data=turned, **options)
    one = ml.datasets.Dataset(IMAGES[::2], DIGITS.labels[::2], ("even",))
    found = model.fit(DIGITS, validation_data=one, **options)
    assert found["val_loss"] == [model.evaluate(one, loss=ml.CrossEntropy())["loss"]]


def test_a_data_set_stands_for_its_images_and_labels():
    first, second, loss = images(), images(), ml.CrossEntropy()
    options = {"loss": loss, "epochs": 2, "seed": 0, "verbose": 0}
    one = first.fit(DIGITS, optimizer=ml.Adam(first.parameters()), validation_data=DIGITS[:5], **options)
    held_out = DIGITS.images[:5], DIGITS.labels[:5]
    other = second.fit(
        IMAGES, DIGITS.labels, optimizer=ml.Adam(second.parameters()), validation_data=held_out, **options
    )
    assert one == other
    assert first.predict(DIGITS).tobytes() == second.predict(IMAGES).tobytes()
    assert first(DIGITS).tobytes() == second(IMAGES).tobytes()
    assert first.evaluate(DIGITS, loss=loss) == second.evaluate(IMAGES, DIGITS.labels, loss=loss)


def generator():
    yield IMAGES, DIGITS.labels


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "message"),
    [
        (
            DIGITS,
            DIGITS.labels,
            {},
            TypeError,
            r"y: expected none beside Dataset\(12 images .*, whose labels are",
        ),
        (IMAGES, None, {}, TypeError, "y: expected targets, one for each sample; only a Dataset has its own"),
        (IMAGES, DIGITS, {}, TypeError, r"y: expected an array, got Dataset\(.*: use its images or its labels"),
        (IMAGES, generator(), {}, TypeError, "y: expected an array or a list, got a generator"),
        ({"x": IMAGES}, DIGITS.labels, {}, TypeError, "x: expected an array or a list, got a dict"),
        ([[1.0], [1.0, 2.0]], [0, 1], {}, ml.ShapeError, "x: expected samples of one shape, got a list"),
        (
            IMAGES,
            DIGITS.labels.astype(str),
            {},
            TypeError,
            r"got strings; names, numbers = np.unique\(labels, ret",
        ),
        (
            IMAGES,
            DIGITS.labels,
            {"validation_data": IMAGES},
            TypeError,
            r"expected \(x, y\), .* or a Dataset, got a n",
        ),
        (
            IMAGES,
            DIGITS.labels,
            {"validation_data": (IMAGES,)},
            TypeError,
            "validation_data: expected .*, got 1 of",
        ),
        (IMAGES, DIGITS.labels, {"validation_data": {}}, TypeError, "or a Dataset, got a dict"),
        (
            IMAGES,
            DIGITS.labels,
            {"validation_data": (generator(), 1)},
            TypeError,
            "validation_data: x: expected",
        ),
    ],
)
def test_what_is_taken_for_samples_and_targets(x, y, options, error, message):
    with pytest.raises(error, match=message):
        fit(images(), x, y, **options)
    if not options:
        with pytest.raises(error, match=message):
            images().evaluate(x, y, loss=ml.CrossEntropy())
    if not isinstance(x, np.ndarray | ml.datasets.Dataset):
        with pytest.raises(error, match=message):
            images().predict(x)


def convolution(shape):
    return ml.Sequential([ml.Conv2D(4, 3), ml.Flatten(), ml.Dense(2)], input_shape=shape, seed=0)


@pytest.mark.parametrize(
    ("shape", "x", "message"),
    [
        ((3, 32, 32), (3, 32, 32), r"got \(3, 32, 32\); a single (image|one) is x\[None\]"),
        ((3, 32, 32), (5, 32, 32, 3), r"; channels come first: x.transpose\(0, 3, 1, 2\)$"),
        ((3, 6, 8), (5, 6, 8, 3), r"; channels come first: x.transpose\(0, 3, 1, 2\)$"),
        ((1, 28, 28), (5, 28, 28), r"; a single channel is x\[:, None\]: \(n, 1, 28, 28\)"),
        ((1, 28, 28), (1, 28, 28), r"; a single channel is x\[:, None\]: \(n, 1, 28, 28\)"),
        ((1, 28, 28), (5, 28, 28, 1), r"; channels come first: x.transpose\(0, 3, 1, 2\)$"),
    ],
)
def test_the_hint_fits_the_model(shape, x, message):
    model, x = convolution(shape), np.zeros(x, np.float32)
    y = np.zeros(len(x), int)
    for attempt in (
        lambda: model(x),
        lambda: model(x.astype(np.float64)),
        lambda: model.forward(x, train=True),
        lambda: model.predict(x),
        lambda: fit(model, x, y),
        lambda: model.evaluate(x, y, loss=ml.CrossEntropy()),
    ):
        with pytest.raises(ml.ShapeError, match=message) as raised:
            attempt()
        assert str(raised.value).count("; channels") <= 1


def test_pixels_are_not_mixed_up_in_silence():
    model = images((3, 8, 8))  # which flattens samples of any shape
    with pytest.raises(
        ml.ShapeError, match=r"expected samples \(n, 3, 8, 8\), got \(5, 8, 8, 3\); channels come first"
    ):
        model.predict(np.zeros((5, 8, 8, 3), np.float32))
    assert images((1, 28, 28)).predict(np.zeros((5, 28, 28), np.float32)).shape == (5, 2)
    assert images((3, 8, 8)).predict(np.zeros((5, 192), np.float32)).shape == (5, 2)
    with pytest.raises(ml.ShapeError, match=r"expected samples \(n, 3\), got \(3,\); a single one is x\[None\]"):
        network().predict(X[0])


def test_an_input_shape_with_channels_last():
    message = r"channels come first: input_shape=\(3, 32, 32\)"
    with pytest.raises(ml.ShapeError, match=message):
        ml.Sequential([ml.Conv2D(8, 5), ml.Flatten(), ml.Dense(2)], input_shape=(32, 32, 3))
    with pytest.raises(ml.ShapeError, match=message):
        ml.Sequential([ml.Conv2D(8, 5), ml.Flatten(), ml.Dense(2)]).predict(np.zeros((2, 32, 32, 3), np.float32))
    with pytest.warns(UserWarning, match=r"\(32, 32, 3\) are taken for 32 channels of 32 x 3 pixels; .*=\(3, 32, 32\)"):
        ml.Sequential([ml.Conv2D(8, 3, padding=1)], input_shape=(32, 32, 3))
    with pytest.warns(UserWarning, match="32 channels of 32 x 3 pixels"):
        ml.Sequential([ml.Conv2D(8, 3, padding=1)])(np.zeros((2, 32, 32, 3), np.float32))
    with pytest.raises(ml.ShapeError, match=r"got \(28, 28\); of a single channel it is \(1, 28, 28\)"):
        ml.Sequential([ml.Conv2D(8, 3)], input_shape=(28, 28))
    ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=(28, 28, 1))  # in whatever order
    ml.Sequential([ml.Conv2D(8, 3, padding=1)], input_shape=(64, 32, 3))
