"""A network in the user's own file is trained like one of minidl's, and what is wrong with it is said."""

import tomllib

import pytest

import minidl

NET = """
import minidl as ml

def build(input_shape, classes, seed, width=2):
    layers = [ml.Conv2D(width, 3), ml.ReLU(), ml.Flatten(), ml.Dense(classes)]
    return ml.Sequential(layers, input_shape=input_shape, seed=seed)

def fixed():
    return ml.Sequential([ml.Flatten(), ml.Dense(10)], input_shape=(1, 28, 28), seed=1)

def unbuilt():
    return ml.Sequential([ml.Flatten(), ml.Dense(10)])

def of_three():
    return ml.Sequential([ml.Flatten(), ml.Dense(3)], input_shape=(1, 28, 28))

def none():
    pass
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "neighbour.py").write_text("WIDTH = 4\n")
    path = tmp_path / "net.py"
    path.write_text(NET + "\nfrom neighbour import WIDTH\n")
    return path


def test_a_function_gets_what_it_takes(command, net, tmp_path):
    arguments = ("--set", "model.width=3", "--epochs", 1, "--seed", 4, "--out", "run")
    result = command("train", "--model", "net.py:build", *arguments)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("net on fashion-mnist-10k: ")
    model = minidl.load(tmp_path / "run" / "model.npz")
    assert model[0].weight.value.shape == (3, 1, 3, 3)
    assert model.seed == 4
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["model"] == {"name": f"{net}:build", "width": 3}


def test_a_configuration_of_a_run_trains_the_same_again(command, net, tmp_path, monkeypatch):
    assert command("train", "--model", "net.py:fixed", "--epochs", 1, "--out", "run").code == 0
    monkeypatch.chdir("/")  # the file is known by its whole path
    assert command("train", "--config", tmp_path / "run" / "config.toml", "--out", tmp_path / "again").code == 0
    first, again = (minidl.load(tmp_path / name / "model.npz").state_dict() for name in ("run", "again"))
    assert all((first[name] == again[name]).all() for name in first)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.py:bild", "net.py has no function 'bild'; did you mean build?"),
        ("nett.py:build", "there is no file"),
        ("net.py:unbuilt", "unbuilt gave a model that isn't built: give it input_shape, which the function may take"),
        ("net.py:of_three", "gave a model of (1, 28, 28) -> (3,); expected images (1, 28, 28) and 10 classes"),
        ("net.py:none", "gave NoneType; expected a Sequential or a Graph"),
        ("broken.py:build", "broken.py can't be run: ZeroDivisionError: division by zero"),
        ("net:build", "invalid choice 'net:build'"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(fails, net, tmp_path, name, message):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    assert message in fails("train", "--model", name, "--out", "run")
    assert not (tmp_path / "run").exists()


def test_an_argument_that_the_function_lacks(fails, net):
    error = fails("train", "--model", "net.py:build", "--set", "model.widht=3")
    assert "model: unknown key 'widht'; did you mean width?" in error
