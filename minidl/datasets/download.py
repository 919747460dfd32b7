"""Downloads: into a temporary folder, verified there, and only then moved into the cache."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from minidl.datasets.files import LONGEST_FILE, Collection
from minidl.datasets.idx import AnyArray
from minidl.display import quantity
from minidl.display.progress import DELAY_SECONDS, Bar
from minidl.saving.atomic import OLD

TIMEOUT = 30
"""Seconds that a server may stay silent."""


class BoundedFile:
    """A file that takes LONGEST_FILE bytes and then refuses: a server may send without end."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def write(self, chunk: bytes) -> int:
        """Write, or raise OSError once the file is too long."""
        if self.file.tell() + len(chunk) > LONGEST_FILE:
            raise OSError(f"the server sent more than {LONGEST_FILE} bytes")
        return self.file.write(chunk)

    def flush(self) -> None:
        """Pass on what is buffered."""
        self.file.flush()


def download(collection: Collection, folder: Path) -> dict[str, AnyArray]:
    """Download the files of a data set to `folder`, and return their arrays by name.

    All or nothing: the folder is made only once every file is verified. Raises ImportError if pooch isn't
    installed, OSError if the server or the disk fails, and FormatError, naming the address, if a file isn't
    the original.
    """
    import pooch  # here, because it is an extra that nobody needs who has the files

    # Beside its destination: a rename is atomic only within one file system.
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    import tempfile  # seldom needed, and slow to import

    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        arrays = {}
        for name, digest in collection.digests.items():
            file_name = name + collection.suffix
            path = Path(temporary, file_name)
            _fetch(pooch.HTTPDownloader, collection.address + file_name, path)
            arrays[name] = collection.read(path, digest, collection.address + file_name)
        folder.mkdir(exist_ok=True)
        for name in arrays:
            file_name = name + collection.suffix
            os.replace(Path(temporary, file_name), folder / file_name)
    return arrays


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed in a download of this data set have left, a day ago or earlier."""
    import shutil

    for left in folder.parent.glob(f".{folder.name}-*"):
        with contextlib.suppress(OSError):
            if left.is_dir() and not left.is_symlink() and time.time() - left.stat().st_mtime > OLD:
                shutil.rmtree(left)


class DownloadBar:
    """A bar for pooch's progress of a download, with the methods that pooch calls."""

    total = 0

    def __init__(self, bar: Bar) -> None:
        self.bar, self.done = bar, 0

    def update(self, count: int) -> None:
        """Count more bytes; the last chunk is counted as a full one."""
        self.done += count
        self.bar.total = self.bar.samples = self.total
        self.bar.update(min(self.done, self.total) if self.total else self.done)

    def reset(self) -> None:
        """What has come is about to be told again, exactly."""
        self.done = 0

    def close(self) -> None:
        """The bar is taken away by those who made it."""


def _fetch(downloader: Callable[..., Any], address: str, path: Path) -> None:
    """Download one file, with a progress bar if someone watches, and make sure that the disk has it."""
    # pooch leaves the connection open when a download fails; the stack closes whatever was answered.
    with contextlib.ExitStack() as answers, open(path, "wb") as file:

        def keep(answer: Any, **_: object) -> None:
            answers.callback(answer.close)

        bar = answers.enter_context(Bar(0, path.name, unit="", show=quantity.size, delay=DELAY_SECONDS))
        try:
            fetch = downloader(
                progressbar=DownloadBar(bar), chunk_size=1 << 16, timeout=TIMEOUT, hooks={"response": keep}
            )
            fetch(address, BoundedFile(file), None)
        except ValueError as error:  # a malformed address or header of the answer
            raise OSError(f"{address}: {error}") from error
        file.flush()
        os.fsync(file.fileno())
