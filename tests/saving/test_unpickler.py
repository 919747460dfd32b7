"""Hostile pickles: nothing in them is run or imported, and none takes much memory or time."""

import io
import os
import pickle
import subprocess
import sys
import textwrap
import tracemalloc

import numpy as np
import pytest

from minidl.errors import FormatError
from minidl.saving import torch_tensors, unpickler
from minidl.saving.torch_file import load_torch
from minidl.saving.torch_names import NAMES
from minidl.saving.unpickler import Reader
from tests.saving import torch_files as files
from tests.saving.torch_files import Code, call, contiguous, legacy, named, value, zipped


@pytest.fixture
def low_limits(monkeypatch):
    """A hundredth of what files may have, so that tests are quick."""
    monkeypatch.setattr(unpickler, "MOST_STEPS", 20_000)
    monkeypatch.setattr(torch_tensors, "MOST_NAMES", 1_000)
    monkeypatch.setattr(torch_tensors, "MOST_VALUES", 20_000)


class Evil:
    def __reduce__(self):
        return os.system, ("touch run-by-a-pickle",)


CALLS = [
    call(named("os", "system"), "touch run-by-a-pickle"),
    call(named("posix", "system"), "touch run-by-a-pickle"),
    call(named("builtins", "eval"), "open('run-by-a-pickle', 'w')"),
    call(named("builtins", "getattr"), named("torch", "Tensor"), "__class__"),
    call(named("hostile_module", "f")),
    named("hostile_module.submodule", "f"),
    named("collections", "OrderedDict.__class__"),
    named("torch._utils", "_rebuild_tensor_v2.__globals__"),
    named("minidl", "load"),
    named("numpy.core.multiarray", "_reconstruct"),
    Code(b"\x8c\x0ehostile_module\x8c\x01f\x93)R"),
    Code(named("hostile_module", "F") + b")\x81" + value({"a": 1}) + b"b"),
    Code(b"Vhostile_module\n"),  # instructions that PyTorch doesn't write
    Code(b"ihostile_module\nf\n"),
    Code(b"(chostile_module\nf\no"),
    Code(b"\x82\x01"),
    Code(b"Phostile_module\n"),
]

PROGRAM = textwrap.dedent(
    """
    import sys, io, json
    sys.path.insert(0, sys.argv[1])
    from minidl.errors import FormatError
    from minidl.saving.torch_file import load_torch
    import zipfile, zlib
    contents = [bytes.fromhex(line) for line in sys.stdin]
    seen = []

    def hook(event, arguments):
        if event.startswith(("import", "exec", "compile", "open", "pickle.", "os.", "subprocess.", "ctypes.")):
            seen.append((event, str(arguments[:1])))

    for content in contents[:1]:  # so that all is imported that reading imports
        load_torch(io.BytesIO(content))
    before = set(sys.modules)
    sys.addaudithook(hook)
    refused = 0
    for content in contents[1:]:
        try:
            load_torch(io.BytesIO(content))
        except FormatError:
            refused += 1
    found = list(seen)
    print(json.dumps([refused, found, sorted(set(sys.modules) - before)]))
    """
)


def test_no_name_is_imported_and_nothing_is_run(tmp_path):
    """As Python itself tells: no import, no file, no program, no code, whatever the pickle asks for."""
    (tmp_path / "hostile_module").mkdir()
    (tmp_path / "hostile_module" / "__init__.py").write_text("open('imported-by-a-pickle', 'w')")
    part, data = contiguous("0", np.ones(2, "<f4"))
    good = zipped(value({"x": part}), {"0": data})
    hostile = [pickle.dumps(Evil(), protocol) for protocol in range(6)]
    hostile += [zipped(root, {}) for root in [*hostile, *CALLS]] + [legacy(root, {}) for root in CALLS]
    hostile += [zipped(value({"x": part, "args": root}), {"0": data}) for root in CALLS]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        input="\n".join(content.hex() for content in [good, *hostile]),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])},
        check=True,
    )
    assert done.stdout.strip() == f"[{len(hostile)}, [], []]", done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile_module"]
    assert len(hostile) > 50


def test_the_list_of_names_calls_nothing_of_elsewhere():
    for name, listed in NAMES.items():
        assert listed.name == name
        assert listed.call is None or listed.call.__module__ == "minidl.saving.torch_names"


def doubled(levels, opening=b"](", closing=b"e"):
    """A list of two of a list of two of ..., each of them once in the pickle."""
    code = b"]" if opening == b"](" else b")"
    code += b"q\0"
    for i in range(levels):
        code += opening + b"h" + bytes([i]) + b"h" + bytes([i]) + closing + b"q" + bytes([i + 1])
    return Code(code)


BOMBS = {
    "lists in lists": (zipped(doubled(60), {}), "values are nested more than 50 deep|more than the 1000"),
    "lists shared": (zipped(doubled(40), {}), "more than the [12]0+ "),
    "deep": (zipped(b"](" * 5_000 + b"e" * 5_000, {}), "more than 50 deep"),
    "deep tuples": (zipped(b")" + b"\x85" * 15_000, {}), "more than 50 deep"),
    "a list in itself": (zipped(b"]q\0h\0a", {}), "more than 50 deep"),
    "many instructions": (zipped(b"N0" * 10_100, {}), "more than the 20000 instructions"),
    "many dicts": (zipped(b"(" + b"}" * 19_000 + b"t", {}), "more than the [12]0+ "),
    "long arguments": (
        zipped(b"(" + b"N" * 10_000 + b"tq\0" + b"ccollections\nCounter\nq\1" + b"h\1h\0R0" * 100 + b"N", {}),
        "more than the 20000 instructions",
    ),
    "many numbers shared": (
        zipped(b"](" + b"N" * 5_000 + b"eq\0](" + b"h\0" * 900 + b"e", {}),
        "more than the 20000 values",
    ),
    "a long shape": (
        zipped(files.value({"x": files.tensor(files.storage("0", "Float", 1), 0, (1,) * 500, (1,) * 500)}), {}),
        "at most 64 ints",
    ),
    "a text that isn't there": (zipped(b"X\xff\xff\xff\xff", {}), "the pickle ends at"),
    "a text of a negative length": (zipped(b"T\xff\xff\xff\xff", {}), "the pickle ends at"),
    "a long name": (zipped(value({"x" * 2000: contiguous("0", np.ones(1))[0]}), {}), "a name of 2000 characters"),
    "a long name of a class": (zipped(b"c" + b"x" * 10**6 + b"\n\n", {}), "a name without an end"),
    "a long pickle": (zipped(b"N0" * 2**23 + b"N", {}), "data.pkl.*bytes, more than the 16777216 allowed"),
    "a pickle that expands": (zipped(b"N0" * 2**20, {}, compression=8), "that expand to|instructions"),
}


@pytest.mark.usefixtures("low_limits")
@pytest.mark.parametrize("what", BOMBS)
def test_bombs_are_refused_at_little_cost(what):
    content, words = BOMBS[what]
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=words) as caught:
            load_torch(io.BytesIO(content))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 2000
    assert peak < 2 * len(content) + 5 * 2**20


def test_a_key_that_is_a_bomb_is_not_looked_into():
    content = zipped(files.value(files.Many([(doubled(100, b"(", b"t"), 1)])), {})
    assert load_torch(io.BytesIO(content))[0] == {}


def test_keys_that_python_would_put_in_one_place_cost_no_more_than_others():
    pairs = b"".join(value(i * (2**61 - 1)) + b"N" for i in range(1, 20_000))
    assert load_torch(io.BytesIO(zipped(b"}(" + pairs + b"u", {})))[0] == {}


WRONG = {
    "nothing": b"",
    "no value": b".",
    "a mark for a value": b"(.",
    "no mark": b"t.",
    "too few for a tuple": b"N\x86.",
    "no list": b"NNa.",
    "no dict": b"]NNs.",
    "a key alone": b"}(Nu.",
    "no such place": b"h\5.",
    "nothing to remember": b"q\0.",
    "a call of a number": b"K\1)R.",
    "arguments that aren't a tuple": b"ccollections\nOrderedDict\n]R.",
    "too many arguments": b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
    "a tensor of nothing": b"ctorch._utils\n_rebuild_tensor_v2\n(NNNNt" + b"R.",
    "a storage of nothing": b"(X\7\0\0\0storageNNNNt" + b"Q.",
    "no storage": b"NQ.",
    "a state for a list": b"]Nb.",
    "pairs that aren't": b"ccollections\nOrderedDict\n](Nee\x85R.",
    "a name that isn't a text": b"NN\x93.",
    "a text that isn't UTF-8": b"X\1\0\0\0\xff.",
    "protocol 0": b"\x80\0N.",
    "protocol 6": b"\x80\6N.",
    "an unknown instruction": b"\xfe.",
    "a parameter of nothing": b"ctorch._utils\n_rebuild_parameter\nN\x85R.",
    "attributes of nothing": b"ctorch._tensor\n_rebuild_from_type_v2\n(NNNNtR.",
    "a long int that isn't there": b"\x8a\xff\1.",
}


@pytest.mark.parametrize("what", WRONG)
def test_pickles_that_make_no_sense_are_refused(what):
    with pytest.raises(FormatError):
        Reader(WRONG[what]).read()


def test_plain_values():
    given = {"a": [1, -1, 2**70, 1.5, "ü", None, True, b"x", (1, (2,))], 3: {}}
    assert Reader(files.START + value(given) + b".").read() == given
    for protocol in (3, 4, 5):
        assert Reader(pickle.dumps(given, protocol)).read() == given
