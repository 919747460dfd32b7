"""MNIST: 70,000 grey pictures of handwritten digits, 28 x 28.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", 1998;
http://yann.lecun.com/exdb/mnist/. The files are downloaded from a copy, since that page doesn't give them out any more.
"""

import os

from minidl.datasets.dataset import Dataset
from minidl.datasets.files import Collection

CLASS_NAMES = tuple("0123456789")

ADDRESS = "https://ossci-datasets.s3.amazonaws.com/mnist/"

# SHA-256 of the decompressed files, computed from a copy of them.
DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def collection() -> Collection:
    """The files of MNIST, whose names are those of Fashion-MNIST's."""
    return Collection("MNIST", "mnist", DIGESTS, ADDRESS, shares_names=True)


def mnist(folder: str | os.PathLike[str] | None = None) -> tuple[Dataset, Dataset]:
    """Return MNIST: 60,000 images to train on, 10,000 to test with.

    Images are (n, 1, 28, 28) float32 in [0, 1], labels (n,) int64. The four IDX files, gzipped or not, are read from
    `folder` if given; else from the first that has them all of: the folder `mnist` in that of the environment variable
    MINIDL_DATA, `minidl/mnist` in the user's cache, and `/usr/share/datasets/mnist`. Failing these they are downloaded
    to the user's cache, which needs `pip install "minidl[data]"`.

    Raises FileNotFoundError, with what to install or set, if the files can't be had, and FormatError, naming the
    file, if one of them isn't the original.
    """
    from minidl.datasets.locate import load  # most programs that import minidl read no data set

    arrays = load(collection(), folder)
    train_images, train_labels, test_images, test_labels = (arrays[name] for name in DIGESTS)
    return (
        Dataset.from_bytes(train_images, train_labels, CLASS_NAMES),
        Dataset.from_bytes(test_images, test_labels, CLASS_NAMES),
    )
