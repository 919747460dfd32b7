import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings

import minidl as ml

BACKENDS = ("reference", "vectorized", "compiled")


@pytest.mark.parametrize("name", BACKENDS)
def test_numbers_worked_by_hand(name):
    x = np.float32([[[[1, 5, 2, 0], [3, 4, 8, 1], [7, 7, -1, -2], [7, 0, -3, -4]]]])
    with ml.use_backend(name):
        y, backward = ml.MaxPool2D(2).forward(x, train=True)
        dx = backward(np.float32([[[[1, 2], [3, 4]]]]))
    np.testing.assert_array_equal(y, [[[[5, 8], [7, -1]]]])
    # The first 7 of three, row by row, has the gradient.
    np.testing.assert_array_equal(dx, [[[[0, 1, 0, 0], [0, 0, 2, 0], [3, 0, 4, 0], [0, 0, 0, 0]]]])


@pytest.mark.parametrize("name", BACKENDS)
def test_overlapping_windows_add_up_and_padding_never_wins(name):
    x = -np.float32([[[[5, 6], [7, 1]]]])
    with ml.use_backend(name):
        y, backward = ml.MaxPool2D(2, stride=1, padding=1).forward(x, train=True)
        dx = backward(np.ones_like(y))
    np.testing.assert_array_equal(y, -np.float32([[[[5, 5, 6], [5, 1, 1], [7, 1, 1]]]]))
    np.testing.assert_array_equal(dx, [[[[3, 1], [1, 4]]]])


@pytest.mark.parametrize("name", BACKENDS)
def test_nan_wins(name):
    x = np.float32([[[[1, np.nan], [np.inf, 2]]]])
    with ml.use_backend(name):
        y, backward = ml.MaxPool2D(2).forward(x, train=True)
        dx = backward(np.ones_like(y))
    assert np.isnan(y).all()
    np.testing.assert_array_equal(dx, [[[[0, 1], [0, 0]]]])


def test_the_floor_leaves_the_rest_out():
    x = np.arange(25, dtype=np.float32).reshape(1, 1, 5, 5)
    np.testing.assert_array_equal(ml.MaxPool2D(2)(x), [[[[6, 8], [16, 18]]]])
    np.testing.assert_array_equal(ml.MaxPool2D(2, padding="same")(x), [[[[6, 8, 9], [16, 18, 19], [21, 23, 24]]]])
    np.testing.assert_array_equal(ml.MaxPool2D((1, 5), stride=(2, 1))(x), [[[[4], [14], [24]]]])


@given(
    n=st.integers(0, 2),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    pool=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.one_of(st.none(), st.tuples(st.integers(1, 3), st.integers(1, 3))),
    padding=st.one_of(st.just("same"), st.integers(0, 2), st.tuples(st.integers(0, 2), st.integers(0, 2))),
)
@settings(max_examples=100, deadline=None)
def test_the_output_shape_is_what_comes_out(n, size, pool, stride, padding):
    try:
        layer = ml.MaxPool2D(pool, stride=stride, padding=padding)
        wanted = layer.output_shape((2, *size))
    except ValueError:
        assume(False)
    with ml.use_backend("vectorized"):
        assert layer(np.zeros((n, 2, *size), np.float32)).shape == (n, *wanted)
    if padding == "same":
        step = stride or pool
        assert wanted == (2, -(-size[0] // step[0]), -(-size[1] // step[1]))


def test_a_shape_that_does_not_fit():
    layer = ml.MaxPool2D(3)
    with pytest.raises(ml.ShapeError, match=r"MaxPool2D: expected images \(n, c, h, w\), got \(2, 9\)"):
        layer(np.zeros((2, 9), np.float32))
    with pytest.raises(ml.ShapeError, match="expected an image of at least 3 x 3, the window's span, got 2 x 9"):
        layer.output_shape((1, 2, 9))
    _, backward = layer.forward(np.zeros((1, 1, 3, 3), np.float32), train=True)
    with pytest.raises(ml.ShapeError, match=r"expected dy \(1, 1, 1, 1\), got \(1, 1, 3, 3\)"):
        backward(np.zeros((1, 1, 3, 3), np.float32))


def test_one_layer_at_two_sizes():
    layer = ml.MaxPool2D(2)
    assert layer(np.ones((1, 1, 4, 6), np.float32)).shape == (1, 1, 2, 3)
    assert layer(np.ones((1, 3, 2, 2), np.float32)).shape == (1, 3, 1, 1)


@pytest.mark.parametrize("name", BACKENDS)
def test_averages_worked_by_hand(name):
    x = np.float32([[[[1, 5, 2, 0], [3, 3, 8, 2], [7, 7, -1, -2], [6, 0, -3, -2]]]])
    with ml.use_backend(name):
        y, backward = ml.AveragePool2D(2).forward(x, train=True)
        dx = backward(np.float32([[[[4, 8], [12, 16]]]]))
        assert backward(y, need_dx=False) is None
        global_y, global_backward = ml.GlobalAveragePool2D().forward(x, train=True)
        global_dx = global_backward(np.float32([[8]]))
    np.testing.assert_array_equal(y, [[[[3, 3], [5, -2]]]])
    np.testing.assert_array_equal(dx, [[[[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]]])
    np.testing.assert_array_equal(global_y, [[2.25]])
    np.testing.assert_array_equal(global_dx, np.full((1, 1, 4, 4), 0.5))


@pytest.mark.parametrize("name", BACKENDS)
def test_same_averages_of_pixels_alone_are_those_of_keras(name):
    x = np.arange(15, dtype=np.float32).reshape(1, 1, 3, 5)
    with ml.use_backend(name):
        y = ml.AveragePool2D(2, padding="same", count_include_pad=False)(x)
    np.testing.assert_array_equal(y, [[[[3, 5, 6.5], [10.5, 12.5, 14]]]])


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(
    ("image", "first"),
    [
        ([[1, 5, 2], [5, 5, 0]], (0, 1)),
        ([[1, 2, 0], [0, 3, 3]], (1, 1)),
        ([[1, 9, 0], [np.nan, 3, np.nan]], (1, 0)),
        ([[1, np.nan, np.inf], [np.nan, 3, 4]], (0, 1)),
        ([[-np.inf] * 3] * 2, (0, 0)),
    ],
)
def test_the_first_global_maximum_wins_and_nan_over_everything(name, image, first):
    x = np.float32([[image, np.zeros((2, 3))]])
    with ml.use_backend(name):
        y, backward = ml.GlobalMaxPool2D().forward(x, train=True)
        dx = backward(np.float32([[7, 3]]))
    np.testing.assert_array_equal(y, [[x[0, 0][first], 0]])
    want = np.zeros((1, 2, 2, 3))
    want[0, 0][first], want[0, 1, 0, 0] = 7, 3
    np.testing.assert_array_equal(dx, want)


@pytest.mark.compiled
@given(
    shape=st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_global_maxima_are_alike_on_all_backends(shape, seed):
    x = np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float32)
    dy = np.random.default_rng(seed).standard_normal(shape[:2]).astype(np.float32)
    found = []
    for name in BACKENDS:
        with ml.use_backend(name):
            y, backward = ml.GlobalMaxPool2D().forward(x, train=True)
            found.append((y, backward(dy)))
    np.testing.assert_array_equal(found[0][0], x.max(axis=(2, 3)))
    for y, dx in found[1:]:
        np.testing.assert_array_equal(y, found[0][0])
        np.testing.assert_array_equal(dx, found[0][1])


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (ml.AveragePool2D(3), "expected an image of at least 3 x 3, the window's span, got 2 x 9"),
        (ml.AdaptiveAveragePool2D(3), "expected an image of at least 1 x 1, got 0 x 9"),
        (ml.GlobalAveragePool2D(), "expected an image of at least 1 x 1, got 0 x 9"),
        (ml.GlobalMaxPool2D(), "expected an image of at least 1 x 1, got 0 x 9"),
    ],
)
def test_shapes_that_averages_and_global_pools_do_not_take(layer, text):
    height = int(text.split("got ")[1][0])
    with pytest.raises(ml.ShapeError, match=text):
        layer.output_shape((1, height, 9))
    with pytest.raises(ml.ShapeError, match=f"{type(layer).__name__}: {text}"):
        layer(np.zeros((2, 1, height, 9), np.float32))
    with pytest.raises(ml.ShapeError, match=rf"{type(layer).__name__}: expected images \(n, c, h, w\), got \(2, 9\)"):
        layer(np.zeros((2, 9), np.float32))


@pytest.mark.parametrize("layer", [ml.GlobalAveragePool2D(), ml.GlobalMaxPool2D(), ml.AdaptiveAveragePool2D(2)])
def test_models_of_any_image_size_train_and_come_back(tmp_path, layer):
    model = ml.Sequential([ml.Conv2D(4, 3), ml.ReLU(), layer, ml.Flatten(), ml.Dense(3)], input_shape=(1, 8, 8), seed=0)
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((12, 1, 8, 8), dtype=np.float32), rng.integers(0, 3, 12)
    optimizer, loss = ml.Adam(model.parameters(), lr=0.01), ml.CrossEntropy()
    history = model.fit(x, labels, loss=loss, optimizer=optimizer, epochs=3, seed=0, verbose=0)
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(ml.load(tmp_path / "model.npz")(x), model(x))
    assert model(np.ones((2, 1, 11, 9), np.float32)).shape == (2, 3)
