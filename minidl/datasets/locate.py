"""Where a data set is looked for: the environment, the user's cache, the system, the original server."""

import os
import sys
from pathlib import Path

from minidl.datasets.download import download
from minidl.datasets.files import Collection, has_files, read_folder
from minidl.datasets.idx import AnyArray

ENVIRONMENT_VARIABLE = "MINIDL_DATA"
SYSTEM_FOLDER = Path("/usr/share/datasets")
"""Where Debian and its relatives install data sets."""


def load(collection: Collection, folder: str | os.PathLike[str] | None = None) -> dict[str, AnyArray]:
    """Read a data set from `folder`, or from the first place that has all its files; else download it.

    Returns arrays by the files' names, without suffix. Raises FormatError if a file isn't the original, and
    FileNotFoundError, with what to install or set, if `folder` lacks a file or all places fail.
    """
    folder = collection.packaged_in if folder is None else folder
    if folder is not None:
        return read_folder(collection, Path(folder))
    found = find(collection)
    if found is not None:
        return read_folder(collection, found)
    cache = download_folder(collection)
    try:
        return download(collection, cache)
    except (ImportError, OSError) as error:
        if isinstance(error, ImportError):
            trouble = f"it can't be downloaded without pooch ({error})"
        else:
            trouble = f"the download from {collection.address} to {cache} failed ({error})"
        looked_in = ", ".join(map(str, places(collection)))
        raise FileNotFoundError(
            f"{collection.title} is in none of {looked_in}, and {trouble}. {_remedies(collection)}"
        ) from error


def find(collection: Collection) -> Path | None:
    """The first place that has all files of a data set, whatever they hold; None if there is none."""
    return next((place for place in places(collection) if has_files(collection, place)), None)


def places(collection: Collection) -> list[Path]:
    """The folders where a data set is looked for, in this order; those of the package alone for what it carries."""
    if collection.packaged_in is not None:
        return [Path(collection.packaged_in)]
    return [
        *environment_folders(collection),
        download_folder(collection),
        SYSTEM_FOLDER / collection.folder_name,
    ]


def download_folder(collection: Collection) -> Path:
    """Where a download goes to."""
    return cache_folder() / collection.folder_name


def environment_folders(collection: Collection) -> list[Path]:
    """Return the folders that the environment variable MINIDL_DATA names: itself, and its folder for the data set.

    Itself only if its files can't be taken for those of another data set.
    """
    value = os.environ.get(ENVIRONMENT_VARIABLE)
    if not value:
        return []
    folder = Path(os.path.expanduser(value))
    own = folder / collection.folder_name
    return [own] if collection.shares_names else [folder, own]


def cache_folder() -> Path:
    """Return the folder for what can be downloaded again.

    It is `minidl` in $XDG_CACHE_HOME or, without it, where the platform keeps caches.

    Source: XDG Base Directory Specification, by which a relative path in the variable is ignored.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):
        return Path(base, "minidl")
    home = os.path.expanduser("~")
    if not os.path.isabs(home):  # a user without a home: never make a folder called "~"
        import tempfile  # seldom needed, and slow to import

        home = tempfile.gettempdir()
    if sys.platform == "darwin":
        return Path(home, "Library", "Caches", "minidl")
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path(home, "AppData", "Local"), "minidl", "Cache")
    return Path(home, ".cache", "minidl")


def _remedies(collection: Collection) -> str:
    """Say what brings the files here, one way a line."""
    lines = ['Any of these helps:\n  pip install "minidl[data]"  (and a connection, to download it)']
    if collection.debian_package:
        lines.append(f"  apt-get install {collection.debian_package}  (Debian, Ubuntu)")
    names = ", ".join(collection.digests) + (", gzipped or not" if collection.suffix == ".gz" else "")
    place = f"whose folder {collection.folder_name} holds" if collection.shares_names else "that holds"
    lines.append(f"  {ENVIRONMENT_VARIABLE}=folder  (in the environment: a folder {place} {names})")
    return "\n".join(lines)
