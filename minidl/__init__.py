"""minidl: a small convolutional-network framework on NumPy and Numba that reads like the textbook."""

from minidl.process import entering as _entering

# isort: split
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minidl import augment as augment
    from minidl import datasets as datasets
    from minidl import models as models
    from minidl import schedules as schedules
    from minidl import testing as testing
    from minidl.datasets.picture import read_image as read_image
    from minidl.layers import *
    from minidl.public import *
    from minidl.public_training import *

    del LAYERS, Chain

__version__ = "0.1.0"


if not TYPE_CHECKING:  # for which a star makes names public, and any name would be one
    from importlib.util import find_spec as _find_spec

    from minidl.errors import moved as _moved

    _MODULES = frozenset({"augment", "datasets", "models", "schedules", "testing"})
    _ALONE = {"read_image": "minidl.datasets.picture"}
    """Names of files that programs without them needn't load."""

    _FACES = ("minidl.layers", "minidl.public", "minidl.public_training")
    """Whose `__all__` is offered here, in the order in which they are loaded until a name is found."""

    _moved.install()

    def __getattr__(name):
        """Import a part when it is first asked for (PEP 562): a program that embeds a network does without the rest."""
        from minidl.process.importing import imported

        if f"minidl.{name}" in _moved.MODULES:
            return _moved.imported(f"minidl.{name}")
        if name.islower() and _find_spec(f"minidl.{name}") is not None:  # so ask files of minidl's own, half loaded
            return imported(f"minidl.{name}")
        if name in _ALONE:
            return getattr(imported(_ALONE[name]), name)
        names = {*_MODULES, *_ALONE}
        if not name.startswith("_") or name == "__all__":
            for face in map(imported, _FACES):
                offered = {each: getattr(face, each) for each in face.__all__ if each not in ("LAYERS", "Chain")}
                globals().update(offered)
                names.update(offered)
                if name in globals():
                    return globals()[name]
        if name == "__all__":
            globals()["__all__"] = imported("minidl.exports").in_order(names)
            return globals()["__all__"]
        from minidl.errors import missing_name

        raise missing_name("minidl", name, __getattr__("__all__"))

    def __dir__():
        return sorted({*globals(), *__getattr__("__all__")})


del TYPE_CHECKING
