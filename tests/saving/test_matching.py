"""Arrays of other programs matched to a model's own: by names, behind a prefix, or in their order."""

import numpy as np
import pytest

import minidl as ml
from tests.saving.torch_files import ordered, saved


def network(seed=0):
    layers = [ml.Conv2D(2, 3, bias=False), ml.BatchNorm2D(), ml.ReLU(), ml.Flatten(), ml.Dense(3)]
    return ml.Sequential(layers, input_shape=(1, 6, 6), seed=seed)


def pytorch(model, names=("conv1", "bn1", "linear"), prefix=""):
    """What PyTorch would save of it, of layers that have these names, with the counters of its normalizations."""
    places = dict(zip(("0", "1", "4"), names, strict=True))
    state = {}
    for name, value in model.state_dict().items():
        layer, _, own = name.partition(".")
        state[f"{prefix}{places[layer]}.{own}"] = value
        if own == "running_var":
            state[f"{prefix}{places[layer]}.num_batches_tracked"] = np.array(7)
    return state


def assert_equal(model, other):
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, other.state_dict()[name])


OWN = ("0", "1", "4")


@pytest.mark.parametrize(
    ("names", "prefix", "how"),
    [
        (OWN, "", {}),
        (OWN, "module.", {"prefix": "module."}),
        (OWN, "_orig_mod.module.", {"prefix": "_orig_mod.module."}),
        (("conv1", "bn1", "linear"), "", {"by": "order"}),
        (("conv1", "bn1", "linear"), "module.", {"by": "order"}),
        (("conv1", "bn1", "linear"), "module.", {"by": "order", "prefix": "module."}),
    ],
)
def test_a_state_of_pytorch_is_taken(names, prefix, how, tmp_path):
    source, model = network(1), network(0)
    state = pytorch(source, names, prefix)
    model.load_state_dict(state, **how)
    assert_equal(model, source)
    for content in (
        saved(state),
        saved(state, as_legacy=True),
        saved(state, root=lambda s: {"state_dict": ordered(s)}),
    ):
        (tmp_path / "weights.pth").write_bytes(content)
        again = network(0)
        again.load_weights(tmp_path / "weights.pth", **how)
        assert_equal(again, source)


def test_with_a_prefix_the_rest_is_left_out():
    source, model = network(1), network(0)
    model.load_state_dict(pytorch(source, OWN, "backbone.") | {"head.weight": np.zeros(3)}, prefix="backbone.")
    assert_equal(model, source)


def refused(state, words, **how):
    model = network(0)
    with pytest.raises(ml.StateError, match=words) as caught:
        model.load_state_dict(state, **how)
    assert str(caught.value).startswith("the state doesn't fit this Sequential: ")
    assert_equal(model, network(0))
    return str(caught.value)


def test_what_would_help_is_said():
    source = network(1)
    refused(pytorch(source, OWN, "module."), r"; its names begin with 'module\.', which prefix='module\.' takes off$")
    refused(pytorch(source), r'unexpected linear\.bias; in their order all of them fit: by="order"$')
    other = pytorch(source) | {"linear.weight": np.zeros((3, 5))}
    assert "order" not in refused(other, r"missing 0\.weight; .* unexpected linear\.bias$")
    some = {name: value for name, value in source.state_dict().items() if name[0] != "4"}
    refused(some, r": missing 4\.weight; missing 4\.bias$")


def test_what_does_not_fit_in_order():
    state = pytorch(network(1))
    refused(
        {name: state[name] for name in list(state)[:-1]}, "expected 7 arrays in the model's order, got 6", by="order"
    )
    turned = dict(reversed(state.items()))
    words = r"expected 0\.weight \(2, 1, 3, 3\), got linear\.bias \(3,\); .*; and 2 more$"
    refused(turned, words, by="order")
    renamed = {name.replace("running_mean", "mean"): value for name, value in state.items()}
    refused(renamed, r"expected 1\.running_mean \(2,\), got bn1\.mean \(2,\)$", by="order")
    negative = state | {"bn1.running_var": -np.ones(2, np.float32)}
    refused(negative, r"1\.running_var: expected variances of at least 0", by="order")
    refused(state | {"linear.bias": np.zeros(3, int)}, r"4\.bias: expected floats, got int64", by="order")
    refused(state, "no name in it begins with 'net.'; it has conv1.weight, bn1.weight, bn1.bias, ", prefix="net.")


def test_another_way_than_the_two(tmp_path):
    with pytest.raises(ValueError, match='by: expected "name" or "order", got \'shape\''):
        network().load_state_dict({}, by="shape")
    with pytest.raises(ValueError, match="by: expected"):
        network().load_weights(tmp_path / "nowhere", by="shape")
