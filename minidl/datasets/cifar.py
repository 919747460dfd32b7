"""CIFAR-10: 60,000 colour pictures of animals and vehicles, 32 x 32, in ten classes, in its binary version.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009;
https://www.cs.toronto.edu/~kriz/cifar.html, which defines the format.
"""

import io
import os

import numpy as np

from minidl.datasets.dataset import Dataset
from minidl.datasets.files import LONGEST_FILE, Collection, check_digest
from minidl.datasets.idx import AnyArray
from minidl.errors import FormatError
from minidl.typing import StrPath

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

ADDRESS = "https://www.cs.toronto.edu/~kriz/"

# SHA-256 as TensorFlow Datasets lists it, for the archive whose MD5 is c32a1d4ab5d03f1284b67883e8d87530 on its page.
DIGESTS = {"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}

SIZE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32
"""Bytes of an image in a file: its label, then the red, green and blue pixels, row by row."""

RECORDS = 10_000
"""Images in each file of the archive."""

TRAIN_FILES = tuple(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6))
TEST_FILE = "cifar-10-batches-bin/test_batch.bin"


def collection() -> Collection:
    """The archive of CIFAR-10."""
    return Collection("CIFAR-10", "cifar-10", DIGESTS, ADDRESS, suffix="", read=read_archive)


def cifar10(folder: str | os.PathLike[str] | None = None) -> tuple[Dataset, Dataset]:
    """Return CIFAR-10: 50,000 images to train on, 10,000 to test with.

    Images are (n, 3, 32, 32) float32 in [0, 1], labels (n,) int64. The archive cifar-10-binary.tar.gz is read from
    `folder` if given; else from the first that has it of: the environment variable MINIDL_DATA (that folder or its
    `cifar-10`), `minidl/cifar-10` in the user's cache, and `/usr/share/datasets/cifar-10`. Failing these it is
    downloaded to the user's cache from the author's address, which needs `pip install "minidl[data]"`.

    Raises FileNotFoundError, with what to install or set, if it can't be had, and FormatError, naming the file, if it
    isn't the original.
    """
    from minidl.datasets.locate import load  # most programs that import minidl read no data set

    (records,) = load(collection(), folder).values()
    train = len(TRAIN_FILES) * RECORDS
    return _dataset(records[:train]), _dataset(records[train:])


def read_cifar10(path: str | os.PathLike[str]) -> Dataset:
    """Read one file of images in the format of CIFAR-10's binary version, such as data_batch_1.bin.

    Raises FormatError, naming the file, if its length isn't that of whole images, or a label isn't from 0 to 9.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        length = os.fstat(file.fileno()).st_size
        if length > LONGEST_FILE:
            raise FormatError(f"{name}: {length} bytes, more than the {LONGEST_FILE} allowed here")
        content = file.read(length)
    return _dataset(_records(content, name))


def read_archive(path: StrPath, digest: str, name: str) -> AnyArray:
    """The records (n, 3073) of an archive with this SHA-256, of its training files and then of its test file.

    Nothing is unpacked to the disk. Raises FormatError, which calls the file `name`, if it isn't the original.
    """
    with open(path, "rb") as file:
        length = os.fstat(file.fileno()).st_size
        if length > LONGEST_FILE:
            raise FormatError(f"{name}: {length} bytes, more than the {LONGEST_FILE} allowed here")
        content = file.read(length)
    check_digest(content, digest, name)
    import tarfile  # seldom needed, and slow to import
    import zlib

    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for member in archive:
                wanted = member.name.removeprefix("./")
                if wanted in (*TRAIN_FILES, TEST_FILE) and member.isfile() and member.size == RECORDS * RECORD:
                    stream = archive.extractfile(member)
                    found[wanted] = b"" if stream is None else stream.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise FormatError(f"{name}: not a gzipped tar archive, or damaged: {error}") from error
    missing = [wanted for wanted in (*TRAIN_FILES, TEST_FILE) if wanted not in found]
    if missing:
        raise FormatError(f"{name}: it lacks {', '.join(missing)}, of {RECORDS * RECORD} bytes each")
    return np.concatenate([_records(found[wanted], f"{name}: {wanted}") for wanted in (*TRAIN_FILES, TEST_FILE)])


def _records(content: bytes, name: str) -> AnyArray:
    if not content or len(content) % RECORD:
        raise FormatError(f"{name}: expected images of {RECORD} bytes each, got {len(content)} bytes")
    records: AnyArray = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    if records[:, 0].max() >= len(CLASS_NAMES):
        raise FormatError(f"{name}: expected labels from 0 to 9, got {records[:, 0].max()}")
    return records


def _dataset(records: AnyArray) -> Dataset:
    return Dataset.from_bytes(records[:, 1:].reshape(-1, *SIZE), records[:, 0], CLASS_NAMES)
