"""The columns of a history.csv or history.json, as `CSVLogger` and `minidl train` write them."""

import csv
import json
from pathlib import Path
from typing import Any

from minidl.errors import FormatError
from minidl.typing import StrPath


def read_history(path: StrPath) -> dict[str, list[Any]]:
    """Lists by their names: floats from a .csv file; from another, which is JSON, also None and what isn't a number.

    Raises FormatError, which names the file, and the OSErrors of a file that can't be read.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".csv":
            rows = list(csv.DictReader(text.splitlines()))
            return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}
        content = json.loads(text)
        if not isinstance(content, dict) or not all(isinstance(values, list) for values in content.values()):
            raise FormatError("expected an object of lists")
        return {name: [_number(value) for value in values] for name, values in content.items()}
    except (ValueError, TypeError, OverflowError, RecursionError, csv.Error) as error:
        raise FormatError(f"{path}: not a history: {error}") from None


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
