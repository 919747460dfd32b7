"""minidl: a small convolutional-network framework on NumPy and Numba that reads like the textbook."""

from minidl.process import entering as _entering

# isort: split
from typing import TYPE_CHECKING

from minidl.layers import *
from minidl.public import *

if TYPE_CHECKING:
    from minidl import augment as augment
    from minidl import datasets as datasets
    from minidl import models as models
    from minidl import schedules as schedules
    from minidl import testing as testing
    from minidl.datasets.picture import read_image as read_image
    from minidl.public_training import *

del LAYERS, Chain

__version__ = "0.1.0"


if not TYPE_CHECKING:  # for which a star makes names public, and any name would be one
    from minidl import exports as _exports
    from minidl import layers as _layers
    from minidl import public as _public
    from minidl.errors import moved as _moved

    _LATER = frozenset({"augment", "datasets", "models", "read_image", "schedules", "testing"})

    _moved.install()

    def __getattr__(name):
        """Import a part when it is first asked for (PEP 562): a program that embeds a network does without it."""
        from minidl.process.importing import imported

        if name == "read_image":
            return imported("minidl.datasets.picture").read_image
        if name in _LATER:
            return imported(f"minidl.{name}")
        if f"minidl.{name}" in _moved.MODULES:
            return _moved.imported(f"minidl.{name}")
        if not name.startswith("_") or name == "__all__":
            training = imported("minidl.public_training")
            names = {*_layers.__all__, *_public.__all__, *training.__all__, *_LATER} - {"LAYERS", "Chain"}
            globals().update({each: getattr(training, each) for each in training.__all__})
            globals()["__all__"] = _exports.in_order(names)
            if name in globals():
                return globals()[name]
        from minidl.errors import missing_name

        raise missing_name("minidl", name, __getattr__("__all__"))

    def __dir__():
        return sorted({*globals(), *__getattr__("__all__")})


del TYPE_CHECKING
