import pytest

import minidl as ml
from minidl.graph.wiring import Vertex, Wiring, numbered, snake_case


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("Conv2D", "conv2d"), ("MaxPool2D", "max_pool2d"), ("ReLU", "relu"), ("LeakyReLU", "leaky_relu")),
        *(("BatchNorm2D", "batch_norm2d"), ("SiLU", "silu"), ("ConvTranspose2D", "conv_transpose2d"), ("GELU", "gelu")),
        *(("GlobalAveragePool2D", "global_average_pool2d"), ("Dense", "dense"), ("LogSoftmax", "log_softmax")),
    ],
)
def test_names_of_classes(kind, name):
    assert snake_case(kind) == name


def test_numbers_go_on_where_they_are_free():
    assert [numbered("a", set()), numbered("a", {"a"}), numbered("a", {"a", "a_1", "a_3"})] == ["a", "a_1", "a_2"]


DIAMOND = Wiring(
    (Vertex("x", None, ()), Vertex("a", 0, (0,)), Vertex("b", 1, (0,)), Vertex("c", 2, (1, 2)), Vertex("d", 3, (1,))),
    (0,),
    (3, 4),
)


def test_readers_are_in_order():
    assert DIAMOND.readers() == [[1, 2], [3, 4], [3], [], []]
    assert Wiring((Vertex("x", None, ()), Vertex("a", 0, (0, 0))), (0,), (1,)).readers() == [[1, 1], []]


def test_chains():
    assert not DIAMOND.is_chain()
    chain = Wiring((Vertex("x", None, ()), Vertex("a", 0, (0,)), Vertex("b", 1, (1,))), (0,), (2,))
    assert chain.is_chain()
    assert not Wiring(chain.vertices, (0,), (1, 2)).is_chain()


def test_the_part_up_to_a_vertex():
    part, kept = DIAMOND.up_to(4)
    assert kept == [0, 1, 4]
    assert part == Wiring((Vertex("x", None, ()), Vertex("a", 0, (0,)), Vertex("d", 3, (1,))), (0,), (2,))


def test_a_name_that_is_not_there():
    assert DIAMOND.find("c") == 3
    with pytest.raises(ValueError, match="expected the name of a node, got 'e'; there are x, a, b, c, d"):
        DIAMOND.find("e")


def test_names_within_a_graph():
    x = ml.Input((4,))
    a = ml.Dense(3)(x)
    b = ml.Dense(3)(a, name="dense_1")
    c = ml.Dense(3)(b)
    graph = ml.Graph(x, c)
    assert [vertex.name for vertex in graph.wiring.vertices] == ["input", "dense", "dense_1", "dense_2"]
    assert [name for name, _ in graph.named_parameters()] == [
        *("dense.weight", "dense.bias", "dense_1.weight", "dense_1.bias", "dense_2.weight", "dense_2.bias")
    ]


def test_names_do_not_hang_on_the_order_of_calls():
    def names(first_right):
        x = ml.Input((4,))
        if first_right:
            right, left = ml.Dense(2)(x), ml.Dense(3)(x)
        else:
            left, right = ml.Dense(3)(x), ml.Dense(2)(x)
        graph = ml.Graph(x, ml.Concatenate()(left, right), seed=0)
        return {name: parameter.value.tolist() for name, parameter in graph.named_parameters()}

    assert names(True) == names(False)
    assert len(names(True)["dense.bias"]) == 3


def test_a_name_given_twice():
    x = ml.Input((4,), name="a")
    with pytest.raises(ValueError, match="name: expected one for each node, got two that are called 'a'"):
        ml.Graph(x, ml.ReLU()(x, name="a"))


def test_another_graph_keeps_the_names():
    x = ml.Input((4,))
    a, b = ml.Dense(3)(x), ml.Dense(5)(x)
    ml.Graph(x, ml.Concatenate()(a, b))
    assert [name for name, _ in ml.Graph(x, b).named_parameters()] == ["dense_1.weight", "dense_1.bias"]
