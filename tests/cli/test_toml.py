"""What is written as TOML reads as what it was."""

import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.cli.toml import toml_text

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
    assert tomllib.loads(toml_text(table)) == table


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
