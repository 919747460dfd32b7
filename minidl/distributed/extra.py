"""The parts of Dask, an extra."""

from types import ModuleType

from minidl.process.importing import imported


def dask_part(name: str) -> ModuleType:
    """A module of Dask's. Raises ImportError, which names the extra, where it isn't installed."""
    try:
        return imported(name)
    except ImportError as error:
        raise ImportError(f'this needs Dask ({error}): pip install "minidl[dask]"') from error
