import numpy as np
import pytest

import minidl as ml
from tests.graph.conftest import arrays


def bits(outputs):
    return [y.tobytes() for y in (outputs if isinstance(outputs, tuple) else (outputs,))]


def test_a_seed_decides():
    def state(seed):
        x = ml.Input((4,))
        return ml.Graph(x, ml.Dense(3)(ml.Dense(5)(x)), seed=seed).state_dict()

    assert {k: v.tobytes() for k, v in state(1).items()} == {k: v.tobytes() for k, v in state(1).items()}
    assert state(1)["dense.weight"].tobytes() != state(2)["dense.weight"].tobytes()


def test_parameters_are_one_vector(two_in_two_out):
    values = [parameter.value for parameter in two_in_two_out.parameters()]
    assert all(value.base is values[0].base for value in values)


def test_a_graph_learns():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 6)).astype(np.float32)
    labels = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    node = ml.Input((6,))
    hidden = ml.ReLU()(ml.Dense(32)(node))
    model = ml.Graph(node, ml.Dense(2)(ml.Concatenate()(hidden, node)), seed=0)
    history = model.fit(
        x, labels, loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters(), lr=0.02), epochs=40, seed=0, verbose=0
    )
    assert history["loss"][-1] < 0.1 < history["loss"][0]
    assert model.evaluate(x, labels, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])["accuracy"] > 0.95
    assert model.predict(x).shape == (64, 2)


def test_outputs_by_name_are_trained_as_those_in_a_row():
    x, _ = arrays((40, 4), (1,))
    targets = {"kind": np.arange(40) % 3, "size": x[:, :1]}

    def trained(named):
        node = ml.Input((4,))
        hidden = ml.Tanh()(ml.Dense(5)(node))
        kind, size = ml.Dense(3)(hidden, name="kind"), ml.Dense(1)(hidden, name="size")
        model = ml.Graph(node, {"kind": kind, "size": size} if named else [kind, size], seed=0)
        losses = {"kind": ml.CrossEntropy(), "size": ml.MeanSquaredError()}
        history = model.fit(
            x, targets, loss=losses, loss_weights={"size": 0.5}, metrics={"kind": [ml.Accuracy()]},
            optimizer=ml.Adam(model.parameters()), validation_split=0.2, epochs=2, batch_size=8, seed=0, verbose=0,
        )  # fmt: skip
        return model, history, model.evaluate(x, targets, loss=losses)

    (named, history, result), (plain, same_history, same_result) = trained(True), trained(False)
    assert dict(history) == dict(same_history)
    assert result == same_result
    predicted = named.predict(x, batch_size=16)
    assert list(predicted) == ["kind", "size"]
    assert bits(tuple(predicted.values())) == bits(plain.predict(x, batch_size=16))


def test_a_single_output_with_a_name_is_trained():
    node, (x,) = ml.Input((4,)), arrays((30, 4))
    model = ml.Graph(node, {"kind": ml.Dense(2)(node)}, seed=0)
    labels = (x[:, 0] > 0).astype(np.int64)
    history = model.fit(
        x, labels, loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters(), lr=0.1), epochs=20, seed=0, verbose=0
    )
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    np.testing.assert_array_equal(model.predict(x, batch_size=30)["kind"], model(x)["kind"])


def test_a_softmax_and_its_loss_are_one():
    x = ml.Input((2,))
    layer = ml.Dense(2)
    model = ml.Graph(x, ml.Softmax()(layer(x)), seed=0)
    layer.weight.value[...] = np.array([[200, 0], [0, 0]])
    result = model.evaluate(np.ones((1, 2), np.float32), np.array([1]), loss=ml.CrossEntropy())
    assert result["loss"] == pytest.approx(200)


def test_saved_and_loaded_with_the_same_bits(two_in_two_out, tmp_path):
    given = arrays((2, 3, 8, 8), (2, 4))
    two_in_two_out.layer("map").trainable = False
    two_in_two_out.save(tmp_path / "graph.npz")
    again = ml.load(tmp_path / "graph.npz")
    assert type(again) is ml.Graph
    assert bits(again(given)) == bits(two_in_two_out(given))
    assert list(again.state_dict()) == list(two_in_two_out.state_dict())
    assert repr(again) == repr(two_in_two_out)
    assert not again.layer("map").trainable
    assert again.layer("scores").trainable
    assert (again.input_shape, again.input_names) == (two_in_two_out.input_shape, ("image", "angle"))
    again.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "graph.npz").read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shared_layers_stay_shared(tmp_path, dtype):
    shared = ml.Sequential([ml.Dense(3), ml.ReLU()])
    a, b = ml.Input((4,)), ml.Input((4,))
    graph = ml.Graph([a, b], {"sum": shared(a) + shared(b)}, seed=0, dtype=dtype)
    graph.save(tmp_path / "siamese.npz")
    again = ml.load(tmp_path / "siamese.npz")
    given = arrays((2, 4), (2, 4), dtype=dtype)
    assert again.layer("sequential") is again.layer("sequential_1")
    assert again(given)["sum"].tobytes() == graph(given)["sum"].tobytes()
    assert again(given)["sum"].dtype == dtype
    assert len(again.parameters()) == 2
    assert again.parameters()[0].value.base is again.parameters()[1].value.base


def test_graphs_in_graphs_and_sequentials_in_files(tmp_path):
    x = ml.Input((4,))
    inner = ml.Graph(x, ml.Dense(4)(x) + x)
    outer_input = ml.Input((4,))
    outer = ml.Graph(outer_input, ml.Sequential([ml.Dense(4), inner])(inner(outer_input)), seed=0)
    with pytest.raises(TypeError, match="a file can't say that a layer is used twice"):
        outer.save(tmp_path / "outer.npz")
    other = ml.Sequential([ml.Dense(4), inner, ml.ReLU()], input_shape=(4,), seed=1)
    other.save(tmp_path / "other.npz")
    given = arrays((2, 4))[0]
    assert ml.load(tmp_path / "other.npz")(given).tobytes() == other(given).tobytes()


def test_integers_come_in_where_layers_take_them(tmp_path):
    words, x = ml.Input((5,), name="words"), ml.Input((3,))
    y = ml.Dense(2)(ml.Concatenate()(ml.Flatten()(ml.Embedding(10, 4)(words)), x))
    graph = ml.Graph([words, x], y, seed=0)
    given = np.array([[1, 2, 3, 4, 9]]), np.ones((1, 3), np.float32)
    graph.save(tmp_path / "words.npz")
    assert ml.load(tmp_path / "words.npz")(given).tobytes() == graph(given).tobytes()
    with pytest.raises(ml.DTypeError, match=r"^Graph: input: expected samples as floats, got int64"):
        graph((given[0], np.ones((1, 3), np.int64)))


def test_floats_are_converted(two_in_two_out):
    x, angle = arrays((2, 3, 8, 8), (2, 4))
    found = two_in_two_out((x.astype(np.float64), angle.tolist()))
    assert found[0].dtype == np.float32
    assert bits(found) == bits(two_in_two_out((x, angle)))
    with pytest.raises(
        ml.DTypeError, match=r"^Graph: image: expected samples as floats, got uint8; for bytes of images"
    ):
        two_in_two_out((np.zeros((2, 3, 8, 8), np.uint8), angle))
    with pytest.raises(ml.ShapeError, match=r"^Graph: image: .*channels come first"):
        two_in_two_out((np.zeros((2, 8, 8, 3), np.float32), angle))


def test_a_part_of_a_graph_shares_its_weights():
    x = ml.Input((3, 8, 8))
    features = ml.ReLU()(ml.Conv2D(4, 3)(x), name="features")
    model = ml.Graph(x, ml.Dense(2)(ml.Flatten()(features)), seed=0)
    optimizer = ml.SGD(model.parameters(), lr=0.1)
    values = [parameter.value for parameter in model.parameters()]
    part = ml.Graph(model.inputs, model.layer_output("features"))
    assert all(a is b.value for a, b in zip(values, model.parameters(), strict=True))
    assert part.layer("conv2d") is model.layer("conv2d")
    given, labels = arrays((4, 3, 8, 8))[0], np.arange(4) % 2
    before = part(given)
    model.fit(given, labels, loss=ml.CrossEntropy(), optimizer=optimizer, seed=0, verbose=0)
    weight, bias = (parameter.value for parameter in model.layer("conv2d").parameters())
    np.testing.assert_array_equal(part(given), np.maximum(ml.functional.conv2d(given, weight, bias)[0], 0))
    assert (part(given) != before).any()


def test_a_sequential_inside_stays_where_it_is():
    trunk = ml.Sequential([ml.Dense(3), ml.ReLU()], input_shape=(4,), seed=0)
    values = [parameter.value for parameter in trunk.parameters()]
    x = ml.Input((4,))
    graph = ml.Graph(x, ml.Dense(2)(trunk(x)), seed=0)
    assert all(parameter.value is value for parameter, value in zip(trunk.parameters(), values, strict=True))
    given, labels = arrays((6, 4))[0], np.arange(6) % 2
    before = trunk(given)
    graph.fit(given, labels, loss=ml.CrossEntropy(), optimizer=ml.Adam(graph.parameters()), seed=0, verbose=0)
    assert (trunk(given) != before).any()


def test_a_graph_inside_of_a_sequential_of_another_dtype():
    x = ml.Input((4,))
    graph = ml.Graph(x, ml.Dense(3)(x), seed=0)
    model = ml.Sequential([graph, ml.Dense(2)], input_shape=(4,), seed=0, dtype="float64")
    assert {parameter.value.dtype for parameter in model.parameters()} == {np.dtype("float64")}
    assert graph(np.ones((1, 4))).dtype == np.float64


def test_a_new_head_on_a_trained_trunk():
    x = ml.Input((4,))
    model = ml.Graph(x, ml.Dense(2)(ml.ReLU()(ml.Dense(8)(x, name="trunk"), name="features"), name="old"), seed=0)
    trunk = model.layer("trunk").weight.value.copy()
    other = ml.Graph(model.inputs, ml.Dense(3, weight_init="ones")(model.layer_output("features"), name="new"), seed=5)
    assert [name for name, _ in other.named_parameters()] == ["trunk.weight", "trunk.bias", "new.weight", "new.bias"]
    np.testing.assert_array_equal(other.layer("trunk").weight.value, trunk)
    other.layer("trunk").trainable = False
    given, labels = arrays((6, 4))[0], np.arange(6) % 3
    before = other.layer("new").weight.value.copy()
    other.fit(given, labels, loss=ml.CrossEntropy(), optimizer=ml.Adam(other.parameters()), seed=0, verbose=0)
    np.testing.assert_array_equal(model.layer("trunk").weight.value, trunk)
    assert (other.layer("new").weight.value != before).any()


def test_a_built_layer_of_another_dtype():
    x = ml.Input((4,))
    y = ml.Dense(2)(x)
    ml.Graph(x, y)
    with pytest.raises(ValueError, match=r"dtype: expected float32, which dense.weight has already, got float64"):
        ml.Graph(x, y, dtype="float64")
    with pytest.raises(ValueError, match="dtype: expected float32 or float64, got 'int8'"):
        ml.Graph(x, y, dtype="int8")


def test_layers_by_name(two_in_two_out):
    assert isinstance(two_in_two_out.layer("conv2d_1"), ml.Conv2D)
    assert two_in_two_out.layer_output("conv2d_1").shape == (4, 4, 4)
    assert [node.name for node in two_in_two_out.outputs] == ["map", "scores"]
    with pytest.raises(ValueError, match="expected the name of a node, got 'conv3d'; there are image, angle, conv2d,"):
        two_in_two_out.layer("conv3d")
    with pytest.raises(ValueError, match="expected the name of a layer's node, got 'image', which is an input"):
        two_in_two_out.layer("image")


def test_a_class_from_elsewhere_is_refused_by_files(tmp_path):
    class Own(ml.Module):
        def forward(self, x, *, train):
            return x, lambda dy, need_dx=True: dy

    x = ml.Input((4,))
    graph = ml.Graph(x, Own()(x))
    with pytest.raises(TypeError, match="Own isn't one of minidl's layers"):
        graph.save(tmp_path / "own.npz")


def test_what_is_settled(two_in_two_out):
    for name in ("dtype", "input_shape"):
        with pytest.raises(AttributeError, match="can't be changed after construction"):
            setattr(two_in_two_out, name, None)
