"""A training may start from the weights of another, and leave layers as they are."""

import numpy as np
import pytest

import minidl as ml
from minidl.cli.messages import UsageError
from minidl.cli.start import freeze, take_weights
from tests.saving.torch_files import saved


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
    with pytest.raises(UsageError, match=r"freeze: no layer matches 'conv\*'; there are 0, 1, 3"):
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
    assert "init: expected weights, got 'nowhere', which doesn't exist" in fails("train", "--init", "nowhere")


def of_pytorch(model, prefix="", layers=("conv", "bn", "fc")):
    """A state of PyTorch, whose layers have these names."""
    names = dict(zip(("0", "1", "3"), layers, strict=True))
    state = {f"{prefix}{names[name[0]]}{name[1:]}": value for name, value in model.state_dict().items()}
    return state | {f"{prefix}{layers[1]}.num_batches_tracked": np.array(3)}


@pytest.mark.parametrize(
    ("prefix", "layers", "told"),
    [
        ("", ("0", "1", "3"), ""),
        ("module.", ("0", "1", "3"), ", without their prefix 'module.'"),
        ("module.", ("conv", "bn", "fc"), ", in their order"),
    ],
)
def test_weights_of_pytorch_are_taken(prefix, layers, told, tmp_path):
    path = tmp_path / "weights.pth"
    source, model = network(3, seed=1), network(3)
    path.write_bytes(saved(of_pytorch(source, prefix, layers)))
    assert take_weights(model, str(path)) == f"8 of 8 arrays from {path}{told}"
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, source.state_dict()[name])
    model = network(5)
    assert take_weights(model, str(path)) == f"6 of 8 arrays from {path}{told}; new: 3.weight, 3.bias"


def test_weights_in_safetensors_are_taken(tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "weights.safetensors"
    source, model = network(3, seed=1), network(3)
    ml.save_arrays(path, source.state_dict() | {"head.weight": np.zeros(3)})
    assert take_weights(model, str(path)) == f"8 of 8 arrays from {path}; not used: head.weight"
    np.testing.assert_array_equal(model.state_dict()["3.weight"], source.state_dict()["3.weight"])


def test_weights_of_other_shapes_are_named(tmp_path):
    ml.save_arrays(tmp_path / "other.npz", {"3.weight": np.zeros((9, 32)), "3.bias": np.zeros(9)})
    with pytest.raises(
        UsageError, match=r"of the same name are 3\.weight \(9, 32\), not \(3, 32\), 3\.bias \(9,\), not"
    ):
        take_weights(network(3), str(tmp_path / "other.npz"))
