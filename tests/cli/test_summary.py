import json

import pytest

import minidl
from minidl.summary.table import summarize


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
    assert "notes.txt: it is no file that minidl knows; it begins with b'hello': minidl reads .npz, " in fails(
        "summary", tmp_path / "notes.txt"
    )


def test_json(command, trained):
    result = command("summary", trained.path, "--json")
    model = minidl.models.tutorial(seed=0)
    expected = json.loads(json.dumps(summarize(model, (1, 28, 28)).data()))
    assert json.loads(result.out) == {"model": trained.path} | expected


def test_times(command):
    result = command("summary", "tutorial", "--timings", "--batch-size", "2", "--json", "--backend", "vectorized")
    data = json.loads(result.out)
    assert data["batch_size"] == 2
    assert all(row["forward"] > 0 and row["backward"] > 0 for row in [*data["layers"], data])
    assert "for a batch of 2 in training" in command("summary", "tutorial", "--timings", "--batch-size", "2").out


def test_blocks_open(command):
    assert "  3.body.0 Conv2D  " in command("summary", "resnet20", "--expand").out
    assert "3.body" not in command("summary", "resnet20").out
