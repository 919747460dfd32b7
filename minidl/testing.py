"""Gradient checks for layers and functions, one's own as well as minidl's."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minidl.model import Sequential
from minidl.module import Module, Parameter, flatten_parameters
from minidl.typing import Array


def check_gradients(
    module_or_function: Module | Callable[[Array], tuple[Array, Callable[[Array], Any]]],
    x: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    seed: int = 0,
) -> None:
    """Compare a backward pass with central differences, in float64, at x and at every parameter.

    Takes a Module (built for x if it isn't yet, and left in float64) or a function x -> (y, pullback) whose pullback
    gives dx, or a tuple that starts with it. For a module of several inputs, x is a tuple of arrays. The scalar
    differentiated is a random weighted sum of y. Raises AssertionError, which names the array and element, where
    |backward - difference| > atol + rtol |difference|. A point where the function has a corner, as ReLU at 0, is not
    one to check at. Integers, for a module that takes them, have no gradient to check, nor have frozen parameters.
    """
    integers = isinstance(module_or_function, Module) and module_or_function.takes_integers

    def copied(each: Any) -> Array:
        return np.array(each, np.int64 if integers and np.asarray(each).dtype.kind in "iu" else np.float64)

    if isinstance(module_or_function, Module):
        points = tuple(map(copied, x)) if isinstance(x, tuple) else copied(x)
        _check_module(module_or_function, points, eps, atol, rtol, seed)
    else:
        _check_function(module_or_function, copied(x), eps, atol, rtol, seed)


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


def _check_module(module: Module, x: Any, eps: float, atol: float, rtol: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    unbuilt = isinstance(module, Sequential) and module.input_shape is None
    if unbuilt or any(not parameter.is_built for parameter in module.parameters()):
        module.build(tuple(each.shape[1:] for each in x) if isinstance(x, tuple) else x.shape[1:], rng)
    flatten_parameters(module, np.float64)
    module.zero_grad()
    y, backward = module.forward(x, train=False)
    weights = [rng.standard_normal(np.shape(each)) for each in _values(y)]
    given: Any = dict(zip(y, weights, strict=True)) if isinstance(y, dict) else tuple(weights)
    dx = backward(given if isinstance(y, dict | tuple) else weights[0])

    def scalar() -> float:
        outputs = _values(module.forward(x, train=False)[0])
        return sum(float((each * weight).sum()) for each, weight in zip(outputs, weights, strict=True))

    points: Iterable[tuple[str, Parameter]] = module.named_parameters()
    for name, parameter in points:
        if parameter.trainable:
            _compare(name, parameter.grad, parameter.value, scalar, eps, atol, rtol)
    gradients: Any = dx if isinstance(x, tuple) else (dx,)
    for i, (point, gradient) in enumerate(zip(x if isinstance(x, tuple) else (x,), gradients, strict=True)):
        if point.dtype.kind == "f":
            _compare(f"x[{i}]" if isinstance(x, tuple) else "x", gradient, point, scalar, eps, atol, rtol)


def _values(y: Any) -> list[Any]:
    """The outputs, of which there may be several."""
    return list(y.values()) if isinstance(y, dict) else list(y) if isinstance(y, tuple) else [y]


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
