"""Where a command writes the page that it makes of a run."""

from pathlib import Path

from minidl.cli.messages import UsageError
from minidl.saving.atomic import check_writable


def page_path(run: str, out: str | None, name: str) -> Path:
    """The file `out`, or else one of this name in the run's folder, or beside a model's file, with its name.

    Raises UsageError where it has no folder to be in, and OSError where it can't be written.
    """
    path = Path(run)
    page = Path(out) if out else path / name if path.is_dir() else path.with_suffix(".html")
    if page.is_dir() or not page.parent.is_dir():
        raise UsageError(f"argument --out: {page} isn't a file in an existing folder")
    check_writable(page)
    return page
