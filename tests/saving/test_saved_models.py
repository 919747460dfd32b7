"""Whatever `save` writes `load` reads: models of the closed table drawn at random, or refused where they're saved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml
from minidl.layers import Chain

SIZE = (4, 6, 6)
small, sizes = st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))
window = {"padding": st.sampled_from([1, "same", (1, 0)]), "bias": st.booleans()}

LEAVES = [
    st.builds(ml.Conv2D, st.sampled_from([2, 4]), small, groups=st.sampled_from([1, 2]), **window),
    st.builds(ml.DepthwiseConv2D, sizes, depth_multiplier=st.sampled_from([1, 2]), **window),
    st.builds(ml.SeparableConv2D, st.sampled_from([2, 4]), small, weight_init=st.sampled_from(["ones", "he_uniform"])),
    st.builds(ml.ConvTranspose2D, st.sampled_from([2, 4]), small, stride=sizes, padding=st.just("same")),
    st.builds(ml.MaxPool2D, st.integers(1, 2), stride=st.one_of(st.none(), small, st.just(2**31 - 1))),
    st.builds(ml.AveragePool2D, small, padding=st.just("same"), count_include_pad=st.booleans()),
    st.builds(ml.AdaptiveAveragePool2D, sizes),
    st.builds(ml.ZeroPad2D, st.one_of(small, st.tuples(sizes, sizes), st.sampled_from([10**4, 10**9]))),
    st.builds(ml.UpSample2D, st.one_of(sizes, st.sampled_from([10**4, 10**9]))),
    st.builds(ml.Resize, st.one_of(sizes, st.sampled_from([10**4, 10**9])), interpolation=st.sampled_from(["cubic"])),
    st.builds(ml.Resize, scale=st.one_of(st.floats(0.1, 3), st.sampled_from([1e4, 1e9, 1e300]))),
    st.builds(ml.Pad2D, st.one_of(small, st.sampled_from([10**4, 10**9])), mode=st.sampled_from(["edge", "constant"])),
    st.builds(ml.Gather, st.integers(1, 3), st.lists(st.integers(-2, 3), min_size=1, max_size=4)),
    st.builds(ml.Slice, st.integers(1, 3), small, st.none(), st.integers(-3, -1)),
    st.builds(ml.PixelUnshuffle, small, order=st.sampled_from(["crd", "dcr"])),
    st.builds(ml.ReduceMean, st.lists(st.integers(1, 3), min_size=1, unique=True).map(tuple)),
    st.builds(ml.Dropout, st.floats(0, 0.99), seed=st.one_of(st.none(), st.integers(0, 2**70))),
    st.builds(ml.BatchNorm2D, momentum=st.floats(0, 1), eps=st.floats(0, 1e300)),
    st.builds(ml.GroupNorm, st.sampled_from([1, 2]), eps=st.floats(0, 1)),
    st.builds(ml.LeakyReLU, st.one_of(st.integers(0, 10**300), st.floats(0, 1e308))),
    st.builds(ml.Softplus, st.floats(1e-300, 10), threshold=st.floats(0, 1e300)),
    st.builds(ml.Normalization, st.floats(-1, 1), st.floats(0.1, 3)),
    st.builds(ml.GELU, approximate=st.sampled_from(["none", "tanh"])),
    st.builds(ml.ReLU),
]


def nested(module, depth):
    for _ in range(depth):
        module = Chain([module])
    return module


def containers(inner):
    rows = st.lists(inner, max_size=3)
    return st.one_of(
        st.builds(Chain, rows),
        st.builds(ml.Residual, rows),
        st.builds(lambda row: ml.Concatenate([[], row]), rows),
        st.builds(lambda row: ml.Add([row, []]), rows),
        st.builds(lambda row: ml.Multiply([[], row]), rows),
        st.builds(ml.Sequential, rows, seed=st.one_of(st.none(), st.integers(0, 2**64))),
        st.builds(nested, inner, st.sampled_from([1, 40, 60])),
    )


MODULES = st.recursive(st.one_of(LEAVES), containers, max_leaves=6)


@given(st.lists(MODULES, min_size=1, max_size=4), st.booleans(), st.sampled_from(["float32", "float64"]))
def test_what_is_saved_is_loaded_or_refused_at_once(tmp_path_factory, layers, flat, dtype):
    path = tmp_path_factory.getbasetemp() / "drawn.npz"
    path.unlink(missing_ok=True)
    end = [ml.GlobalMaxPool2D(), ml.Dense(3, bias=False)] if flat else []
    try:
        model = ml.Sequential([*layers, *end], input_shape=SIZE, seed=0, dtype=dtype)
    except ValueError:
        return  # layers that don't fit one another
    try:
        model.save(path)
    except ValueError as error:
        if "a file of this model couldn't be loaded" not in str(error):
            raise
        assert not path.exists()
        return
    again = ml.load(path)
    assert repr(again) == repr(model)
    state = model.state_dict()
    assert again.state_dict().keys() == state.keys()
    assert all(value.tobytes() == state[name].tobytes() for name, value in again.state_dict().items())


def test_models_that_are_too_much_are_refused_when_they_are_saved(tmp_path):
    path = tmp_path / "m.npz"
    for depth in (60, 200):
        model = ml.Sequential([nested(ml.ReLU(), depth)], input_shape=(3,))
        with pytest.raises(ValueError, match="couldn't be loaded: modules are nested more than 50 deep; budget="):
            model.save(path)
    model = ml.Sequential([nested(ml.ReLU(), 60)], input_shape=(3,))
    model.save(path, budget=ml.Budget(depth=61))
    assert repr(ml.load(path, budget=ml.Budget(depth=61))) == repr(model)
    wide = ml.Sequential([ml.ZeroPad2D(10**5)], input_shape=(1, 2, 2))
    with pytest.raises(ValueError, match=r"a pass of one sample takes 1600.* bytes, more than the 134217728 allowed"):
        wide.save(tmp_path / "w.npz")
    changed = ml.Sequential([ml.LeakyReLU()], input_shape=(3,))
    changed[0].negative_slope = -1
    with pytest.raises(ValueError, match="couldn't be loaded: LeakyReLU: negative_slope: expected a finite number"):
        changed.save(tmp_path / "c.npz")
    with pytest.raises(ValueError, match="couldn't be loaded: 32 bytes of arrays, more than the 15 allowed"):
        ml.Sequential([ml.Dense(4, bias=False)], input_shape=(2,)).save(path, budget=ml.Budget(arrays=15))
    assert [found.name for found in tmp_path.iterdir()] == ["m.npz"]
