"""Operators in networks that take any batch and images of any size: each gives what ONNX's evaluator gives."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="reading ONNX files needs onnx")

from onnx import TensorProto

import minidl as ml
from tests.onnx_in.networks import check, given, layers, loaded, model, node, normal

IMAGES = {"x": ("N", 4, "H", "W")}


def ints(**values):
    return {name: np.array(value) for name, value in values.items()}


def on_images(*nodes, tolerance=1e-5, opset=17, sizes=((8, 12), (9, 7)), **constants):
    """The network of these nodes, checked on images of several sizes."""
    made = model(list(nodes), IMAGES, constants=constants, opset=opset)
    for height, width in sizes:
        network = check(made, normal(3, 4, height, width), tolerance=tolerance)
    return network


@pytest.mark.parametrize(
    "attributes",
    [
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER"},
        {"auto_pad": "VALID", "dilations": [2, 1]},
        {"pads": [0, 1, 2, 3], "strides": [1, 2]},
        {"group": 2, "pads": [1, 1, 1, 1]},
    ],
)
def test_convolutions(attributes):
    w = normal(6, 2 if "group" in attributes else 4, 3, 3)
    on_images(node("Conv", "x w b", "y", **attributes), w=w, b=normal(6), sizes=((8, 12), (9, 7)))


def test_a_border_that_depends_on_the_size_of_images():
    made = model(
        [node("Conv", "x w", "y", auto_pad="SAME_LOWER", strides=[2, 2])], IMAGES, constants={"w": normal(2, 4, 3, 3)}
    )
    check(made, normal(2, 4, 224, 224))


def test_sequences():
    made = model(
        [
            node("Conv", "x w", "c", pads=[1, 2]),
            node("BatchNormalization", "c s s m v", "n"),
            node("MaxPool", "n", "p", kernel_shape=[2], strides=[2]),
            node("AveragePool", "p", "a", kernel_shape=[2], pads=[1, 0]),
            node("GlobalAveragePool", "a", "y"),
        ],
        {"x": ("N", 3, "L")},
        constants={"w": normal(4, 3, 4), "s": normal(4), "m": normal(4), "v": normal(4) ** 2},
    )
    check(made, normal(2, 3, 16), tolerance=1e-4)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        {"kernel_shape": [2, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"kernel_shape": [2, 3], "auto_pad": "SAME_LOWER"},
    ],
)
def test_pools(kind, attributes):
    on_images(node(kind, "x", "y", **attributes))


@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": [2, 2]},
        {"strides": [2, 2], "pads": [1, 0, 1, 1]},
        {"strides": [2, 3], "output_padding": [1, 2]},
        {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"dilations": [2, 2]},
    ],
)
def test_transposed_convolutions(attributes):
    on_images(
        node("ConvTranspose", "x w b", "y", **attributes),
        w=normal(4, 2, 3, 3),
        b=normal(2),
    )


def by_shape(part, axis):
    """Nodes that give one size of x as `part`, of one axis."""
    return [node("Shape", "x", f"s{axis}"), node("Gather", f"s{axis} i{axis}", part)]


def test_a_reshape_by_the_batch():
    on_images(
        *by_shape("n", 0),
        node("Concat", "n rest", "t", axis=0),
        node("Reshape", "x t", "y"),
        **ints(i0=[0], rest=[4, -1]),
    )


def test_a_flattened_image_that_comes_back_has_one_size():
    nodes = [node("Flatten", "x", "f"), node("Shape", "x", "s"), node("Relu", "f", "r"), node("Reshape", "r s", "y")]
    made = model(nodes, IMAGES)
    with pytest.warns(UserWarning, match="x: assumed to be 224 high and wide"):
        network = loaded(made)
    np.testing.assert_array_equal(network(normal(2, 4, 224, 224)), np.maximum(normal(2, 4, 224, 224), 0))
    assert layers(network) == ["Flatten", "ReLU", "Reshape"]


def test_a_resize_to_another_s_size_times_two():
    """As PyTorch spells out an interpolation by a factor."""
    network = on_images(
        *by_shape("h", 2),
        *by_shape("w", 3),
        node("Mul", "h two", "h2"),
        node("Mul", "w two", "w2"),
        node("Shape", "x", "s"),
        node("Slice", "s zero two zero", "nc"),
        node("Concat", "nc h2 w2", "sizes", axis=0),
        node("Resize", "x - - sizes", "y", mode="linear", coordinate_transformation_mode="half_pixel"),
        **ints(i2=[2], i3=[3], two=[2], zero=[0]),
    )
    assert layers(network) == ["UpSample2D"]


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
@pytest.mark.parametrize("scale", [2, 0.5])
def test_resizes(mode, coordinates, scale):
    on_images(
        node("Resize", "x - scales", "y", mode=mode, coordinate_transformation_mode=coordinates),
        scales=np.array([1, 1, scale, scale], np.float32),
        sizes=[(8, 12)],
        tolerance=1e-4,
    )


@pytest.mark.parametrize(
    ("starts", "ends", "axes", "steps"),
    [
        ([1], [3], [1], [1]),
        ([0, 1], [2**31, -1], [1, 2], [2, 1]),
        ([-3], [2**62], [3], [1]),
        ([-1], [-(2**62)], [1], [-1]),
    ],
)
def test_slices(starts, ends, axes, steps):
    on_images(node("Slice", "x a b c d", "y"), **ints(a=starts, b=ends, c=axes, d=steps))


def test_a_slice_to_one_less_than_the_size():
    nodes = [*by_shape("h", 2), node("Sub", "h one", "end"), node("Slice", "x zero end two", "y")]
    on_images(*nodes, **ints(i2=[2], one=[1], zero=[0], two=[2]))


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_splits_and_concatenations(axis):
    nodes = [node("Split", "x", "a b", axis=axis), node("Relu", "b", "c"), node("Concat", "c a", "y", axis=axis)]
    made = model(nodes, {"x": ("N", 4, 6, 8)}, opset=13)
    check(made, normal(2, 4, 6, 8))


@pytest.mark.parametrize("indices", [2, -1, [3, 0], [[0, 1], [2, 3]]])
def test_places_along_an_axis(indices):
    made = model([node("Gather", "x i", "y", axis=1)], {"x": ("N", 4, 6, 8)}, constants=ints(i=indices))
    check(made, normal(2, 4, 6, 8))


def test_a_table_by_what_comes_in():
    made = model(
        [node("Gather", "table x", "y")],
        {"x": ("N", 5)},
        constants={"table": normal(7, 3)},
        kinds={"x": TensorProto.INT64},
    )
    network, x = loaded(made), np.arange(10).reshape(2, 5) % 7
    assert network.takes_integers
    np.testing.assert_array_equal(network(x), normal(7, 3)[x])


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize("pads", [[0, 0, 1, 2, 0, 0, 2, 1], [0, 1, 0, 0, 0, 2, 0, 0]])
def test_borders(mode, pads):
    on_images(node("Pad", "x p", "y", mode=mode), **ints(p=pads), opset=19)


def test_a_border_below_zero_and_of_a_number():
    constants = {"v": np.float32(1.5), **ints(p=[0, -1, 1, 0, 0, 0, -2, 3])}
    x = normal(2, 4, 8, 12)
    expected = np.pad(x[:, 1:, :-2], ((0, 0), (0, 0), (1, 0), (0, 3)), constant_values=1.5)
    made = model([node("Pad", "x p v", "y")], IMAGES, constants=constants)
    np.testing.assert_array_equal(loaded(made)(x), expected)


@pytest.mark.parametrize(
    "operator", ["ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare", "ReduceL1"]
)
@pytest.mark.parametrize("axes", [[1], [2, 3], [-1, 1], [1, 2, 3]])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_reductions(operator, axes, keepdims):
    on_images(node(operator, "x", "y", axes=axes, keepdims=keepdims), tolerance=1e-4)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "Max", "Min"])
@pytest.mark.parametrize("shape", [(), (4, 1, 1), (1, 4, 1, 1), (12,), (8, 1), (4, 8, 12)])
@pytest.mark.parametrize("order", ["x c", "c x"])
def test_arithmetic_with_constants(operator, shape, order):
    made = model([node(operator, order, "y")], {"x": ("N", 4, 8, 12)}, constants={"c": 1.5 + normal(*shape) ** 2})
    check(made, 1 + normal(2, 4, 8, 12) ** 2)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "Max", "Min"])
def test_arithmetic_of_values(operator):
    nodes = [node("GlobalAveragePool", "x", "g"), node("Exp", "g", "e"), node(operator, "x e", "y")]
    on_images(*nodes, tolerance=1e-4)


@pytest.mark.parametrize("exponent", [0.5, 1, 2, 3, -1])
def test_powers(exponent):
    on_images(node("Abs", "x", "a"), node("Pow", "a e", "y"), e=np.float32(exponent), tolerance=1e-4)


def test_products_of_matrices():
    made = model(
        [
            node("MatMul", "x w", "q"),
            node("Transpose", "x", "t", perm=[0, 1, 3, 2]),
            node("MatMul", "q t", "s"),
            node("Softmax", "s", "p", axis=-1),
            node("MatMul", "p x", "y"),
        ],
        {"x": ("N", 2, "L", 6)},
        constants={"w": normal(6, 6)},
    )
    check(made, normal(3, 2, 5, 6), tolerance=1e-4)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_softmax_along_an_axis(axis):
    check(model([node("Softmax", "x", "y", axis=axis)], {"x": ("N", 4, 6, 8)}), normal(2, 4, 6, 8))


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("axis", [1, 2, -1])
def test_softmax_over_all_axes_from_one_on(operator, axis):
    """As it was before version 13, which ONNX's evaluator doesn't know."""
    made = model([node(operator, "x", "y", axis=axis)], {"x": ("N", 4, 6, 8)}, opset=12)
    x = normal(2, 4, 6, 8)
    rows = np.exp(x.reshape(*x.shape[:axis], -1))
    expected = (rows / rows.sum(axis=-1, keepdims=True)).reshape(x.shape)
    y = loaded(made)(x)
    np.testing.assert_allclose(np.exp(y) if operator == "LogSoftmax" else y, expected, rtol=1e-4)


@pytest.mark.parametrize("slope", [(1,), (4, 1, 1), (1, 4, 1, 1), (8, 12)])
def test_slopes(slope):
    made = model([node("PRelu", "x s", "y")], {"x": ("N", 4, 8, 12)}, constants={"s": normal(*slope)})
    check(made, normal(2, 4, 8, 12))


def test_where_a_constant_has_chosen():
    made = model([node("Where", "c x z", "y")], {"x": ("N", 3)}, constants={"c": np.array([True]), "z": normal(3)})
    assert layers(check(made, normal(2, 3))) == ["Rescaling"]


def test_expansions_to_shapes_that_depend_on_the_batch():
    nodes = [node("GlobalMaxPool", "x", "g"), node("Shape", "x", "s"), node("Expand", "g s", "y")]
    check(model(nodes, {"x": ("N", 4, 6, 8)}), normal(3, 4, 6, 8))


def test_tiles():
    on_images(node("Tile", "x r", "y"), **ints(r=[1, 2, 1, 3]))


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_pixels_to_channels_and_back(mode):
    nodes = [node("DepthToSpace", "x", "d", blocksize=2, mode=mode), node("SpaceToDepth", "d", "y", blocksize=2)]
    on_images(*nodes)


def test_what_belongs_to_all_samples_alike():
    """As PyTorch exports a class token: as many copies as the batch has samples, put before the others."""
    made = model(
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "n"),
            node("Concat", "n one width", "t", axis=0),
            node("Expand", "token t", "e"),
            node("Concat", "e x", "y", axis=1),
        ],
        {"x": ("N", 5, 6)},
        constants={"token": normal(1, 1, 6), **ints(zero=[0], one=[1], width=[6])},
    )
    check(made, normal(3, 5, 6))


def test_a_bound_that_is_computed_by_the_network_is_an_error():
    made = model([node("ArgMax", "x", "a", axis=1, keepdims=0), node("Slice", "x a a", "y")], {"x": ("N", 3)})
    with pytest.raises(ml.FormatError, match="Slice y: its bounds depend on the numbers"):
        loaded(made)


def test_dense_layers_with_all_that_gemm_has():
    made = model(
        [node("Gemm", "x w b", "y", alpha=0.5, beta=2.0, transB=1)],
        {"x": ("N", 3)},
        constants={"w": normal(4, 3), "b": normal(1, 4)},
    )
    assert layers(check(made, normal(2, 3))) == ["Dense"]
    assert len(given(loaded(made), normal(2, 3))) == 1
