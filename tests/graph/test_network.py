import copy
import pickle
import re

import numpy as np
import pytest

import minidl as ml
from minidl import functional as F
from tests.graph.conftest import arrays

X = arrays((5, 3, 12, 12))[0]


def normalized(x, filters, stride=1):
    return ml.BatchNorm2D()(ml.Conv2D(filters, 3, stride=stride, padding=1, bias=False)(x))


def plain_and_graph():
    """The same network as a Sequential and as a Graph."""
    layers = [ml.Conv2D(8, 3, padding=1), ml.BatchNorm2D(), ml.ReLU(), ml.MaxPool2D(2), ml.Dropout(0.3, seed=1)]
    layers += [ml.Conv2D(4, 3), ml.ReLU(), ml.Flatten(), ml.Dense(6), ml.Softmax()]
    x = node = ml.Input((3, 12, 12))
    for layer in copy.deepcopy(layers):
        node = layer(node)
    return ml.Sequential(layers, input_shape=(3, 12, 12), seed=7), ml.Graph(x, node, seed=7)


def residual_and_graph():
    """The same residual network as a Sequential and as a Graph."""
    body = [ml.Conv2D(8, 3, stride=2, padding=1, bias=False), ml.BatchNorm2D(), ml.ReLU()]
    body += [ml.Conv2D(8, 3, padding=1, bias=False), ml.BatchNorm2D()]
    projection = [ml.Conv2D(8, 3, stride=2, padding=1, bias=False), ml.BatchNorm2D()]
    layers = [ml.Conv2D(4, 3, padding=1), ml.ReLU(), ml.Residual(body, projection=projection), ml.ReLU(), ml.Flatten()]
    x = ml.Input((3, 12, 12))
    a = ml.ReLU()(ml.Conv2D(4, 3, padding=1)(x))
    inside = normalized(ml.ReLU()(normalized(a, 8, stride=2)), 8)
    y = ml.Flatten()(ml.ReLU()(inside + normalized(a, 8, stride=2)))
    return ml.Sequential(layers, input_shape=(3, 12, 12), seed=3), ml.Graph(x, y, seed=3)


@pytest.mark.parametrize("make", [plain_and_graph, residual_and_graph])
@pytest.mark.parametrize("backend", ["vectorized", "compiled"])
def test_the_same_bits_as_a_sequential(make, backend):
    with ml.use_backend(backend):
        sequential, graph = make()
        wanted, got = sequential.state_dict(), graph.state_dict()
        assert [value.tobytes() for value in wanted.values()] == [value.tobytes() for value in got.values()]
        assert sequential(X).tobytes() == graph(X).tobytes()
        for _ in range(2):
            y, backward = sequential.forward(X, train=True)
            y_graph, backward_graph = graph.forward(X, train=True)
            assert y.tobytes() == y_graph.tobytes()
            dy = arrays(y.shape, seed=1)[0]
            assert backward(dy).tobytes() == backward_graph(dy).tobytes()
            for one, other in zip(sequential.parameters(), graph.parameters(), strict=True):
                assert one.grad.tobytes() == other.grad.tobytes()


def test_training_gives_the_same_bits_as_a_sequential():
    sequential, graph = plain_and_graph()
    labels = np.arange(5) % 6
    for model in (sequential, graph):
        optimizer = ml.Adam(model.parameters(), lr=0.01)
        model.fit(X, labels, loss=ml.CrossEntropy(), optimizer=optimizer, epochs=3, batch_size=2, seed=0, verbose=0)
    assert [v.tobytes() for v in sequential.state_dict().values()] == [v.tobytes() for v in graph.state_dict().values()]
    scores = [model.evaluate(X, labels, loss=ml.CrossEntropy()) for model in (sequential, graph)]
    assert scores[0] == scores[1]


def test_the_values_of_functions_composed_by_hand(two_in_two_out):
    x, angle = arrays((2, 3, 8, 8), (2, 4))
    state = two_in_two_out.state_dict()
    a = F.relu(F.conv2d(x, state["conv2d.weight"], state["conv2d.bias"], padding=1)[0])[0]
    b = F.max_pool2d(a, 2)[0]
    c = F.conv2d(b, state["conv2d_1.weight"], state["conv2d_1.bias"], padding=1)[0].repeat(2, axis=2).repeat(2, axis=3)
    y = F.conv2d(np.concatenate([a, c], axis=1), state["map.weight"], state["map.bias"])[0]
    scores = F.dense(np.hstack([y.reshape(2, -1), angle]), state["scores.weight"], state["scores.bias"])[0]
    got = two_in_two_out((x, angle))
    np.testing.assert_allclose(got[0], y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got[1], scores, rtol=1e-5, atol=1e-5)


def test_forms_of_inputs(two_in_two_out):
    x, angle = arrays((2, 3, 8, 8), (2, 4))
    wanted = [y.tobytes() for y in two_in_two_out((x, angle))]
    for given in ([x, angle], {"angle": angle, "image": x}):
        assert [y.tobytes() for y in two_in_two_out(given)] == wanted
        assert [y.tobytes() for y in two_in_two_out.forward(given, train=False)[0]] == wanted
    assert [y.tobytes() for y in two_in_two_out(x, angle)] == wanted
    assert two_in_two_out.input_names == ("image", "angle")
    assert two_in_two_out.output_names == ("map", "scores")


def test_outputs_by_name():
    x = ml.Input((4,))
    a = ml.Dense(3)(x)
    graph = ml.Graph(x, {"logits": a, "probabilities": ml.Softmax()(a)}, seed=0)
    given = arrays((2, 4))[0]
    found, backward = graph.forward(given, train=True)
    assert list(found) == list(graph(given)) == ["logits", "probabilities"] == list(graph.output_names)
    np.testing.assert_array_equal(F.softmax(found["logits"])[0], found["probabilities"])
    dy = {"logits": np.ones((2, 3), np.float32)}
    np.testing.assert_allclose(backward(dy), np.ones((2, 3)) @ a.layer.weight.value, rtol=1e-6)
    with pytest.raises(ValueError, match="Graph: unknown output 'b'; expected logits, probabilities"):
        backward({"b": dy})


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (lambda x, z: x, ml.ShapeError, "Graph: expected 2 arrays, for image, angle, got one ndarray"),
        (lambda x, z: (x,), ml.ShapeError, "Graph: expected 2 arrays, for image, angle, got 1"),
        (lambda x, z: (x, z, z), ml.ShapeError, "Graph: expected 2 arrays, for image, angle, got 3"),
        (lambda x, z: {"image": x, "angel": z}, ValueError, "Graph: unknown input 'angel'; expected image, angle"),
        (
            lambda x, z: {"image": x},
            ValueError,
            "Graph: expected an array for each of image, angle, got none for 'angle'",
        ),
        (
            lambda x, z: (x, z[:1]),
            ml.ShapeError,
            "Graph: expected the same number of samples in each input, got image: 2, angle: 1",
        ),
    ],
)
def test_inputs_that_do_not_fit(two_in_two_out, given, kind, message):
    x, z = arrays((2, 3, 8, 8), (2, 4))
    for call in (two_in_two_out, lambda x: two_in_two_out.forward(x, train=True)):
        with pytest.raises(kind, match=f"^{re.escape(message)}$"):
            call(given(x, z))


@pytest.mark.parametrize("kind", [tuple, list])
def test_several_arrays_for_one_input(kind):
    x = ml.Input((3,))
    a, b = arrays((2, 3), (2, 4))
    graph = ml.Graph(x, ml.ReLU()(x))
    message = "^Graph: (expected 1 array, for input, got 2|input: x: expected samples of one shape)"
    for call in (graph, ml.Predictor(graph)):
        with pytest.raises(ml.ShapeError, match=message):
            call(kind((a, b)))


@pytest.mark.parametrize("dy", [np.ones((2, 1, 8, 8)), (np.ones((2, 1, 8, 8)),), 3])
def test_gradients_that_do_not_fit(two_in_two_out, dy):
    _, backward = two_in_two_out.forward(arrays((2, 3, 8, 8), (2, 4)), train=True)
    with pytest.raises(ml.ShapeError, match="Graph: expected gradients of 2 outputs, map, scores, got "):
        backward(dy)


def test_errors_tell_which_node_and_the_way_there(two_in_two_out):
    x, angle = arrays((2, 3, 9, 8), (2, 4))
    message = (
        "Graph: concatenate (Concatenate): expected inputs that all give (channels, 9, 8), got (4, 8, 8) of inputs[1]; "
        "image (3, 9, 8) -> conv2d (4, 9, 8) -> relu (4, 9, 8); "
        "image (3, 9, 8) -> conv2d (4, 9, 8) -> max_pool2d (4, 4, 4) -> up_sample2d (4, 8, 8)"
    )
    for call in (two_in_two_out, lambda x: two_in_two_out.forward(x, train=True)):
        with pytest.raises(ml.ShapeError, match=f"^{re.escape(message)}$"):
            call((x, angle))
    large = arrays((2, 3, 10, 8))[0]
    with pytest.raises(
        ml.ShapeError, match=r"^Graph: concatenate_1 \(Concatenate\)|^Graph: scores \(Dense\): expected"
    ):
        two_in_two_out((large, angle))
    with pytest.raises(
        ml.ShapeError,
        match=r"^Graph: conv2d \(Conv2D\): expected \(3, h, w\) images, got \(4, 8, 8\); image \(4, 8, 8\)$",
    ):
        two_in_two_out((arrays((2, 4, 8, 8))[0], angle))


def test_images_of_another_size_where_all_is_convolution():
    x = ml.Input((1, 8, 8))
    graph = ml.Graph(x, ml.Conv2D(2, 3)(x) + ml.Conv2D(2, 3)(x), seed=0)
    assert graph(arrays((2, 1, 20, 9))[0]).shape == (2, 2, 18, 7)


def test_errors_while_building_tell_the_way_there():
    x, z = ml.Input((4,), name="x"), ml.Input((6,), name="z")
    shared = ml.Dense(3)
    with pytest.raises(ml.ShapeError) as caught:
        ml.Graph([x, z], [shared(x), shared(ml.ReLU()(z))])
    assert str(caught.value) == (
        "Graph: dense_1 (Dense): expected weights (3, 6) for this input, got (3, 4) from before; z (6,) -> relu (6,)"
    )
    assert not shared.weight.is_built


@pytest.mark.parametrize(
    "make",
    [
        lambda x: ml.Dense(2)(ml.Tanh()(x) * ml.Dense(6)(x)),
        lambda x: (lambda layer: layer(x) + layer(ml.Tanh()(layer(x))))(ml.Dense(6)),
        lambda x: ml.Concatenate()(x, x, ml.Dense(2)(x)) * ml.Dense(14)(x),
        lambda x: ml.Add()(x, x, ml.Multiply()(x, x, ml.Tanh()(x))),
        lambda x: ml.Sequential([ml.Dense(3), ml.Tanh()])(ml.Residual(ml.Dense(6))(x)),
    ],
)
def test_gradients_agree_with_differences(make):
    x = ml.Input((6,))
    ml.testing.check_gradients(ml.Graph(x, make(x), seed=0, dtype="float64"), arrays((3, 6))[0])


def test_gradients_of_several_inputs_and_outputs():
    image, angle = ml.Input((2, 4, 4)), ml.Input((3,))
    a = ml.Tanh()(ml.Conv2D(3, 3, padding=1)(image))
    gate = ml.Reshape((3, 1, 1))(ml.Sigmoid()(ml.Dense(3)(angle)))
    graph = ml.Graph([image, angle], {"map": a * gate, "vector": ml.Flatten()(a)}, seed=0)
    ml.testing.check_gradients(graph, arrays((2, 2, 4, 4), (2, 3)))


def test_a_shared_layer_adds_its_gradients():
    shared = ml.Dense(3)
    a, b = ml.Input((4,)), ml.Input((4,))
    graph = ml.Graph([a, b], [shared(a), shared(b)], seed=0)
    assert [name for name, _ in graph.named_parameters()] == ["dense.weight", "dense.bias"]
    x, z = arrays((2, 4), (2, 4))
    _, backward = graph.forward((x, z), train=True)
    dx, dz = arrays((2, 3), (2, 3), seed=1)
    backward((dx, dz), need_dx=False)
    np.testing.assert_allclose(shared.weight.grad, dx.T @ x + dz.T @ z, rtol=1e-5, atol=1e-6)
    assert graph.layer("dense") is graph.layer("dense_1") is shared


def test_a_graph_as_a_layer_of_another_and_of_a_sequential():
    x, z = ml.Input((4,)), ml.Input((4,))
    inner = ml.Graph([x, z], ml.Dense(3)(x) * ml.Dense(3)(z), seed=0)
    a = ml.Input((4,))
    outer = ml.Graph(a, ml.ReLU()(inner(a, ml.Tanh()(a))), seed=0)
    given = arrays((2, 4))[0]
    np.testing.assert_array_equal(outer(given), np.maximum(inner((given, ml.Tanh()(given))), 0))
    assert "graph.dense_1.weight" in outer.state_dict()
    chain = ml.Sequential([outer, ml.Dense(2)], input_shape=(4,), seed=0)
    assert chain(given).shape == (2, 2)
    ml.testing.check_gradients(chain, given)


def test_copies_are_independent_and_whole(two_in_two_out):
    given = arrays((2, 3, 8, 8), (2, 4))
    wanted = [y.tobytes() for y in two_in_two_out(given)]
    for again in (copy.deepcopy(two_in_two_out), pickle.loads(pickle.dumps(two_in_two_out))):
        two_in_two_out.parameters()[0].value[...] += 0
        assert [y.tobytes() for y in again(given)] == wanted
        again.parameters()[0].value[...] += 1
        assert [y.tobytes() for y in two_in_two_out(given)] == wanted != [y.tobytes() for y in again(given)]
        assert again.layer_output("map").layer is again.layer("map") is not two_in_two_out.layer("map")


def test_copies_of_long_graphs():
    x = node = ml.Input((2,))
    for _ in range(1000):
        node = ml.ReLU()(node)
    assert copy.deepcopy(ml.Graph(x, node))(arrays((1, 2))[0]).shape == (1, 2)


def test_an_output_that_others_read_as_well():
    x = ml.Input((4,))
    a = ml.Dense(4)(x)
    b = ml.ReLU()(a)
    graph = ml.Graph(x, [a, b, x], seed=0)
    given = arrays((2, 4))[0]
    y, backward = graph.forward(given, train=True)
    np.testing.assert_array_equal(y[1], np.maximum(y[0], 0))
    np.testing.assert_array_equal(y[2], given)
    ones = np.ones((2, 4), np.float32)
    wanted = (ones + (y[0] > 0)) @ a.layer.weight.value + ones
    np.testing.assert_allclose(backward((ones, ones, ones)), wanted, rtol=1e-5)


def test_less_a_last_layer():
    x = ml.Input((4,))
    logits = ml.Dense(3)(x)
    graph = ml.Graph(x, ml.Softmax()(logits), seed=0)
    body = graph.without_last((ml.Softmax,))
    given = arrays((2, 4))[0]
    np.testing.assert_array_equal(F.softmax(body(given))[0], graph(given))
    assert body.layers == [logits.layer]
    assert graph.without_last((ml.Sigmoid,)) is None
    assert ml.Graph(x, [logits, ml.Softmax()(logits)]).without_last((ml.Softmax,)) is None
    named = ml.Graph(x, {"y": ml.Softmax()(logits)}).without_last((ml.Softmax,))
    np.testing.assert_array_equal(named(given), body(given))


def test_arithmetic_and_shapes():
    x, z = ml.Input((1, 8, 8)), ml.Input((4,))
    y = ml.Dense(5)(ml.Concatenate()(ml.Flatten()(ml.Conv2D(2, 3)(x)), z))
    graph = ml.Graph([x, z], y)
    assert graph.macs(((1, 8, 8), (4,))) == 36 * 2 * 9 + 76 * 5
    assert graph.output_shape(((1, 8, 8), (4,))) == (5,)
    assert graph.input_shape == ((1, 8, 8), (4,))
    with pytest.raises(ml.ShapeError, match=r"expected shapes for 2 inputs, input, input_1, got \(1, 8, 8\)"):
        graph.output_shape((1, 8, 8))
