"""NumPy's own matrix product: the rate that a convolution is measured by."""

import numpy as np

from benchmarks.worker import Job

SIDE = 1024


def sgemm() -> Job:
    """The product of two 1024 x 1024 matrices of floats."""
    left, right = np.random.default_rng(0).random((2, SIDE, SIDE), dtype=np.float32)
    out = left @ right
    wanted = left[:16].astype(np.float64) @ right.astype(np.float64)
    if not np.allclose(out[:16], wanted, rtol=1e-4):
        raise AssertionError("NumPy's matrix product is wrong")
    return Job(lambda: np.matmul(left, right, out=out))
