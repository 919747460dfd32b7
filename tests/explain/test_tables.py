"""Tables of places lead to the numbers that the layers give."""

import math

import numpy as np
import pytest

import minidl as ml
from minidl.explain import tables


def listed(table):
    """The places that a table has, as the page finds them."""
    found = np.full([len(offsets) for offsets in table["offsets"]], float(table["start"]))
    for axis, offsets in enumerate(table["offsets"]):
        line = np.array([np.nan if offset is None else offset for offset in offsets], float)
        found += line.reshape([-1 if i == axis else 1 for i in range(found.ndim)])
    return found.ravel()


def sample(shape):
    return np.random.default_rng(0).normal(0, 1, shape)


COPIED = [
    (ml.Pad2D(((2, 1), (0, 3)), value=-1.5), (2, 3, 4)),
    (ml.Pad2D(2, mode="reflect"), (2, 3, 4)),
    (ml.Pad2D((3, 1), mode="edge"), (1, 3, 4)),
    (ml.ZeroPad2D((1, 2)), (2, 3, 4)),
    (ml.ZeroPadAxis(1, 2, 1), (2, 3, 4)),
    (ml.Resize((5, 3)), (2, 3, 4)),
    (ml.Resize(scale=1.7, coordinates="asymmetric", rounding="floor"), (2, 3, 4)),
    (ml.UpSample2D((2, 3)), (2, 3, 4)),
    (ml.Transpose((0, 3, 1, 2)), (2, 3, 4)),
    (ml.Transpose((0, 2, 1, 4, 3)), (2, 3, 4, 5)),
    (ml.Permute((3, 2, 1)), (2, 3, 4)),
    (ml.Slice(2, 1, None, 2), (2, 7, 4)),
    (ml.Slice(1, -2, None), (4, 3, 2)),
    (ml.Slice(1, 1, 3), (5,)),
    (ml.Gather(-1, [3, 0, -1]), (2, 3, 4)),
    (ml.Expand((4, -1, 5)), (1, 3, 1)),
    (ml.PixelShuffle(2), (8, 3, 2)),
    (ml.PixelShuffle(2, order="dcr"), (8, 3, 2)),
    (ml.PixelUnshuffle(3), (2, 6, 3)),
]


@pytest.mark.parametrize(("layer", "shape"), COPIED, ids=str)
def test_copies(layer, shape):
    x = sample(shape)
    entries = tables.copied(layer, shape)
    places = listed(entries["places"])
    found = np.where(np.isnan(places), entries["fill"], x.ravel()[np.nan_to_num(places).astype(int)])
    np.testing.assert_array_equal(found, layer(x[None]).ravel())


def test_all_copies_are_tested():
    assert {type(layer) for layer, _ in COPIED} == set(tables.COPIED)


@pytest.mark.parametrize(
    "layer",
    [
        ml.Resize((5, 9), interpolation="linear"),
        ml.Resize((3, 3), interpolation="linear", coordinates="align_corners"),
        ml.Resize(scale=(1.4, 2), interpolation="cubic", coordinates="pytorch_half_pixel"),
        ml.UpSample2D((3, 2), interpolation="bilinear"),
        ml.AdaptiveAveragePool2D((3, 5)),
        ml.AdaptiveAveragePool2D((7, 1)),
    ],
    ids=str,
)
def test_blends(layer):
    x = sample((2, 4, 6))
    assert tables.blends(layer)
    entries = tables.blended(layer, x.shape)
    rows, columns = (
        np.array([[dict(line).get(i, 0) for i in range(size)] for line in entries[name]])
        for name, size in (("rows", 4), ("columns", 6))
    )
    np.testing.assert_allclose(rows @ x @ columns.T, layer(x[None])[0], atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "of"),
    [
        (ml.ReduceSum(1), np.sum),
        (ml.ReduceMean((2, -1), keepdims=False), np.mean),
        (ml.ReduceMax((1, 3)), np.max),
        (ml.ReduceL2((1, 2, 3)), np.linalg.norm),
        (ml.ArgMax(2, keepdims=False), np.argmax),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_reductions(layer, of):
    x = sample((2, 3, 4))
    entries = tables.reduced(layer, x.shape)
    within = listed(entries["within"]).astype(int)
    found = [of(x.ravel()[first + within]) for first in listed(entries["groups"]).astype(int)]
    np.testing.assert_allclose(found, layer(x[None]).ravel())


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (ml.GroupNorm(2), (6, 3, 2)),
        (ml.GroupNorm(3), (6,)),
        (ml.InstanceNorm2D(), (3, 4, 5)),
        (ml.LayerNorm(), (2, 3, 4)),
        (ml.LayerNorm(axis=1, center=False), (4, 2, 3)),
        (ml.LayerNorm(axis=-1, scale=False), (2, 5)),
    ],
    ids=str,
)
def test_norms(layer, shape):
    x = sample(shape)
    model = ml.Sequential([layer], input_shape=shape, seed=0, dtype="float64")
    for i, parameter in enumerate(layer.parameters()):
        parameter.value = np.random.default_rng(i).normal(1, 0.5, parameter.value.shape)
    entries, weight, bias = tables.normalized(layer, shape)
    within = listed(entries["within"]).astype(int)
    groups = np.array([x.ravel()[first + within] for first in listed(entries["groups"]).astype(int)])
    which = listed(entries["weights"]).astype(int)
    standard = (x.ravel() - groups.mean(axis=1)) / np.sqrt(groups.var(axis=1) + entries["eps"])
    found = standard * weight.ravel()[which] + bias.ravel()[which]
    np.testing.assert_allclose(found, model(x[None]).ravel(), atol=1e-10)


@pytest.mark.parametrize("shapes", [((3, 4), (4, 5)), ((2, 1, 3, 4), (1, 3, 4, 2)), ((2, 3, 1), (2, 1, 2))])
def test_products(shapes):
    left, right = map(sample, shapes)
    expected = left @ right
    entries = tables.multiplied(shapes, expected.shape)
    starts = [listed(table).astype(int) for table in entries["places"]]
    steps = np.arange(entries["count"])
    found = [left.ravel()[a + steps] @ right.ravel()[b + steps * entries["pace"]] for a, b in zip(*starts, strict=True)]
    np.testing.assert_allclose(found, expected.ravel())


def test_tables_are_small():
    entries = tables.copied(ml.Transpose((0, 2, 3, 1)), (3, 200, 300))
    assert sum(map(len, entries["places"]["offsets"])) == 503
    assert math.prod(map(len, entries["places"]["offsets"])) == 180_000
