"""All that a PyTorch file may name: tensors, their storages and a few plain things, each as harmless data."""

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from minidl.errors import FormatError

MOST_AXES = 64
LONGEST_NAME = 100
LARGEST = 2**63 - 1

WIDEST = 2**61 - 1
"""Ints from here on are no keys: made for it, they all fall on one place of a dict."""

DTYPES = {
    "float64": "<f8", "float32": "<f4", "float16": "<f2", "bfloat16": "bfloat16", "complex64": "<c8",
    "complex128": "<c16", "int64": "<i8", "int32": "<i4", "int16": "<i2", "int8": "<i1", "uint8": "<u1",
    "uint16": "<u2", "uint32": "<u4", "uint64": "<u8", "bool": "?",
}  # fmt: skip
"""PyTorch's element types by name, each as NumPy has it, but for bfloat16."""

STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128", "LongStorage": "int64",
    "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool", "UntypedStorage": None,
}  # fmt: skip
"""The element types of storages; one that is untyped has its tensor's."""


class Storage(NamedTuple):
    """Where a tensor's numbers are: `size` elements of `dtype`, or bytes where it's None, from `start` on."""

    key: str
    dtype: str | None
    size: int
    start: int = 0


class Tensor(NamedTuple):
    """A tensor that isn't read yet: sizes, and strides and an offset in elements of its storage."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Thing:
    """What stands in the place of a value that is of no use here, such as a device or a set."""

    __slots__ = ()


class Name:
    """A name from the list, and what calling it gives."""

    __slots__ = ("call", "name", "value")

    def __init__(self, name: str, call: Callable[..., Any] | None = None, value: Any = None) -> None:
        self.name, self.call, self.value = name, call, value


def whole(value: Any, what: str) -> int:
    """An int that may be a size. Raises FormatError for another."""
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise FormatError(f"{what}: expected an int of at least 0 and less than 2**63")
    return value


def _sizes(values: Any, what: str) -> tuple[int, ...]:
    if not isinstance(values, tuple | list) or len(values) > MOST_AXES:
        raise FormatError(f"a tensor's {what}: expected a tuple of at most {MOST_AXES} ints")
    return tuple(whole(value, f"a tensor's {what}") for value in values)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Tensor:
    """`_rebuild_tensor` and `_rebuild_tensor_v2`: what follows tells of gradients and hooks."""
    del rest
    if not isinstance(storage, Storage):
        raise FormatError("a tensor without a storage")
    return _of(storage, storage.dtype, offset, shape, strides)


def _typed_tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, trains: Any, hooks: Any, dtype: Any, *rest: Any
) -> Tensor:
    """`_rebuild_tensor_v3`, of an untyped storage."""
    del trains, hooks, rest
    if not isinstance(storage, Storage) or not isinstance(dtype, Name):
        raise FormatError("a tensor without a storage, or without an element type")
    return _of(storage, dtype.value, offset, shape, strides)


def _of(storage: Storage, dtype: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    if not isinstance(dtype, str) or storage.dtype not in (None, dtype):
        raise FormatError("a tensor without an element type, or with one that isn't its storage's")
    made = Tensor(
        storage, dtype, whole(offset, "a tensor's offset"), _sizes(shape, "shape"), _sizes(strides, "strides")
    )
    if len(made.shape) != len(made.strides):
        raise FormatError(f"a tensor of {len(made.shape)} axes with {len(made.strides)} strides")
    return made


def _parameter(data: Any, *rest: Any) -> Tensor:
    del rest
    if not isinstance(data, Tensor):
        raise FormatError("a parameter that isn't made of a tensor")
    return data


def _with_attributes(function: Any, kind: Any, arguments: Any, *rest: Any) -> Tensor:
    """`_rebuild_from_type_v2`: a tensor or parameter that somebody has given attributes."""
    del kind, rest
    rebuilders = (_tensor, _typed_tensor, _parameter)
    is_known = isinstance(function, Name) and function.call in rebuilders
    if not is_known or not isinstance(arguments, tuple) or len(arguments) > MOST_AXES:
        raise FormatError("a tensor that isn't rebuilt from a storage")
    made: Tensor = function.call(*arguments)
    return made


def _ordered(pairs: Any = ()) -> dict[Any, Any]:
    if not isinstance(pairs, list | tuple) or not all(
        isinstance(each, list | tuple) and len(each) == 2 for each in pairs
    ):
        raise FormatError("an OrderedDict that isn't made of pairs")
    return {plain_key(key): value for key, value in pairs}


def plain_key(key: Any) -> Any:
    """A key that is cheap to hash; of others it is only known that there is one."""
    if isinstance(key, str | bool | float | bytes | None) or (type(key) is int and abs(key) < WIDEST):
        return key
    return Thing()


def _thing(*values: Any) -> Thing:
    del values
    return Thing()


BUILTINS = ("builtins", "__builtin__")

NAMES: dict[str, Name] = {
    each.name: each
    for each in (
        Name("collections.OrderedDict", _ordered),
        Name("torch._utils._rebuild_tensor", _tensor),
        Name("torch._utils._rebuild_tensor_v2", _tensor),
        Name("torch._utils._rebuild_tensor_v3", _typed_tensor),
        Name("torch._utils._rebuild_parameter", _parameter),
        Name("torch._utils._rebuild_parameter_with_state", _parameter),
        Name("torch._tensor._rebuild_from_type_v2", _with_attributes),
        Name("torch.Tensor"),
        Name("torch.nn.parameter.Parameter"),
        Name("torch.Size", lambda sizes=(): tuple(sizes) if isinstance(sizes, list | tuple) else Thing()),
        *(Name(name, _thing) for name in ("torch.device", "collections.Counter", "_codecs.encode")),
        *(Name(f"{module}.{kind}", _thing) for module in BUILTINS for kind in ("set", "bytearray", "complex")),
        *(Name(f"torch.{name}", None, dtype) for name, dtype in STORAGES.items()),
        Name("torch.storage.UntypedStorage"),
        *(Name(f"torch.{name}", None, name) for name in DTYPES),
    )
}
"""All that a pickle may name. A name isn't looked up anywhere else, so nothing is imported and nothing is run."""


def refuse_name(name: str) -> NoReturn:
    """Raise the FormatError for a name that isn't listed."""
    shown = repr(name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}...")
    if name.startswith("torch._utils._rebuild_") or (name.startswith("torch.") and name.count(".") == 1):
        raise FormatError(f"it has tensors of {shown}, which minidl can't read: save dense ones of floats or integers")
    raise FormatError(
        f"it names {shown}: it holds a whole pickled module, or another object that only code can make, and none is "
        "run or imported; if you trust the file, load it in PyTorch with weights_only=False and save the tensors "
        'alone: torch.save(model.state_dict(), "weights.pth")'
    )
