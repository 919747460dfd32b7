"""Networks of the user's own: a function in a Python file, named as FILE.py:function."""

import functools
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from minidl.cli.messages import UsageError
from minidl.errors import ShapeError, did_you_mean
from minidl.model import SavedModel
from minidl.shapes import show

GIVEN = ("input_shape", "classes", "seed")
"""What such a function is given, as far as it takes these."""


def is_own(name: Any) -> bool:
    """Whether a network's name means a function in a file."""
    return isinstance(name, str) and ".py:" in name


def absolute(name: str) -> str:
    """The name with the whole path of the file, so that it means the same from any folder."""
    path, function = name.rsplit(":", 1)
    return f"{os.path.abspath(path)}:{function}"


@functools.cache
def own_model(name: str) -> Callable[..., SavedModel]:
    """The function of a name, which runs the file, once; it's called with those of `GIVEN` that it takes.

    Raises UsageError where there is no such file or function, and for whatever the file raises.
    """
    path, function_name = name.rsplit(":", 1)
    if not os.path.isfile(path):
        raise UsageError(f"model: there is no file {path}")
    module_name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(f"minidl_model_{module_name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, os.path.dirname(path))  # as Python does for a script, whose neighbours it may import
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"model: {path} can't be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(os.path.dirname(path))
    function = getattr(module, function_name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise UsageError(f"model: {path} has no function {function_name!r}; {did_you_mean(function_name, known)}")
    return _with_what_it_takes(function, name)


def _with_what_it_takes(function: Callable[..., Any], name: str) -> Callable[..., SavedModel]:
    parameters = inspect.signature(function).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())

    @functools.wraps(function)
    def made(*, input_shape: Any, classes: int, seed: int, **arguments: Any) -> SavedModel:
        given = {"input_shape": input_shape, "classes": classes, "seed": seed}
        taken = {key: value for key, value in given.items() if takes_all or key in parameters}
        return _checked(function(**taken, **arguments), name, tuple(input_shape), classes)

    return made


def _checked(model: Any, name: str, input_shape: tuple[int, ...], classes: int) -> SavedModel:
    """The model. Raises UsageError unless it's one that can be saved, and fits images and classes."""
    if not isinstance(model, SavedModel):
        raise UsageError(
            f"model: {name} gave {type(model).__name__}; expected a Sequential or a Graph, which can be saved"
        )
    if model.input_shape is None:
        raise UsageError(
            f"model: {name} gave a model that isn't built: give it input_shape, which the function may take"
        )
    wanted = f"images {show(input_shape)} and {classes} classes"
    try:
        found = model.output_shape(input_shape)
    except ShapeError as error:
        raise UsageError(f"model: {name} gave a model that doesn't fit {wanted}: {error}") from None
    if tuple(model.input_shape) != input_shape or found != (classes,):
        raise UsageError(
            f"model: {name} gave a model of {show(model.input_shape)} -> {show(found)}; expected {wanted}: the "
            f"function may take {', '.join(GIVEN)}"
        )
    return model
