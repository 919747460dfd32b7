"""A kernel's integers by name: a tuple of named fields in Python, attributes of an address in machine code.

A kernel's record is a NamedTuple, and its parameter the address at which the fields lie one after the other. A field
that is annotated with another NamedTuple holds that one's fields in its place, and reads as their address; one that is
annotated with `float` holds the bits of a float64. Those of any other annotation are integers.
"""

import functools
import struct
import typing
from collections.abc import Sequence
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, lower_getattr_generic, models, register_model

from minidl.backends.compiled.codegen.llvm import I64

INTEGER_BITS = ir.Constant(I64, 3)
"""By so many bits an address that is counted in integers is shifted to count bytes."""


@functools.cache
def fields_of(record: Any) -> dict[str, tuple[int, Any]]:
    """{name: (place, the NamedTuple that lies there, or float, or int)}."""
    hints = typing.get_type_hints(record)
    found, place = {}, 0
    for name in record._fields:
        kind = hints[name] if hints[name] is float or hasattr(hints[name], "_fields") else int
        found[name] = place, kind
        place += _size_of(kind)
    return found


def _size_of(kind: Any) -> int:
    return sum(_size_of(each) for _, each in fields_of(kind).values()) if hasattr(kind, "_fields") else 1


def flattened(values: Sequence[Any]) -> list[Any]:
    """The values of a record in their places, those of records in it among them, and floats as their bits."""
    flat: list[Any] = []
    first = 0
    if _is_of_floats(type(values)):
        return _bits(*values)
    for place, kind in _unlike_integers(type(values)):
        flat += values[first:place]
        value, first = values[place], place + 1
        flat += _bits(value) if kind is float else flattened(value)
    flat += values[first:]
    return flat


def _bits(*floats: float) -> list[int]:
    """The bits of numbers, as integers."""
    as_floats, as_integers = _structs(len(floats))
    return list(as_integers.unpack(as_floats.pack(*floats)))


@functools.cache
def _structs(size: int) -> tuple[struct.Struct, struct.Struct]:
    return struct.Struct(f"{size}d"), struct.Struct(f"{size}q")


@functools.cache
def _is_of_floats(record: Any) -> bool:
    kinds = fields_of(record).values() if hasattr(record, "_fields") else ()
    return bool(kinds) and all(kind is float for _, kind in kinds)


@functools.cache
def _unlike_integers(record: Any) -> list[tuple[int, Any]]:
    """(number, kind) of the fields that are floats or records; none of a plain list."""
    kinds = fields_of(record).values() if hasattr(record, "_fields") else ()
    return [(place, kind) for place, (_, kind) in enumerate(kinds) if kind is not int]


def record_around(inner, fields):
    """A record of these fields {name: annotation}: those of several kernels that differ in a record in it, `inner`."""
    record = NamedTuple(inner.__name__, list(fields.items()))
    record.__module__ = inner.__module__
    return record


class RecordType(types.Type):
    """Numba's type of the address, counted in integers, of a record."""

    def __init__(self, record: Any) -> None:
        self.fields = fields_of(record)
        super().__init__(
            name=f"{record.__module__}.{record.__qualname__}({', '.join(self.fields)}: {_size_of(record)})"
        )


_SCALARS = {int: types.int64, float: types.float64}


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
        kind = record.fields[name][1]
        return _SCALARS.get(kind) or RecordType(kind)


@lower_getattr_generic(RecordType)
def _read(context, builder, record, address, name):
    """Nothing writes to a record while a kernel runs, so LLVM needn't read a field again after a store."""
    place, kind = record.fields[name]
    address = builder.add(address, ir.Constant(I64, place))
    if kind not in _SCALARS:
        return address
    scalar = ir.DoubleType() if kind is float else I64
    field = builder.load(builder.inttoptr(builder.shl(address, INTEGER_BITS), scalar.as_pointer()))
    field.set_metadata("invariant.load", builder.module.add_metadata([]))
    return field
