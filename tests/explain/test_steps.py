import base64

import numpy as np
import pytest

import minidl as ml
from minidl import models
from minidl.explain.encoding import encode_images
from minidl.explain.kinds import CONTAINERS, LEAVES, REFUSED
from minidl.explain.steps import network_steps
from minidl.layers import LAYERS


def decoded(text, dtype="<f4"):
    return np.frombuffer(base64.b64decode(text), dtype)


def built(*layers, shape=(3, 8, 8)):
    return ml.Sequential(layers, input_shape=shape, seed=0)


def test_a_step_has_its_window_and_weights():
    model = built(
        ml.Conv2D(4, (3, 2), stride=2, padding="same", dilation=(1, 2), bias=False), ml.Flatten(), ml.Dense(2)
    )
    convolution, _, dense, softmax = network_steps(model)
    assert convolution["kernel"] == [3, 2]
    assert convolution["stride"] == [2, 2]
    assert convolution["dilation"] == [1, 2]
    assert convolution["padding"] == [[0, 1], [0, 1]]
    assert (convolution["from"], convolution["shape"], convolution["bias"]) == ([0], [4, 4, 4], None)
    np.testing.assert_array_equal(decoded(convolution["weight"]), model[0].weight.value.ravel())
    np.testing.assert_array_equal(decoded(dense["weight"]), model[2].weight.value.ravel())
    assert (softmax["kind"], softmax["shape"], softmax["is_added"]) == ("softmax", [2], True)


def test_paths_lead_past_and_together():
    block = ml.Residual([ml.Conv2D(3, 1), ml.ReLU()], projection=[ml.Conv2D(3, 1)])
    stack = ml.Concatenate([[ml.ReLU()], []])
    steps = network_steps(built(block, ml.Residual([ml.ReLU()]), stack, ml.GlobalAveragePool2D(), ml.Softmax()))
    assert [(step["path"], step["kind"], step["from"]) for step in steps] == [
        ("0.body.0", "convolution", [0]),
        ("0.body.1", "elementwise", [1]),
        ("0.projection.0", "convolution", [0]),
        ("0", "add", [2, 3]),
        ("1.body.0", "elementwise", [4]),
        ("1", "add", [5, 4]),
        ("2.branches.0.0", "elementwise", [6]),
        ("2", "concatenate", [7, 6]),
        ("3", "average", [8]),
        ("4", "softmax", [9]),
    ]
    assert [step["shape"] for step in steps[-3:]] == [[6, 8, 8], [6], [6]]


def test_rescaling_is_a_scale_of_each_channel():
    step = network_steps(built(ml.Rescaling(0.5, -1), ml.Flatten(), ml.Dense(2)))[0]
    assert (step["kind"], step["layer"]) == ("scale", "Rescaling")
    np.testing.assert_array_equal(decoded(step["scale"]), [0.5] * 3)
    np.testing.assert_array_equal(decoded(step["shift"]), [-1] * 3)


@pytest.mark.parametrize("name", models.MODELS)
def test_ready_models_end_in_one_softmax(name):
    steps = network_steps(models.MODELS[name](seed=0))
    assert [step["kind"] for step in steps].count("softmax") == 1
    assert steps[-1]["kind"] == "softmax"
    for i, step in enumerate(steps):
        assert all(value <= i for value in step["from"]), "a step takes what comes after it"


def test_each_layer_has_words_or_a_reason_to_have_none():
    known = {*CONTAINERS, *LEAVES}
    assert not known & set(REFUSED)
    assert set(LAYERS) <= known | set(REFUSED)
    assert {kind.__name__ for kind in REFUSED if not kind.__name__.endswith("1D")} == {"Embedding"}


def test_a_layer_of_sequences_is_named_with_those_that_are_known():
    layers = [ml.ReLU(), ml.Reshape((3, 64)), ml.Residual([ml.Conv1D(3, 1)]), ml.Flatten(), ml.Dense(2)]
    with pytest.raises(
        ValueError, match=r"layer 2\.body\.0, Conv1D, can't be explained \(it takes sequences\); what can is .*Average"
    ) as caught:
        network_steps(built(*layers))
    for kind in (*CONTAINERS, *LEAVES):
        assert kind.__name__ in str(caught.value)


def test_a_subclass_may_compute_another_thing():
    class Twice(ml.ReLU):
        def operator(self, x):
            return 2 * x, None

    with pytest.raises(ValueError, match="layer 0, Twice, can't"):
        network_steps(built(Twice(), ml.Flatten(), ml.Dense(2)))


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (lambda: ml.Sequential([ml.Dense(2)]), ml.NotBuiltError, "input_shape"),
        (lambda: built(ml.Dense(2), shape=(5,)), ml.ShapeError, r"images \(c, h, w\), got \(5,\)"),
        (lambda: built(ml.Reshape((3, 64))), ml.ShapeError, r"or maps \(c, h, w\), got \(3, 64\)"),
        (
            lambda: built(ml.Flatten(), ml.Dense(1)),
            ml.ShapeError,
            r"scores \(classes,\), at least two, or .*, got \(1,\)",
        ),
        (
            lambda: built(ml.Flatten(), ml.Dense(2), ml.Sigmoid()),
            ValueError,
            "each other, got one that ends in Sigm",
        ),
        (lambda: built(ml.Normalization(), ml.Flatten(), ml.Dense(2)), ml.NotBuiltError, "no mean and std"),
    ],
)
def test_models_that_are_not_of_images_and_classes(model, error, message):
    with pytest.raises(error, match=message):
        network_steps(model())


def test_images_are_bytes_where_these_say_all():
    pixels = np.arange(2 * 256, dtype=np.uint16).astype(np.uint8).reshape(2, 1, 16, 16)
    images = np.divide(pixels, 255, dtype=np.float32)
    encoded = encode_images(images)
    assert encoded["is_bytes"]
    assert encoded["tones"] == {"black": 0, "white": 1}
    for text, wanted in zip(encoded["data"], pixels, strict=True):
        np.testing.assert_array_equal(decoded(text, np.uint8), wanted.ravel())

    for other in (images + np.float32(1e-4), images - 1, np.where(images > 0.5, np.nan, images).astype(np.float32)):
        encoded = encode_images(other)
        assert not encoded["is_bytes"]
        black, white = min(0, np.nanmin(other)), max(1, np.nanmax(other))
        assert encoded["tones"] == {"black": black, "white": white}
        np.testing.assert_array_equal(np.stack([decoded(text) for text in encoded["data"]]), other.reshape(2, -1))


def test_a_graph_is_explained_node_by_node():
    x = ml.Input((1, 6, 6))
    a = ml.Conv2D(2, 3, padding=1)(x)
    b = ml.Concatenate()(a, ml.ReLU()(a), name="both")
    model = ml.Graph(x, ml.Softmax()(ml.Dense(3)(ml.Flatten()(b))), seed=0)
    found = [(step["kind"], step["from"], step["path"], tuple(step["shape"])) for step in network_steps(model)]
    assert found == [
        ("convolution", [0], "conv2d", (2, 6, 6)),
        ("elementwise", [1], "relu", (2, 6, 6)),
        ("concatenate", [1, 2], "both", (4, 6, 6)),
        ("flatten", [3], "flatten", (144,)),
        ("dense", [4], "dense", (3,)),
        ("softmax", [5], "softmax", (3,)),
    ]


def test_graphs_that_cannot_be_explained():
    x, z = ml.Input((1, 4, 4), name="x"), ml.Input((3,), name="z")
    scores = ml.Dense(3)(ml.Flatten()(x), name="scores")
    with pytest.raises(
        ValueError, match="expected a model of one image and its classes, got inputs x, z and outputs add"
    ):
        network_steps(ml.Graph([x, z], scores + z))


def test_several_outputs_are_met_before_the_layers():
    x = ml.Input((1, 4, 4), name="x")
    a, b = ml.Dense(3)(ml.Flatten()(x), name="a"), ml.Conv1D(2, 1)(ml.Reshape((1, 16))(x), name="b")
    with pytest.raises(ValueError, match="one image and its classes, got inputs x and outputs a, b"):
        network_steps(ml.Graph(x, [a, b]))


def test_values_are_shown_as_vectors_or_maps():
    layers = [ml.Reshape((2, 3, 4, 8)), ml.Transpose((0, 2, 1, 3, 4)), ml.Reshape((12, 16)), ml.Flatten(), ml.Dense(2)]
    steps = network_steps(built(*layers))
    assert [step["shape"] for step in steps] == [[6, 4, 8], [6, 4, 8], [1, 12, 16], [192], [2], [2]]
