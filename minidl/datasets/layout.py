"""Which folders of a folder are classes, which are parts such as train and test, and what pictures are in one."""

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from minidl.datasets import formats
from minidl.display.streams import legible
from minidl.errors import FormatError
from minidl.errors.warned import warn

PARTS = {
    "train": re.compile("train(ing)?"),
    "validation": re.compile("val|valid|validation"),
    "test": re.compile("test(ing)?"),
}
"""The parts of a data set, and what their folders are called, in any case."""

ENDING = re.compile("[ _-]?(set|data|images|split)$")
"""What else may follow: test_set, train-images."""

WITHIN = {part: re.compile(rf"(?<![a-z])({pattern.pattern})(?![a-z])") for part, pattern in PARTS.items()}
"""The same, as a word in a longer name: train2017, seg_test."""

FOREIGN = ("__MACOSX", "@eaDir")
"""Folders that programs leave behind, of archives and of thumbnails."""


def folders_in(root: Path) -> list[str]:
    """The names of the folders in a folder, in alphabetical order, without hidden ones.

    Raises FileNotFoundError for a folder that isn't there and for a link that leads nowhere, and NotADirectoryError.
    """
    if not root.exists():
        raise FileNotFoundError(f"{root}: there is no such folder")
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: expected a folder, got a file")
    found = []
    with os.scandir(root) as entries:  # which asks the disk about links alone
        for entry in entries:
            if _is_foreign(entry.name):
                continue
            if entry.is_symlink():
                _check_link(root / entry.name)
            if entry.is_dir():
                found.append(entry.name)
    return sorted(found)


def parts_among(root: Path, names: Sequence[str]) -> dict[str, str]:
    """{"train": "Training", ...}: which of the folders in `root` are called like parts of a data set.

    They are called so alone, or at least two of them in the same longer name: train2017 and val2017. Raises FormatError
    where two are called like the same part.
    """
    found: dict[str, str] = {}
    for name in names:
        part = part_called(name)
        if part in found:
            raise FormatError(f"{root}: expected one folder for {part}, got {found[part]} and {name}")
        if part is not None:
            found[part] = name
    if not found:
        series: dict[str, dict[str, str]] = {}
        for name in names:
            for part, pattern in WITHIN.items():
                rest, count = pattern.subn("*", name.casefold())
                if count:
                    series.setdefault(rest, {})[part] = name
        found = next((each for each in series.values() if len(each) > 1), {})
    return {part: found[part] for part in PARTS if part in found}


def part_called(name: str) -> str | None:
    """The part of a data set that a name, of a folder or an array, means: "train", "validation", "test" or None."""
    word = ENDING.sub("", name.casefold())
    return next((part for part, pattern in PARTS.items() if pattern.fullmatch(word)), None)


def class_folders(root: Path, class_names: Sequence[str] | None) -> tuple[str, ...]:
    """The names of the classes in `root`: its folders, or those of `class_names`, each of which must be there.

    `class_names` may have bytes that aren't UTF-8 as escapes, as data sets have them.
    Raises FileNotFoundError, TypeError and ValueError for other `class_names`, and FormatError for folders that aren't
    classes, as far as their names tell, for a single one, and for two that are the same.
    """
    found = folders_in(root)
    if class_names is None:
        _check_found(root, found)
        names = tuple(found)
    else:
        folders = {legible(name): name for name in found} | {name: name for name in found}
        names = tuple(folders.get(name, name) for name in checked_names(class_names))
        missing = [name for name in names if name not in found]
        if missing:
            raise FileNotFoundError(
                f"{root}: it has no folder {', '.join(missing)}; there are {', '.join(found) or 'none'}{_loose(root)}"
            )
    places: dict[str, str] = {}
    for name in names:
        place = os.path.realpath(root / name)
        if place in places:
            raise FormatError(f"{root}: the folders {places[place]} and {name} are links to the same one")
        places[place] = name
    return names


def checked_names(class_names: Sequence[str]) -> tuple[str, ...]:
    """The names as a tuple. Raises TypeError and ValueError, unless they are texts that differ, at least one."""
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in class_names):
        raise TypeError(f"class_names: expected a sequence of strings, got {class_names!r}")
    names = tuple(class_names)
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise ValueError(f"class_names: expected each name once, got {twice!r} twice")
    if not names:
        raise ValueError("class_names: expected at least one name, got none")
    return names


def pictures_in(folder: Path) -> list[Path]:
    """The pictures in a folder and those within it, in the order of their paths, without hidden ones.

    Warns of photos in formats that aren't read. Raises FileNotFoundError if there is no picture, and for a link that
    leads nowhere.
    """
    suffixes, others = formats.readable(), formats.unreadable()
    found = sorted(_walk(folder, suffixes + others))
    paths = [path for path in found if path.suffix.lower() in suffixes]
    unread = [path for path in found if path.suffix.lower() in others]
    for path in paths:
        _check_link(path)
    told = ""
    if unread:
        kinds = sorted({path.suffix.lower() for path in unread})
        help = "; ".join(f"{kind}: {formats.remedy(kind)}" for kind in kinds)
        told = (
            f"{len(unread)} files such as {unread[0].name} are ignored, since {', '.join(kinds)} can't be read; {help}"
        )
    if not paths:
        raise FileNotFoundError(f"{folder}: no pictures in it ({' '.join(suffixes)}){told and f'; {told}'}")
    if told:
        warn(f"{folder}: {told}")
    return paths


def has_pictures(folder: Path) -> bool:
    """Whether there is any in a folder or within it."""
    return next(_walk(folder, formats.readable()), None) is not None


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    seen = {os.path.realpath(folder)}  # links may lead to one folder twice, or back to where the walk came from
    for place, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        kept = []
        for name in sorted(folders):
            target = os.path.realpath(Path(place, name))
            if target not in seen and not _is_foreign(name):
                seen.add(target)
                kept.append(name)
        folders[:] = kept
        for name in files:
            path = Path(place, name)
            if not _is_foreign(name) and path.suffix.lower() in suffixes and (path.is_file() or path.is_symlink()):
                yield path


def _check_found(root: Path, found: list[str]) -> None:
    if not found:
        raise FileNotFoundError(f"{root}: expected a folder for each class in it, got none{_loose(root)}")
    parts = sorted(parts_among(root, found).values())
    if parts:
        calls = ", ".join(f"from_folder({str(root / name)!r})" for name in parts)
        look = "look like parts" if len(parts) > 1 else "looks like a part"
        raise FormatError(
            f"{root}: {', '.join(parts)} {look} of a data set, not like classes; from_splits reads them all, "
            f"and {calls} one alone. If they are classes, say so: class_names=[{_some(found)}]"
        )
    for name in found:
        inner = sorted(parts_among(root / name, folders_in(root / name)).values())
        if len(inner) > 1:
            raise FormatError(
                f"{root / name}: expected pictures of a class, got folders called like parts of a data set, "
                f"{', '.join(inner)}; put the folders of classes into those of parts, {inner[0]}/{name}, or, if the "
                "parts don't matter, name the classes by class_names"
            )
    if len(found) == 1:
        inner = folders_in(root / found[0])
        hint = f"; there are {_some(inner)} in that: read {root / found[0]}" if len(inner) > 1 else ""
        raise FormatError(
            f"{root}: expected a folder for each of at least two classes, got {found[0]!r} alone{hint}. If there "
            f"is only one class, say so: class_names=[{_some(found)}]"
        )
    alike: dict[str, str] = {}
    for name in found:
        key = unicodedata.normalize("NFC", name).casefold()
        if key in alike:
            raise FormatError(
                f"{root}: the folders {alike[key]!r} and {name!r} have the same name but for its case or accents' "
                "form; make them one, or name the classes by class_names"
            )
        alike[key] = name


def _loose(root: Path) -> str:
    has_files = any(path.suffix.lower() in formats.SUFFIXES for path in root.iterdir())
    return "; pictures that lie there have no class" if has_files else ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")


def _is_foreign(name: str) -> bool:
    return name.startswith(".") or name in FOREIGN


def _raise(error: OSError) -> None:
    raise error


def _check_link(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        raise FileNotFoundError(f"{path}: a link that leads nowhere")
