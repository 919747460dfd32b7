"""What an installation takes on disk: a distribution and all that it requires."""

import importlib.metadata
import importlib.util
import re
from pathlib import Path


def requirements(name: str) -> set[str]:
    """The distribution and, of those that it requires without an extra, directly or not, the ones installed."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = _canonical(waiting.pop())
        if current in found:
            continue
        try:
            distribution = importlib.metadata.distribution(current)
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(current)
        for requirement in distribution.requires or []:
            text, _, marker = requirement.partition(";")
            required = re.match(r"[A-Za-z0-9._-]+", text.strip())
            if "extra" not in marker and required:
                waiting.append(required[0])
    return found


def size(name: str) -> int:
    """The bytes of a distribution's files, byte code aside; 0 where it isn't installed."""
    try:
        files = importlib.metadata.distribution(name).files or []
    except importlib.metadata.PackageNotFoundError:
        return 0
    places = (Path(str(file.locate())) for file in files if "__pycache__" not in file.parts)
    return sum(place.stat().st_size for place in places if place.is_file())


def package_size(module: str) -> int:
    """The bytes of a package's folder, without byte code and compiled kernels: of a checkout, what it installs."""
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        return 0
    return sum(
        place.stat().st_size
        for place in Path(found.origin).parent.rglob("*")
        if place.is_file() and "__pycache__" not in place.parts and place.suffix not in (".nbi", ".nbc")
    )


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
