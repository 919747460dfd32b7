import json
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["tutorial", "lenet"])
def test_a_model_by_name(command, name):
    result = command("warmup", name, "--batch-size", 3)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("ready in ")


def test_json(command):
    found = json.loads(command("warmup", "tutorial", "--batch-size", 2, "--json").out)
    assert found.pop("seconds") > 0
    assert found == {"model": "tutorial", "backend": "vectorized"}


def test_a_run_stays_as_it_is(command, trained):
    folder = Path(trained.path)
    before = {file: file.read_bytes() for file in folder.iterdir()}
    assert command("warmup", trained.path).code == 0
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_errors(fails):
    assert "there is no folder, file or model 'lenett'; did you mean lenet?" in fails("warmup", "lenett")
    assert "--batch-size" in fails("warmup", "lenet", "--batch-size", 0)
