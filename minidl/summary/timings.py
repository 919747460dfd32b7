"""How long the forward and the backward pass of one module take, by themselves."""

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.graph.network import Network
from minidl.layers.container import Chain
from minidl.module import Module
from minidl.typing import Array

RUNS, LEAST_RUNS, ENOUGH = 15, 3, 0.5
"""The most and the fewest runs; between them, until `ENOUGH` seconds are spent."""


def time_module(module: Module, x: Array, *, need_dx: bool) -> tuple[float, float, Array]:
    """(seconds of forward, seconds of backward, y) for a training step on x (n, ...): medians of several runs.

    The first run, which may compile, doesn't count. The module's gradients and statistics change: give a copy.
    """
    chain = module if isinstance(module, Chain | Network) else Chain([module])  # their rows are prepared, as in a model
    y, backward = chain.forward(x, train=True)
    dy: Any = np.ones_like(y) if isinstance(y, np.ndarray) else _ones(y)
    backward(dy, need_dx=need_dx)
    forward_times: list[float] = []
    backward_times: list[float] = []
    begin = time.perf_counter()
    while len(forward_times) < RUNS and (len(forward_times) < LEAST_RUNS or time.perf_counter() - begin < ENOUGH):
        seconds, (y, backward) = _timed(functools.partial(chain.forward, x, train=True))
        forward_times.append(seconds)
        backward_times.append(_timed(functools.partial(backward, dy, need_dx=need_dx))[0])
    return float(np.median(forward_times)), float(np.median(backward_times)), y


def _ones(y: Any) -> Any:
    """The gradients of several outputs, in a tuple or by name."""
    return (
        {name: np.ones_like(each) for name, each in y.items()} if isinstance(y, dict) else tuple(map(np.ones_like, y))
    )


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result
