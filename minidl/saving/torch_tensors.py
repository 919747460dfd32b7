"""Tensors of a PyTorch file as arrays: which of them, under which names, and how each lies in its storage."""

from collections.abc import Iterator
from typing import IO, Any, Protocol

import numpy as np

from minidl.errors import FormatError
from minidl.saving.archive import damage_named, shortened
from minidl.saving.budget import Budget
from minidl.saving.npz import CHUNK_SIZE, NAME_LIMIT, AnyArray
from minidl.saving.torch_names import DTYPES, Storage, Tensor

WRAPPERS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "params_ema", "params"),
    *("weights", "generator", "ema", "module"),
)
"""The names under which trainings keep a model's tensors in a file with other things, the likeliest first."""

MOST_NAMES = 100_000
"""Tensors, and dicts and lists that may hold some, each counted wherever it is met."""

MOST_VALUES = 2_000_000
"""Other values in these dicts and lists."""

BARE = "tensor"
"""The name of a tensor that a file holds by itself."""

SCALARS = bool | int | float | str | None
BFLOAT16 = "bfloat16"
WIDENED = {"float16": np.dtype(np.float32), BFLOAT16: np.dtype(np.float32)}
"""Half floats come as float32, in which they are all exact."""


class Source(Protocol):
    """Where storages lie."""

    def sizes(self, key: str) -> int:
        """Bytes of a storage. Raises FormatError where there is none."""
        ...

    def open(self, key: str) -> IO[bytes]:
        """A file that stands at its first byte."""
        ...

    order: str
    """"<" or ">": that of the bytes."""


def width(dtype: str | None) -> int:
    """Bytes of an element, or 1 of a storage without a type."""
    return 1 if dtype is None else 2 if dtype == BFLOAT16 else np.dtype(DTYPES[dtype]).itemsize


def loaded(
    root: Any, source: Source, key: str | None, budget: Budget, stored: int
) -> tuple[dict[str, AnyArray], dict[str, Any]]:
    """(arrays, metadata) of what the pickle held."""
    found = _wrapper(root) if key is None else key or None
    metadata: dict[str, Any] = {"format": "pytorch", "key": found}
    chosen = root
    if found is not None:
        if not isinstance(root, dict) or found not in root:
            known = ", ".join(map(repr, root)) if isinstance(root, dict) and len(root) < 50 else "none"
            raise FormatError(f"no entry {found!r}; there are: {shortened(known)}")
        chosen = root[found]
        metadata["left_out"] = [name for name in root if isinstance(name, str) and name != found]
    if isinstance(root, dict):
        metadata["values"] = {
            name: value
            for name, value in root.items()
            if isinstance(name, str)
            and isinstance(value, SCALARS)
            and not (isinstance(value, str) and len(value) > 1000)
        }
    if not isinstance(chosen, dict | list | tuple):
        raise FormatError("no tensors in it, but a single value")
    tensors = {BARE: chosen} if isinstance(chosen, Tensor) else dict(_named(chosen, budget))
    return _arrays(tensors, source, budget, stored), metadata


def _wrapper(root: Any) -> str | None:
    """The entry that holds a model's tensors beside other things, or None where there is no such entry."""
    for name in WRAPPERS if isinstance(root, dict) else ():
        entry = root.get(name)
        if isinstance(entry, dict) and any(isinstance(value, Tensor) for value in entry.values()):
            return name
    return None


def _named(root: Any, budget: Budget) -> Iterator[tuple[str, Tensor]]:
    """(dotted name, tensor) of what lies in dicts and lists, in their order. Raises FormatError for too many."""
    names: set[str] = set()
    seen = met = 0
    waiting: list[tuple[str, Any, int]] = [("", root, 0)]
    while waiting:
        name, value, depth = waiting.pop()
        if len(name) > NAME_LIMIT:
            raise FormatError(f"a name of {len(name)} characters, more than the {NAME_LIMIT} allowed")
        if isinstance(value, Tensor):
            if name in names:
                raise FormatError(f"two tensors of the name {shortened(name)!r}")
            names.add(name)
            yield name, value
        elif not isinstance(value, Storage):
            if depth > budget.depth:
                raise FormatError(f"values are nested more than {budget.depth} deep in dicts and lists")
            seen += len(value)
            if seen > MOST_VALUES:
                raise FormatError(f"more than the {MOST_VALUES} values allowed in dicts and lists")
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            prefix = f"{name}." if name else ""
            inner = [
                (f"{prefix}{key}", item, depth + 1)
                for key, item in pairs
                if isinstance(key, str | int) and isinstance(item, Tensor | dict | list | tuple)
            ]
            met += len(inner)
            if met > MOST_NAMES:
                raise FormatError(f"more than the {MOST_NAMES} tensors, dicts and lists allowed")
            waiting += reversed(inner)


def _arrays(tensors: dict[str, Tensor], source: Source, budget: Budget, stored: int) -> dict[str, AnyArray]:
    """The tensors, read. All sizes are checked before the first is."""
    total = 0
    by_storage: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        with damage_named(shortened(name)):
            total += _check(tensor, source)
        by_storage.setdefault(tensor.storage.key, {})[name] = tensor
    budget.check_arrays(total, stored)
    read: dict[str, AnyArray] = {}
    for key, sharing in by_storage.items():
        with damage_named(f"storage {shortened(key)!r}"):
            data = _bytes(source, key)
            for name, tensor in sharing.items():
                read[name] = _array(tensor, data, source.order)
    return {name: read[name] for name in tensors}


def _check(tensor: Tensor, source: Source) -> int:
    """Bytes that the array takes. Raises FormatError where it doesn't lie in its storage."""
    storage, itemsize = tensor.storage, width(tensor.dtype)
    room = (storage.start + storage.size) * width(storage.dtype)
    if room > source.sizes(storage.key):
        raise FormatError(f"a storage of {room} bytes, but the file has {source.sizes(storage.key)} of it")
    count = 1
    for size in tensor.shape:
        count *= size
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    if count and (last + 1) * itemsize > storage.size * width(storage.dtype):
        raise FormatError(
            f"shape {tensor.shape}, strides {tensor.strides} and offset {tensor.offset} reach element {last} of a "
            f"storage of {storage.size * width(storage.dtype) // itemsize}"
        )
    return count * (4 if tensor.dtype in WIDENED else itemsize)


def _bytes(source: Source, key: str) -> AnyArray:
    """All bytes of a storage."""
    data = np.empty(source.sizes(key), np.uint8)
    stream = source.open(key)
    for start in range(0, data.size, CHUNK_SIZE):
        chunk = data[start : start + CHUNK_SIZE]
        read = stream.read(chunk.size)
        if len(read) != chunk.size:
            raise FormatError(f"the data end after {start + len(read)} of {data.size} bytes")
        chunk[:] = np.frombuffer(read, np.uint8)
    return data


def _array(tensor: Tensor, data: AnyArray, order: str) -> AnyArray:
    """A tensor's numbers, in memory of their own and in the machine's byte order."""
    code = "u2" if tensor.dtype == BFLOAT16 else DTYPES[tensor.dtype].lstrip("<")
    dtype = np.dtype(code if code == "?" else order + code)
    storage = tensor.storage
    first, itemsize = storage.start * width(storage.dtype), dtype.itemsize
    flat = data[first : first + storage.size * width(storage.dtype) // itemsize * itemsize].view(dtype)
    is_empty = 0 in tensor.shape
    # What isn't walked along may have any stride.
    axes = zip(tensor.shape, tensor.strides, strict=True)
    strides = [0 if is_empty or size == 1 else stride * itemsize for size, stride in axes]
    flat = np.empty(1, dtype) if is_empty else flat[tensor.offset :]
    view = np.lib.stride_tricks.as_strided(flat, tensor.shape, strides, writeable=False)
    if tensor.dtype == BFLOAT16:
        bits = view.astype(np.uint32, order="C")
        bits <<= 16  # it's the upper half of a float32
        return bits.view(np.float32)
    # NumPy takes the bytes of a bool for 0 or 1 without looking, and computes nonsense from any other.
    if dtype.kind == "b" and view.view(np.uint8).max(initial=0) > 1:
        raise FormatError("a bool that is neither 0 nor 1")
    return view.astype(WIDENED.get(tensor.dtype, dtype.newbyteorder("=")), order="C")
