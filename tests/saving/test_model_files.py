"""Model files that others wrote: read as data, and refused with the file's name before memory is taken."""

import json
import tracemalloc

import numpy as np
import pytest

import minidl as ml
from minidl.saving import architecture

ARRAYS = {"0.weight": np.ones((3, 4), np.float32), "0.bias": np.zeros(3, np.float32)}


def layer(name, **arguments):
    return {"layer": name, "arguments": arguments}


def sequential(*layers, input_shape=(4,), **arguments):
    return layer("Sequential", layers=list(layers), input_shape=input_shape, **arguments)


def write(path, model, arrays=ARRAYS, form="minidl-model-1"):
    ml.save_arrays(path, arrays, metadata={"format": form, "model": model})
    return path


def refused(path, message=None):
    """Assert that loading raises a FormatError that names the file, and takes little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(ml.FormatError, match=message) as caught:
            ml.load(path)
        assert tracemalloc.get_traced_memory()[1] < 30 * 2**20
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)


def test_the_files_below_are_almost_right(tmp_path):
    model = ml.load(write(tmp_path / "m.npz", sequential(layer("Dense", units=3), seed=1)))
    np.testing.assert_array_equal(model(np.ones((1, 4), np.float32)), [[4, 4, 4]])


DENSE = layer("Dense", units=3)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "expected a layer as"),
        (3, "expected a layer as"),
        ([DENSE], "expected a layer as"),
        ({}, "expected a layer as"),
        (layer("Chain", layers=[DENSE]), "expected a Sequential or a Graph, got Chain"),
        (DENSE, "expected a Sequential or a Graph, got Dense"),
        (sequential(layer("subprocess.run", args="ls")), "unknown layer 'subprocess.run'"),
        (sequential(layer("Module")), "unknown layer 'Module'"),
        (sequential(layer("Dense", units=3, path="/etc/passwd")), "unknown argument 'path'"),
        (sequential(DENSE, callback="x"), "unknown argument 'callback'"),
        (sequential(layer("Dense", units=4)), r"Sequential\[0\] Dense: expected weights \(4, 4\) for this input, got"),
        (sequential(DENSE, input_shape=(5,)), r"expected weights \(3, 5\) for this input, got \(3, 4\)"),
        (sequential(DENSE, input_shape=(1, 2, 2)), r"expected \(features,\), got \(1, 2, 2\)"),
        (sequential(DENSE, input_shape=None), "input_shape: expected"),
        (sequential(DENSE, input_shape="4"), "input_shape: expected"),
        (sequential(DENSE, input_shape=[]), "input_shape: expected"),
        (sequential(DENSE, input_shape=[4.0]), "input_shape: expected an int"),
        (sequential(DENSE, input_shape=[[4]]), "input_shape: expected an int"),
        (sequential(DENSE, input_shape=[-4]), "input_shape: expected an int"),
        (sequential(DENSE, input_shape=layer("ReLU")), "input_shape: expected"),
        (sequential(DENSE, input_shape=[10**12]), r"expected weights \(3, 1000000000000\)"),
        (layer("Sequential", input_shape=[4]), "Sequential: "),
        ({"layer": "Sequential", "arguments": None}, "unknown layer 'Sequential'"),
        (sequential(DENSE, dtype="float16"), "dtype: expected float32 or float64"),
        (sequential(DENSE, dtype="(,)f4"), "dtype: expected float32 or float64"),
        (sequential(DENSE, dtype=["f4", 10**12]), "dtype: expected float32 or float64"),
        (
            sequential(layer("Dense", units=10**12)),
            r"expected weights \(1000000000000, 4\) for this input, got \(3, 4\)",
        ),
        (
            sequential(layer("Dense", units=10**30)),
            "units: expected an int of at least 1 and at most 9223372036854775807",
        ),
        (sequential(DENSE, layer("Dense", units=10**12)), "its arrays aren't its layers' parameters: 1.bias, 1.weight"),
        (sequential(layer("Conv2D", filters=10**9, kernel_size=10**6), input_shape=(1, 9, 9)), "expected weights"),
        (
            sequential(DENSE, layer("MaxPool2D", pool_size=10**12)),
            "pool_size: expected an int or a pair of ints, each at ",
        ),
        (sequential(DENSE, layer("MaxPool2D", pool_size=10**9)), "expected images"),
        (sequential(layer("ReLU")), "its arrays aren't its layers' parameters: 0.bias, 0.weight"),
        (sequential(layer("Dense", units=3, bias=False)), "its arrays aren't its layers' parameters: 0.bias"),
    ],
)
def test_a_description_that_does_not_fit(model, message, tmp_path):
    refused(write(tmp_path / "m.npz", model), message)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "its arrays aren't its layers' parameters: 0.bias, 0.weight"),
        ({"0.weight": ARRAYS["0.weight"]}, "parameters: 0.bias"),
        (ARRAYS | {"1.weight": np.ones(1)}, "parameters: 1.weight"),
        (ARRAYS | {"0.bias": np.zeros((3, 1))}, r"expected weights \(3,\) for this input, got \(3, 1\)"),
        (ARRAYS | {"0.weight": np.ones((4, 3))}, r"expected weights \(3, 4\) for this input, got \(4, 3\)"),
        (ARRAYS | {"0.weight": np.float64(1)}, r"expected weights \(3, 4\) for this input, got \(\)"),
        (ARRAYS | {"0.weight": np.ones((3, 4), int)}, "0.weight: expected floats, got int64"),
        (ARRAYS | {"0.weight": np.ones((3, 4), complex)}, "0.weight: expected floats, got complex128"),
        (ARRAYS | {"0.bias": np.zeros(3, bool)}, "0.bias: expected floats, got bool"),
    ],
)
def test_arrays_that_do_not_fit(arrays, message, tmp_path):
    refused(write(tmp_path / "m.npz", sequential(DENSE), arrays), message)


def test_arrays_in_another_order_or_precision_are_converted(tmp_path):
    weight = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    model = ml.load(write(tmp_path / "m.npz", sequential(DENSE), ARRAYS | {"0.weight": weight}))
    np.testing.assert_array_equal(model[0].weight.value, weight)
    assert model[0].weight.value.dtype == np.float32
    ml.SGD(model.parameters(), lr=1).step()


@pytest.mark.parametrize("depth", [60, 300, 450, 700, 950, 20000])
@pytest.mark.parametrize("kind", ["layers", "lists", "arguments", "input shape"])
def test_deep_nesting(kind, depth, tmp_path):
    if kind == "layers":
        text = '{"layer": "Chain", "arguments": {"layers": [' * depth + "]}}" * depth
        text = f'{{"layer": "Sequential", "arguments": {{"input_shape": [4], "layers": [{text}]}}}}'
    elif kind == "arguments":
        text = '{"layer": "Dense", "arguments": {"units": ' * depth + "1" + "}}" * depth
    else:
        name = "layers" if kind == "lists" else "input_shape"
        text = f'{{"layer": "Sequential", "arguments": {{"{name}": {"[" * depth}{"]" * depth}}}}}'
    text = f'{{"format": "minidl-model-1", "model": {text}}}'
    np.savez(tmp_path / "m.npz", __metadata__=np.frombuffer(text.encode(), np.uint8))
    refused(tmp_path / "m.npz")


IMAGE = {"input_shape": (8, 4, 4)}
DEPTHWISE = {"0.weight": np.ones((8, 1, 1, 1), np.float32)}
NO_BIAS = {"kernel_size": 1, "bias": False}


@pytest.mark.parametrize(
    ("model", "arrays", "message"),
    [
        (sequential(layer("DepthwiseConv2D", padding=1000, **NO_BIAS), **IMAGE), DEPTHWISE, "takes 257025024 bytes"),
        (
            sequential(layer("DepthwiseConv2D", padding=2**31 - 1, stride=2**31 - 1, **NO_BIAS), **IMAGE),
            DEPTHWISE,
            "a pass of one sample takes [0-9]* bytes",
        ),
        (
            sequential(layer("ConvTranspose2D", filters=1, stride=10**8, padding=150000000, **NO_BIAS), **IMAGE),
            {"0.weight": np.ones((8, 1, 1, 1), np.float32)},
            "a pass of one sample takes 36000000240000000[0-9]* bytes, more than the 33554432 allowed",
        ),
        (
            sequential(layer("MaxPool2D", pool_size=2600, padding=1300, stride=1), input_shape=(1, 4, 4)),
            {},
            "takes .* oper",
        ),
        (sequential(layer("UpSample2D", size=10**6), **IMAGE), {}, "takes 512000000000000 bytes, more than the 33"),
        (sequential(layer("ZeroPad2D", padding=10**6), **IMAGE), {}, "takes .* bytes, more than"),
        (sequential(layer("AdaptiveAveragePool2D", output_size=10**6), **IMAGE), {}, "takes .* bytes, more than"),
        (sequential(*[layer("ReLU")] * 41, **IMAGE), {}, "42 layers, more than the 41 allowed; budget=Budget"),
        (sequential(layer("R" * 2000), **IMAGE), {}, "a text of 2000 characters, more than the 1024 allowed"),
        (sequential(layer("Dense", units=3, weight_init="x" * 2000)), {}, "a text of 2000 characters"),
        (sequential(layer("Dense", units=3, **{"u" * 2000: 3})), {}, "a text of 2000 characters"),
    ],
)
def test_what_asks_for_more_than_the_budget(model, arrays, message, tmp_path):
    path = write(tmp_path / "m.npz", model, arrays)
    budget = ml.Budget(activations=2**25, operations=10**8, layers=41)
    with pytest.raises(ml.FormatError, match=rf"m\.npz: .*{message}") as caught:
        ml.load(path, budget=budget)
    assert len(str(caught.value)) < 1000


def test_the_usual_budget(tmp_path):
    padded = layer("DepthwiseConv2D", padding=1500, **NO_BIAS)
    refused(
        write(tmp_path / "m.npz", sequential(padded, **IMAGE), DEPTHWISE), "takes 577.* bytes, more than the 134217728"
    )
    many = write(tmp_path / "m.npz", sequential(*[layer("ReLU")] * 10_000, **IMAGE), {})
    refused(many, "layers, more than the 10000 allowed")
    deep = layer("ReLU")
    for _ in range(60):
        deep = layer("Chain", layers=[deep])
    path = write(tmp_path / "m.npz", sequential(deep), {})
    refused(path, "modules are nested more than 50 deep; budget=Budget")
    assert ml.load(path, budget=ml.Budget(depth=61)).predict(np.ones((1, 4), np.float32)).shape == (1, 4)


def test_the_bytes_of_arrays(tmp_path):
    path = write(tmp_path / "m.npz", sequential(DENSE))
    with pytest.raises(ml.FormatError, match=r"m\.npz: .* bytes of arrays, more than the 100 allowed"):
        ml.load(path, budget=ml.Budget(arrays=100))
    model = ml.load(path)
    with pytest.raises(ml.FormatError, match=r"m\.npz: .* bytes of arrays, more than the 100 allowed"):
        model.load_weights(path, budget=ml.Budget(arrays=100))


@pytest.mark.parametrize("form", [None, "minidl-model-2", 1, ["minidl-model-1"]])
def test_another_format(form, tmp_path):
    refused(write(tmp_path / "m.npz", sequential(DENSE), form=form), "not a model that minidl saved")


@pytest.mark.parametrize("metadata", [[], [1], "minidl-model-1", None, 3, True])
def test_metadata_that_is_no_object(metadata, tmp_path):
    text = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
    np.savez(tmp_path / "m.npz", __metadata__=text, **ARRAYS)
    refused(tmp_path / "m.npz", "metadata is a JSON object")


def test_files_of_other_kinds(tmp_path):
    path = tmp_path / "m.npz"
    np.savez(path, **ARRAYS)
    refused(path, "not a model that minidl saved")
    for content in (b"", b"PK", b'{"format": "minidl-model-1"}', b"\x80\x04K\x01."):
        path.write_bytes(content)
        refused(path)
    whole = write(path, sequential(DENSE)).read_bytes()
    for size in range(0, len(whole), 37):
        path.write_bytes(whole[:size])
        refused(path)
    with pytest.raises(FileNotFoundError):
        ml.load(tmp_path / "missing.npz")


def test_a_frozen_layer_is_loaded_frozen(tmp_path):
    layers = [ml.Residual([ml.Dense(4), ml.ReLU(), ml.Dense(4)]), ml.BatchNorm1D(), ml.Dense(3), ml.Dense(2)]
    model = ml.Sequential(layers, input_shape=(4,), seed=0)
    model[0].trainable = model[1].trainable = False
    model[0].body[2].trainable = True
    model.save(tmp_path / "model.npz")
    again = ml.load(tmp_path / "model.npz")

    def trained(module):
        return [name for name, parameter in module.named_parameters() if parameter.trainable]

    assert trained(again) == trained(model)
    assert trained(again)[0] == "0.body.2.weight"
    assert [layer.trainable for layer in again] == [True, False, True, True]
    assert not again[0].body[0].trainable
    assert list(again.state_dict()) == list(model.state_dict())
    again.trainable = False
    again.save(tmp_path / "model.npz")
    again = ml.load(tmp_path / "model.npz")
    assert not again.trainable
    again.trainable = True
    again.save(tmp_path / "model.npz")
    assert "trainable" not in json.dumps(ml.load_arrays(tmp_path / "model.npz").metadata)  # as files were before


@pytest.mark.parametrize("value", [True, None, 0, "no"])
def test_trainable_in_a_file_is_false(value, tmp_path):
    described = sequential(DENSE, input_shape=[4]) | {"trainable": value}
    with pytest.raises(ml.FormatError, match="trainable: expected false, or nothing, got"):
        architecture.construct(described, {"Sequential": ml.Sequential, "Dense": ml.Dense})
