"""What TensorBoard's own reader finds in the events of a training."""

import io
import sys
import warnings

import numpy as np
import pytest

import minidl as ml
from minidl.callbacks.tensorboard_graph import graph_of
from tests.training.blobs import X, Y, blobs, fit, network

pytest.importorskip("tensorboardX")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

Image = pytest.importorskip("PIL.Image")
HELD = blobs(20, seed=1)


def events(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sizes = dict.fromkeys((accumulator.SCALARS, accumulator.HISTOGRAMS, accumulator.IMAGES, accumulator.TENSORS), 0)
        return accumulator.EventAccumulator(str(folder), size_guidance=sizes).Reload()


def scalars(folder, tag):
    """(step, value) of each."""
    return [(each.step, each.value) for each in events(folder).Scalars(tag)]


@pytest.fixture(autouse=True)
def on_numpy():
    with ml.use_backend("vectorized"):
        yield


def test_curves_of_training_and_validation_share_their_names(tmp_path):
    model = network()
    optimizer = ml.Adam(model.parameters(), lr=0.02)
    history = fit(
        model, epochs=3, optimizer=optimizer, schedule=ml.schedules.Step(optimizer, step_size=1, gamma=0.5),
        metrics=[ml.Accuracy(), ml.ConfusionMatrix()], validation_data=HELD, validation_freq=2,
        callbacks=[ml.TensorBoard(tmp_path)],
    )  # fmt: skip
    assert sorted(each.name for each in tmp_path.iterdir()) == ["train", "validation"]
    assert events(tmp_path / "train").Tags()["scalars"] == ["loss", "accuracy", "learning_rate"]
    for place, prefix, epochs in (("train", "", [0, 1, 2]), ("validation", "val_", [1])):
        for name in ("loss", "accuracy"):
            expected = np.float32(history[prefix + name]).tolist()
            assert scalars(tmp_path / place, name) == list(zip(epochs, expected, strict=True))
    assert scalars(tmp_path / "train", "learning_rate") == [*enumerate(np.float32(history["lr"]).tolist())]


def test_a_rate_that_nothing_changes(tmp_path):
    fit(network(), epochs=2, callbacks=[ml.TensorBoard(tmp_path)])
    rate = float(np.float32(0.02))
    assert scalars(tmp_path / "train", "learning_rate") == [(0, rate), (1, rate)]
    assert not (tmp_path / "validation").exists()


def test_batches(tmp_path):
    fit(network(), epochs=2, metrics=[ml.Accuracy()], callbacks=[ml.TensorBoard(tmp_path, update_freq=3)])
    for tag in ("batch_loss", "batch_accuracy"):  # 8 batches an epoch
        assert [step for step, _ in scalars(tmp_path / "batches", tag)] == [3, 6, 9, 12, 15]


def test_a_training_that_goes_on_goes_on_with_its_curves(tmp_path):
    def training(epochs, first=0, model=None):
        model = model or network()
        board = ml.TensorBoard(tmp_path, update_freq=4)
        fit(model, epochs=epochs, initial_epoch=first, validation_data=HELD, callbacks=[board])
        return model

    model = training(3)
    before = scalars(tmp_path / "train", "loss")
    training(4, first=2, model=model)  # the third was interrupted, say
    after = scalars(tmp_path / "train", "loss")
    assert [step for step, _ in after] == [0, 1, 2, 3]
    assert after[:2] == before[:2]
    assert after[2] != before[2]
    assert [step for step, _ in scalars(tmp_path / "validation", "loss")] == [0, 1, 2, 3]
    assert [step for step, _ in scalars(tmp_path / "batches", "batch_loss")] == [4, 8, 12, 16, 20, 24, 28, 32]
    training(1)
    assert [step for step, _ in scalars(tmp_path / "train", "loss")] == [0]


def test_histograms_of_weights_and_gradients(tmp_path):
    model = network()
    model[0].trainable = False
    board = ml.TensorBoard(tmp_path, histogram_freq=2, gradients=True)
    fit(model, epochs=4, callbacks=[board])
    found = events(tmp_path / "train")
    weights = [f"weights/{name}" for name, _ in model.named_parameters()]
    assert found.Tags()["histograms"] == [
        *weights[:2],
        weights[2],
        "gradients/5.weight",
        weights[3],
        "gradients/5.bias",
    ]
    for tag, value in (("weights/0.weight", model[0].weight.value), ("gradients/5.weight", model[5].weight.grad)):
        first, last = found.Histograms(tag)
        assert (first.step, last.step) == (1, 3)
        histogram = last.histogram_value
        assert histogram.num == value.size == sum(histogram.bucket)
        assert histogram.min == value.min()
        assert histogram.max == value.max()
        np.testing.assert_allclose(histogram.sum, value.sum(dtype=float))


def test_weights_that_are_not_finite_have_a_histogram_of_the_others(tmp_path):
    model = network()
    model[5].bias.value[0] = np.nan
    board = ml.TensorBoard(tmp_path, histogram_freq=1)
    with pytest.warns(RuntimeWarning, match="the loss is nan"):
        fit(model, epochs=1, optimizer=ml.SGD([model[0].weight], lr=1e-9), callbacks=[board])
    found = events(tmp_path / "train")
    assert found.Histograms("weights/5.bias")[0].histogram_value.num == 1


def nodes(model):
    return {node.name: node for node in graph_of(model).node}


def test_the_graph(tmp_path):
    fit(network(), callbacks=[ml.TensorBoard(tmp_path)])
    graph = events(tmp_path / "train").Graph()
    assert [(node.name, node.op, list(node.input)) for node in graph.node] == [
        ("input", "Placeholder", []),
        ("0_Conv2D/Conv", "Conv2D", ["input"]),
        ("1_ReLU/ReLU", "ReLU", ["0_Conv2D/Conv"]),
        ("2_MaxPool2D/MaxPool", "MaxPool2D", ["1_ReLU/ReLU"]),
        ("3_Flatten/Reshape", "Flatten", ["2_MaxPool2D/MaxPool"]),
        ("5_Dense/Dense", "Dense", ["3_Flatten/Reshape"]),
    ]
    shape = graph.node[1].attr["_output_shapes"].list.shape[0]
    assert [each.size for each in shape.dim] == [-1, 4, 4, 4]


def test_graphs_of_several_inputs_and_of_blocks():
    image, angle = ml.Input((1, 4, 4), name="image"), ml.Input((2,), name="angle")
    scores = ml.Dense(2)(ml.Flatten()(image), name="scores")
    found = nodes(ml.Graph([image, angle], scores + ml.Dense(2)(angle, name="turn")))
    assert [name for name, node in found.items() if node.op == "Placeholder"] == ["input", "input_1"]
    assert list(found["turn/Dense"].input) == ["input_1"]
    assert sorted(found["add/Add"].input) == ["scores/Dense", "turn/Dense"]
    block = ml.Residual(ml.Sequential([ml.Conv2D(3, 3, padding=1), ml.ReLU()]))
    found = nodes(ml.Sequential([block], input_shape=(3, 4, 4)))
    assert all(source in found for node in found.values() for source in node.input)
    assert "0/body/0_Conv2D/Conv" in found


def test_a_model_whose_input_is_not_known_has_no_graph(tmp_path):
    class Own(ml.Model):
        def __init__(self):
            self.body = network()

        def forward(self, x, *, train):
            return self.body.forward(x, train=train)

    fit(Own(), callbacks=[ml.TensorBoard(tmp_path)])
    assert not events(tmp_path / "train").Tags()["graph"]
    own = Own()
    own.input_shape = (1, 4, 4)
    assert [node.op for node in nodes(own).values()] == ["Placeholder", "Own"]


def test_mistakes(tmp_path):
    model = network(seed=2)
    rng = np.random.default_rng(0)
    data = ml.datasets.Dataset(HELD[0], rng.permutation(HELD[1]), ["top", "bott|om"])
    fit(model, epochs=2, callbacks=[ml.TensorBoard(tmp_path, mistakes=data, count=3)])
    scores = model.predict(data.images, verbose=0)
    taken = scores.argmax(axis=1)
    sure = np.exp(scores - scores.max(axis=1, keepdims=True))
    sure = (sure / sure.sum(axis=1, keepdims=True)).max(axis=1)
    wrong = np.flatnonzero(taken != data.labels)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:3]
    found = events(tmp_path / "validation")
    assert found.Tags()["images"] == ["mistakes/0", "mistakes/1", "mistakes/2"]
    for place, i in enumerate(worst):
        last = found.Images(f"mistakes/{place}")[-1]
        assert last.step == 1
        pixels = np.asarray(Image.open(io.BytesIO(last.encoded_image_string)))
        np.testing.assert_array_equal(pixels[:, :, 0], np.rint(255 * data.images[i, 0].astype(float)))
    text = found.Tensors("mistakes/text_summary")[-1].tensor_proto.string_val[0].decode()
    names = [name.replace("|", "\\|") for name in data.class_names]
    rows = [
        f"| {place} | {names[taken[i]]} ({sure[i]:.2f}) | {names[data.labels[i]]} |" for place, i in enumerate(worst)
    ]
    assert text.splitlines() == [f"3 of {len(wrong)} mistakes", "", "| | taken for | is |", "|---|---|---|", *rows]


@pytest.mark.parametrize("images", [(HELD[0] * 255).astype(np.uint8), HELD[0] * 2 - 1, np.full((2, 3, 4, 4), np.nan)])
def test_images_of_any_numbers_can_be_shown(images, tmp_path):
    layers = [ml.Rescaling(1 / 255)] if images.dtype == np.uint8 else []
    model = ml.Sequential([*layers, ml.Flatten(), ml.Dense(2)], input_shape=images.shape[1:], seed=0)
    labels = 1 - model.predict(images.astype(images.dtype if layers else np.float32), verbose=0).argmax(axis=1)
    board = ml.TensorBoard(tmp_path, mistakes=(images.astype(images.dtype if layers else np.float32), labels))
    rate = ml.SGD(model.parameters(), lr=0.0)
    x = np.zeros((4, *images.shape[1:]), images.dtype if layers else np.float32)
    fit(model, x, np.array([0, 1, 0, 1]), optimizer=rate, callbacks=[board])
    shown = np.asarray(
        Image.open(io.BytesIO(events(tmp_path / "validation").Images("mistakes/0")[0].encoded_image_string))
    )
    assert shown.max() > 150 or np.isnan(images).all()


def test_wrong_arguments_are_refused_before_training(tmp_path):
    with pytest.raises(ValueError, match=r'update_freq: expected "epoch" or a number of batches, got 0'):
        ml.TensorBoard(tmp_path, update_freq=0)
    with pytest.raises(ValueError, match="histogram_freq"):
        ml.TensorBoard(tmp_path, histogram_freq=-1)
    model = network()
    before = model.state_dict()
    (tmp_path / "file").touch()
    for callbacks, error, words in (
        ([ml.TensorBoard(tmp_path), ml.TensorBoard(str(tmp_path))], ValueError, "another one also writes to"),
        (
            [ml.TensorBoard(tmp_path, mistakes=X)],
            ValueError,
            "mistakes: expected a Dataset, or images and labels",
        ),
        ([ml.TensorBoard(tmp_path, mistakes=(X[:, [0, 0]], Y))], ml.ShapeError, r"got \(60, 2, 4, 4\) and \(60,\)"),
        ([ml.TensorBoard(tmp_path / "file")], OSError, "file"),
    ):
        with pytest.raises(error, match=words):
            fit(model, callbacks=callbacks)
    np.testing.assert_array_equal(model.state_dict()["0.weight"], before["0.weight"])
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_mistakes_are_of_classes(tmp_path):
    model = ml.Sequential([ml.Conv2D(2, 1)], input_shape=(1, 4, 4), seed=0)
    with pytest.raises(ml.ShapeError, match=r"mistakes: expected a model that gives scores \(n, classes\), got"):
        fit(model, X, np.zeros((60, 4, 4), int), callbacks=[ml.TensorBoard(tmp_path, mistakes=(X, Y))])
    assert not [*tmp_path.iterdir()]


def test_without_tensorboardx_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r'pip install "minidl\[tensorboard\]"'):
        ml.TensorBoard(tmp_path)
