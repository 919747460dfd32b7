import re

import numpy as np
import pytest

import minidl as ml


def test_an_input_that_no_output_depends_on():
    x, z = ml.Input((4,)), ml.Input((2,), name="z")
    with pytest.raises(ValueError, match=re.escape("inputs[1]: no output depends on 'z', an Input (2,)")):
        ml.Graph([x, z], ml.ReLU()(x))


def test_an_output_that_depends_on_an_input_that_is_not_there():
    x, z = ml.Input((4,), name="x"), ml.Input((4,))
    message = (
        "outputs: they depend on an Input (4,), which isn't among the inputs, 'x', an Input (4,); it's missing there, "
        "or belongs to another graph"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ml.Graph(x, x + z)


@pytest.mark.parametrize(
    ("inputs", "outputs", "kind", "message"),
    [
        (lambda x: np.ones(3), lambda x: x, TypeError, "inputs: expected a node, got a ndarray"),
        (
            lambda x: x,
            lambda x: [x, ml.ReLU()],
            TypeError,
            "outputs[1]: expected a node, got a ReLU; call it on a node",
        ),
        (lambda x: x, lambda x: [], ValueError, "outputs: expected at least one node, got none"),
        (lambda x: [x, x], lambda x: x, ValueError, "inputs[1]: 'x', an Input (4,) is there twice"),
        (lambda x: x, lambda x: {"a": x, "b": x}, ValueError, "outputs[1]: 'x', an Input (4,) is there twice"),
        (lambda x: x, lambda x: {}, ValueError, "outputs: expected at least one node, got none"),
    ],
)
def test_what_no_graph_is_made_of(inputs, outputs, kind, message):
    x = ml.Input((4,), name="x")
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        ml.Graph(inputs(x), outputs(x))


def test_an_unknown_argument_draws_a_hint():
    x = ml.Input((4,))
    with pytest.raises(TypeError, match="Graph: unknown argument 'output'; did you mean outputs"):
        ml.Graph(x, output=ml.ReLU()(x))


def test_nothing_is_named_by_a_graph_that_fails():
    x = ml.Input((4,))
    ml.Dense(3)(x)
    with pytest.raises(ValueError, match="dtype"):
        ml.Graph(x, ml.ReLU()(x), dtype="int8")
    assert x.name is None


def test_a_node_in_the_middle_as_input():
    x = ml.Input((4,))
    middle = ml.Dense(3)(x, name="middle")
    graph = ml.Graph(x, ml.ReLU()(middle), seed=0)
    head = ml.Graph(graph.layer_output("middle"), graph.outputs)
    given = np.array([[1, -1, 2]], np.float32)
    assert head.input_names == ("middle",)
    assert head.parameters() == []
    assert head(given).tolist() == [[1, 0, 2]]
