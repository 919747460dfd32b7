"""Training, evaluation and prediction over any module: the loop, its arguments and data, and going on after a stop."""

from typing import TYPE_CHECKING

from minidl.errors import moved

if not TYPE_CHECKING:

    def __getattr__(name):
        return moved.moved_name(__name__, name)
