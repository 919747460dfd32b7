"""Dense layers: matrix products, which NumPy hands to BLAS."""

from minidl.backends.vectorized import dense, dense_backward

__all__ = ["dense", "dense_backward"]
