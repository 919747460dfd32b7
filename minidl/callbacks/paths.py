"""Where callbacks write: checked, and made where that is asked for, before any work."""

import os
from collections.abc import Iterable, Sequence

from minidl.callbacks.callback import Callback
from minidl.errors import did_you_mean
from minidl.training.logged import Logged


def check_place(who: str, path: str) -> None:
    """Raise the OSError that writing the file would meet, naming what is wrong: the folder, or the file itself."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        kind = NotADirectoryError if os.path.exists(folder) else FileNotFoundError
        raise kind(f"{who}: there is no folder {folder}")
    if os.path.isdir(path):
        raise IsADirectoryError(f"{who}: expected the path of a file, got the folder {path}")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{who}: can't write to the folder {folder}")


def check_makeable(who: str, path: str) -> None:
    """Raise the OSError that making the file's folders, and then the file, would meet."""
    place = path
    while not os.path.lexists(os.path.dirname(place) or "."):
        place = os.path.dirname(place)
    check_place(who, place)


def make_folder(path: str) -> None:
    """Make the folders of the file that aren't there."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)


def check_alone(callback: Callback, path: str) -> None:
    """Raise ValueError where another callback writes to the same file, so that one would undo the other's work."""
    for other in callback.callbacks:
        theirs = getattr(other, "filepath", None) or getattr(other, "filename", None)
        if other is not callback and isinstance(theirs, str) and os.path.abspath(theirs) == os.path.abspath(path):
            raise ValueError(f"{type(callback).__name__}: {type(other).__name__} also writes to {path}")


def check_plain(who: str, path: str, names: Iterable[str]) -> None:
    """Raise ValueError where a path that is taken as it is seems to name the epoch or something logged."""
    for name in ("epoch", *names):
        if f"{{{name}}}" in os.path.basename(path) or f"{{{name}:" in os.path.basename(path):
            raise ValueError(f"{who}: it writes one file for all epochs, so {{{name}}} in {path} has no value")


def filled_in(who: str, path: str, logged: Logged, counts: Sequence[str] = ("epoch",)) -> str:
    """The path with numbers for all that it names, the `counts` among them.

    Raises ValueError for what isn't logged, or can't be written so.
    """
    numbers = dict.fromkeys(logged.numbers, 0.0)
    try:
        return path.format(**dict.fromkeys(counts, 1), **numbers)
    except KeyError as error:
        name = str(error.args[0])
        if name in logged.names:
            logged.check_watched(who, name)
        hint = did_you_mean(name, [*counts, *logged.numbers])
        raise ValueError(f"{who}: nothing called {name!r} is logged; {hint}") from None
    except (ValueError, IndexError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{who}: {path!r} can't be filled in with numbers: {error}; use {{epoch:02d}} and the like, such as "
            "{loss:.3f}, and {{ for a brace"
        ) from None


def has_fields(text: str) -> bool:
    """Whether there is something to fill in."""
    import string  # for those who save, not with minidl

    return any(name is not None for _, name, _, _ in string.Formatter().parse(text))
