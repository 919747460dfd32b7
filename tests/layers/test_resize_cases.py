"""ONNX's own cases of Resize, by the layer, on every backend."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs ONNX's own test cases")

import minidl as ml
from tests.onnx.cases import all_cases

NOT_OURS = {"antialias", "exclude_outside", "keep_aspect_ratio_policy", "axes"}
"""What the layer doesn't do, and how the importer finds out sizes."""
ROUNDED_SCALES = {"resize_downsample_scales_linear_align_corners", "resize_downsample_scales_cubic_align_corners"}
"""ONNX divides by a size that isn't a whole number there; PyTorch and ONNX Runtime by that of the output, as we do."""


def is_ours(case):
    (node, *others), name = case.nodes or [None], case.name
    if others or node is None or node.operator != "Resize" or name in ROUNDED_SCALES:
        return False
    crops = node.attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    return not crops and not NOT_OURS & node.attributes.keys()


CASES = {case.name: case for case in all_cases() if is_ours(case)}


def test_there_are_cases_of_each_kind():
    kinds = {(case.nodes[0].attributes["mode"], "sizes" in case.inputs) for case in CASES.values()}
    assert len(CASES) >= 19
    assert kinds == {(mode, sizes) for mode in ("nearest", "linear", "cubic") for sizes in (False, True)}


@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_outputs_are_onnx_s(case, backend):
    node = case.nodes[0]
    how = {
        "interpolation": node.get("mode"),
        "coordinates": node.get("coordinate_transformation_mode", "half_pixel"),
        "rounding": node.get("nearest_mode", "round_prefer_floor"),
    }
    if "sizes" in case.inputs:
        layer = ml.Resize(tuple(map(int, case.inputs["sizes"][2:])), **how)
    else:
        layer = ml.Resize(scale=tuple(map(float, case.inputs["scales"][2:])), **how)
    with ml.use_backend(backend):
        y = layer(case.inputs["X"])
    (want,) = case.outputs.values()
    np.testing.assert_allclose(y, want, rtol=case.rtol, atol=1e-6)
