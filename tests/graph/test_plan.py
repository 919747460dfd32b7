import minidl as ml
from minidl.graph.plan import Segment, steps_of


def test_chains_are_as_long_as_they_get():
    x, z = ml.Input((3, 8, 8)), ml.Input((4, 8, 8))
    a = ml.ReLU()(ml.Conv2D(4, 3, padding=1)(x))  # 2, 3: read twice
    b = ml.Tanh()(ml.Conv2D(4, 1)(a))  # 4, 5
    c = ml.Add()(a, b, z)  # 6: several inputs
    y = ml.Dense(2)(ml.Flatten()(c))  # 7, 8
    graph = ml.Graph([x, z], y)
    steps = steps_of(graph.wiring, graph.layers)
    assert [(step.inputs, step.vertices) for step in steps] == [
        *(((0,), (2, 3)), ((3,), (4, 5)), ((3, 5, 1), (6,)), ((6,), (7, 8)))
    ]
    assert [type(step.module) for step in steps] == [Segment, Segment, ml.Add, Segment]
    assert [[type(layer) for layer in step.module] for step in (steps[0], steps[3])] == [
        [ml.Conv2D, ml.ReLU],
        [ml.Flatten, ml.Dense],
    ]
    assert [sorted(step.drops) for step in steps] == [[0], [], [1, 3, 5], [6]]


def test_an_output_ends_a_chain_and_is_kept():
    x = ml.Input((4,))
    a = ml.Dense(4)(x)
    graph = ml.Graph(x, [a, ml.ReLU()(a)])
    assert [(step.vertices, step.drops) for step in steps_of(graph.wiring, graph.layers)] == [((1,), (0,)), ((2,), ())]
