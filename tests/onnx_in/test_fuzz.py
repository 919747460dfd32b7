"""Bytes of ONNX files, changed at random: nothing but FormatErrors comes of them, in a moment."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="reading ONNX files needs onnx")

import minidl as ml
from minidl.onnx_in import load_onnx
from minidl.onnx_in.rules import RULES
from tests.onnx_in.networks import model, node, normal

SEEDS = [
    model(
        [
            node("Conv", "x w b", "c", pads=[1, 1, 1, 1], strides=[2, 2]),
            node("Relu", "c", "r"),
            node("MaxPool", "r", "p", kernel_shape=[2, 2]),
            node("Shape", "p", "s"),
            node("Gather", "s zero", "n"),
            node("Unsqueeze", "n axes", "n1"),
            node("Concat", "n1 minus", "t", axis=0),
            node("Reshape", "p t", "f"),
            node("Gemm", "f v", "y", transB=1),
        ],
        {"x": ("N", 2, 8, 8)},
        constants={
            "w": normal(3, 2, 3, 3),
            "b": normal(3),
            "v": normal(4, 27),
            "zero": np.array(0),
            "axes": np.array([0]),
            "minus": np.array([-1]),
        },
    ).SerializeToString(),
    model(
        [
            node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
            node("Resize", "t - scales", "r", mode="linear"),
            node("Slice", "r zero one axes", "s"),
            node("Pad", "s pads", "p"),
            node("ReduceMean", "p", "m", axes=[2, 3], keepdims=0),
            node("Softmax", "m", "y"),
        ],
        {"x": ("N", "H", "W", 2)},
        constants={
            "scales": np.array([1, 1, 2, 2], np.float32),
            "zero": np.array([0]),
            "one": np.array([1]),
            "axes": np.array([1]),
            "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        },
    ).SerializeToString(),
]


def read(content):
    with contextlib.suppress(ml.FormatError):
        load_onnx(io.BytesIO(content), budget=ml.Budget(arrays=2**26))


@settings(deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_bytes_that_are_others(content, changes):
    changed = bytearray(content)
    for place, value in changes:
        changed[place % len(changed)] = value
    read(bytes(changed))


@settings(deadline=None)
@given(st.sampled_from(SEEDS), st.integers(0, 10**6), st.integers(0, 40), st.binary(max_size=8))
def test_bytes_that_are_gone_or_more(content, place, gone, more):
    place %= len(content)
    read(content[:place] + more + content[place + gone :])


@settings(deadline=None)
@given(st.data())
def test_operators_that_are_put_together_at_random(data):
    names = ["x", "w", "n", "s"]
    nodes = []
    numbers = st.one_of(st.integers(-3, 5), st.sampled_from([2**31, 2**62, -(2**62)]))
    for i in range(data.draw(st.integers(1, 5))):
        operator = data.draw(st.sampled_from(sorted(RULES)))
        inputs = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=4))
        attributes = data.draw(
            st.dictionaries(
                st.sampled_from(["axis", "axes", "pads", "kernel_shape", "strides", "group", "perm", "keepdims", "to"]),
                st.one_of(numbers, st.lists(numbers, min_size=1, max_size=4)),
                max_size=2,
            )
        )
        nodes.append(node(operator, " ".join(inputs), f"v{i}", **attributes))
        names.append(f"v{i}")
    constants = {
        "w": normal(2, 2, 3, 3),
        "n": np.array(data.draw(st.lists(numbers, min_size=1, max_size=4))),
        "s": np.array(data.draw(numbers)),
    }
    read(model(nodes, {"x": ("N", 2, 8, 8)}, (names[-1],), constants=constants).SerializeToString())
