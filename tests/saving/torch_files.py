"""PyTorch's files of tensors, assembled byte by byte, so that tests need no PyTorch."""

import io
import struct
import zipfile

START = b"\x80\x02"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
TYPES = {
    "f8": "Double", "f4": "Float", "f2": "Half", "c8": "ComplexFloat", "c16": "ComplexDouble", "i8": "Long",
    "i4": "Int", "i2": "Short", "i1": "Char", "u1": "Byte", "b1": "Bool",
}  # fmt: skip


class Code(bytes):
    """Instructions that leave a value."""


class Many(list):
    """Entries (key, value) of a dict, which may have keys that Python's dicts haven't."""


def value(given):
    """The instructions for a value."""
    if isinstance(given, Code):
        return given
    if given is None or isinstance(given, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[given]
    if isinstance(given, int):
        if 0 <= given < 256:
            return b"K" + bytes([given])
        size = given.bit_length() // 8 + 1
        return b"\x8a" + bytes([size]) + given.to_bytes(size, "little", signed=True)
    if isinstance(given, float):
        return b"G" + struct.pack(">d", given)
    if isinstance(given, str):
        return b"X" + struct.pack("<I", len(given.encode())) + given.encode()
    if isinstance(given, bytes):
        return b"B" + struct.pack("<I", len(given)) + given
    if isinstance(given, tuple):
        return b"(" + b"".join(map(value, given)) + b"t"
    if isinstance(given, list) and not isinstance(given, Many):
        return b"](" + b"".join(map(value, given)) + b"e"
    pairs = given if isinstance(given, Many) else given.items()
    return b"}(" + b"".join(value(key) + value(item) for key, item in pairs) + b"u"


def named(module, name):
    """The instructions for a name."""
    return Code(f"c{module}\n{name}\n".encode())


def call(function, *arguments):
    """The instructions for a call."""
    return Code(function + value(arguments) + b"R")


def ordered(entries):
    """An OrderedDict, filled as PyTorch fills one, with the attributes that PyTorch gives it."""
    made = call(named("collections", "OrderedDict"))
    items = b"(" + b"".join(value(key) + value(item) for key, item in entries.items()) + b"u"
    return Code(made + items + value({"_metadata": call(named("collections", "OrderedDict"))}) + b"b")


def storage(key, kind, size, view=()):
    """The instructions for a storage; `view` is what older files say of views, (None,) or ((key, start, size),)."""
    module = "torch.storage" if kind == "Untyped" else "torch"
    return Code(value(("storage", named(module, f"{kind}Storage"), key, "cuda:0", size, *view)) + b"Q")


def tensor(of, offset, shape, strides, function=REBUILD):
    """The instructions for a tensor of a storage."""
    return call(function, of, offset, tuple(shape), tuple(strides), False, ordered({}))


def contiguous(key, array, view=()):
    """(instructions, bytes) of an array with a storage of its own."""
    kind = TYPES[array.dtype.str[1:]]
    strides = [stride // array.itemsize for stride in array.copy("C").strides]
    of = storage(key, kind, array.size, view)
    return tensor(of, 0, array.shape, strides), array.tobytes()


def zipped(root, storages, *, folder="archive", order="little", more=(), compression=zipfile.ZIP_STORED):
    """A file of PyTorch since 1.6: `root` are instructions, `storages` bytes by their keys."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr(f"{folder}/data.pkl", root if root.endswith(b".") else START + root + b".")
        if order is not None:
            archive.writestr(f"{folder}/byteorder", order)
        for key, data in storages.items():
            archive.writestr(f"{folder}/data/{key}", data)
        archive.writestr(f"{folder}/version", "3\n")
        for name, data in dict(more).items():
            archive.writestr(name, data)
    return stream.getvalue()


def legacy(root, storages, *, protocol=1001):
    """A file of before PyTorch 1.6: `storages` are (number of elements, bytes) by their keys."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    pickles = [0x1950A86A20F9469CFC6C, protocol, system, Code(root), list(storages)]
    head = b"".join(START + value(each) + b"." for each in pickles)
    return head + b"".join(struct.pack("<q", count) + data for count, data in storages.values())


def saved(arrays, *, as_legacy=False, root=ordered, **options):
    """A file of these arrays by their names, each in a storage of its own."""
    parts = {name: contiguous(str(i), array, (None,) * as_legacy) for i, (name, array) in enumerate(arrays.items())}
    code = value(root({name: Code(part) for name, (part, _) in parts.items()}))
    if as_legacy:
        sizes = (array.size for array in arrays.values())
        return legacy(
            code, {str(i): (size, parts[name][1]) for i, (name, size) in enumerate(zip(arrays, sizes, strict=True))}
        )
    return zipped(code, {str(i): data for i, (_, data) in enumerate(parts.values())}, **options)
