"""The files of a data set: their names, the hash of what each must hold, and how they are read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from minidl.datasets.idx import AnyArray, parse, read_content
from minidl.errors import FormatError

LONGEST_FILE = 1 << 30
"""Bytes, compressed or not, beyond which a file can't belong to any data set here."""


@dataclass(frozen=True)
class Collection:
    """The files that make up a data set, and where they come from.

    `digests` maps each file's name, without `.gz`, to the SHA-256 of its decompressed bytes. `folder_name` is
    the folder that holds them in a cache, and `address`, with a slash at its end, where `name.gz` is downloaded.
    """

    title: str
    folder_name: str
    digests: Mapping[str, str]
    address: str = ""
    debian_package: str = ""


def find_file(folder: Path, name: str) -> Path | None:
    """Return the path of `name.gz` or else of `name` in a folder, or None if neither is there."""
    for path in (folder / f"{name}.gz", folder / name):
        # os.path.isfile, unlike Path.is_file, says no to a folder that may not be entered.
        if os.path.isfile(path):
            return path
    return None


def has_files(collection: Collection, folder: Path) -> bool:
    """Tell whether a folder has all files of a data set; what they hold is not looked at."""
    return all(find_file(folder, name) is not None for name in collection.digests)


def read_folder(collection: Collection, folder: Path) -> dict[str, AnyArray]:
    """Read all files of a data set from one folder: arrays by the files' names, without `.gz`.

    Raises FileNotFoundError, naming the folder and the files that are missing, or FormatError, naming the file
    that isn't the original.
    """
    paths = {name: find_file(folder, name) for name in collection.digests}
    missing = ", ".join(name for name, path in paths.items() if path is None)
    if missing:
        raise FileNotFoundError(f"{collection.title}: {folder} hasn't got {missing} (with or without .gz)")
    return {name: read_verified(path, collection.digests[name]) for name, path in paths.items() if path is not None}


def read_verified(path: Path, digest: str, name: str | None = None) -> AnyArray:
    """Read an IDX file, gzipped or not, whose decompressed bytes have the SHA-256 `digest`.

    Hash and array come from the same bytes, read once. Raises FormatError, which calls the file `name` (by
    default its path), if it is not the original.
    """
    name = str(path) if name is None else name
    content = read_content(path, name, longest=LONGEST_FILE)
    import hashlib  # a tenth of the time of importing minidl, for those who read no data set

    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise FormatError(f"{name}: not the original file: the SHA-256 of its content is {found}, expected {digest}")
    return parse(content, name)
