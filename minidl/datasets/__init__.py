"""Data sets as arrays: images in [0, 1] beside their labels; those with a name are checked against known hashes."""

from typing import TYPE_CHECKING

from minidl.datasets.cifar import cifar10, read_cifar10
from minidl.datasets.dataset import Dataset
from minidl.datasets.digits import mnist
from minidl.datasets.fashion import fashion_mnist, fashion_mnist_10k
from minidl.datasets.folder import from_folder
from minidl.datasets.idx import read_idx
from minidl.datasets.lazy import Pictures
from minidl.datasets.others import from_idx, from_npz
from minidl.datasets.path import Splits, from_path, from_splits
from minidl.datasets.preprocessing import Preprocessing
from minidl.errors import missing_name

__all__ = [
    "Dataset",
    "Pictures",
    "Preprocessing",
    "Splits",
    "cifar10",
    "fashion_mnist",
    "fashion_mnist_10k",
    "from_folder",
    "from_idx",
    "from_npz",
    "from_path",
    "from_splits",
    "mnist",
    "read_cifar10",
    "read_idx",
]


if not TYPE_CHECKING:

    def __getattr__(name):
        raise missing_name(__name__, name, __all__)
