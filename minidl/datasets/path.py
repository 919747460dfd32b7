"""The user's data set, in its parts: from a folder of pictures or an .npz file."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minidl.datasets.dataset import Dataset
from minidl.datasets.folder import OnError, from_folder
from minidl.datasets.others import from_npz
from minidl.datasets.picture import MOST_PIXELS, Color
from minidl.datasets.resizing import Resize
from minidl.errors import FormatError, ShapeError, keyword_hints
from minidl.saving.budget import USUAL, Budget
from minidl.saving.npz import load_arrays
from minidl.typing import Size

if TYPE_CHECKING:
    from pathlib import Path


class Splits(NamedTuple):
    """The parts of a data set: `train`, `validation`, None where there is none, and `test`.

    They have the same classes, and images of one shape.
    """

    train: Dataset
    validation: Dataset | None
    test: Dataset


@keyword_hints
def from_splits(
    path: str | os.PathLike[str],
    *,
    test_size: float = 0.2,
    size: Size | None = None,
    resize: Resize = "squash",
    grey: bool = False,
    background: Color = "white",
    max_pixels: int = MOST_PIXELS,
    lazy: bool = False,
    on_error: OnError = "raise",
    channels_last: bool = False,
    class_names: Sequence[str] | None = None,
    budget: Budget = USUAL,
) -> Splits:
    """Return a data set to train on, one to validate with or None, and one to test with.

    They come from a folder of pictures or an .npz file. A folder that has the folders train, val and test (also
    training, valid, validation, testing, in any case, and train_set and the like) is read by them, where val or test
    may be missing. Any other has a folder for each class, as `from_folder` has it, whose arguments about pictures are
    here, too. An .npz file has the arrays x_train and y_train, and such of the other parts, as Keras's files do, or
    else images and labels, as `from_npz` has them, also `channels_last`; it is read whole. Where there is no part to
    test with, `test_size`, a share or a number, is set aside of each class, at random but always the same.

    Raises FileNotFoundError for a path that isn't there, or a class that a part hasn't; FormatError for a class that
    only val or test has, and for folders beside them that aren't parts; ShapeError for images of another size than
    those to train on; and the errors of `from_folder`, `from_npz`, also for what takes more than `budget` allows, and
    `train_test_split`.
    """
    return divided(
        parts_of(
            path,
            size=size,
            resize=resize,
            grey=grey,
            background=background,
            lazy=lazy,
            on_error=on_error,
            channels_last=channels_last,
            class_names=class_names,
            max_pixels=max_pixels,
            budget=budget,
        ),
        test_size=test_size,
    )


@keyword_hints
def from_path(
    path: str | os.PathLike[str],
    *,
    test_size: float = 0.2,
    size: Size | None = None,
    resize: Resize = "squash",
    grey: bool = False,
    background: Color = "white",
    max_pixels: int = MOST_PIXELS,
    lazy: bool = False,
    on_error: OnError = "raise",
    channels_last: bool = False,
    class_names: Sequence[str] | None = None,
    budget: Budget = USUAL,
) -> tuple[Dataset, Dataset]:
    """Return a data set to train on and one to test with: those of `from_splits`, with its arguments and errors.

    Images to validate with that the files have are in neither.
    """
    parts = from_splits(
        path,
        test_size=test_size,
        size=size,
        resize=resize,
        grey=grey,
        background=background,
        lazy=lazy,
        on_error=on_error,
        channels_last=channels_last,
        class_names=class_names,
        max_pixels=max_pixels,
        budget=budget,
    )
    return parts.train, parts.test


def parts_of(
    path: str | os.PathLike[str],
    *,
    size: Size | None = None,
    resize: Resize = "squash",
    grey: bool = False,
    background: Color = "white",
    max_pixels: int = MOST_PIXELS,
    lazy: bool = False,
    on_error: OnError = "raise",
    channels_last: bool = False,
    class_names: Sequence[str] | None = None,
    budget: Budget = USUAL,
) -> dict[str, Dataset]:
    """The parts "train", "validation" and "test" that the files have: see `from_splits`; "train" alone is all of it."""
    from pathlib import Path  # most programs that import minidl read no data set

    root = Path(path)
    if root.is_dir():
        options: dict[str, Any] = {
            "size": size,
            "resize": resize,
            "grey": grey,
            "background": background,
            "lazy": lazy,
            "on_error": on_error,
            "max_pixels": max_pixels,
            "budget": budget,
        }
        found = _folders(root, class_names, options)
    else:
        found = _arrays(root, class_names, channels_last, budget)
    wanted = found["train"].images.shape[1:]
    for part, data in found.items():
        if data.images.shape[1:] != wanted:
            raise ShapeError(
                f"{root}: expected {part} images like those to train on, {wanted}, got {data.images.shape[1:]}"
            )
    return found


def divided(parts: Mapping[str, Dataset], *, test_size: float) -> Splits:
    """The parts, with a share of those to train on set aside if there are none to test with."""
    train, validation, test = (parts.get(part) for part in ("train", "validation", "test"))
    assert train is not None
    if test is None:
        train, test = train.split(test_size, seed=0)
    return Splits(train, validation, test)


def _folders(root: "Path", class_names: Sequence[str] | None, options: dict[str, Any]) -> dict[str, Dataset]:
    from minidl.datasets import layout

    inside = layout.folders_in(root)
    parts = layout.parts_among(root, inside)
    if not parts or (class_names is not None and set(class_names) <= set(inside)):
        return {"train": from_folder(root, class_names=class_names, **options)}
    if "train" not in parts:
        layout.class_folders(root, None)  # which refuses them, and says why
    others = [name for name in inside if name not in parts.values() and layout.has_pictures(root / name)]
    if others:
        raise FormatError(
            f"{root}: expected folders called train, val and test, or folders of classes, got {', '.join(inside)}; "
            f"move {', '.join(others)} elsewhere, or, if all are classes, list them in class_names"
        )
    train = from_folder(root / parts["train"], class_names=class_names, **options)
    found = {"train": train}
    for part, name in parts.items():
        if part != "train":
            unknown = sorted(set(layout.folders_in(root / name)) - set(train.class_names))
            if unknown and class_names is None:
                raise FormatError(
                    f"{root / name}: expected the classes of {root / parts['train']}, got also {', '.join(unknown)}"
                )
            found[part] = from_folder(root / name, class_names=train.class_names, **options)
    return found


def _arrays(root: "Path", class_names: Sequence[str] | None, channels_last: bool, budget: Budget) -> dict[str, Dataset]:
    from minidl.datasets.layout import part_called

    options: dict[str, Any] = {"channels_last": channels_last, "class_names": class_names, "budget": budget}
    names = list(load_arrays(root, budget=budget)[0])
    endings = [name.removeprefix("x_") for name in names if name.startswith("x_") and part_called(name[2:])]
    if "train" not in endings:
        return {"train": from_npz(root, **options)}
    found: dict[str, Dataset] = {}
    for ending in endings:
        part = part_called(ending) or ""
        if part in found:
            raise FormatError(f"{root}: expected the {part} images once, got also x_{ending}")
        found[part] = from_npz(root, images=f"x_{ending}", labels=f"y_{ending}", **options)
    most = max((data.class_names for data in found.values()), key=len)
    return {part: Dataset(data.images, data.labels, most) for part, data in found.items()}
