"""Data sets as arrays: images in [0, 1] beside their labels, checked against known hashes."""

from minidl.datasets.dataset import Dataset
from minidl.datasets.fashion import fashion_mnist, fashion_mnist_10k
from minidl.datasets.idx import read_idx

__all__ = ["Dataset", "fashion_mnist", "fashion_mnist_10k", "read_idx"]
