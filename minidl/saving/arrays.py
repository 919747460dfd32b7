"""Named arrays in files: read by what a file is, written by its suffix."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from minidl.errors import FormatError, keyword_hints
from minidl.process.importing import imported
from minidl.saving import kinds, npz
from minidl.saving.budget import USUAL, Budget
from minidl.saving.files import reading, shown
from minidl.typing import FileOrPath

READERS = {
    "npz": ("minidl.saving.npz", "load_arrays"),
    "safetensors": ("minidl.saving.safetensors_file", "load_safetensors"),
    "torch": ("minidl.saving.torch_file", "load_torch"),
}
"""What gives (arrays, metadata) of a kind of file."""

WRITERS = {
    ".npz": ("minidl.saving.npz", "save_arrays"),
    ".safetensors": ("minidl.saving.safetensors_file", "save_safetensors"),
}
"""What writes arrays to a file of a suffix."""

MODELS = (*WRITERS, ".onnx")
"""The suffixes that models are written by."""


class Arrays(dict[str, npz.AnyArray]):
    """Names and arrays of a file, in its order, and the file's own `metadata`, a dict, empty where it has none."""

    def __init__(self, arrays: Mapping[str, npz.AnyArray] | Iterable[Any] = (), *, metadata: Any = None) -> None:
        super().__init__(arrays)
        self.metadata: dict[str, Any] = dict(metadata or {})


@keyword_hints
def load_arrays(path: FileOrPath, *, key: str | None = None, budget: Budget = USUAL) -> Arrays:
    """The arrays of a file by their names: an .npz file, a safetensors file, or a PyTorch file, whatever its name.

    PyTorch needn't be installed; safetensors needs `pip install "minidl[safetensors]"`. Files by `np.savez` are read as
    well, and files that are open in binary mode, to their end. Every array is in the machine's byte order, and has
    memory of its own. The result's `metadata` is what the file says beside them. Nothing in a file is run.

    Of a PyTorch file with a model's tensors beside an optimizer's, the model's are read; `key` names another entry of
    the file, such as "optimizer", or "" for all there is.

    Raises FormatError, naming the file, where it is of another kind, which it names, is damaged, holds other things
    than numbers and bools, or asks for more memory than `budget` allows, by default 100 times its size; this is known
    before the memory is taken. A missing file is a FileNotFoundError, and a `key` of another kind of file a ValueError.
    """
    kind, source = identified(path)
    if kind is kinds.ONNX:
        raise kinds.refusal(shown(path), kind, "minidl.load reads it, as a model whose state_dict() has its arrays")
    if kind.name not in READERS:
        raise kinds.refusal(shown(path), kind)
    module, function = READERS[kind.name]
    if key is not None and kind is not kinds.TORCH:
        raise ValueError(f"{shown(path)}: key: a PyTorch file has entries; it is {kind.words}")
    entry = {} if key is None else {"key": key}
    arrays, metadata = getattr(imported(module), function)(source, budget=budget, **entry)
    return Arrays(arrays, metadata=metadata)


def save_arrays(
    path: FileOrPath, arrays: Mapping[str, npz.AnyArray], *, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write named arrays, and metadata, to a file, replacing an existing one atomically.

    The suffix decides the format: `.npz`, or `.safetensors`, which needs `pip install "minidl[safetensors]"`. An open
    file, in binary mode, such as an io.BytesIO, gets the bytes of an .npz file, all at once, where it stands, and stays
    open. `np.load` reads an .npz file too; to it the metadata is an array of bytes named `__metadata__`. The same
    arrays in the same order give the same bytes.

    The metadata comes back as JSON has it: tuples as lists, keys as strings. NaN and the infinities are kept, in
    Python's spelling.

    Raises FormatError for another suffix; ValueError for a name that can't be a member (empty, `__metadata__`, with a
    slash, a backslash, `..` or a control character), DTypeError for an array of other things than numbers and bools,
    ValueError or TypeError for metadata that JSON can't hold or that is longer than 16 MiB. All this is checked before
    any work.
    """
    if not isinstance(arrays, Mapping):
        raise TypeError(f"arrays: expected a dict of names and arrays, got {type(arrays).__name__}")
    module, function = WRITERS[suffix_of(path, WRITERS)]
    getattr(imported(module), function)(path, arrays, metadata=metadata)


def identified(path: FileOrPath) -> tuple[kinds.Kind, FileOrPath]:
    """What a file or a folder is, and what to read it from: of a file that is open, what it had from where it stood.

    Raises FileNotFoundError, TypeError for what is no binary file, and FormatError for a device or a pipe.
    """
    if not isinstance(path, str | os.PathLike):
        content = reading(path)
        return kinds.kind_of(content), content
    if os.path.isdir(path):
        return kinds.kind_of_folder(path), path
    with reading(path) as file:
        return kinds.kind_of(file), path


def suffix_of(path: FileOrPath, known: Iterable[str]) -> str:
    """The suffix of a file to write, ".npz" of one that is open. Raises FormatError for one that isn't known."""
    if not isinstance(path, str | os.PathLike):
        return ".npz"
    suffix, *others = os.path.splitext(os.fsdecode(path))[1].lower(), *known
    if suffix not in others:
        wanted = f"{', '.join(others[:-1])} or {others[-1]}"
        raise FormatError(f"{shown(path)}: the suffix decides the format: expected {wanted}, got {suffix or 'none'}")
    return suffix
