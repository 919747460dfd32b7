"""What exporters spell out becomes the layer that it stands for, and computes the same."""

import math

import numpy as np
import pytest

pytest.importorskip("onnx", reason="reading ONNX files needs onnx")


from tests.onnx_in.networks import check, layers, loaded, model, node, normal

IMAGES = {"x": ("N", 3, "H", "W")}


def images(seed=0):
    return normal(2, 3, 8, 12, seed=seed)


def scalars(**values):
    return {name: np.float32(value) for name, value in values.items()}


def test_hard_swish_as_paddle_spells_it():
    made = model(
        [
            node("Add", "x three", "a"),
            node("Clip", "a zero six", "c"),
            node("Mul", "x c", "m"),
            node("Div", "m six", "y"),
        ],
        IMAGES,
        constants=scalars(zero=0, three=3, six=6),
    )
    assert layers(check(made, 3 * images())) == ["HardSwish"]


def test_hard_swish_by_its_gate():
    made = model(
        [
            node("Add", "x three", "a"),
            node("Clip", "a zero six", "c"),
            node("Div", "c six", "g"),
            node("Mul", "g x", "y"),
        ],
        IMAGES,
        constants=scalars(zero=0, three=3, six=6),
    )
    assert layers(check(made, 3 * images())) == ["HardSwish"]


def test_hard_sigmoid():
    made = model(
        [node("Add", "x three", "a"), node("Clip", "a zero six", "c"), node("Div", "c six", "y")],
        IMAGES,
        constants=scalars(zero=0, three=3, six=6),
    )
    assert layers(check(made, 3 * images())) == ["HardSigmoid"]


def test_a_gate_that_others_read_stays():
    made = model(
        [node("Sigmoid", "x", "g"), node("Mul", "x g", "y")],
        IMAGES,
        ("y", "g"),
    )
    assert layers(check(made, images())) == ["Sigmoid", "Multiply"]


def test_silu():
    assert layers(check(model([node("Sigmoid", "x", "g"), node("Mul", "g x", "y")], IMAGES), images())) == ["SiLU"]


def test_mish():
    made = model([node("Softplus", "x", "s"), node("Tanh", "s", "t"), node("Mul", "x t", "y")], IMAGES)
    assert layers(check(made, images())) == ["Mish"]


@pytest.mark.parametrize(
    "ends",
    [
        [node("Mul", "x g", "m"), node("Mul", "m half", "y")],
        [node("Mul", "x half", "h"), node("Mul", "h g", "y")],
        [node("Mul", "g half", "h"), node("Mul", "x h", "y")],
    ],
)
def test_gelu(ends):
    made = model(
        [node("Div", "x root", "d"), node("Erf", "d", "e"), node("Add", "e one", "g"), *ends],
        IMAGES,
        constants=scalars(root=math.sqrt(2), one=1, half=0.5),
    )
    assert layers(check(made, images())) == ["GELU"]


def test_scales_and_shifts_after_a_convolution_are_its_own():
    made = model(
        [node("Conv", "x w", "c"), node("Add", "c b", "d"), node("Mul", "d s", "e"), node("Sub", "e t", "y")],
        IMAGES,
        constants={"w": normal(4, 3, 3, 3), "b": normal(4, 1, 1), **scalars(s=0.5, t=2)},
    )
    assert layers(check(made, images())) == ["Conv2D"]


@pytest.mark.parametrize(("pads", "names"), [(0, ["ReLU", "Conv2D"]), (1, ["ReLU", "Rescaling", "Conv2D"])])
def test_numbers_before_a_convolution_are_its_own_without_a_border(pads, names):
    made = model(
        [
            node("Relu", "x", "r"),
            node("Mul", "r s", "m"),
            node("Add", "m t", "a"),
            node("Conv", "a w", "y", pads=[pads] * 4),
        ],
        IMAGES,
        constants={"w": normal(4, 3, 3, 3), **scalars(s=0.5, t=2)},
    )
    assert layers(check(made, images())) == names


def test_numbers_before_two_readers():
    made = model(
        [
            node("Relu", "x", "r"),
            node("Mul", "r s", "m"),
            node("Conv", "m w", "y", pads=[1] * 4),
            node("Conv", "m w", "z"),
        ],
        IMAGES,
        ("y", "z"),
        constants={"w": normal(4, 3, 3, 3), **scalars(s=0.5)},
    )
    assert layers(check(made, images())) == ["ReLU", "Conv2D", "Conv2D"]


def test_numbers_that_come_first_stay():
    made = model(
        [node("Mul", "x s", "m"), node("Conv", "m w", "y")],
        IMAGES,
        constants={"w": normal(4, 3, 3, 3), **scalars(s=1 / 255)},
    )
    network = check(made, images())
    assert layers(network) == ["Rescaling", "Conv2D"]
    assert network.takes_bytes


def test_a_scale_of_channels_and_a_shift_are_one_layer():
    made = model(
        [node("Mul", "x w", "m"), node("Add", "b m", "y")],
        IMAGES,
        constants={"w": normal(1, 3, 1, 1), "b": normal(1, 3, 1, 1)},
    )
    assert layers(check(made, images())) == ["ScaleShift"]


def test_a_product_and_a_sum_are_a_dense_layer():
    made = model(
        [node("MatMul", "x w", "m"), node("Add", "m b", "y")],
        {"x": ("N", 3)},
        constants={"w": normal(3, 4), "b": normal(4)},
    )
    network = check(made, normal(2, 3))
    assert layers(network) == ["Dense"]
    np.testing.assert_array_equal(network.layers[0].weight.value, normal(3, 4).T)


def test_an_output_in_between_stays():
    made = model(
        [node("Conv", "x w", "c"), node("Mul", "c s", "y")],
        IMAGES,
        ("c", "y"),
        constants={"w": normal(4, 3, 3, 3), **scalars(s=0.5)},
    )
    assert layers(check(made, images())) == ["Conv2D", "Rescaling"]


def test_transposes_that_cancel_are_gone():
    made = model(
        [
            node("Transpose", "x", "a", perm=[0, 2, 3, 1]),
            node("Relu", "a", "b"),
            node("Transpose", "b", "c", perm=[0, 3, 1, 2]),
            node("Conv", "c w", "y"),
        ],
        IMAGES,
        constants={"w": normal(4, 3, 3, 3)},
    )
    assert layers(check(made, images())) == ["ReLU", "Conv2D"]


def test_images_with_channels_last_become_minidl_s():
    """As TensorFlow's graphs come: convolutions between transposes, all else with channels last."""
    nodes = [
        node("Transpose", "x", "x1", perm=[0, 3, 1, 2]),
        node("Conv", "x1 w", "c1", pads=[1, 1, 1, 1]),
        node("Transpose", "c1", "c2", perm=[0, 2, 3, 1]),
        node("Add", "c2 b", "c3"),
        node("Relu", "c3", "c4"),
        node("Pad", "c4 pads", "c5"),
        node("Transpose", "c5", "c6", perm=[0, 3, 1, 2]),
        node("Conv", "c6 v", "d1"),
        node("Transpose", "d1", "d2", perm=[0, 2, 3, 1]),
        node("Mul", "d2 s", "d3"),
        node("Add", "d3 c4", "e"),
        node("Concat", "e c4", "f", axis=3),
        node("PRelu", "f slope", "g"),
        node("ReduceMean", "g", "h", axes=[1, 2], keepdims=0),
        node("MatMul", "h m", "y"),
    ]
    made = model(
        nodes,
        {"x": ("N", "H", "W", 3)},
        constants={
            "w": normal(4, 3, 3, 3),
            "b": normal(4),
            "pads": np.array([0, 1, 1, 0, 0, 1, 1, 0]),
            "v": normal(4, 4, 3, 3),
            "s": normal(4),
            "slope": normal(1, 1, 8),
            "m": normal(8, 5),
        },
    )
    network = check(made, normal(2, 8, 12, 3), tolerance=1e-4)
    assert layers(network).count("Transpose") == 1
    assert layers(network)[-3:] == ["PReLU", "GlobalAveragePool2D", "Dense"]


def test_transposes_in_a_row_are_one():
    made = model(
        [node("Transpose", "x", "a", perm=[0, 2, 3, 1]), node("Transpose", "a", "y", perm=[0, 2, 1, 3])], IMAGES
    )
    assert layers(check(made, images())) == ["Transpose"]


@pytest.mark.parametrize(
    ("split", "perm"), [([-1, 2, 2, 2, 4, 6], (0, 1, 4, 2, 5, 3)), ([-1, 2, 2, 2, 4, 6], (0, 3, 4, 1, 5, 2))]
)
def test_pixels_shuffled_by_reshapes(split, perm):
    made = model(
        [
            node("Reshape", "x split", "a"),
            node("Transpose", "a", "b", perm=list(perm)),
            node("Reshape", "b whole", "y"),
        ],
        {"x": ("N", 8, 4, 6)},
        constants={"split": np.array(split), "whole": np.array([-1, 2, 8, 12])},
    )
    network = check(made, normal(2, 8, 4, 6))
    assert layers(network) == ["PixelShuffle"]
    assert network(normal(1, 8, 5, 3)).shape == (1, 2, 10, 6)


def test_a_border_is_the_convolution_s():
    made = model(
        [node("Pad", "x pads", "p"), node("Conv", "p w", "y", pads=[0, 0, 1, 1])],
        IMAGES,
        constants={"pads": np.array([0, 0, 1, 2, 0, 0, 1, 2]), "w": normal(4, 3, 3, 3)},
    )
    network = check(made, images())
    assert layers(network) == ["Conv2D"]
    assert network.layers[0].padding == ((1, 2), (2, 3))


def test_group_norm_as_pytorch_spells_it():
    made = model(
        [
            node("Reshape", "x groups", "a"),
            node("InstanceNormalization", "a ones zeros", "b"),
            node("Shape", "x", "s"),
            node("Reshape", "b s", "c"),
            node("Mul", "c w", "d"),
            node("Add", "d v", "y"),
        ],
        {"x": ("N", 6, "H", "W")},
        constants={
            "groups": np.array([0, 2, -1]),
            "ones": np.ones(2, np.float32),
            "zeros": np.zeros(2, np.float32),
            "w": normal(6, 1, 1),
            "v": normal(6, 1, 1),
        },
    )
    assert layers(check(made, normal(2, 6, 5, 7), tolerance=1e-4)) == ["GroupNorm"]


@pytest.mark.parametrize("square", [node("Pow", "c two", "q"), node("Mul", "c c", "q")])
def test_layer_norm_by_its_means(square):
    made = model(
        [
            node("ReduceMean", "x", "m", axes=[-1]),
            node("Sub", "x m", "c"),
            square,
            node("ReduceMean", "q", "v", axes=[-1]),
            node("Add", "v eps", "e"),
            node("Sqrt", "e", "r"),
            node("Div", "c r", "d"),
            node("Mul", "d w", "s"),
            node("Add", "s b", "y"),
        ],
        {"x": ("N", 5, 6)},
        constants={"w": normal(6), "b": normal(6), **scalars(two=2, eps=1e-5)},
    )
    assert layers(check(made, normal(2, 5, 6), tolerance=1e-4)) == ["LayerNorm"]


def test_a_gate_of_channels():
    made = model(
        [
            node("GlobalAveragePool", "x", "g"),
            node("Conv", "g w", "c"),
            node("Sigmoid", "c", "s"),
            node("Mul", "x s", "y"),
        ],
        IMAGES,
        constants={"w": normal(3, 3, 1, 1)},
    )
    assert layers(check(made, images())) == ["GlobalAveragePool2D", "Conv2D", "Sigmoid", "Multiply"]


def test_what_minidl_wrote_is_left_as_it_is():
    made = model(
        [node("Conv", "x w", "c"), node("Mul", "c s", "y")],
        IMAGES,
        constants={"w": normal(4, 3, 3, 3), **scalars(s=0.5)},
    )
    made.producer_name = "minidl"
    assert layers(loaded(made)) == ["Conv2D", "Rescaling"]


def test_nothing_is_left_of_what_gives_its_input():
    made = model(
        [
            node("Identity", "x", "a"),
            node("Dropout", "a", "b mask"),
            node("Cast", "b", "c", to=1),
            node("Add", "c zero", "d"),
            node("Relu", "d", "y"),
        ],
        IMAGES,
        constants=scalars(zero=0),
    )
    assert layers(check(made, images())) == ["ReLU"]
