import json

from benchmarks import machine


def test_a_distorted_environment_is_cleaned_once():
    environment = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_L2_SIZE": "512", "PATH": "/bin"}
    cleaned = machine.without_distortion(environment)
    assert cleaned == {"PATH": "/bin", machine.GUARD: "1"}
    assert machine.without_distortion(cleaned) is None
    assert machine.without_distortion({**environment, machine.GUARD: "1"}) is None


def test_a_clean_environment_needs_no_second_start():
    assert machine.without_distortion({"PATH": "/bin", "OPENBLAS_NUM_THREADS": "2"}) is None


def test_the_description_names_what_was_measured_on(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("TF_VAR_password", "not to be told")
    described = machine.describe()
    assert json.loads(json.dumps(described)) == described
    assert described["cores"] >= 1
    assert {"python", "numpy"} <= set(described["versions"])
    assert described["minidl"]["backend"] in ("reference", "vectorized", "compiled")
    assert described["environment"]["OMP_NUM_THREADS"] == "2"
    assert "not to be told" not in str(described)
    shown = machine.text(described)
    assert described["processor"] in shown
    assert described["date"] in shown


def test_threads_to_try_are_one_and_all():
    counts = machine.thread_counts()
    assert counts[0] == 1
    assert counts[-1] == machine.cores()


def test_a_busy_machine_is_called_busy():
    described = machine.describe() | {"cores": 2, "load": 0.4}
    assert not machine.is_busy(described)
    assert "busy" not in machine.text(described)
    assert "busy (load 3.5)" in machine.text(described | {"load": 3.5})
    assert not machine.is_busy(described | {"load": None})
