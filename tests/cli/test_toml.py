"""What is written as TOML reads as what it was."""

import math
import tomllib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.cli import toml
from minidl.cli.toml import parse_toml, toml_text
from minidl.errors import FormatError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans()
scalars = numbers | texts
values = scalars | st.lists(scalars, max_size=3)
tables = st.recursive(
    st.dictionaries(texts, values, max_size=3),
    lambda inner: st.dictionaries(texts, values | inner | st.lists(inner, min_size=1, max_size=2), max_size=3),
    max_leaves=8,
)


@given(tables)
def test_what_is_written_is_read(table):
    assert parse_toml(toml_text(table).encode(), "") == table


def test_how_it_looks():
    table = {
        "model": "lenet",
        "optimizer": {"name": "adam", "lr": 1e-8, "groups": {"*.bias": {"weight_decay": 0}}},
        "augment": [{"name": "flip"}, {"name": "shift", "pixels": (1, 2)}],
        "is_true": True,
    }
    assert toml_text(table) == (
        'model = "lenet"\nis_true = true\n\n[optimizer]\nname = "adam"\nlr = 1e-08\n\n'
        '[optimizer.groups."*.bias"]\nweight_decay = 0\n\n'
        '[[augment]]\nname = "flip"\n\n[[augment]]\nname = "shift"\npixels = [1, 2]\n'
    )
    assert math.isnan(tomllib.loads(toml_text({"x": math.nan}))["x"])


def test_what_toml_has_no_word_for():
    with pytest.raises(TypeError, match="got None"):
        toml_text({"x": None})


def dotted(part, parts=20_000, dot="."):
    return dot.join([part] * parts)


HIDDEN = "x = {{a = {}, {} = 1, c = ''}}"
BOMBS = {
    "a dotted key": f"{dotted('a')} = 1",
    "with spaces": f"{dotted('a', dot=' . ')} = 1",
    "in quotes": f"{dotted(chr(34) + 'a' + chr(34))} = 1",
    "in other quotes": f"{dotted(chr(39) + 'a' + chr(39))} = 1",
    "of a table": f"[{dotted('a')}]",
    "of a list of tables": f"[[{dotted('a')}]]",
    "after a text that ends in a quote": HIDDEN.format('"""b""""', dotted("a")),
    "after one of the other kind": HIDDEN.format("'''b''''", dotted("a")),
    "after an escaped quote": HIDDEN.format(r'"\""', dotted("a")),
    "lists": f"a = {'[' * 100_000}",
    "inline tables": "a = {" * 100_000,
    "tables": "".join(f"[a{i}.b.c.d]\n" for i in range(10_000)),
    "keys": "".join(f"a{i} = 1\n" for i in range(20_000)),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_what_would_take_much_more_memory_than_it_has_bytes_is_not_parsed(kind):
    content = BOMBS[kind].encode()
    tracemalloc.start()
    try:
        with pytest.raises(
            FormatError, match=r"^x: not TOML: (a key of 20000 parts, more|more keys, lists and tables)"
        ):
            parse_toml(content, "x")
        assert tracemalloc.get_traced_memory()[1] < 30 * len(content)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        f"text = '{dotted('a', 100)}'  # {dotted('a', 100)}",
        f'text = """\n{dotted("a", 100)}\n"""',
        f'text = "\\" {dotted("a", 100)}"',
        f"numbers = [{'1.5, ' * 5000}]",
        f"names = [{', '.join(repr(str(i)) for i in range(20_000))}]",
        f"{dotted('a', toml.DEEPEST)} = 1",
        "a = '''x''''\r\nb = 1.5\r\n",
    ],
)
def test_what_is_only_long_is_read(text):
    assert parse_toml(text.encode(), "x") == tomllib.loads(text)


ENDLESS = ["'", '"', "a = '", 'a = "', "a = '''", 'a = """', '"\\' * 30_000, "a = '''" + "''" * 9000]


@pytest.mark.parametrize("text", ENDLESS, ids=range(len(ENDLESS)))
def test_a_text_without_an_end(text):
    with pytest.raises(FormatError, match=r"^x: not TOML: "):
        parse_toml(text.encode(), "x")


def test_a_file_is_read_no_further_than_it_may_be_long(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"#" * (toml.LIMIT + 1))
    with pytest.raises(FormatError, match=rf"x\.toml: more than the {toml.LIMIT} bytes"):
        toml.read_toml(tmp_path / "x.toml")
