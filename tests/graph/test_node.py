import numpy as np
import pytest

import minidl as ml
from minidl.graph.node import Node, ancestors


class Doubled(ml.Module):
    """A layer from elsewhere that defines no more than forward."""

    def forward(self, x, *, train):
        return 2 * x, lambda dy, need_dx=True: 2 * dy


class Weighted(ml.Module):
    """A layer whose output shape isn't known before it is built."""

    def __init__(self):
        self.weight = ml.Parameter()

    def output_shape(self, input_shape):
        return self.weight.value.shape

    def build(self, input_shape, rng):
        self.weight.initialize(input_shape, ml.initializers.ones, rng)

    def forward(self, x, *, train):
        return x * self.weight.value, None


def test_a_layer_called_on_a_node_gives_a_node():
    image = ml.Input((3, 8, 8), name="image")
    layer = ml.Conv2D(4, 3)
    node = layer(image, name="stem")
    assert isinstance(node, Node)
    assert (node.layer, node.inputs, node.name, node.shape) == (layer, (image,), "stem", (4, 6, 6))
    assert not layer.weight.is_built
    assert repr(image) == "Node('image', Input, (3, 8, 8))"
    assert repr(node) == "Node('stem', Conv2D, (4, 6, 6))"


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (Doubled(), (3, 8, 8)),
        (ml.Residual([ml.Conv2D(3, 3, padding=1)]), (3, 8, 8)),
        (ml.Concatenate([[], ml.Conv2D(2, 1)]), (5, 8, 8)),
        (ml.Sequential([ml.Conv2D(2, 3), ml.Flatten()]), (72,)),
        (ml.Sequential([ml.Conv2D(2, 3), ml.Flatten()], input_shape=(3, 8, 8)), (72,)),
        (ml.BatchNorm2D(), (3, 8, 8)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_module_can_be_called_on_a_node(module, shape):
    assert module(ml.Input((3, 8, 8))).shape == shape


def test_a_shape_that_only_building_tells():
    x = ml.Input((5,))
    node = ml.ReLU()(Weighted()(x))
    assert node.shape is None
    graph = ml.Graph(x, node)
    assert graph.output_shape((5,)) == (5,)
    with pytest.raises(ml.NotBuiltError, match=r"inputs\[0\]: the shape of 'relu', a ReLU's value isn't known before"):
        ml.Graph(node, ml.Dense(2)(node))


def test_several_nodes_one_by_one_or_in_a_list():
    a, b = ml.Input((3, 4, 4)), ml.Input((2, 4, 4))
    assert ml.Concatenate()(a, b).shape == ml.Concatenate()([a, b]).shape == ml.Concatenate()((a, b)).shape == (5, 4, 4)


def test_sums_and_products_of_nodes():
    a, b = ml.Input((3,)), ml.Input((3,))
    assert [type((a + b).layer), (a + b).inputs] == [ml.Add, (a, b)]
    assert [type((a * b).layer), (a * b).inputs] == [ml.Multiply, (a, b)]
    for other in ("1", [1.0, 2.0, 3.0], None):
        with pytest.raises(TypeError, match="operand"):
            a + other
        with pytest.raises(TypeError, match=r"operand|multiply"):
            other * a


B = np.float32([[0.5, 2, -1]])
OPERATORS = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b,
    "a ** b": lambda a, b: a**b,
    "a + 2": lambda a, b: a + 2,
    "2.5 + a": lambda a, b: 2.5 + a,
    "a - 1": lambda a, b: a - np.float32(1),
    "1 - a": lambda a, b: 1 - a,
    "a * 0.5": lambda a, b: a * 0.5,
    "3 * a": lambda a, b: 3 * a,
    "a / 3": lambda a, b: a / 3,
    "a / 0": lambda a, b: a / 0,
    "2 / a": lambda a, b: 2 / a,
    "a ** 2": lambda a, b: a**2,
    "2 ** a": lambda a, b: 2**a,
    "-a": lambda a, b: -a,
    "abs(-a)": lambda a, b: abs(-a),
    "a + array": lambda a, b: a + B[0],
    "array - a": lambda a, b: B[0] - a,
    "array * a": lambda a, b: B[0, 1] * (B[0] * a),
    "a / array": lambda a, b: a / B[0],
    "array / a": lambda a, b: B[0] / a,
    "array ** a": lambda a, b: np.abs(B[0]) ** a,
    "a ** array": lambda a, b: a ** B[0],
}


@pytest.mark.parametrize("function", OPERATORS.values(), ids=OPERATORS)
def test_arithmetic_of_nodes(function):
    a, b = ml.Input((3,)), ml.Input((3,))
    graph = ml.Graph([a, b], function(a, b) + 0 * a + 0 * b)
    x = np.float32([[0.25, 1.5, 3]]), B
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(graph(*x), function(*x), rtol=1e-5)


def test_a_constant_of_fewer_axes_is_repeated_as_numpy_does():
    a = ml.Input((2, 3, 4))
    graph = ml.Graph(a, a * np.arange(4.0) + np.ones((3, 1)))
    x = np.ones((2, 2, 3, 4), np.float32)
    np.testing.assert_array_equal(graph(x), x * np.arange(4.0) + np.ones((3, 1)))


def test_arrays_and_nodes_do_not_mix():
    with pytest.raises(
        TypeError, match=r"^Add: expected only nodes, got ndarray as inputs\[1\]; for arrays, use an Input"
    ):
        ml.Add()(ml.Input((3,)), np.ones((1, 3)))


def test_a_name_is_for_nodes():
    with pytest.raises(TypeError, match="ReLU: name: only what is called on nodes has one"):
        ml.ReLU()(np.ones((1, 3), np.float32), name="relu")


@pytest.mark.parametrize("name", ["", "a.b", "1st", "a/b", 3, "é", "a" * 201, "a\n"])
def test_names_that_cannot_be(name):
    with pytest.raises(ValueError, match="name: expected letters, digits, _ and -, beginning with a letter or _"):
        ml.Input((3,), name=name)
    with pytest.raises(ValueError, match="name: expected letters"):
        ml.ReLU()(ml.Input((3,)), name=name)


@pytest.mark.parametrize("shape", [3, "abc", None])
def test_what_is_no_shape(shape):
    with pytest.raises(ml.ShapeError, match=r"Input: expected \(c, h, w\) or \(features,\), got "):
        ml.Input(shape)
    with pytest.raises(ValueError, match="shape: expected an int of at least 1, got 0"):
        ml.Input((3, 0))


def test_a_layer_that_does_not_fit_tells_the_way_there():
    image = ml.Input((3, 9, 9), name="image")
    a = ml.ReLU()(ml.Conv2D(4, 3, padding=1)(image))
    b = ml.UpSample2D(2)(ml.MaxPool2D(2)(a), name="large")
    with pytest.raises(ml.ShapeError) as caught:
        ml.Concatenate()(a, b, name="skip")
    assert str(caught.value) == (
        "skip (Concatenate): expected inputs that all give (channels, 9, 9), got (4, 8, 8) of inputs[1]; "
        "image (3, 9, 9) -> conv2d (4, 9, 9) -> relu (4, 9, 9); "
        "image (3, 9, 9) -> conv2d (4, 9, 9) -> max_pool2d (4, 4, 4) -> large (4, 8, 8)"
    )
    with pytest.raises(
        ml.ShapeError, match=r"^add \(Add\): expected inputs of one shape, .* got \(4, 8, 8\) of inputs\[1\]"
    ):
        a + b


def test_a_module_of_one_input_called_on_several():
    a, b = ml.Input((3, 4, 4)), ml.Input((3, 4, 4))
    with pytest.raises(
        ml.ShapeError, match=r"relu \(ReLU\): expected a module that gives one value for its inputs, got"
    ):
        ml.ReLU()(a, b)
    with pytest.raises(ml.ShapeError, match=r"add \(Add\): expected a tuple of several inputs, got one"):
        ml.Add()(a)


def test_a_cycle():
    x = ml.Input((3,))
    first = ml.Dense(3)(x, name="first")
    second = ml.ReLU()(first)
    first.inputs = (second,)
    with pytest.raises(ValueError, match=r"^the nodes make a cycle: relu reads first reads relu$"):
        ml.Graph(x, second)
    with pytest.raises(ValueError, match="cycle"):
        ancestors(second)


def test_long_chains_of_nodes():
    x = node = ml.Input((2,))
    for _ in range(3000):
        node = ml.ReLU()(node)
    graph = ml.Graph(x, node)
    assert graph(np.array([[1, -1]], np.float32)).tolist() == [[1, 0]]
