"""A training may start from the weights of another, and leave layers as they are."""

import numpy as np
import pytest

import minidl as ml
from minidl.cli.messages import UsageError
from minidl.cli.start import freeze, take_weights


def network(classes, seed=0):
    layers = [ml.Conv2D(2, 3), ml.BatchNorm2D(), ml.Flatten(), ml.Dense(classes)]
    return ml.Sequential(layers, input_shape=(1, 6, 6), seed=seed)


def test_arrays_that_fit_are_taken_and_the_others_stay(tmp_path):
    source, model = network(3, seed=1), network(5)
    source.save(tmp_path / "model.npz")
    before = model.state_dict()
    said = take_weights(model, str(tmp_path / "model.npz"))
    assert said == f"6 of 8 arrays from {tmp_path / 'model.npz'}; new: 3.weight, 3.bias"
    for name, value in model.state_dict().items():
        expected = before if name.startswith("3.") else source.state_dict()
        np.testing.assert_array_equal(value, expected[name])
    network(5).save_weights(tmp_path / "weights.npz")
    assert take_weights(model, str(tmp_path / "weights.npz")) == f"8 of 8 arrays from {tmp_path / 'weights.npz'}"


def test_a_file_of_another_network_is_refused(tmp_path):
    ml.save_arrays(tmp_path / "other.npz", {"body.weight": np.zeros((2, 2), np.float32)})
    with pytest.raises(UsageError, match=r"it has body\.weight, and the model 0\.weight, 0\.bias, 1\.weight"):
        take_weights(network(3), str(tmp_path / "other.npz"))


@pytest.mark.parametrize(
    ("patterns", "trained"),
    [
        (["0"], [False, False, True, True, True, True]),
        (["0.*"], [False, False, True, True, True, True]),
        (["[01]*"], [False, False, False, False, True, True]),
        (["3", "0.*"], [False, False, True, True, False, False]),
    ],
)
def test_patterns_choose_layers(patterns, trained):
    model = network(3)
    assert freeze(model, patterns) == f"{trained.count(False)} of 6 parameters frozen"
    assert [parameter.trainable for parameter in model.parameters()] == trained


def test_blocks_are_layers_too():
    model = ml.models.resnet20(seed=0, input_shape=(1, 8, 8), classes=3)
    name = next(name for name, _ in model.named_parameters() if name.count(".") > 1)
    block = name.split(".")[0]
    freeze(model, [f"{block}.*"])
    for name, parameter in model.named_parameters():
        assert parameter.trainable == (not name.startswith(f"{block}."))


def test_a_pattern_of_nothing_and_one_of_all():
    with pytest.raises(UsageError, match=r"freeze: no layer is chosen by 'conv\*'; there are 0, 1, 3"):
        freeze(network(3), ["conv*"])
    with pytest.raises(UsageError, match=r"freeze: \* leaves nothing to train"):
        freeze(network(3), ["*"])


def test_from_the_command_line(command, trained, tmp_path):
    arguments = (
        "--model",
        "tutorial",
        "--epochs",
        1,
        "--init",
        trained.folder,
        "--freeze",
        "0",
        "--out",
        tmp_path / "run",
    )
    result = command("train", *arguments)
    assert (result.code, result.err) == (0, "")
    source = ml.load(trained.folder / "model.npz").state_dict()
    lines = result.out.splitlines()
    assert lines[1] == f"{len(source)} of {len(source)} arrays from {trained.folder}"
    assert lines[2] == f"2 of {len(source)} parameters frozen"
    model = ml.load(tmp_path / "run" / "model.npz").state_dict()
    np.testing.assert_array_equal(model["0.weight"], source["0.weight"])
    last = list(source)[-2]
    assert (model[last] != source[last]).any()
    assert command("train", "--resume", tmp_path / "run", "--epochs", 2).code == 0
    np.testing.assert_array_equal(ml.load(tmp_path / "run" / "model.npz").state_dict()["0.weight"], source["0.weight"])


def test_bad_paths_are_named_before_any_work(fails, tmp_path):
    assert "init: expected the path of weights, got 'nowhere'" in fails("train", "--init", "nowhere")
