"""What minidl lacks of a file is one error that lists all of it."""

import io

import pytest

pytest.importorskip("onnx", reason="reading ONNX files needs onnx")

import numpy as np
from onnx import TensorProto, helper

import minidl as ml
from tests.onnx_in.networks import loaded, model, node, normal


def test_every_operator_that_is_missing_is_listed_with_how_often():
    inner = helper.make_graph([node("LSTM", "x w r", "z"), node("Relu", "x", "y")], "inner", [], [])
    nodes = [
        node("If", "x", "a", then_branch=inner, else_branch=inner),
        node("ConvInteger", "a w", "b"),
        node("ConvInteger", "b w", "c"),
        node("Fancy", "c", "d", domain="com.example"),
        node("Relu", "d", "y"),
    ]
    wanted = r"minidl lacks 4 of its operators: LSTM \(2\), ConvInteger \(2\), If \(1\), com\.example\.Fancy \(1\)"
    with pytest.raises(ml.FormatError, match=wanted):
        loaded(model(nodes, {"x": ("N", 3)}, constants={"w": normal(3)}))


def test_nothing_is_done_before():
    made = model([node("ConstantOfShape", "s", "w"), node("Loop", "x w", "y")], {"x": ("N", 3)})
    made.graph.initializer.append(helper.make_tensor("s", TensorProto.INT64, [1], [2**50]))
    with pytest.raises(ml.FormatError, match=r"lacks 1 of its operators: Loop \(1\)"):
        loaded(made)


def test_what_works_on_constants_alone_is_missing_elsewhere():
    nodes = [node("Round", "w", "r"), node("Round", "x", "z"), node("Shape", "x", "s"), node("Mod", "s s", "m")]
    made = model([*nodes, node("Mul", "z r", "y")], {"x": ("N", 3)}, constants={"w": np.float32(3)})
    with pytest.raises(ml.FormatError, match=r"lacks 1 of its operators: Round \(1\)"):
        loaded(made)


def test_many_are_cut_short():
    made = model([node(f"Op{i}", "x", f"y{i}") for i in range(50)], {"x": ("N", 3)}, ("y0",))
    with pytest.raises(ml.FormatError, match=r"lacks 50 of its operators: .* and 20 others") as caught:
        loaded(made)
    assert len(str(caught.value)) < 1000


def test_another_domain_of_onnx_is_another():
    made = model([node("Relu", "x", "y", domain="ai.onnx.ml")], {"x": ("N", 3)})
    with pytest.raises(ml.FormatError, match=r"ai\.onnx\.ml\.Relu \(1\)"):
        ml.load(io.BytesIO(made.SerializeToString()))
