"""TOML, which Python reads, and which this writes: numbers, texts, lists and tables of them."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minidl.errors import FormatError

LIMIT = 2**20
"""The longest text to read, in bytes."""

DEEPEST = 16
"""The most parts that a key may have: of a key of n parts the parser keeps all n beginnings."""

BRANCHES = 10_000
"""The most dots, brackets, braces and equals signs outside of texts: each may take a kilobyte."""

# Possessive, so that nothing is kept to go back to.
_PART = r"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')"""
_TOKEN = re.compile(
    rf"""\#[^\n]*+
    | \"""(?:[^"\\]|\\.|"{{1,2}}(?!"))*+"{{3,5}}
    | '''(?:[^']|'{{1,2}}(?!'))*+'{{3,5}}
    | (?P<open>\"""|''')
    | (?P<key>{_PART}(?:[ \t]*+\.[ \t]*+{_PART})*+)
    | (?P<branch>[.=[{{])
    | (?P<quote>["'])""",
    re.DOTALL | re.VERBOSE,
)
"""A comment; a text of several lines, or one that doesn't end; a key (or a number, or a text); what begins a table."""


def parse_toml(content: bytes, name: str) -> dict[str, Any]:
    """The table that a TOML text describes. Raises FormatError, which calls it `name`."""
    if len(content) > LIMIT:
        raise FormatError(f"{name}: more than the {LIMIT} bytes that a configuration may have")
    try:
        text = content.decode()
        _check_size(text)
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name}: not TOML: {error}") from None


def _check_size(text: str) -> None:
    """Raise ValueError where the parser would take much more memory than the text has bytes."""
    branches = 0
    for match in _TOKEN.finditer(text.replace("\r\n", "\n")):
        kind, parts = match.lastgroup, 1
        if kind in ("open", "quote"):
            return  # where the parser ends, too
        if kind == "key" and "." in match[0]:
            parts = len(re.findall(_PART, match[0]))
        if parts > DEEPEST:
            raise ValueError(f"a key of {parts} parts, more than the {DEEPEST} that a configuration may have")
        branches += parts - 1 + (kind == "branch")
        if branches > BRANCHES:
            raise ValueError(f"more keys, lists and tables than the {BRANCHES} that a configuration may have")


def read_toml(path: Path) -> dict[str, Any]:
    """The table of a file. Raises FormatError, which names it, and OSError."""
    with open(path, "rb") as file:
        return parse_toml(file.read(LIMIT + 1), str(path))


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
