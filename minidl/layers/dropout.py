"""Dropout."""

from typing import TYPE_CHECKING

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.module import Buffer, Module
from minidl.numeric import entropy_of
from minidl.process import locks
from minidl.process.importing import imported
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["Dropout", "Dropout2D"]

BITS = 21
"""A digit of `Dropout.masks`: any of the model's floats holds it."""

KEY_DIGITS, PASS_DIGITS = 3, 2


class _Digits(Buffer):
    """Whole numbers of BITS bits."""

    __slots__ = ()

    def problem(self, value: Array) -> str | None:
        if ((value >= 0) & (value < 2**BITS) & (value == np.floor(value))).all():
            return None
        return f"expected whole numbers from 0 to {2**BITS - 1}"


class _Masked(Module):
    """Multiplies by a mask in training; each pass draws its own, from a key and the pass's number."""

    _settled = frozenset({"seed"})

    def __init__(self, rate: float, *, seed: int | None = None) -> None:
        F.check_share("rate", rate)
        self.rate = rate
        self.seed = seed
        self.masks = _Digits()  # the key's digits, then those of the number of passes so far, the lowest first
        if seed is not None:
            self._draw(imported("numpy.random").default_rng(entropy_of(seed)))

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        self._draw(rng)

    def _draw(self, rng: "Generator") -> None:
        self.masks.initialize((KEY_DIGITS + PASS_DIGITS,), _key_and_no_pass, rng)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        if not train or self.rate == 0:
            return x, _identity
        key, counter = self.next_pass()
        y, pullback = self._mask(x, key, counter)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return pullback(dy) if need_dx else None

        return y, backward

    def _describe(self, describer: Describer, x: Value, *, by_channel: bool) -> Value:
        if describer.purpose != "training" or self.rate == 0:
            return x
        return describer.add(op.Dropout(float(self.rate), self, by_channel), x, shape=x.shape)

    def _mask(self, x: Array, key: int, counter: int) -> tuple[Array, F.Pullback]:
        raise NotImplementedError

    def next_pass(self) -> tuple[int, int]:
        """(key, number of the pass), counted from one."""
        with _counting:
            if not self.masks.is_built:  # a layer by itself, without a seed
                self._draw(imported("numpy.random").default_rng())
            digits = self.masks.value
            key, counter = _whole(digits[:KEY_DIGITS]), _whole(digits[KEY_DIGITS:]) + 1
            digits[KEY_DIGITS:] = _digits(counter, PASS_DIGITS)
        return key, counter


class Dropout(_Masked):
    """In training, zero each value with probability `rate` and scale the others by 1 / (1 - rate); else do nothing.

    A `rate` of 1 gives only zeros, and a gradient of zeros.

    The mask of the k-th training pass depends only on k and on a key, set by `seed` or when the model is built. Both
    are part of the state, so a resumed training draws the same masks as an uninterrupted one. Source: Srivastava et
    al., "Dropout", 2014.
    """

    def __init__(self, rate: float, *, seed: int | None = None) -> None:
        super().__init__(rate, seed=seed)

    def describe(self, describer: Describer, x: Value) -> Value:
        return self._describe(describer, x, by_channel=False)

    def _mask(self, x: Array, key: int, counter: int) -> tuple[Array, F.Pullback]:
        return F.dropout(x, rate=self.rate, key=key, counter=counter)


class Dropout2D(_Masked):
    """In training, zero whole channels of images with probability `rate` and scale the others; else do nothing.

    Images are (n, c, h, w); else as `Dropout`, `seed` too. Neighbouring pixels are correlated, so dropping single ones
    hides little. Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2015.
    """

    def __init__(self, rate: float, *, seed: int | None = None) -> None:
        super().__init__(rate, seed=seed)

    def output_shape(self, input_shape: Shape) -> Shape:
        return shapes.image_shape(input_shape)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        shapes.image_shape(x.shape, batch=True)
        return super().forward(x, train=train)

    def describe(self, describer: Describer, x: Value) -> Value:
        shapes.image_shape(x.shape)
        return self._describe(describer, x, by_channel=True)

    def _mask(self, x: Array, key: int, counter: int) -> tuple[Array, F.Pullback]:
        return F.dropout2d(x, rate=self.rate, key=key, counter=counter)


_counting = locks.lock("counting")  # one for all, so that layers can be copied and pickled


def _key_and_no_pass(shape: Shape, rng: "Generator") -> Array:
    del shape
    return np.array([*_digits(int(rng.integers(2**63)), KEY_DIGITS), *[0] * PASS_DIGITS], np.float32)


def _digits(number: int, count: int) -> list[int]:
    return [number >> BITS * place & 2**BITS - 1 for place in range(count)]


def _whole(digits: Array) -> int:
    return sum(int(digit) << BITS * place for place, digit in enumerate(digits))


def _identity(dy: Array, *, need_dx: bool = True) -> Array | None:
    return dy if need_dx else None
