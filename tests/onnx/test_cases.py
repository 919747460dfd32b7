"""Every case that ONNX has for minidl's operators, on every backend: its outputs are those that ONNX expects."""

import pytest

pytest.importorskip("onnx", reason="needs ONNX's own test cases")

import minidl
from tests.onnx import rules

CASES = {case.name: (case, node) for case, node in rules.our_cases() if rules.reason_against(case, node) is None}


@pytest.mark.parametrize("backend", ["vectorized", "compiled"])
@pytest.mark.parametrize("name", CASES)
def test_outputs(name, backend):
    with minidl.use_backend(backend):
        rules.check(*CASES[name])


@pytest.mark.parametrize("name", [name for name, (case, _) in CASES.items() if rules.is_small(case)])
def test_outputs_of_plain_loops(name):
    with minidl.use_backend("reference"):
        rules.check(*CASES[name])
