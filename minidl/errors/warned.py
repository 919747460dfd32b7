"""Warnings as of the line that called minidl, however deep in it they are met."""

import contextlib
import importlib
import os
import sys
import warnings

_IMPORT = "<frozen importlib."
_INSIDE = (
    *(os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep, contextlib.__file__),
    *(importlib.__file__, _IMPORT),
)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn as of the caller outside of minidl, so that Python shows where that is, and the same once for each."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame = frame.f_back
        level += not frame.f_code.co_filename.startswith(_IMPORT)  # which warnings.warn doesn't count
    warnings.warn(message, category, stacklevel=level)
