"""The page of ONNX's cases says what is true, and every rule that leaves cases out is needed."""

import functools

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs ONNX's own test cases")

import onnx

import minidl
from tests.onnx import rules, table, translation


@pytest.mark.compiled
def test_the_page_is_what_its_script_makes():
    page = table.PAGE.read_text("utf-8")
    version = ".".join(onnx.__version__.split(".")[:2])
    if f"ONNX {version}," not in page:
        pytest.skip(f"the page is of other cases than those of ONNX {version}")
    assert page == table.make(), "python -m tests.onnx.table regenerates it"


def test_what_computes_each_operator_exists():
    assert table.OURS.keys() == translation.OPERATORS.keys()
    for names in table.OURS.values():
        for name in names.split(", "):
            functools.reduce(getattr, name.split("."), minidl)


def test_every_rule_leaves_out_a_case():
    met = {rules.reason_against(case, node) for case, node in rules.our_cases()}
    assert {rule.reason for rule in rules.RULES} == met - {None}


def test_every_rule_is_for_operators_that_there_are():
    assert {operator for rule in rules.RULES for operator in rule.operators} <= translation.OPERATORS.keys()


def test_every_operator_has_a_case_that_runs():
    running = {node.operator for case, node in rules.our_cases() if rules.reason_against(case, node) is None}
    assert running == translation.OPERATORS.keys()


def test_a_wrong_output_fails():
    case = next(case for case, _ in rules.our_cases() if case.name == "relu")
    wrong = case._replace(outputs={name: y + np.float32(0.01) for name, y in case.outputs.items()})
    with pytest.raises(AssertionError):
        translation.check(wrong)


def test_an_attribute_that_nothing_heeds_is_an_error():
    proto = onnx.helper.make_node("Relu", ["x"], ["y"], alpha=0.5)
    case = next(case for case, _ in rules.our_cases() if case.name == "relu")
    with pytest.raises(NotImplementedError, match="Relu: nothing heeds alpha"):
        translation.run(case._replace(nodes=[rules.Node(proto, 14)]))
