"""Matrices put in panels of columns."""

import numpy as np
import pytest

from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES
from minidl.backends.compiled.matmul.panels import PANEL, prepare_panels
from minidl.backends.compiled.runtime import program

pytestmark = pytest.mark.compiled


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("depth", "columns"), [(1, 1), (3, PANEL), (7, PANEL + 1), (300, 3 * PANEL - 5)])
def test_columns_lie_in_panels_and_zeros_behind_them(depth, columns, dtype):
    b = np.random.default_rng(0).standard_normal((depth, columns)).astype(dtype)
    panels, jobs = prepare_panels(b)
    panels[...] = np.nan
    program.run(b.dtype, *jobs)
    whole = panels.transpose(1, 0, 2).reshape(depth, -1)
    np.testing.assert_array_equal(whole[:, :columns], b)
    lanes = REGISTER_BYTES // b.itemsize
    full_vectors = -(-columns // lanes) * lanes
    assert not np.isnan(whole[:, :full_vectors]).any()
    assert not np.any(whole[:, columns:] > 0)
