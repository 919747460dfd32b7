"""Gradient checks for layers and functions, one's own as well as minidl's."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minidl.model import Sequential
from minidl.module import Module, Parameter, flatten_parameters
from minidl.typing import Array


def check_gradients(
    module_or_function: Module | Callable[[Array], tuple[Array, Callable[[Array], Any]]],
    x: Array,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    seed: int = 0,
) -> None:
    """Compare a backward pass with central differences, in float64, at x and at every parameter.

    Takes a Module (built for x if it isn't yet, and left in float64) or a function x -> (y, pullback) whose pullback
    gives dx, or a tuple that starts with it. The scalar differentiated is a random weighted sum of y. Raises
    AssertionError, which names the array and element, where |backward - difference| > atol + rtol |difference|. A
    point where the function has a corner, as ReLU at 0, is not one to check at. Integers, for a module that takes them,
    have no slope to check, nor have frozen parameters.
    """
    integers = isinstance(module_or_function, Module) and module_or_function.takes_integers
    x = np.array(x, np.int64 if integers and np.asarray(x).dtype.kind in "iu" else np.float64)
    if isinstance(module_or_function, Module):
        _check_module(module_or_function, x, eps, atol, rtol, seed)
    else:
        _check_function(module_or_function, x, eps, atol, rtol, seed)


def _check_function(
    function: Callable[[Array], tuple[Array, Callable[[Array], Any]]],
    x: Array,
    eps: float,
    atol: float,
    rtol: float,
    seed: int,
) -> None:
    y, pullback = function(x)
    weights: Array = np.random.default_rng(seed).standard_normal(np.shape(y))
    result = pullback(weights)
    dx = result[0] if isinstance(result, tuple) else result
    _compare("x", dx, x, lambda: float((function(x)[0] * weights).sum()), eps, atol, rtol)


def _check_module(module: Module, x: Array, eps: float, atol: float, rtol: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    unbuilt = isinstance(module, Sequential) and module.input_shape is None
    if unbuilt or any(not parameter.is_built for parameter in module.parameters()):
        module.build(x.shape[1:], rng)
    flatten_parameters(module, np.float64)
    module.zero_grad()
    y, backward = module.forward(x, train=False)
    weights: Array = rng.standard_normal(np.shape(y))
    dx = backward(weights)

    def scalar() -> float:
        return float((module.forward(x, train=False)[0] * weights).sum())

    points: Iterable[tuple[str, Parameter]] = module.named_parameters()
    for name, parameter in points:
        if parameter.trainable:
            _compare(name, parameter.grad, parameter.value, scalar, eps, atol, rtol)
    if x.dtype.kind == "f":
        _compare("x", dx, x, scalar, eps, atol, rtol)


def _compare(
    name: str, got: Any, point: Array, scalar: Callable[[], float], eps: float, atol: float, rtol: float
) -> None:
    if got is None or np.shape(got) != point.shape:
        raise AssertionError(f"d{name}: expected shape {point.shape}, got {None if got is None else np.shape(got)}")
    for index in np.ndindex(point.shape):
        value = point[index]
        point[index] = value + eps
        above = scalar()
        point[index] = value - eps
        below = scalar()
        point[index] = value
        difference = (above - below) / (2 * eps)
        if not abs(got[index] - difference) <= atol + rtol * abs(difference):
            at = ", ".join(map(str, index))
            raise AssertionError(f"d{name}[{at}]: backward gives {got[index]:.8g}, the difference is {difference:.8g}")
