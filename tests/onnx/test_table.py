"""The page of ONNX's cases says what is true, and every rule that leaves cases out is needed."""

import functools

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs ONNX's own test cases")

import onnx

import minidl
from tests.onnx import imported, rules, table, training


@pytest.mark.compiled
def test_the_page_is_what_its_script_makes():
    page = table.PAGE.read_text("utf-8")
    version = ".".join(onnx.__version__.split(".")[:2])
    if f"in ONNX {version}," not in page:
        pytest.skip(f"the page is of other cases than those of ONNX {version}")
    assert page == table.make(), "python -m tests.onnx.table regenerates it"


def test_what_computes_each_operator_exists():
    assert table.OURS.keys() == {node.operator for _, node in rules.our_cases()}
    for names in table.OURS.values():
        for name in filter(None, names.split(", ")):
            functools.reduce(getattr, name.split("."), minidl)


def test_every_rule_leaves_out_a_case():
    met = {rules.reason_against(case, node) for case, node in rules.our_cases()}
    assert {rule.reason for rule in rules.RULES} == met - {None}


def test_every_rule_is_for_operators_that_there_are():
    assert {operator for rule in rules.RULES for operator in rule.operators} <= rules.OPERATORS


def test_every_operator_that_has_a_case_has_one_that_runs_or_a_reason():
    running = {node.operator for case, node in rules.our_cases() if rules.reason_against(case, node) is None}
    assert rules.OPERATORS - running <= {"CastLike", "MeanVarianceNormalization"}


@pytest.mark.parametrize(("name", "module"), [("relu", imported), ("adam", training)])
def test_a_wrong_output_fails(name, module):
    case = next(case for case, _ in rules.our_cases() if case.name == name)
    wrong = case._replace(outputs={name: y + np.float32(0.01) for name, y in case.outputs.items()})
    with pytest.raises(AssertionError):
        module.check(wrong)
