"""The errors that minidl raises on purpose, and the hints that go with them."""

from minidl.errors.hints import KeywordHints, check_keywords, did_you_mean, keyword_hints, missing_name

__all__ = [
    "DTypeError",
    "FormatError",
    "KeywordHints",
    "NotBuiltError",
    "ShapeError",
    "StateError",
    "check_keywords",
    "did_you_mean",
    "keyword_hints",
    "missing_name",
]


class ShapeError(ValueError):
    """An array's shape doesn't fit the operator or layer that received it."""


class DTypeError(ValueError):
    """An array's element type doesn't fit: not floating point, or two types mixed."""


class FormatError(ValueError):
    """A file isn't what it should be: truncated, damaged, hostile or of another kind."""


class NotBuiltError(ValueError):
    """Parameters were asked for before the model knew its input shape."""


class StateError(ValueError):
    """A `state_dict` has missing, unexpected or mis-shaped entries."""
