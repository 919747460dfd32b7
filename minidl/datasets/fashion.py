"""Fashion-MNIST: 70,000 grey pictures of clothes, 28 x 28, in ten classes.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", arXiv:1708.07747 (2017); https://github.com/zalandoresearch/fashion-mnist. Its MIT licence is in
FASHION_MNIST_LICENSE, beside the files that the package carries.
"""

import os

from minidl.datasets.dataset import Dataset
from minidl.datasets.files import Collection

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

ORIGINAL_ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

# SHA-256 of the decompressed files: those of the gzipped ones change with the compressor.
DIGESTS = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}

# The first 10,000 training images: header with 10,000 for 60,000, then `gzip.compress(..., 9, mtime=0)`.
PACKAGED_FOLDER = os.path.dirname(__file__)
PACKAGED_DIGESTS = {
    "fashion-mnist-10k-images-idx3-ubyte": "ed2e37ed5a3a57d212141a69fe0a0de5a7126ffba14ac3f7e76f5f52cc04b1f0",
    "fashion-mnist-10k-labels-idx1-ubyte": "a69f2dad024ca220a8c4d85f621fdf929042d40c444abde2868903e9220ad517",
}
PACKAGED_TRAIN = 5000


def collection() -> Collection:
    """The files of Fashion-MNIST."""
    return Collection("Fashion-MNIST", "fashion-mnist", DIGESTS, ORIGINAL_ADDRESS, "dataset-fashion-mnist")


def packaged_collection() -> Collection:
    """The files that the package carries."""
    return Collection("Fashion-MNIST 10k", "", PACKAGED_DIGESTS, packaged_in=PACKAGED_FOLDER)


def fashion_mnist(folder: str | os.PathLike[str] | None = None) -> tuple[Dataset, Dataset]:
    """Return Fashion-MNIST: 60,000 images to train on, 10,000 to test with.

    Images are (n, 1, 28, 28) float32 in [0, 1], labels (n,) int64. The four IDX files, gzipped or not, are read
    from `folder` if given; else from the first that has them all of: the environment variable MINIDL_DATA (that
    folder or its `fashion-mnist`), `minidl/fashion-mnist` in the user's cache, and
    `/usr/share/datasets/fashion-mnist` (the Debian package dataset-fashion-mnist). Failing these they are
    downloaded to the user's cache from the original address, which needs `pip install "minidl[data]"`.

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


def fashion_mnist_10k() -> tuple[Dataset, Dataset]:
    """Return the 10,000 images that the package carries: 5,000 to train on, 5,000 to test with.

    They are the first 10,000 training images of Fashion-MNIST in the official order, so the test half is *not*
    from the official test set. Images are (n, 1, 28, 28) float32 in [0, 1], labels (n,) int64. Nothing is
    downloaded. Raises FormatError, naming the file, if one of them was changed.
    """
    from minidl.datasets.locate import load  # most programs that import minidl read no data set

    arrays = load(packaged_collection())
    images, labels = (arrays[name] for name in PACKAGED_DIGESTS)
    return (
        Dataset.from_bytes(images[:PACKAGED_TRAIN], labels[:PACKAGED_TRAIN], CLASS_NAMES),
        Dataset.from_bytes(images[PACKAGED_TRAIN:], labels[PACKAGED_TRAIN:], CLASS_NAMES),
    )
