import json
import re

import numpy as np
import pytest

import minidl as ml
from minidl.saving.npz import load_arrays, save_arrays


@pytest.fixture
def described(tmp_path):
    """A saved graph's path, arrays and metadata."""
    x = ml.Input((4,), name="x")
    a = ml.Dense(4)(x, name="a")
    graph = ml.Graph(x, ml.Add()(a, ml.ReLU()(a, name="b"), name="c"), seed=0)
    path = tmp_path / "graph.npz"
    graph.save(path)
    arrays, metadata = load_arrays(path)
    return path, arrays, metadata


def test_the_wiring_is_plain_data(described):
    arguments = described[2]["model"]["arguments"]
    assert arguments.pop("layers") == [
        {"layer": "Dense", "arguments": {"units": 4, "bias": True, "weight_init": "he_normal"}},
        {"layer": "ReLU", "arguments": {}},
        {"layer": "Add", "arguments": {"branches": None}},
    ]
    assert arguments == {
        "inputs": [["x", [4]]],
        "nodes": [["a", 0, ["x"]], ["b", 1, ["a"]], ["c", 2, ["a", "b"]]],
        "outputs": ["c"],
        "output_names": None,
        "seed": 0,
        "dtype": "float32",
    }


def changed(arguments, **changes):
    for place, value in changes.items():
        name, *numbers = place.split("_at_")
        if not numbers:
            arguments[name] = value
            continue
        target = arguments[name]
        *way, last = map(int, numbers[0].split("_"))
        for number in way:
            target = target[number]
        target[last] = value
    return arguments


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nodes_at_1_2": ["d"]}, "b: unknown node 'd'"),
        ({"nodes_at_1_2": [["a"]]}, "b: unknown node ('a',)"),
        ({"nodes_at_0_2": ["c"]}, "a: reads 'c', which comes after it or is itself: nodes may not make a cycle"),
        ({"nodes_at_1_2": ["b"]}, "b: reads 'b', which comes after it or is itself: nodes may not make a cycle"),
        ({"nodes_at_1_0": "a"}, "two nodes are called 'a'"),
        ({"nodes_at_1_0": "x"}, "two nodes are called 'x'"),
        ({"nodes_at_1_0": "a.b"}, "name: expected letters, digits, _ and -"),
        ({"nodes_at_1_0": 5}, "name: expected letters, digits, _ and -"),
        ({"nodes_at_1_1": 3}, "b: expected the number of one of 3 layers, got 3"),
        ({"nodes_at_1_1": -1}, "b: expected the number of one of 3 layers, got -1"),
        ({"nodes_at_1_1": True}, "b: expected the number of one of 3 layers, got True"),
        ({"nodes_at_1_1": None}, "b: expected the number of one of 3 layers, got None"),
        ({"nodes_at_1_1": 0, "nodes_at_2_1": 2}, "layers: expected 2, those of the nodes, got 3"),
        ({"nodes_at_1_2": []}, "b: expected a node that reads others, got none of them"),
        ({"nodes_at_1_2": "a"}, "inputs of a node: expected a list, got 'a'"),
        ({"nodes_at_1": ["b", 1]}, "nodes: expected rows of 3, got "),
        ({"nodes": 5}, "nodes: expected a list, got 5"),
        ({"nodes_at_2_2": ["a"]}, "b: no output depends on it"),
        ({"nodes_at_2_2": ["a", "a"]}, "b: no output depends on it"),
        ({"inputs": [["x", [4]], ["z", [4]]]}, "z: no output depends on it"),
        ({"inputs": []}, "a: unknown node 'x'"),
        ({"inputs_at_0_1": [0]}, "x: expected an int of at least 1, got 0"),
        ({"inputs_at_0_1": "4"}, "x: expected a list, got '4'"),
        ({"inputs_at_0_1": [5]}, "a (Dense): expected weights (4, 5) for this input, got (4, 4) from before; x (5,)"),
        ({"outputs": []}, "expected a graph with inputs and outputs"),
        ({"outputs": ["c", "c"]}, "outputs: expected each node once"),
        ({"outputs": ["e"]}, "outputs: unknown node 'e'"),
        ({"output_names": []}, "output_names: expected 1 names that differ, got "),
        ({"output_names": [5]}, "output_names: expected 1 names that differ, got "),
        ({"output_names": ["a", "b"]}, "output_names: expected 1 names that differ, got "),
        ({"layers": [3]}, "layers: expected layers alone"),
        ({"seed": "a"}, ""),
        ({"dtype": "int8"}, "dtype: expected float32 or float64, got 'int8'"),
        ({"more": 3}, "expected a graph's inputs, nodes, layers, outputs, output_names, seed, dtype, got "),
    ],
)
def test_a_damaged_wiring(described, changes, message):
    path, arrays, metadata = described
    metadata = json.loads(json.dumps(metadata))
    changed(metadata["model"]["arguments"], **changes)
    save_arrays(path, arrays, metadata=metadata)
    with pytest.raises(ml.FormatError, match=f"^{re.escape(str(path))}: .*{re.escape(message)}"):
        ml.load(path)


def test_a_missing_part(described):
    path, arrays, metadata = described
    for name in list(metadata["model"]["arguments"]):
        damaged = json.loads(json.dumps(metadata))
        del damaged["model"]["arguments"][name]
        save_arrays(path, arrays, metadata=damaged)
        if name in ("seed", "dtype"):
            assert ml.load(path)(np.ones((1, 4), np.float32)).shape == (1, 4)
            continue
        with pytest.raises(ml.FormatError):
            ml.load(path)


def test_what_a_graph_asks_for_is_limited(described):
    path, arrays, metadata = described
    large = json.loads(json.dumps(metadata))
    large["model"]["arguments"]["inputs"][0][1] = [10**9]
    save_arrays(path, arrays, metadata=large)
    with pytest.raises(ml.FormatError):
        ml.load(path)
    save_arrays(path, arrays, metadata=metadata)
    with pytest.raises(ml.FormatError, match="4 layers, more than the 3 allowed"):
        ml.load(path, budget=ml.Budget(layers=3))
    with pytest.raises(ml.FormatError, match="bytes of arrays, more than the 1 allowed"):
        ml.load(path, budget=ml.Budget(arrays=1))


def test_a_large_pass_of_small_layers_is_refused(tmp_path):
    x = ml.Input((1, 2, 2))
    graph = ml.Graph(x, ml.GlobalAveragePool2D()(ml.UpSample2D(2)(x)))
    path = tmp_path / "graph.npz"
    graph.save(path)
    arrays, metadata = load_arrays(path)
    metadata["model"]["arguments"]["layers"][0]["arguments"]["size"] = [10**6, 10**6]
    save_arrays(path, arrays, metadata=metadata)
    with pytest.raises(ml.FormatError, match=r"a pass of one sample takes .* more than the .* allowed"):
        ml.load(path)


def test_graphs_that_share_graphs_without_end_are_refused(tmp_path):
    def doubled(layer):
        x = ml.Input((4,))
        return ml.Graph(x, layer(layer(x)))

    graph = doubled(ml.ReLU())
    path = tmp_path / "graph.npz"
    graph.save(path)
    arrays, metadata = load_arrays(path)
    inner = metadata["model"]
    for _ in range(40):
        outer = json.loads(json.dumps(metadata["model"]))
        outer["arguments"]["layers"] = [inner]
        inner = outer
    save_arrays(path, arrays, metadata=metadata | {"model": inner})
    with pytest.raises(ml.FormatError, match="layers, more than the 10000 allowed"):
        ml.load(path)


def test_arrays_that_are_not_the_layers_parameters(described):
    path, arrays, metadata = described
    save_arrays(path, {"b.weight": arrays["a.weight"], "a.bias": arrays["a.bias"]}, metadata=metadata)
    with pytest.raises(ml.FormatError, match=r"its arrays aren't its layers' parameters: a.weight, b.weight"):
        ml.load(path)
