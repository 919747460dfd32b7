import json

import pytest

import minidl


@pytest.mark.parametrize("name", list(minidl.models.MODELS))
def test_a_model_by_name(command, capsys, name):
    result = command("summary", name)
    assert (result.code, result.err) == (0, "")
    minidl.models.MODELS[name]().summary()
    assert result.out == capsys.readouterr().out


def test_a_run_and_its_file(command, trained):
    expected = command("summary", "tutorial").out
    assert command("summary", trained.path).out == expected
    assert command("summary", trained.folder / "model.npz").out == expected


def test_a_name_goes_before_a_folder(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet").mkdir()
    minidl.models.tutorial(seed=0).save(tmp_path / "lenet" / "model.npz")
    assert "(n, 16, 10, 10)" in command("summary", "lenet").out
    assert "(n, 16, 10, 10)" not in command("summary", "./lenet").out


def test_a_misspelt_name(fails):
    assert fails("summary", "lenett") == (
        "minidl: error: there is no folder, file or model 'lenett'; did you mean lenet?\n"
    )


def test_other_names_of_a_network_lead_to_ours(fails):
    for name, ours in {"lenet5": "lenet", "resnet-20": "resnet20", "mobilenets": "mobilenet"}.items():
        assert fails("summary", name).endswith(f"did you mean {ours}?\n")


def test_a_file_that_is_no_model(fails, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    assert "notes.txt: File is not a zip file" in fails("summary", tmp_path / "notes.txt")


def test_json(command):
    found = json.loads(command("summary", "lenet", "--json").out)
    assert found["model"] == "lenet"
    assert found["input_shape"] == [1, 28, 28]
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"]) == 61_706
    assert found["macs"] == sum(layer["macs"] for layer in found["layers"])
    assert found["layers"][0] == {
        "layer": "0 Conv2D",
        "output_shape": [6, 28, 28],
        "parameters": 6 * 26,
        "macs": 28 * 28 * 6 * 25,
    }
