import json
import os
import sys

import numpy as np
import pytest

import minidl
from minidl import backends
from minidl.cli import info
from minidl.datasets import fashion


def facts(command):
    result = command("info", "--json")
    assert (result.code, result.err) == (0, "")
    return json.loads(result.out)


def test_the_facts(command, monkeypatch):
    monkeypatch.delenv("MINIDL_DATA", raising=False)
    found = facts(command)
    assert found["minidl"]["version"] == minidl.__version__
    assert found["numpy"] == np.__version__
    assert found["python"] == sys.version.split()[0]
    assert (found["threads"], found["threads_reason"]) == minidl.process.threads.choice()
    assert found["cpu"]["cores"] == os.cpu_count()
    assert found["cpu"]["model"]
    assert set(found["extras"]) == set(info.EXTRAS)
    assert found["backend"] == {"name": "vectorized", "reason": "it was chosen"}  # by the fixture of these tests
    assert found["data"]["fashion-mnist-10k"] == str(fashion.PACKAGED_FOLDER)


def test_the_table_says_the_same(command):
    found, lines = facts(command), command("info").out.splitlines()
    labels = {line[:22].strip(): line[22:].strip() for line in lines}
    assert labels["NumPy"] == np.__version__
    assert labels["backend"] == "vectorized, because it was chosen"
    assert labels["threads"] == f"{found['threads']}, because {found['threads_reason']}"
    for name, place in found["data"].items():
        assert labels[f"data {name}"] == (place or f"not here: minidl data fetch {name}")


def test_what_is_missing(command, monkeypatch):
    monkeypatch.setattr(info, "installed_version", lambda name: None if name == "tqdm" else "1.2.3")
    monkeypatch.setattr(info, "is_installed", lambda name: False)
    monkeypatch.setattr(backends, "is_installed", lambda name: False)
    found, text = facts(command), command("info").out
    assert found["extras"]["progress"] == {"tqdm": None}
    assert found["extras"]["data"] == {"pooch": "1.2.3", "pillow": "1.2.3"}
    assert found["numba"] is None
    assert found["kernels"] is None
    assert 'tqdm not installed: pip install "minidl[progress]"' in text
    assert "not installed, so that nothing can be compiled: pip install numba" in text


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"MINIDL_BACKEND": "reference"}, ["reference", "MINIDL_BACKEND says so"]),
        ({"MINIDL_BACKEND": "bogus"}, ["bogus", "MINIDL_BACKEND says so"]),
        ({"NUMBA_DISABLE_JIT": "1"}, ["vectorized", "NUMBA_DISABLE_JIT turns Numba's compiler off"]),
        ({"NUMBA_DISABLE_JIT": None, "numba": None}, ["vectorized", "Numba isn't installed"]),
        pytest.param({}, ["compiled", "Numba is installed"], marks=pytest.mark.compiled),
    ],
)
def test_the_backend_and_why(run_python, variables, wanted):
    variables = dict(variables)
    hide = "sys.modules['numba'] = None; " if "numba" in variables else ""
    variables.pop("numba", None)
    program = f"import sys, json; {hide}from minidl.__main__ import main; sys.exit(main(['info', '--json']))"
    done = run_python(program, **variables)
    found = json.loads(done.stdout)
    assert [found["backend"]["name"], found["backend"]["reason"]] == wanted
    assert done.stderr == ""


@pytest.mark.compiled
def test_kernels_are_counted_and_none_is_compiled(run_python, tmp_path):
    program = "from minidl.__main__ import main; main(['info', '--json'])"
    work = "import numpy as np, minidl as ml; ml.functional.relu(np.ones((2, 3), np.float32))"
    before = json.loads(run_python(program, NUMBA_CACHE_DIR=str(tmp_path)).stdout)["kernels"]
    assert (before["cached_kernels"], before["cache_bytes"]) == (0, 0)
    assert before["cache"].startswith(str(tmp_path))
    run_python(work, NUMBA_CACHE_DIR=str(tmp_path))
    after = json.loads(run_python(program, NUMBA_CACHE_DIR=str(tmp_path)).stdout)["kernels"]
    assert after["cached_kernels"] >= 1
    files = [path for path in tmp_path.rglob("*") if path.suffix == ".nbc"]
    assert after["cache_bytes"] == sum(path.stat().st_size for path in files)
    assert after["tile"][1] == 2 * after["lanes"]
    assert {"AVX-512": 16, "AVX2": 8}.get(after["vectors"], 4) == after["lanes"]


@pytest.mark.compiled
@pytest.mark.parametrize(("cpu", "features", "vectors"), [("x86-64", "", "128 bits"), ("haswell", "+avx2", "AVX2")])
def test_vectors_of_another_cpu(run_python, tmp_path, cpu, features, vectors):
    program = "from minidl.__main__ import main; main(['info', '--json'])"
    done = run_python(
        program, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES=features or "+sse2", NUMBA_CACHE_DIR=str(tmp_path)
    )
    found = json.loads(done.stdout)["kernels"]["vectors"]
    assert found == vectors or found == "NEON"


def test_errors(fails):
    assert "unknown option --jsn; did you mean --json?" in fails("info", "--jsn")
