import numpy as np
import pytest

import minidl as ml

ONES = np.ones((400, 250), np.float32)


def test_nothing_happens_in_inference_or_at_rate_zero():
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    assert ml.Dropout(0.9)(x) is x
    for layer, train in ((ml.Dropout(0.9), False), (ml.Dropout(0), True)):
        y, backward = layer.forward(x, train=train)
        np.testing.assert_array_equal(y, x)
        np.testing.assert_array_equal(backward(2 * x), 2 * x)
        assert backward(x, need_dx=False) is None


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_kept_share_and_its_scale(rate, dtype):
    y, _ = ml.Dropout(rate, seed=0).forward(ONES.astype(dtype), train=True)
    kept = y != 0
    deviation = np.sqrt(rate * (1 - rate) / y.size)
    assert abs(kept.mean() - (1 - rate)) < 4 * deviation
    np.testing.assert_array_equal(y[kept], np.full(kept.sum(), dtype(1 / (1 - rate))))
    # Neither rows nor columns are dropped as a whole.
    assert abs(kept.mean(axis=0) - (1 - rate)).max() < 6 * np.sqrt(rate * (1 - rate) / 400)
    assert abs(kept.mean(axis=1) - (1 - rate)).max() < 6 * np.sqrt(rate * (1 - rate) / 250)


@pytest.mark.parametrize("layer", [ml.Dropout(1.0, seed=0), ml.Dropout2D(1, seed=0)])
def test_a_rate_of_one_leaves_zeros(layer):
    x = np.full((2, 3, 4, 4), 5, np.float32)
    y, backward = layer.forward(x, train=True)
    np.testing.assert_array_equal(y, np.zeros_like(x))
    np.testing.assert_array_equal(backward(x), np.zeros_like(x))
    np.testing.assert_array_equal(layer(x), x)


def test_backward_uses_the_mask_of_its_own_pass():
    layer = ml.Dropout(0.5, seed=0)
    first, first_backward = layer.forward(ONES, train=True)
    second, second_backward = layer.forward(ONES, train=True)
    np.testing.assert_array_equal(second_backward(3 * ONES), 3 * second)
    np.testing.assert_array_equal(first_backward(3 * ONES), 3 * first)
    assert (first != second).mean() > 0.4


def passes(layer, count=3):
    return [layer.forward(ONES, train=True)[0] for _ in range(count)]


def test_the_same_seed_gives_the_same_masks():
    np.testing.assert_array_equal(passes(ml.Dropout(0.5, seed=4)), passes(ml.Dropout(0.5, seed=4)))
    assert not np.array_equal(passes(ml.Dropout(0.5, seed=4)), passes(ml.Dropout(0.5, seed=5)))


def test_inference_between_passes_changes_no_mask():
    layer = ml.Dropout(0.5, seed=4)
    found = []
    for _ in range(3):
        layer(ONES)
        found += passes(layer, 1)
    np.testing.assert_array_equal(found, passes(ml.Dropout(0.5, seed=4)))


def test_without_a_seed_the_masks_are_those_of_the_model_s_seed():
    def model(seed):
        return ml.Sequential([ml.Dropout(0.5), ml.Dropout(0.5)], input_shape=(250,), seed=seed)

    np.testing.assert_array_equal(passes(model(1)), passes(model(1)))
    assert not np.array_equal(passes(model(1)), passes(model(2)))
    first, second = (passes(layer) for layer in model(1))
    assert not np.array_equal(first, second)  # two layers of one model have masks of their own
    own = ml.Sequential([ml.Dropout(0.5, seed=4)], input_shape=(250,), seed=1)
    np.testing.assert_array_equal(passes(own), passes(ml.Dropout(0.5, seed=4)))


def test_channels_last_images_have_the_mask_of_any_other():
    images = np.ones((2, 3, 4, 5), np.float32)
    last = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    one, _ = ml.Dropout(0.5, seed=4).forward(images, train=True)
    other, _ = ml.Dropout(0.5, seed=4).forward(last, train=True)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", [None, 4])
def test_a_training_goes_on_from_its_state_with_the_masks_to_come(tmp_path, seed, dtype):
    def model(model_seed):
        return ml.Sequential([ml.Dropout(0.5, seed=seed)], input_shape=(250,), seed=model_seed, dtype=dtype)

    ones = ONES.astype(dtype)
    first, second, third = model(1), model(2), model(3)
    first.forward(ones, train=True)
    second.load_state_dict(first.state_dict())
    first.save(tmp_path / "model.npz")
    loaded = ml.load(tmp_path / "model.npz")
    for _ in range(2):
        want = first.forward(ones, train=True)[0]
        np.testing.assert_array_equal(second.forward(ones, train=True)[0], want)
        np.testing.assert_array_equal(loaded.forward(ones, train=True)[0], want)
        assert not np.array_equal(third.forward(ones, train=True)[0], want)


def test_the_number_of_passes_is_no_less_exact_than_an_integer():
    layer = ml.Dropout(0.5, seed=4)
    seen = set()
    for passes in (0, 1, 2**21 - 1, 2**21, 2**24, 2**24 + 1, 2**41 + 2**20):
        layer.masks.value[3:] = [passes % 2**21, passes // 2**21]
        for _ in range(2):
            seen.add(layer.forward(ONES, train=True)[0].tobytes())
    assert len(seen) == len({1, 2, 3, 2**21, 2**21 + 1, 2**21 + 2, 2**24 + 1, 2**24 + 2, 2**24 + 3}) + 2
    assert layer.masks.value.dtype == np.float32


def test_a_layer_by_itself_has_masks_of_its_own():
    assert not np.array_equal(*(passes(ml.Dropout(0.5), 1)[0] for _ in range(2)))


BACKENDS = ("reference", "vectorized", "compiled")


@pytest.mark.parametrize("name", BACKENDS)
def test_whole_channels_are_dropped_and_the_others_scaled(name):
    x = np.random.default_rng(0).standard_normal((40, 30, 2, 3)).astype(np.float32)
    with ml.use_backend(name):
        y, backward = ml.Dropout2D(0.25, seed=0).forward(x, train=True)
        dx = backward(2 * x)
    kept = (y != 0).all(axis=(2, 3))
    np.testing.assert_array_equal(kept, (y != 0).any(axis=(2, 3)))
    assert abs(kept.mean() - 0.75) < 4 * np.sqrt(0.25 * 0.75 / kept.size)
    np.testing.assert_array_equal(y, np.where(kept[:, :, None, None], x * np.float32(1 / 0.75), 0))
    np.testing.assert_array_equal(dx, 2 * y)


@pytest.mark.compiled
def test_channels_have_the_masks_of_vectors():
    """So they are the same on every backend and go on from a state, as those of `Dropout` do."""
    vectors, images = ml.Dropout(0.5, seed=4), ml.Dropout2D(0.5, seed=4)
    for name in BACKENDS:
        with ml.use_backend(name):
            want, _ = vectors.forward(ONES[:8, :9], train=True)
            got, _ = images.forward(np.ones((8, 9, 3, 2), np.float32), train=True)
        np.testing.assert_array_equal(got, np.broadcast_to(want[:, :, None, None], got.shape))
        assert got.transpose(0, 2, 3, 1).flags.c_contiguous
    again = ml.Dropout2D(0.5, seed=7)
    again.load_state_dict(images.state_dict())
    x = np.ones((8, 9, 1, 1), np.float32)
    np.testing.assert_array_equal(again.forward(x, train=True)[0], images.forward(x, train=True)[0])


def test_no_channel_is_dropped_in_inference_and_nan_stays():
    x = np.full((2, 40, 1, 1), np.nan, np.float32)
    assert ml.Dropout2D(0.9)(x) is x
    assert np.isnan(ml.Dropout2D(0.5, seed=0).forward(x, train=True)[0]).all()


@pytest.mark.parametrize("train", [False, True])
def test_channels_are_those_of_images(train):
    message = r"expected images \(n, c, h, w\), got \(2, 3\)"
    with pytest.raises(ml.ShapeError, match=message):
        ml.Dropout2D(0.5).forward(np.ones((2, 3), np.float32), train=train)
    with pytest.raises(ml.ShapeError, match=r"expected images \(c, h, w\), got \(3,\)"):
        ml.Dropout2D(0.5).output_shape((3,))


def test_a_model_that_drops_channels_comes_back_with_the_masks_to_come(tmp_path):
    model = ml.Sequential([ml.Conv2D(9, 1), ml.Dropout2D(0.5)], input_shape=(1, 2, 2), seed=0)
    x = np.ones((4, 1, 2, 2), np.float32)
    model.forward(x, train=True)
    model.save(tmp_path / "model.npz")
    again = ml.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.forward(x, train=True)[0], model.forward(x, train=True)[0])


@pytest.mark.parametrize("kind", [ml.Dropout, ml.Dropout2D])
@pytest.mark.parametrize("rate", [0.4, 1.0])
@pytest.mark.parametrize("backend", ["vectorized", "compiled"])
def test_in_a_network_it_does_what_it_does_by_itself(kind, rate, backend):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 3, 6, 6), dtype=np.float32)
    with ml.use_backend(backend):
        layers = [ml.Conv2D(6, 3), kind(rate, seed=4), ml.ReLU()]
        model = ml.Sequential(layers, input_shape=(3, 6, 6), seed=0)
        conv, relu = model[0], model[2]
        alone = kind(rate, seed=4)
        for _ in range(2):
            hidden, conv_backward = conv.forward(x, train=True)
            dropped, backward = alone.forward(hidden, train=True)
            y, relu_backward = relu.forward(dropped, train=True)
            dy = rng.standard_normal(y.shape, dtype=np.float32)
            dx = conv_backward(backward(relu_backward(dy)))
            in_network, network_backward = model.forward(x, train=True)
            np.testing.assert_array_equal(in_network, y)
            np.testing.assert_array_equal(network_backward(dy), dx)
