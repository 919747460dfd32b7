"""TOML, which Python reads, and which this writes: numbers, texts, lists and tables of them."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minidl.errors import FormatError

LIMIT = 2**20
"""The longest file to read, in bytes."""


def parse_toml(content: bytes, name: str) -> dict[str, Any]:
    """The table that a TOML text describes. Raises FormatError, which calls it `name`."""
    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name}: not TOML: {error}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The table of a file. Raises FormatError, which names it, and OSError."""
    if path.stat().st_size > LIMIT:
        raise FormatError(f"{path}: more than the {LIMIT} bytes that a configuration may have")
    return parse_toml(path.read_bytes(), str(path))


def toml_text(table: Mapping[str, Any]) -> str:
    """A table as TOML, its own values before the tables in it. Source: TOML 1.0.0."""
    return "\n".join(_lines(table, "")) + "\n"


def _lines(table: Mapping[str, Any], prefix: str) -> list[str]:
    lines, tables = [], []
    for key, value in table.items():
        name = f"{prefix}{_key(key)}"
        if isinstance(value, Mapping):
            own = _lines(value, f"{name}.")
            tables += own if own[:1] == [""] else ["", f"[{name}]", *own]  # a table of tables needs no heading
        elif isinstance(value, list | tuple) and value and all(isinstance(item, Mapping) for item in value):
            for item in value:
                tables += ["", f"[[{name}]]", *_lines(item, f"{name}.")]
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    return lines + tables


def _key(key: str) -> str:
    is_bare = key.isascii() and key.replace("-", "_").replace("_", "a").isalnum()
    return key if is_bare else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    raise TypeError(f"expected a number, a text, or a list or table of them, got {value!r}")


def _text(text: str) -> str:
    """A text in quotes: JSON's escapes are TOML's, but for DEL and characters beyond 16 bits, which TOML spells out."""
    plain = json.dumps(text, ensure_ascii=False)
    return plain.replace("\x7f", "\\u007f")
