"""Elementary functions as layers, element by element, for arrays of any shape."""

from minidl import functional as F
from minidl.functional import Pullback
from minidl.layers.elementwise import Formula
from minidl.typing import Array

__all__ = ["Abs", "Clip", "Erf", "Exp", "HardSigmoid", "Log", "Negative", "Power", "ReLU6", "Reciprocal", "Sqrt"]


class Clip(Formula):
    """The number nearest to x from `low` to `high`, None for no bound.

    The gradient is 0 where y is one of the bounds, as that of PyTorch's `Hardtanh` is. Raises ValueError for a low that
    is above high.
    """

    def __init__(self, low: float | None = None, high: float | None = None) -> None:
        F.check_bounds(low, high)
        self.low = low
        self.high = high

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.clip(x, self.low, self.high)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "clip", F.check_bounds(self.low, self.high)

    def check_settings(self, name: str, settings: tuple[float, ...]) -> None:
        """None are left to check."""


class ReLU6(Formula):
    """min(max(x, 0), 6). Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.relu6(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "clip", (0.0, 6.0)


class HardSigmoid(Formula):
    """`slope` x + `offset`, clipped to [0, 1]; ONNX's slope is 0.2, Keras's and PyTorch's 1 / 6.

    Raises ValueError for numbers that aren't finite.
    """

    def __init__(self, slope: float = 1 / 6, offset: float = 0.5) -> None:
        F.check_finite("slope", slope)
        F.check_finite("offset", offset)
        self.slope = slope
        self.offset = offset

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.hard_sigmoid(x, slope=self.slope, offset=self.offset)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "hard_sigmoid", (self.slope, self.offset)

    def check_settings(self, name: str, settings: tuple[float, ...]) -> None:
        """Of any sign."""
        for setting in settings:
            F.check_finite(name, setting)


class Abs(Formula):
    """x without its sign; the gradient at 0 is 0."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.abs(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "abs", ()


class Negative(Formula):
    """-x."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.negative(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "rescale", (-1.0, -0.0)

    def check_settings(self, name: str, settings: tuple[float, ...]) -> None:
        """None are left to check."""


class Exp(Formula):
    """e to the x."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.exp(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "exp", ()


class Log(Formula):
    """The natural logarithm: minus infinity of 0, NaN of what is below."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.log(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "log", ()


class Sqrt(Formula):
    """The square root, NaN of what is below 0."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.sqrt(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "sqrt", ()


class Erf(Formula):
    """The error function: 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.erf(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "erf", ()


class Reciprocal(Formula):
    """1 / x."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.reciprocal(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "reciprocal", ()


class Power(Formula):
    """x to an `exponent`: of numbers below 0, NaN unless that is an integer. The gradient at 0 is PyTorch's.

    Raises ValueError for an exponent that isn't finite.
    """

    def __init__(self, exponent: float) -> None:
        F.check_finite("exponent", exponent)
        self.exponent = exponent

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.power(x, self.exponent)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return F.power_formula(self.exponent)[:2]

    def check_settings(self, name: str, settings: tuple[float, ...]) -> None:
        """None are left to check."""
