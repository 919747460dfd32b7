"""A data set of one's own, in two parts: from a folder of pictures or an .npz file."""

import os
from collections.abc import Sequence
from typing import Any

from minidl.checkpoint import load_arrays
from minidl.datasets.dataset import Dataset
from minidl.datasets.folder import from_folder
from minidl.datasets.others import from_npz
from minidl.errors import ShapeError, keyword_hints
from minidl.typing import Size


@keyword_hints
def from_path(
    path: str | os.PathLike[str],
    *,
    test_size: float = 0.2,
    size: Size | None = None,
    grey: bool = False,
    channels_last: bool = False,
    class_names: Sequence[str] | None = None,
) -> tuple[Dataset, Dataset]:
    """Return a data set to train on and one to test with, from a folder of pictures or an .npz file.

    A folder that has the folders `train` and `test` is read by them, and any other has a folder for each class, as
    `from_folder` has it, also `size` and `grey`. An .npz file has the arrays x_train, y_train, x_test and y_test, as
    Keras's files do, or else images and labels, as `from_npz` has them, also `channels_last`. Where the two parts
    aren't told apart, `test_size`, a share or a number, is set aside of each class, at random but always the same.

    Raises FileNotFoundError for a path that isn't there, ShapeError for test images of another size, and the errors of
    `from_folder`, `from_npz` and `train_test_split`.
    """
    from pathlib import Path  # most programs that import minidl read no data set

    root = Path(path)
    if root.is_dir():
        if not ((root / "train").is_dir() and (root / "test").is_dir()):
            whole = from_folder(root, size=size, grey=grey, class_names=class_names)
            return whole.split(test_size, seed=0)
        train = from_folder(root / "train", size=size, grey=grey, class_names=class_names)
        test = from_folder(root / "test", size=size, grey=grey, class_names=train.class_names)
    elif "x_train" not in load_arrays(root)[0]:
        whole = from_npz(root, channels_last=channels_last, class_names=class_names)
        return whole.split(test_size, seed=0)
    else:
        options: dict[str, Any] = {"channels_last": channels_last, "class_names": class_names}
        train = from_npz(root, images="x_train", labels="y_train", **options)
        test = from_npz(root, images="x_test", labels="y_test", **options)
        if len(test.class_names) > len(train.class_names):
            train = Dataset(train.images, train.labels, test.class_names)
        test = Dataset(test.images, test.labels, train.class_names)
    if train.images.shape[1:] != test.images.shape[1:]:
        raise ShapeError(
            f"{root}: expected test images like those to train on, {train.images.shape[1:]}, got "
            f"{test.images.shape[1:]}"
        )
    return train, test
