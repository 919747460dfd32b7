"""Rows by position of whatever stands for an array: nothing is read by labels, nothing stored is read whole."""

import io

import numpy as np
import pytest

import minidl as ml
from minidl import explain, inspection, plots
from minidl.arraylike import array_of, rows_of
from minidl.report.results import judge


class Labelled:
    """As pandas' Series: [] goes by labels, and `__array__` by position."""

    def __init__(self, values):
        self.values, self.asked = np.asarray(values), 0
        self.index = np.arange(len(self.values))[::-1]
        self.shape, self.dtype = self.values.shape, self.values.dtype

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        self.asked += 1
        return self.values if dtype is None else self.values.astype(dtype)

    def __getitem__(self, labels):
        return Labelled(self.values[self.index[labels]])


class Stored:
    """As a data set in a file: read by parts, in ascending order."""

    chunks = None

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.reads = values, values.shape, values.dtype, []

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("read whole")

    def __getitem__(self, part):
        rows = np.arange(len(self))[part]
        assert (np.diff(rows) > 0).all()
        self.reads += rows.tolist()
        return self.values[part]


X, Y = np.arange(60, dtype=np.float32).reshape(30, 2), np.arange(30)


@pytest.mark.parametrize("kind", [Labelled, list, tuple])
def test_a_split_goes_by_position(kind):
    given = kind(Y)
    parts = ml.train_test_split(X, given, Y, stratify=kind(Y % 2), seed=0)
    wanted = ml.train_test_split(X, Y, Y, stratify=Y % 2, seed=0)
    for got, want in zip(parts, wanted, strict=True):
        assert isinstance(got, np.ndarray)
        np.testing.assert_array_equal(got, want)
    if kind is Labelled:
        assert given.asked == 1


@pytest.mark.parametrize("seed", [None, 4])
@pytest.mark.parametrize("kind", [Labelled, list])
def test_batches_go_by_position(kind, seed):
    given = kind(Y)
    rng = None if seed is None else np.random.default_rng(seed)
    for x, (y, again) in ml.batches(kind(X), (given, kind(Y)), batch_size=7, rng=rng, augment=lambda x, y: (x, y)):
        np.testing.assert_array_equal(x, X[y])
        np.testing.assert_array_equal(y, again)
    assert kind is list or given.asked == 1


def test_labels_in_other_forms():
    labels = Y % 3
    np.testing.assert_array_equal(ml.one_hot(Labelled(labels)), ml.one_hot(labels))
    np.testing.assert_array_equal(ml.class_weights(Labelled(labels)), ml.class_weights(labels))


def test_what_lies_in_a_file_is_read_by_parts():
    stored = Stored(X)
    assert rows_of(stored, "x") is stored
    x, _ = next(ml.batches(stored, Y, batch_size=4, rng=np.random.default_rng(1)))
    assert sorted(x[:, 0] // 2) == stored.reads
    assert len(stored.reads) == 4
    one, _ = ml.train_test_split(Stored(X), test_size=3, seed=0)
    np.testing.assert_array_equal(one, ml.train_test_split(X, test_size=3, seed=0)[0])
    mapped = np.memmap.__new__(np.memmap, __file__, mode="r")
    assert rows_of(mapped, "x") is mapped


def test_a_table_of_pandas():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": Y}, index=Y[::-1]).sample(frac=1, random_state=0)
    x, y = table[["a", "b"]], table["y"]
    for part_x, part_y in [*ml.batches(x, y, batch_size=4, rng=np.random.default_rng(0))]:
        np.testing.assert_array_equal(part_x[:, 0] // 2, part_y)
    x_train, x_test, y_train, y_test = ml.train_test_split(x, y, stratify=y % 2, seed=0)
    np.testing.assert_array_equal(x_train[:, 0] // 2, y_train)
    np.testing.assert_array_equal(x_test[:, 0] // 2, y_test)
    np.testing.assert_array_equal(ml.one_hot(y), ml.one_hot(y.to_numpy()))
    with pytest.raises(TypeError, match=r"np.unique\(labels, return_inverse=True\)"):
        ml.one_hot(pandas.Series(["cat", "dog"]))
    with pytest.raises(TypeError, match="got strings"):
        ml.class_weights(pandas.Series(["cat", "dog"], dtype="category"))


def sparse_rows():
    class Sparse:
        """As SciPy's."""

        shape, dtype, nnz = (3, 2), np.dtype(float), 1
        __len__ = __getitem__ = toarray = None

    return Sparse()


DIGITS = ml.datasets.Dataset(np.zeros((2, 1, 2, 2), np.float32), np.array([0, 1]), ("a", "b"))


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (
            (i for i in range(3)),
            TypeError,
            "x: expected an array or a list, got a generator; use batches from a generator in your own loop",
        ),
        (iter([1, 2]), TypeError, "got a list_iterator"),
        ({"a": [1]}, TypeError, "got a dict$"),
        ({1, 2}, TypeError, "got a set$"),
        ("abc", TypeError, "got a str$"),
        (None, TypeError, "x: expected an array or a list, got None$"),
        (DIGITS, TypeError, r"got Dataset\(2 images .*: use its images or its labels"),
        (sparse_rows(), TypeError, r"x: expected a dense array, got a Sparse: use its .toarray\(\)"),
        (np.ma.masked_less(np.arange(3), 1), ValueError, r"x: expected no masked values; use .filled\(...\)"),
        ([[1, 2], [3]], ml.ShapeError, "x: expected samples of one shape, got a list"),
    ],
)
def test_what_is_no_array(values, error, message):
    with pytest.raises(error, match=message):
        array_of(values, "x")
    with pytest.raises(error, match=message):
        rows_of(values, "x")


def test_a_single_number_has_no_rows():
    for number in (3, 2.5, np.float32(1), np.array(4)):
        with pytest.raises(ml.ShapeError, match=r"x: expected an array \(n, ...\), got a single number"):
            ml.batches(number, Y)


IMAGES = np.random.default_rng(0).random((12, 1, 8, 8), np.float32)
LABELS = np.arange(12) % 2


def classifier():
    layers = [ml.Conv2D(2, 3), ml.ReLU(), ml.Flatten(), ml.Dense(2)]
    return ml.Sequential(layers, input_shape=(1, 8, 8), seed=0)


def found_rates(x, y):
    model = classifier()
    optimizer = ml.Adam(model.parameters())
    return inspection.find_learning_rate(model, x, y, loss=ml.CrossEntropy(), optimizer=optimizer, steps=5, seed=0)


def drawn(figure):
    stream = io.BytesIO()
    figure.savefig(stream, format="rgba")
    return stream.getvalue()


FUNCTIONS = {
    "activations": lambda kind: inspection.activations(classifier(), kind(IMAGES))["3 Dense"],
    "adapt": lambda kind: ml.Normalization().adapt(kind(IMAGES)).mean.value,
    "augment": lambda kind: ml.augment.RandomRotation(20)(kind(IMAGES), kind(LABELS), index=kind(LABELS))[0],
    "augment, mixed": lambda kind: ml.augment.MixUp()(kind(IMAGES), kind(np.eye(2)[LABELS]))[1],
    "explain": lambda kind: explain.page(classifier(), kind(IMAGES), kind(LABELS)),
    "features": lambda kind: inspection.features(classifier(), kind(IMAGES)),
    "im2col": lambda kind: inspection.im2col(kind(IMAGES[0]), 3),
    "learning rates": lambda kind: found_rates(kind(IMAGES), kind(LABELS)).losses,
    "loss": lambda kind: ml.CrossEntropy()(classifier()(IMAGES), kind(LABELS))[0],
    "metric": lambda kind: [
        metric(classifier()(IMAGES), kind(LABELS)) for metric in (ml.Accuracy(), ml.F1(), ml.ROCAUC())
    ],
    "occlusion": lambda kind: inspection.occlusion(classifier(), kind(IMAGES[0])),
    "plot of features": lambda kind: drawn(plots.features(classifier(), kind(IMAGES), kind(LABELS))),
    "plot of mistakes": lambda kind: drawn(plots.mistakes(kind(IMAGES), kind(LABELS), classifier()(IMAGES))),
    "plot of saliency": lambda kind: drawn(plots.saliency(classifier(), kind(IMAGES[:2]))),
    "principal components": lambda kind: inspection.principal_components(kind(IMAGES)),
    "report": lambda kind: judge(classifier(), kind(IMAGES), kind(LABELS), None, batch_size=5).counts,
    "saliency": lambda kind: inspection.saliency(classifier(), kind(IMAGES), classes=kind(LABELS), batch_size=5),
    "weights": lambda kind: ml.CrossEntropy()(classifier()(IMAGES), LABELS, kind(LABELS))[0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_goes_by_position(name):
    if name.startswith("plot"):
        pytest.importorskip("matplotlib")
    function = FUNCTIONS[name]
    np.testing.assert_array_equal(function(Labelled), function(np.array))
