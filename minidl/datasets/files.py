"""The files of a data set: their names, the hash of what each must hold, and how they are read."""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from minidl.datasets.idx import AnyArray, parse, read_content
from minidl.errors import FormatError
from minidl.typing import StrPath

LONGEST_FILE = 1 << 30
"""Bytes, compressed or not, beyond which a file can't belong to any data set here."""


def read_verified(path: StrPath, digest: str, name: str) -> AnyArray:
    """Read an IDX file, gzipped or not, whose decompressed bytes have the SHA-256 `digest`.

    Hash and array come from the same bytes, read once. Raises FormatError, which calls the file `name`, if it is not
    the original.
    """
    content = read_content(path, name, longest=LONGEST_FILE)
    check_digest(content, digest, name)
    return parse(content, name)


def check_digest(content: bytes | bytearray, digest: str, name: str) -> None:
    """Raise FormatError, which calls the file `name`, unless the content has this SHA-256."""
    import hashlib  # a tenth of the time of importing minidl, for those who read no data set

    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise FormatError(f"{name}: not the original file: the SHA-256 of its content is {found}, expected {digest}")


class Collection(NamedTuple):
    """The files that make up a data set, and where they come from.

    `digests` maps each file's name, without `suffix`, to the SHA-256 by which `read(path, digest, name)` knows it (of
    IDX files, of the decompressed bytes). `folder_name` is the folder that holds them in a cache, and `address`, with a
    slash at its end, where name and suffix are downloaded. A collection that `shares_names` with another is only looked
    for in folders of its own, and one that is `packaged_in` a folder of minidl only there.
    """

    title: str
    folder_name: str
    digests: Mapping[str, str]
    address: str = ""
    debian_package: str = ""
    shares_names: bool = False
    suffix: str = ".gz"
    packaged_in: StrPath | None = None
    read: Callable[[StrPath, str, str], AnyArray] = read_verified


def find_file(folder: StrPath, name: str, suffix: str = ".gz") -> str | None:
    """Return the path of a name with the suffix or else without it in a folder, or None if neither is there."""
    for file_name in (f"{name}{suffix}", name):
        path = os.path.join(folder, file_name)
        # Unlike Path.is_file, this says no to a folder that may not be entered.
        if os.path.isfile(path):
            return path
    return None


def has_files(collection: Collection, folder: StrPath) -> bool:
    """Tell whether a folder has all files of a data set; what they hold is not looked at."""
    return all(find_file(folder, name, collection.suffix) is not None for name in collection.digests)


def read_folder(collection: Collection, folder: StrPath) -> dict[str, AnyArray]:
    """Read all files of a data set from one folder: arrays by the files' names, without suffix.

    Raises FileNotFoundError, naming the folder and the files that are missing, or FormatError, naming the file
    that isn't the original.
    """
    paths = {name: find_file(folder, name, collection.suffix) for name in collection.digests}
    missing = ", ".join(name for name, path in paths.items() if path is None)
    if missing:
        either = f" (with or without {collection.suffix})" if collection.suffix else ""
        raise FileNotFoundError(f"{collection.title}: {folder} hasn't got {missing}{either}")
    return {
        name: collection.read(path, collection.digests[name], path) for name, path in paths.items() if path is not None
    }
