import pytest

import minidl as ml
from minidl.drawing.boxes import Box, diagram


def drawn(model, **options):
    return diagram(model, model.input_shape, **options)


def lines(found):
    return [(box.lines, box.times) for box in found.boxes]


def chain(count):
    return tuple((i, i + 1) for i in range(count - 1))


def test_a_chain_is_its_layers_in_their_order():
    layers = [ml.Conv2D(4, 3, stride=2), ml.MaxPool2D(2), ml.Flatten(), ml.Dense(3)]
    found = drawn(ml.Sequential(layers, input_shape=(1, 9, 9)))
    assert found.boxes == (
        Box(("input",), "input", (1, 9, 9), "input"),
        Box(("Conv2D 3 x 3, stride 2",), "parameters", (4, 4, 4), "0"),
        Box(("MaxPool2D 2 x 2",), "plain", (4, 2, 2), "1"),
        Box(("Flatten",), "plain", (16,), "2"),
        Box(("Dense",), "parameters", (3,), "3"),
        Box(("output",), "output", (3,), "output"),
    )
    assert found.edges == chain(6)


def test_normalization_and_activation_are_in_the_box_of_their_layer():
    layers = [ml.Conv2D(4, 3, padding=1), ml.BatchNorm2D(), ml.ReLU(), ml.Dropout(0.5), ml.MaxPool2D(2), ml.ReLU()]
    model = ml.Sequential(layers, input_shape=(1, 8, 8))
    found = drawn(model)
    assert lines(found)[1:-1] == [
        (("Conv2D 3 x 3", "BatchNorm2D", "ReLU", "Dropout"), 1),
        (("MaxPool2D 2 x 2", "ReLU"), 1),
    ]
    assert (found.boxes[1].name, found.boxes[1].kind, found.boxes[2].kind) == ("0 to 3", "parameters", "plain")
    every = drawn(model, expand=True)
    assert [box.lines[0] for box in every.boxes[1:-1]] == [
        "Conv2D 3 x 3", "BatchNorm2D", "ReLU", "Dropout", "MaxPool2D 2 x 2", "ReLU",
    ]  # fmt: skip
    assert every.edges == chain(8)


def test_an_activation_first_has_a_box():
    assert lines(drawn(ml.Sequential([ml.ReLU(), ml.Dense(2)], input_shape=(2,))))[1:-1] == [
        (("ReLU",), 1),
        (("Dense",), 1),
    ]


def test_repeated_layers_are_a_box_with_their_number():
    block = [ml.Dense(4), ml.ReLU(), ml.Dense(5), ml.Tanh()]
    layers = [layer for _ in range(3) for layer in (ml.Dense(4), ml.ReLU(), ml.Dense(5), ml.Tanh())]
    found = drawn(ml.Sequential([*layers, *[ml.Dense(2) for _ in range(4)]], input_shape=(5,)))
    assert lines(found)[1:-1] == [(("Dense", "ReLU", "Dense", "Tanh"), 3), (("Dense",), 4)]
    assert [(box.name, box.shape) for box in found.boxes[1:3]] == [("0 to 11", (5,)), ("12 to 15", (2,))]
    assert found.edges == chain(4)
    assert len(drawn(ml.Sequential(block, input_shape=(5,)), expand=True).boxes) == 6


@pytest.mark.parametrize("other", [ml.Dense(4, bias=False), ml.Dense(5)])
def test_layers_that_differ_are_not_repeated(other):
    found = drawn(ml.Sequential([ml.Dense(4), other], input_shape=(4,)))
    assert [box.times for box in found.boxes] == [1, 1, 1, 1]


def test_a_residual_network():
    found = drawn(ml.models.resnet20(input_shape=(1, 28, 28)))
    assert lines(found) == [
        (("input",), 1),
        (("Conv2D 3 x 3", "BatchNorm2D", "ReLU"), 1),
        (("Residual, 5 layers", "ReLU"), 3),
        (("Residual, 7 layers", "ReLU"), 1),
        (("Residual, 5 layers", "ReLU"), 2),
        (("Residual, 7 layers", "ReLU"), 1),
        (("Residual, 5 layers", "ReLU"), 2),
        (("GlobalAveragePool2D",), 1),
        (("Dense",), 1),
        (("output",), 1),
    ]
    assert found.edges == chain(10)
    assert [box.shape for box in found.boxes[2:5]] == [(16, 28, 28), (32, 14, 14), (32, 14, 14)]


def test_what_is_inside_of_a_residual():
    body = [ml.Conv2D(3, 3, padding=1), ml.ReLU()]
    blocks = [ml.Residual(body), ml.Residual([ml.Conv2D(2, 1)], projection=[ml.Conv2D(2, 1)])]
    found = drawn(ml.Sequential(blocks, input_shape=(3, 4, 4)), expand=True)
    assert [(box.lines[0], box.kind, box.name) for box in found.boxes] == [
        ("input", "input", "input"),
        ("Conv2D 3 x 3", "parameters", "0.body.0"),
        ("ReLU", "plain", "0.body.1"),
        ("Add", "join", "0"),
        ("Conv2D 1 x 1", "parameters", "1.body.0"),
        ("Conv2D 1 x 1", "parameters", "1.projection.0"),
        ("Add", "join", "1"),
        ("output", "output", "output"),
    ]
    assert found.edges == ((0, 1), (1, 2), (2, 3), (0, 3), (3, 4), (3, 5), (4, 6), (5, 6), (6, 7))


def test_branches():
    branches = [[ml.Conv2D(4, 1)], ml.Sequential([ml.Conv2D(2, 3, padding=1), ml.ReLU()]), []]
    model = ml.Sequential([ml.Concatenate(branches), ml.SeparableConv2D(3, 3)], input_shape=(2, 8, 8))
    assert lines(drawn(model))[1:-1] == [(("Concatenate, 3 layers",), 1), (("SeparableConv2D 3 x 3",), 1)]
    every = drawn(model, expand=True)
    assert [box.lines[0] for box in every.boxes[1:-1]] == [
        "Conv2D 1 x 1", "Conv2D 3 x 3", "ReLU", "Concatenate", "SeparableConv2D 3 x 3",
    ]  # fmt: skip
    assert every.edges == ((0, 1), (0, 2), (2, 3), (1, 4), (3, 4), (0, 4), (4, 5), (5, 6))


def test_a_u_net_has_its_skips():
    found = drawn(ml.models.unet(input_shape=(1, 16, 16), depth=2))
    level = (("Conv2D 3 x 3", "BatchNorm2D", "ReLU"), 2)
    up, join, pool = (("ConvTranspose2D 2 x 2",), 1), (("Concatenate",), 1), (("MaxPool2D 2 x 2",), 1)
    assert lines(found) == [
        (("image",), 1), level, pool, level, pool, level, up, join, level, up, join, level,
        (("Conv2D 1 x 1",), 1), (("output",), 1),
    ]  # fmt: skip
    assert set(found.edges) - set(chain(14)) == {(1, 10), (3, 7)}


def test_what_others_read_is_not_folded_away():
    x = ml.Input((4,))
    a = ml.Dense(4)(x)
    b = ml.Dense(4)(a)
    found = drawn(ml.Graph(x, ml.Dense(4)(b) + a))
    assert lines(found)[1:-1] == [(("Dense",), 1), (("Dense",), 2), (("Add",), 1)]
    assert found.edges == ((0, 1), (1, 2), (2, 3), (1, 3), (3, 4))


def test_several_inputs_and_outputs_have_their_names():
    image, angle = ml.Input((1, 8, 8), name="image"), ml.Input((2,), name="angle")
    features = ml.ReLU()(ml.Dense(16)(ml.Concatenate()(ml.Flatten()(image), angle)))
    model = ml.Graph([image, angle], {"kind": ml.Dense(3)(features), "size": ml.Dense(1)(features)}, seed=0)
    found = drawn(model)
    assert [(box.lines, box.kind) for box in found.boxes] == [
        (("image",), "input"),
        (("angle",), "input"),
        (("Flatten",), "plain"),
        (("Concatenate",), "join"),
        (("Dense", "ReLU"), "parameters"),
        (("Dense",), "parameters"),
        (("kind",), "output"),
        (("Dense",), "parameters"),
        (("size",), "output"),
    ]
    assert found.edges == ((0, 2), (2, 3), (1, 3), (3, 4), (4, 5), (5, 6), (4, 7), (7, 8))


def test_an_output_that_is_read_further_on():
    x = ml.Input((4,))
    a = ml.Dense(4)(x)
    found = drawn(ml.Graph(x, [a, ml.Dense(4)(a)]))
    assert [box.lines[0] for box in found.boxes] == ["input", "Dense", "dense", "Dense", "dense_1"]
    assert found.edges == ((0, 1), (1, 2), (1, 3), (3, 4))


class Doubled(ml.Module):
    """Does not describe itself."""

    def forward(self, x, *, train):
        return 2 * x, lambda dy, *, need_dx=True: 2 * dy if need_dx else None


class Backwards(ml.Sequential):
    """Computes something else than its layers in their order."""

    def infer(self, x):
        return x


def test_a_module_that_does_not_describe_itself_is_a_box():
    found = drawn(ml.Sequential([ml.Dense(3), Doubled(), ml.ReLU()], input_shape=(2,)), expand=True)
    assert [box.lines[0] for box in found.boxes[1:-1]] == ["Dense", "Doubled", "ReLU"]
    whole = drawn(Backwards([ml.Dense(2), ml.ReLU()], input_shape=(2,)), expand=True)
    assert [(box.lines[0], box.kind) for box in whole.boxes[1:-1]] == [("Backwards", "parameters")]


def test_gates_that_are_repeated_are_drawn_with_what_leads_to_them():
    gates = [ml.GlobalAveragePool2D(), ml.Reshape((2, 1, 1))]
    model = ml.Sequential([ml.Multiply([[], gates])], input_shape=(2, 4, 4))
    found = drawn(model, expand=True)
    assert [box.lines[0] for box in found.boxes] == ["input", "GlobalAveragePool2D", "Reshape", "Multiply", "output"]
    assert found.edges == ((0, 1), (1, 2), (0, 3), (2, 3), (3, 4))


def test_a_shared_layer_is_there_for_each_value():
    left, right = ml.Input((4,), name="left"), ml.Input((4,), name="right")
    embed = ml.Sequential([ml.Dense(3), ml.Tanh()])
    found = drawn(ml.Graph([left, right], embed(left) * embed(right)))
    assert [box.lines[0] for box in found.boxes] == [
        "left", "right", "Sequential, 2 layers", "Sequential, 2 layers", "Multiply", "output",
    ]  # fmt: skip
    assert found.edges == ((0, 2), (1, 3), (2, 4), (3, 4), (4, 5))


def test_a_graph_in_a_graph_can_be_opened():
    x = ml.Input((4,))
    inner = ml.Graph(x, x + ml.Dense(4)(x))
    outer = ml.Graph(y := ml.Input((4,)), ml.Dense(2)(inner(y)))
    assert [box.lines[0] for box in drawn(outer).boxes] == ["input", "Graph, 2 layers", "Dense", "output"]
    every = drawn(outer, expand=True)
    assert [box.lines[0] for box in every.boxes] == ["input", "Dense", "Add", "Dense", "output"]
    assert set(every.edges) == {(0, 1), (0, 2), (1, 2), (2, 3), (3, 4)}


def test_modules_without_layers_have_no_box():
    found = drawn(ml.Sequential([ml.Dense(2), ml.Sequential([]), ml.Dense(3)], input_shape=(2,)))
    assert [box.lines[0] for box in found.boxes] == ["input", "Dense", "Dense", "output"]


def test_shapes_that_do_not_fit():
    with pytest.raises(ml.ShapeError):
        diagram(ml.Sequential([ml.Dense(2)], input_shape=(3,)), (4,))
