"""Random graphs: values and gradients beside the plainest way to compute them, and the way to a file and back."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import minidl as ml
from tests.graph.conftest import arrays

SIZE = 5
LAYERS = {
    "dense": lambda: ml.Dense(SIZE),
    "relu": ml.ReLU,
    "tanh": ml.Tanh,
    "residual": lambda: ml.Residual([ml.Dense(SIZE), ml.Tanh()]),
    "sequential": lambda: ml.Sequential([ml.Dense(SIZE), ml.Tanh()]),
    "add": ml.Add,
    "multiply": ml.Multiply,
    "subtract": ml.Subtract,
    "maximum": ml.Maximum,
    "prelu": lambda: ml.PReLU(shared=False),
    "constant": lambda: ml.Constant(np.linspace(-1, 1, SIZE)),
}
MOST = {"add": 3, "multiply": 3, "maximum": 3, "subtract": 2}
"""How many values at most a layer of several reads."""


@st.composite
def graphs(draw):
    """A graph of vectors, some of whose layers are shared."""
    nodes = [ml.Input((SIZE,)) for _ in range(draw(st.integers(1, 3)))]
    starts, shared = list(nodes), {}
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(sorted(LAYERS)))
        count = draw(st.integers(2, MOST[kind])) if kind in MOST else 1
        reads = [draw(st.sampled_from(nodes)) for _ in range(count)]
        layer = shared.setdefault(kind, LAYERS[kind]()) if draw(st.booleans()) else LAYERS[kind]()
        nodes.append(layer(*reads))
    outputs = draw(st.lists(st.sampled_from(nodes[len(starts) :]), min_size=1, max_size=2, unique_by=id))
    total = outputs[0]
    for node in starts:  # so that each is reached
        total = total + node
    return ml.Graph(starts, [total, *outputs[1:]], seed=draw(st.integers(0, 5)))


def several(value):
    return value if isinstance(value, tuple) else (value,)


def values_of(graph, given):
    """Each vertex's value and backward, one layer after the other."""
    values, backwards = list(given), [None] * len(given)
    for vertex in graph.wiring.vertices[len(given) :]:
        read = tuple(values[i] for i in vertex.inputs)
        y, backward = graph.layers[vertex.layer].forward(read[0] if len(read) == 1 else read, train=True)
        values.append(y)
        backwards.append(backward)
    return values, backwards


def gradients_of(graph, backwards, outputs):
    """The gradients of the inputs, from those of the outputs by their vertices."""
    vertices = graph.wiring.vertices
    parts = [[] for _ in vertices]
    for i, dy in outputs:
        parts[i].append((len(vertices), 0, dy))

    def total(i):
        found = None
        for _, _, part in sorted(parts[i], key=lambda part: part[:2]):
            found = part if found is None else found + part
        return found

    for i in range(len(vertices) - 1, -1, -1):
        if backwards[i] is None or not parts[i]:
            continue
        pieces = several(backwards[i](total(i)))
        for place, (read, part) in enumerate(zip(vertices[i].inputs, pieces, strict=True)):
            parts[read].append((i, place, part))
    return [total(i) for i in graph.wiring.inputs]


@settings(deadline=None, max_examples=40)
@given(graphs())
def test_the_bits_of_layers_one_by_one(graph):
    x = arrays(*[(3, SIZE)] * len(graph.input_names))
    y, backward = graph.forward(x, train=True)
    dy = arrays(*[(3, SIZE)] * len(graph.output_names), seed=1)
    graph.zero_grad()
    dx = several(backward(dy))
    grads = [parameter.grad.copy() for parameter in graph.parameters()]
    graph.zero_grad()
    values, backwards = values_of(graph, x)
    wanted = gradients_of(graph, backwards, list(zip(graph.wiring.outputs, dy, strict=True)))
    assert [each.tobytes() for each in several(y)] == [values[i].tobytes() for i in graph.wiring.outputs]
    assert [each.tobytes() for each in several(graph(x))] == [each.tobytes() for each in several(y)]
    assert [each.tobytes() for each in dx] == [each.tobytes() for each in wanted]
    for grad, parameter in zip(grads, graph.parameters(), strict=True):
        np.testing.assert_allclose(grad, parameter.grad, rtol=1e-5, atol=1e-5)  # a shared layer's may come in turn


@settings(deadline=None, max_examples=40)
@given(graphs())
def test_to_a_file_and_back_and_as_code(graph):
    x = arrays(*[(3, SIZE)] * len(graph.input_names))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.npz"
        graph.save(path)
        again = ml.load(path)
    assert [each.tobytes() for each in several(again(x))] == [each.tobytes() for each in several(graph(x))]
    assert again.wiring == graph.wiring
    *lines, last = repr(graph).splitlines()
    names = dict(vars(ml))
    exec("\n".join(lines), names)
    pasted = eval(last, names)
    assert pasted.wiring == graph.wiring
    pasted.load_state_dict(graph.state_dict())  # a Sequential inside says that it is built, and draws its own
    assert [each.tobytes() for each in several(pasted(x))] == [each.tobytes() for each in several(graph(x))]
