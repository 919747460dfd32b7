"""Pickles read as data: an interpreter of the few instructions that PyTorch writes, which imports and runs nothing."""

import struct
from collections.abc import Callable
from typing import Any

from minidl.errors import FormatError
from minidl.saving.torch_names import NAMES, Name, Storage, Tensor, plain_key, refuse_name, whole

LONGEST = 16 * 2**20
"""Bytes of a pickle."""

MOST_STEPS = 2_000_000
"""Instructions, and values that are copied by them; each makes at most one small object."""


class _Mark:
    __slots__ = ()


MARK = _Mark()


class Reader:
    """Reads one pickle after the other from bytes. Raises FormatError for whatever isn't tensors and plain values."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place, self.steps = data, 0, 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}
        """All that were mentioned, whole, by their keys."""

    def read(self) -> Any:
        """The next pickle's value: dicts, lists, tuples, numbers, texts, bytes, None, `Tensor`s and `Thing`s."""
        self.stack, self.memo = [], {}
        while True:
            self.spend(1)
            code = self.take(1)
            if code == b".":
                return self.pop()
            instruction = _INSTRUCTIONS.get(code)
            if instruction is None:
                raise FormatError(f"a pickle with the instruction {code!r}, which PyTorch doesn't write for tensors")
            instruction(self)

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise FormatError(f"a pickle of more than the {MOST_STEPS} instructions allowed")

    def take(self, size: int) -> bytes:
        """The next bytes."""
        end = self.place + size
        if size < 0 or end > len(self.data):
            raise FormatError(f"the pickle ends at {len(self.data)}, in the middle of an instruction")
        taken = self.data[self.place : end]
        self.place = end
        return taken

    def number(self, form: struct.Struct) -> Any:
        return form.unpack(self.take(form.size))[0]

    def line(self) -> str:
        end = self.data.find(b"\n", self.place, self.place + 1000)
        if end < 0:
            raise FormatError("a name without an end")
        return self.text(end - self.place + 1)[:-1]

    def text(self, size: int) -> str:
        try:
            return self.take(size).decode()
        except UnicodeDecodeError:
            raise FormatError("a text that isn't UTF-8") from None

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is MARK:
            raise FormatError("a pickle that takes a value where there is none")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """All that was pushed after the last mark."""
        for i in reversed(range(len(self.stack))):
            if self.stack[i] is MARK:
                taken = self.stack[i + 1 :]
                del self.stack[i:]
                return taken
        raise FormatError("a pickle that goes back to a mark where there is none")

    def last(self, *kinds: type) -> Any:
        """The value on top, which must be of these kinds."""
        value = self.stack[-1] if self.stack else MARK
        if not isinstance(value, kinds):
            raise FormatError("a pickle that adds to a value that isn't made for it")
        return value

    def remember(self, place: int) -> None:
        value = self.stack[-1] if self.stack else MARK
        if value is MARK:
            raise FormatError("a pickle that remembers a value where there is none")
        self.memo[place] = value

    def recall(self, place: int) -> None:
        if place not in self.memo:
            raise FormatError("a pickle that refers to a value that doesn't exist")
        self.push(self.memo[place])

    def name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise FormatError("a pickle with a name that isn't a text")
        found = NAMES.get(f"{module}.{name}")
        if found is None:
            refuse_name(f"{module}.{name}")
        self.push(found)

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Name) or function.call is None or not isinstance(arguments, tuple):
            raise FormatError("a pickle that calls what can't be called")
        # Arguments may be long, and the same for many calls.
        self.spend(len(arguments) + sum(len(each) for each in arguments if isinstance(each, tuple | list)))
        try:
            self.push(function.call(*arguments))
        except TypeError:
            raise FormatError(f"{function.name} of {len(arguments)} arguments") from None

    def build(self) -> None:
        """A state for what is on top: attributes, which nothing needs."""
        self.pop()
        self.last(dict, Tensor)

    def persistent(self) -> None:
        """A storage: ("storage", type, key, device, size), in older files with None or (key, start, size) of a view."""
        given = self.pop()
        if not isinstance(given, tuple) or len(given) not in (5, 6) or given[0] != "storage":
            raise FormatError("a pickle that refers to something else than a storage")
        kind, key, count = given[1], given[2], whole(given[4], "a storage's size")
        if not isinstance(kind, Name) or not kind.name.endswith("Storage") or not isinstance(key, str):
            raise FormatError("a storage without a type or a key")
        storage = Storage(key, kind.value, count)
        if self.storages.setdefault(key, storage) != storage:
            raise FormatError("a storage that is said to be of two types or sizes")
        view = given[5] if len(given) == 6 else None
        if view is None:
            self.push(storage)
            return
        if not isinstance(view, tuple | list) or len(view) != 3:
            raise FormatError("a view of a storage that isn't (key, start, count)")
        start, size = whole(view[1], "a view's start"), whole(view[2], "a view's size")
        if start + size > count:
            raise FormatError(f"a view of {size} elements from {start} on, of a storage of {count}")
        self.push(Storage(key, kind.value, size, start))

    def append(self, values: list[Any]) -> None:
        self.last(list).extend(values)

    def add_items(self, values: list[Any]) -> None:
        if len(values) % 2:
            raise FormatError("a pickle with a key without a value")
        target = self.last(dict)
        for i in range(0, len(values), 2):
            target[plain_key(values[i])] = values[i + 1]

    def of_last(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(values)))

    def long(self, size: int) -> None:
        self.push(int.from_bytes(self.take(size), "little", signed=True))

    def protocol(self) -> None:
        version = self.take(1)[0]
        if not 2 <= version <= 5:
            raise FormatError(f"a pickle of protocol {version}; PyTorch writes protocol 2")


_U1, _U2, _U4, _U8 = (struct.Struct(form) for form in ("<B", "<H", "<I", "<Q"))
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")

_INSTRUCTIONS: dict[bytes, Callable[[Reader], None]] = {
    b"\x80": Reader.protocol,
    b"\x95": lambda r: r.number(_U8) and None,  # a frame, whose length says nothing that matters
    b"(": lambda r: r.push(MARK),
    b"0": lambda r: r.pop() and None,
    b"N": lambda r: r.push(None),
    b"\x88": lambda r: r.push(True),
    b"\x89": lambda r: r.push(False),
    b"J": lambda r: r.push(r.number(_I4)),
    b"K": lambda r: r.push(r.number(_U1)),
    b"M": lambda r: r.push(r.number(_U2)),
    b"\x8a": lambda r: r.long(r.number(_U1)),
    b"G": lambda r: r.push(r.number(_F8)),
    b"X": lambda r: r.push(r.text(r.number(_U4))),
    b"\x8c": lambda r: r.push(r.text(r.number(_U1))),
    b"U": lambda r: r.push(r.text(r.number(_U1))),
    b"T": lambda r: r.push(r.text(r.number(_I4))),
    b"B": lambda r: r.push(r.take(r.number(_U4))),
    b"C": lambda r: r.push(r.take(r.number(_U1))),
    b")": lambda r: r.push(()),
    b"\x85": lambda r: r.of_last(1),
    b"\x86": lambda r: r.of_last(2),
    b"\x87": lambda r: r.of_last(3),
    b"t": lambda r: r.push(tuple(r.pop_to_mark())),
    b"]": lambda r: r.push([]),
    b"}": lambda r: r.push({}),
    b"a": lambda r: r.append([r.pop()]),
    b"e": lambda r: r.append(r.pop_to_mark()),
    b"s": lambda r: r.add_items([r.pop(), r.pop()][::-1]),
    b"u": lambda r: r.add_items(r.pop_to_mark()),
    b"q": lambda r: r.remember(r.number(_U1)),
    b"r": lambda r: r.remember(r.number(_U4)),
    b"\x94": lambda r: r.remember(len(r.memo)),
    b"h": lambda r: r.recall(r.number(_U1)),
    b"j": lambda r: r.recall(r.number(_U4)),
    b"c": lambda r: r.name(r.line(), r.line()),
    b"\x93": lambda r: r.name(*[r.pop(), r.pop()][::-1]),
    b"R": Reader.reduce,
    b"\x81": Reader.reduce,
    b"b": Reader.build,
    b"Q": Reader.persistent,
}
"""Of protocols 2 to 5, what is needed for tensors in dicts and lists. None calls or looks up what isn't in NAMES."""
