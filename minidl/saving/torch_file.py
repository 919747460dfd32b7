"""PyTorch's files of tensors (.pt, .pth, .th), both its zip archives and its older pickles, read without PyTorch."""

import struct
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

from minidl.errors import FormatError, keyword_hints
from minidl.saving import kinds, unpickler
from minidl.saving.archive import check_members, damage_named, member, shortened
from minidl.saving.budget import USUAL, Budget
from minidl.saving.files import reading, shown, size_of
from minidl.saving.npz import AnyArray
from minidl.saving.torch_tensors import Source, loaded, width
from minidl.saving.unpickler import Reader
from minidl.typing import FileOrPath

# zipfile is imported where it's used: it takes longer to import than the rest of minidl's files.

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


@keyword_hints
def load_torch(
    path: FileOrPath, *, key: str | None = None, budget: Budget = USUAL
) -> tuple[dict[str, AnyArray], dict[str, Any]]:
    """Read the tensors that `torch.save` wrote, as arrays by their dotted names, and what the file says beside them.

    Where the tensors of a model are one entry of the file ("state_dict", "model", ...), beside an optimizer's, these
    alone are read, and the metadata say so: {"format": "pytorch", "key": the entry or None, "left_out": the others,
    "values": plain numbers and texts of the file, such as an epoch}. `key` takes another entry, "" all there is.
    Tensors in dicts and lists are named by the way to them, `encoder.0.weight`.

    Every array has memory of its own; float16 and bfloat16 become float32. Devices are ignored.

    Raises FormatError, naming the file, for anything else than tensors and plain values in dicts and lists: nothing in
    the file is run and no name in it is imported, and what asks for more memory than `budget` allows is refused before
    it is taken. A missing file is a FileNotFoundError.

    Source: torch/serialization.py and torch/_weights_only_unpickler.py of PyTorch 2.13.
    """
    with reading(path) as file:
        kind = kinds.kind_of(file)
        if kind is not kinds.TORCH:
            raise kinds.refusal(shown(path), kind)
        with damage_named(shown(path)):
            is_archive = file.read(2) == b"PK"
            file.seek(0)
            if not is_archive:
                root, storages = _legacy(file)
                return loaded(root, storages, key, budget, size_of(file))

            import zipfile

            with zipfile.ZipFile(file) as archive:
                root, members = _zip(file, archive, budget)
                return loaded(root, members, key, budget, size_of(file))


class _Members:
    """Storages as members of a zip archive."""

    def __init__(self, archive: Any, folder: str, order: str) -> None:
        self.archive, self.folder, self.order = archive, folder, order
        self.names = set(archive.namelist())

    def _name(self, key: str) -> str:
        name = f"{self.folder}/data/{key}"
        if name not in self.names:
            raise FormatError(f"{member(name)}: it's missing, although a tensor is in it")
        return name

    def sizes(self, key: str) -> int:
        return int(self.archive.getinfo(self._name(key)).file_size)

    def open(self, key: str) -> IO[bytes]:
        opened: IO[bytes] = self.archive.open(self._name(key))
        return opened


def _zip(file: IO[bytes], archive: Any, budget: Budget) -> tuple[Any, Source]:
    """The pickle of a zip archive, and where its storages are."""
    check_members(file, archive, budget, lambda name: None)
    names = archive.namelist()
    pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
    folder = pickles[0].removesuffix("/data.pkl") if pickles else ""
    if len(pickles) != 1:
        raise FormatError("a zip archive, but not one that torch.save wrote: there is no data.pkl in a single folder")

    def content(name: str, limit: int) -> bytes:
        size = archive.getinfo(name).file_size
        if size > limit:
            raise FormatError(f"{member(name)}: {size} bytes, more than the {limit} allowed")
        read: bytes = archive.read(name)
        return read

    order = content(f"{folder}/byteorder", 100).strip() if f"{folder}/byteorder" in names else b"little"
    if order not in (b"little", b"big"):
        raise FormatError(f"{member(f'{folder}/byteorder')}: expected little or big")
    with damage_named(member(pickles[0])):
        root = Reader(content(pickles[0], unpickler.LONGEST)).read()
    return root, _Members(archive, folder, "<" if order == b"little" else ">")


class _Place(NamedTuple):
    start: int
    size: int


class _Stretches:
    """Storages as stretches of a file, behind its pickles."""

    order = "<"  # PyTorch swaps bytes where it writes these on a machine of the other order

    def __init__(self, file: IO[bytes], places: Mapping[str, _Place]) -> None:
        self.file, self.places = file, places

    def sizes(self, key: str) -> int:
        if key not in self.places:
            raise FormatError(f"there is no storage {shortened(key)!r}, although a tensor is in it")
        return self.places[key].size

    def open(self, key: str) -> IO[bytes]:
        self.file.seek(self.places[key].start)
        return self.file


def _legacy(file: IO[bytes]) -> tuple[Any, Source]:
    """The pickle of a file of before PyTorch 1.6, and where its storages are."""
    reader = Reader(file.read(unpickler.LONGEST))
    if reader.read() != MAGIC:
        raise FormatError("it doesn't begin with PyTorch's magic number")
    version = reader.read()
    if version != PROTOCOL or type(version) is not int:
        raise FormatError(f"a file of another version of PyTorch's format than {PROTOCOL}")
    reader.read()  # sizes of C's types where it was written
    root = reader.read()
    keys = reader.read()
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise FormatError("its list of storages isn't one of names")
    if len(set(keys)) != len(keys):
        raise FormatError("two storages of one name")
    known = reader.storages
    end, place = size_of(file), reader.place
    places = {}
    for key in keys:
        file.seek(place)
        (count,) = struct.unpack("<q", file.read(8))
        if key not in known:
            raise FormatError(f"a storage {shortened(key)!r} that no tensor is in, and so of unknown size")
        size = count * width(known[key].dtype)
        if not 0 <= size <= end - place - 8:
            raise FormatError(f"storage {shortened(key)!r}: {count} elements, but the file ends before")
        places[key] = _Place(place + 8, size)
        place += 8 + size
    return root, _Stretches(file, places)
