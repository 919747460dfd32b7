import json

import numpy as np
import pytest

import minidl as ml


def saved(path, *, several):
    """A graph of images, and of a vector if there are several inputs, that classifies."""
    image, angle = ml.Input((1, 28, 28), name="image"), ml.Input((2,), name="angle")
    a = ml.Conv2D(2, 3, padding=1)(image)
    scores = ml.Dense(10)(ml.Flatten()(a + ml.ReLU()(a)), name="scores")
    model = ml.Graph([image, angle], scores + ml.Dense(10)(angle)) if several else ml.Graph(image, scores, seed=0)
    model.save(path)
    return model


@pytest.fixture
def images(tmp_path):
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(0).random((3, 28, 28)).astype(np.float32))
    return path


def test_a_graph_is_summarized(command, tmp_path):
    saved(tmp_path / "graph.npz", several=True)
    result = command("summary", tmp_path / "graph.npz")
    assert (result.code, result.err) == (0, "")
    assert "  conv2d, relu " in result.out
    rows = json.loads(command("summary", tmp_path / "graph.npz", "--json").out)["layers"]
    assert rows[2]["connected_to"] == ["conv2d", "relu"]


def test_a_graph_predicts_and_is_evaluated(command, tmp_path, images, few_images):
    model = saved(tmp_path / "graph.npz", several=False)
    found = json.loads(command("predict", tmp_path / "graph.npz", images, "--json").out)
    wanted = model(np.load(images)[:, None]).argmax(axis=1)
    assert [each["class"] for each in found] == wanted.tolist()
    result = command("evaluate", tmp_path / "graph.npz", "--data", "fashion-mnist-10k", "--json")
    test = few_images[1]
    assert (
        json.loads(result.out)["accuracy"]
        == model.evaluate(test.images, test.labels, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])["accuracy"]
    )


def test_a_graph_is_explained(command, tmp_path):
    saved(tmp_path / "graph.npz", several=False)
    result = command("explain", tmp_path / "graph.npz", "--data", "fashion-mnist-10k")
    assert (result.code, result.err) == (0, "")
    assert '"path":"scores"' in (tmp_path / "graph.html").read_text("utf-8")


def test_a_graph_of_several_inputs_is_refused(command, tmp_path, images):
    path = tmp_path / "graph.npz"
    saved(path, several=True)
    message = (
        f"minidl: error: {path} is a graph of inputs image, angle and outputs add_1; "
        "this command takes models of one input and one output, which is no dict\n"
    )
    x = ml.Input((1, 28, 28), name="x")
    named = tmp_path / "named.npz"
    ml.Graph(x, {"scores": ml.Dense(10)(ml.Flatten()(x))}).save(named)
    assert "named.npz is a graph of inputs x and outputs scores; this" in command("predict", named, images).err
    for arguments in (("predict", path, images), ("evaluate", path, "--data", "fashion-mnist-10k"), ("explain", path)):
        result = command(*arguments)
        assert (result.code, result.err) == (2, message)
