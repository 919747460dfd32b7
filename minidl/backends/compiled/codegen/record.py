"""A kernel's integers by name: a tuple of named fields in Python, attributes of an address in machine code.

A kernel's record is a NamedTuple, and its parameter the address at which the fields lie one after the other. A field
that is annotated with another NamedTuple holds that one's fields in its place, and reads as their address.
"""

import functools
import typing
from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, lower_getattr_generic, models, register_model

from minidl.backends.compiled.codegen.llvm import I64

INTEGER_BITS = ir.Constant(I64, 3)
"""By so many bits an address that is counted in integers is shifted to count bytes."""


@functools.cache
def fields_of(record: Any) -> dict[str, tuple[int, Any]]:
    """{name: (place, the NamedTuple that lies there, or None for an integer)}."""
    hints = typing.get_type_hints(record)
    found, place = {}, 0
    for name in record._fields:
        nested = hints[name] if hasattr(hints[name], "_fields") else None
        found[name] = place, nested
        place += 1 if nested is None else size_of(nested)
    return found


def size_of(record: Any) -> int:
    """The number of integers of a record."""
    return sum(1 if nested is None else size_of(nested) for _, nested in fields_of(record).values())


def flattened(values: Iterable[Any]) -> list[Any]:
    """The values of a record in their places, those of records in it among them."""
    flat: list[Any] = []
    for value in values:
        flat += flattened(value) if isinstance(value, tuple) else [value]
    return flat


class RecordType(types.Type):
    """Numba's type of the address, counted in integers, of a record."""

    def __init__(self, record: Any) -> None:
        self.fields = fields_of(record)
        super().__init__(name=f"{record.__module__}.{record.__qualname__}({', '.join(self.fields)}: {size_of(record)})")


@register_model(RecordType)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, I64)


@infer_getattr
class _Fields(AttributeTemplate):
    key = RecordType

    def generic_resolve(self, record, name):
        if name not in record.fields:
            return None
        nested = record.fields[name][1]
        return types.int64 if nested is None else RecordType(nested)


@lower_getattr_generic(RecordType)
def _read(context, builder, record, address, name):
    """Nothing writes to a record while a kernel runs, so LLVM needn't read a field again after a store."""
    place, nested = record.fields[name]
    address = builder.add(address, ir.Constant(I64, place))
    if nested is not None:
        return address
    field = builder.load(builder.inttoptr(builder.shl(address, INTEGER_BITS), I64.as_pointer()))
    field.set_metadata("invariant.load", builder.module.add_metadata([]))
    return field
