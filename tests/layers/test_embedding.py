import numpy as np
import pytest

import minidl as ml
from minidl.testing import check_gradients


def texts(n=200, seed=0):
    """(words (n, 8) below 10, whether word 3 is among them)."""
    words = np.random.default_rng(seed).integers(10, size=(n, 8))
    return words, (words == 3).any(axis=1).astype(np.int64)


def network(**how):
    return ml.Sequential(
        [
            ml.Embedding(10, 4),
            ml.Permute((2, 1)),
            ml.Conv1D(4, 1),
            ml.ReLU(),
            ml.MaxPool1D(8),
            ml.Flatten(),
            ml.Dense(2),
        ],
        **how,
    )


def test_the_first_table_is_normal():
    layer = ml.Embedding(500, 40)
    layer.build((3,), np.random.default_rng(0))
    assert layer.weight.value.shape == (500, 40)
    assert abs(layer.weight.value.std() - 1) < 0.02
    assert layer.output_shape((3, 5)) == (3, 5, 40)


def test_indices_have_no_gradient():
    layer = ml.Embedding(3, 2)
    layer.build((2,), np.random.default_rng(0))
    y, backward = layer.forward(np.array([[0, 2]], np.uint8), train=True)
    np.testing.assert_array_equal(y, layer.weight.value[[0, 2]][None])
    assert backward(y, need_dx=False) is None
    np.testing.assert_array_equal(backward(y), [[0, 0]])
    np.testing.assert_array_equal(layer.weight.grad, [2 * y[0, 0], [0, 0], 2 * y[0, 1]])


@pytest.mark.parametrize("how", [{"input_shape": (8,)}, {}], ids=["built", "by its first call"])
def test_a_model_that_begins_with_it_takes_integers(how, tmp_path):
    model, (words, labels) = network(seed=0, **how), texts()
    if not how:
        model(words[:1])
    history = model.fit(
        *(words, labels),
        loss=ml.CrossEntropy(),
        optimizer=ml.Adam(model.parameters(), lr=0.05),
        epochs=15,
        validation_split=0.2,
        metrics=[ml.Accuracy()],
        seed=0,
        verbose=0,
    )
    assert history["val_accuracy"][-1] == 1
    assert model.evaluate(words, labels, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])["accuracy"] == 1
    scores = model.predict(words, batch_size=50)
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, model(words))
    np.testing.assert_array_equal(model.predict(words.tolist()), model.predict(words))
    model.save(tmp_path / "words.npz")
    np.testing.assert_array_equal(ml.load(tmp_path / "words.npz").predict(words, batch_size=50), scores)
    ml.warm_up(model, (8,), batch_size=4)


def test_gradients_with_integers():
    model = ml.Sequential([ml.Concatenate([ml.Embedding(5, 3), ml.Embedding(5, 3)]), ml.Flatten(), ml.Dense(2)])
    assert model.takes_integers
    check_gradients(model, np.array([[0, 4, 4], [1, 2, 0]]))
    model = network(input_shape=(8,), seed=0)
    model.layers[0].forward = lambda x, train: wrong(ml.Embedding.forward(model.layers[0], x, train=train))

    def wrong(result):
        y, backward = result
        return y, lambda dy, need_dx=True: backward(1.1 * dy, need_dx=need_dx)

    with pytest.raises(AssertionError, match=r"d0\.weight"):
        check_gradients(model, texts(2)[0])


def test_single_indices(tmp_path):
    """Samples without an axis of their own: (n,) in, (n, features) out."""
    model = ml.Sequential([ml.Embedding(10, 4), ml.Dense(3)], input_shape=(), seed=0)
    words = np.arange(10).repeat(4)
    assert model.input_shape == ()
    assert model.output_shape(()) == (3,)
    optimizer = ml.Adam(model.parameters(), lr=0.1)
    model.fit(words, words % 3, loss=ml.CrossEntropy(), optimizer=optimizer, epochs=20, seed=0, verbose=0)
    np.testing.assert_array_equal(model.predict(words).argmax(axis=1), words % 3)
    model.save(tmp_path / "model.npz")
    again = ml.load(tmp_path / "model.npz")
    assert again.input_shape == ()
    np.testing.assert_array_equal(again(words), model(words))
    assert "input_shape=()" in repr(model)
    with pytest.raises(ml.ShapeError, match=r"^input_shape: expected \(c, h, w\) or \(features,\), got \(\)$"):
        ml.Sequential([ml.ReLU()], input_shape=())


def test_who_takes_integers():
    assert not ml.Sequential([]).takes_integers
    assert not ml.Sequential([ml.Flatten(), ml.Embedding(3, 2)]).takes_integers
    assert ml.Sequential([ml.Sequential([ml.Embedding(3, 2)])]).takes_integers
    assert ml.Add([[ml.Embedding(3, 2)]]).takes_integers


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (np.full((2, 8), 10), ValueError, "^Embedding: expected indices of 10 rows, 0 to 9, got 10$"),
        (np.full((2, 8), -1), ValueError, "^Embedding: expected indices of 10 rows, 0 to 9, got -1$"),
        (np.zeros((2, 8)), ml.DTypeError, r"^Sequential\[0\] Embedding: expected indices as integers, got float32"),
        (np.zeros((2, 8), bool), ml.DTypeError, "^expected samples as integers, got bool"),
        (np.zeros((2, 16), int), ml.ShapeError, r"^Sequential\[6\] Dense: expected \(n, 4\), got \(2, 8\)"),
    ],
)
def test_what_is_refused(words, error, message):
    model = network(input_shape=(8,), seed=0)
    before = model.state_dict()
    with pytest.raises(error, match=message):
        model(words)
    with pytest.raises(error):
        model.fit(words, [0, 1], loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters()), verbose=0)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
def test_the_row_of_padding_is_zeros_and_stays_so(backend, tmp_path):
    x = np.array([[1, 0, 0], [2, 3, 0]])
    model = ml.Sequential([ml.Embedding(4, 3, padding_idx=0), ml.Flatten(), ml.Dense(2)], input_shape=(3,), seed=0)
    table = model[0].weight
    before = table.value.copy()
    assert not before[0].any()
    assert before[1:].all()
    np.testing.assert_array_equal(
        before[1:], ml.Sequential([ml.Embedding(4, 3)], input_shape=(3,), seed=0)[0].weight.value[1:]
    )
    with ml.use_backend(backend):
        model.fit(
            x, np.array([0, 1]), loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters()), epochs=2, verbose=0
        )
    assert not table.value[0].any()
    assert (table.value[1:] != before[1:]).all()
    table.value[0] = 5  # as a table that was trained elsewhere may have it
    model.save(tmp_path / "model.npz")
    again = ml.load(tmp_path / "model.npz")
    assert repr(again[0]) == "Embedding(4, 3, padding_idx=0)"
    np.testing.assert_array_equal(again[0].weight.value, table.value)


@pytest.mark.parametrize("index", [4, -1, True, 1.0, "0"])
def test_a_row_of_padding_that_is_not_there(index):
    with pytest.raises(ValueError, match=f"padding_idx: expected None or an int from 0 to 3, .* got {index!r}"):
        ml.Embedding(4, 3, padding_idx=index)
