"""A model's file stands wherever a run does, by whatever wrote it."""

import json

import numpy as np
import pytest

import minidl as ml

onnx = pytest.importorskip("onnx")
pytest.importorskip("safetensors")


@pytest.fixture(scope="module")
def somebodys(tmp_path_factory):
    """An ONNX file of a network with one convolution that minidl didn't write, and what it computes."""
    rng = np.random.default_rng(0)
    arrays = {
        "filters": rng.normal(0, 0.3, (4, 1, 3, 3)).astype(np.float32),
        "weight": rng.normal(0, 0.05, (784, 10)).astype(np.float32),
        "bias": rng.normal(0, 0.1, 10).astype(np.float32),
    }
    make = onnx.helper.make_node
    nodes = [
        make("Conv", ["images", "filters"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        make("Relu", ["a"], ["b"]),
        make("Flatten", ["b"], ["c"]),
        make("Gemm", ["c", "weight", "bias"], ["scores"]),
    ]
    ends = [
        onnx.helper.make_tensor_value_info("images", 1, ["n", 1, 28, 28]),
        onnx.helper.make_tensor_value_info("scores", 1, ["n", 10]),
    ]
    graph = onnx.helper.make_graph(
        nodes, "somebody's", ends[:1], ends[1:], [onnx.numpy_helper.from_array(v, k) for k, v in arrays.items()]
    )
    path = tmp_path_factory.mktemp("files") / "model.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(params=["onnx", "safetensors", "npz"])
def path(request, somebodys, tmp_path):
    """The same network in a file of each kind."""
    if request.param == "onnx":
        return somebodys
    ml.load(somebodys).save(tmp_path / f"model.{request.param}")
    return tmp_path / f"model.{request.param}"


def expected(somebodys, images):
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator(onnx.load(somebodys))
    return evaluator.run(None, {"images": images})[0]


def test_summary(command, path):
    found = json.loads(command("summary", path, "--json").out)
    assert [row["layer"].split()[-1] for row in found["layers"]] == ["Conv2D", "ReLU", "Flatten", "Dense"]
    assert found["parameters"] == 4 * 9 + 7850


def test_predict(command, path, somebodys, tmp_path):
    images = np.random.default_rng(1).random((5, 1, 28, 28), np.float32)
    np.save(tmp_path / "images.npy", images)
    result = command("predict", path, tmp_path / "images.npy", "--out", tmp_path / "probabilities.npy")
    assert (result.code, result.err) == (0, "")
    scores = np.exp(expected(somebodys, images).astype(float))
    np.testing.assert_allclose(
        np.load(tmp_path / "probabilities.npy"), scores / scores.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6
    )


def test_evaluate_says_that_a_file_knows_no_data_and_takes_them(command, fails, path, somebodys, few_images):
    assert f"{path} doesn't say what it was trained on; add --data with a path, or one of " in fails("evaluate", path)
    found = json.loads(command("evaluate", path, "--data", "fashion-mnist-10k", "--json").out)
    test = few_images[1]
    assert found["accuracy"] == (expected(somebodys, test.images).argmax(axis=1) == test.labels).mean()


def test_few_images_of_any_range_are_all_tested_with(command, path, tmp_path):
    rng = np.random.default_rng(1)
    images = rng.uniform(-100, 255, (12, 1, 28, 28)).astype(np.float32)
    seen = ml.load(path).predict(images).argmax(axis=1)
    labels = np.where(np.arange(12) < 6, 9, seen)
    np.savez(tmp_path / "few.npz", images=images, labels=labels)
    found = json.loads(command("evaluate", path, "--data", tmp_path / "few.npz", "--json").out)
    assert (found["split"], found["images"], found["accuracy"]) == ("all", 12, (labels == seen).mean())
    assert 0.5 <= found["accuracy"] < 1


def test_explain_and_report(command, path, tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("explain", "report"):
        out = tmp_path / f"{name}.html"
        result = command(
            name, path, "--data", "fashion-mnist-10k", "--out", out, *["--no-timings"] * (name == "report")
        )
        assert (result.code, result.err) == (0, "")
        assert "Conv2D" in out.read_text("utf-8")


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_export(command, path, suffix, tmp_path):
    out = tmp_path / f"again.{suffix}"
    assert command("export", path, out).code == 0
    x = np.random.default_rng(2).random((2, 1, 28, 28), np.float32)
    np.testing.assert_array_equal(ml.load(out)(x), ml.load(path)(x))


def test_operators_that_are_missing_are_all_named(fails, tmp_path):
    names = ["LSTM", "If", "ConvInteger", "ConvInteger"]
    nodes = [onnx.helper.make_node(name, ["x"], [f"y{i}"]) for i, name in enumerate(names)]
    ends = [onnx.helper.make_tensor_value_info(name, 1, ["n", 2]) for name in ("x", "y0")]
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:])
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    for command_line in (
        ["summary", path],
        ["evaluate", path, "--data", "mnist"],
        ["export", path, tmp_path / "m.npz"],
    ):
        message = fails(*command_line)
        assert "m.onnx: minidl lacks 3 of its operators: " in message
        assert all(each in message for each in ("LSTM (1)", "If (1)", "ConvInteger (2)"))


def test_the_shape_that_a_file_leaves_open(command, fails, trained, tmp_path):
    weight = onnx.numpy_helper.from_array(np.ones((2, 3, 3, 3), np.float32), "w")
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(name, 1, ["n", c, "h", "w"]) for name, c in (("x", 3), ("y", 2))]
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:], [weight])
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    assert "(n, 2, 222, 222)" in command("summary", path).out
    assert "(n, 2, 18, 28)" in command("summary", path, "--input-shape", "3x20x30").out
    assert ml.load(path, input_shape=(3, 20, 30)).input_shape == (3, 20, 30)
    for model in ("lenet", trained.path):
        assert f"argument --input-shape: only for ONNX files, and {model} isn't one" in fails(
            "summary", model, "--input-shape", "1x28x28"
        )
    assert "input_shape: only for ONNX models" in fails(
        "evaluate", trained.folder / "model.npz", "--input-shape", "1x28x28"
    )
    assert "expected a shape such as 3x224x224, got '3x0'" in fails("summary", path, "--input-shape", "3x0")


def test_classes_and_preprocessing_of_a_file(command, path, tmp_path):
    image = pytest.importorskip("PIL.Image")
    model = ml.load(path)
    names = tuple(f"kind {k}" for k in range(10))
    model.preprocessing = ml.datasets.Preprocessing(names, (28, 28), grey=True)
    model.save(tmp_path / "named.safetensors")
    image.new("RGB", (40, 30), (200, 30, 90)).save(tmp_path / "photo.png")
    found = json.loads(command("predict", tmp_path / "named.safetensors", tmp_path / "photo.png", "--json").out)
    best = model.classify(tmp_path / "photo.png", top=3)
    assert [each["name"] for each in found[0]["top"]] == [name for name, _ in best]


def test_images_of_another_size_than_an_open_one_is_taken_to_be(command, fails, tmp_path):
    model = ml.Sequential([ml.GlobalAveragePool2D(), ml.Dense(2)], input_shape=(3, 8, 8), seed=0)
    model.save(tmp_path / "m.onnx", dynamic_size=True)
    np.save(tmp_path / "x.npy", np.ones((2, 3, 20, 30), np.float32))
    np.save(tmp_path / "grey.npy", np.ones((2, 1, 20, 30), np.float32))
    message = fails("predict", tmp_path / "m.onnx", tmp_path / "x.npy")
    assert "got (2, 3, 20, 30); for an ONNX file that takes any size, add --input-shape 3x20x30" in message
    assert "0" in command("predict", tmp_path / "m.onnx", tmp_path / "x.npy", "--input-shape", "3x20x30").out
    assert "--input-shape" not in fails("predict", tmp_path / "m.onnx", tmp_path / "grey.npy")
