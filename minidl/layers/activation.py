"""Activations: functions of their input alone."""

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.functional import Pullback
from minidl.layers.elementwise import Formula
from minidl.layers.operation import Operation
from minidl.typing import Array, Shape

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "HardSwish",
    "LeakyReLU",
    "LogSoftmax",
    "Mish",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class ReLU(Operation):
    """max(x, 0), element by element, for arrays of any shape."""

    def describe(self, describer: Describer, x: Value) -> Value:
        return describer.add(op.ReLU(), x, shape=x.shape)

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.relu(x)


class LeakyReLU(Formula):
    """x where it is above zero, else negative_slope x; `negative_slope` is at least 0.

    Source: Maas et al., "Rectifier nonlinearities improve neural network acoustic models", 2013.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        F.check_number("negative_slope", negative_slope)
        self.negative_slope = negative_slope

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.leaky_relu(x, negative_slope=self.negative_slope)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "leaky_relu", (self.negative_slope,)


class ELU(Formula):
    """x where it is above zero, else alpha (exp(x) - 1); `alpha` is at least 0.

    Source: Clevert et al., "Fast and accurate deep network learning by exponential linear units", 2015.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        F.check_number("alpha", alpha)
        self.alpha = alpha

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.elu(x, alpha=self.alpha)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "elu", (self.alpha,)


class GELU(Formula):
    """x times the standard normal distribution up to x: x (1 + erf(x / sqrt(2))) / 2.

    `approximate="tanh"` is x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2, within 0.0005 of it, for weights that
    were trained so. Source: Hendrycks and Gimpel, "Gaussian error linear units", 2016.
    """

    def __init__(self, *, approximate: str = "none") -> None:
        F.check_approximate(approximate)
        self.approximate = approximate

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.gelu(x, approximate=self.approximate)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "gelu_tanh" if self.approximate == "tanh" else "gelu", ()


class SiLU(Formula):
    """x sigmoid(x), also known as swish. Source: Elfwing et al., 2017, "Sigmoid-weighted linear units"."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.silu(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "silu", ()


class Sigmoid(Formula):
    """1 / (1 + exp(-x)), element by element.

    At the end of a model, `fit` and `evaluate` join it with `BinaryCrossEntropy` and compute both from the logits.
    """

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.sigmoid(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "sigmoid", ()


class Tanh(Formula):
    """The hyperbolic tangent, element by element."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.tanh(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "tanh", ()


class Softplus(Formula):
    """log(1 + exp(beta x)) / beta, a smooth ReLU; where beta x is above `threshold`, x itself. `beta` is above 0."""

    def __init__(self, beta: float = 1.0, *, threshold: float = 20.0) -> None:
        F.check_number("beta", beta, is_positive=True)
        F.check_number("threshold", threshold)
        self.beta = beta
        self.threshold = threshold

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.softplus(x, beta=self.beta, threshold=self.threshold)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "softplus", (self.beta, self.threshold)


class HardSwish(Formula):
    """x times (x + 3) / 6 clipped to [0, 1]. Source: Howard et al., "Searching for MobileNetV3", 2019."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.hard_swish(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "hard_swish", ()


class SELU(Formula):
    """1.0507 x where it is above zero, else 1.0507 times 1.6733 (exp(x) - 1), with more digits.

    With first weights by "lecun_normal" its outputs tend to mean 0 and variance 1, layer by layer. Source: Klambauer et
    al., "Self-normalizing neural networks", 2017.
    """

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.selu(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "selu", ()


class Mish(Formula):
    """x tanh(log(1 + exp(x))). Source: Misra, "Mish: a self regularized non-monotonic activation function", 2019."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.mish(x)

    def formula(self) -> tuple[str, tuple[float, ...]]:
        return "mish", ()


class _OfRows(Operation):
    """An activation of each row of x (n, classes), or of the values along an axis."""

    def __init__(self, axis: int | None = None) -> None:
        shapes.check_axis(axis)
        self.axis = axis

    def output_shape(self, input_shape: Shape) -> Shape:
        if self.axis is None:
            shapes.expect("", input_shape, ("classes",))
        else:
            shapes.axis_of(self.axis, input_shape)
        return input_shape

    def described(self, describer: Describer, x: Value, operator: type[op.Softmax] | type[op.LogSoftmax]) -> Value:
        """What `describe` of each class says."""
        shape = self.output_shape(x.shape)
        place = len(shape) - 1 if self.axis is None else shapes.axis_of(self.axis, shape)
        return describer.add(operator(-1 if len(shape) == 1 else place + 1), x, shape=shape)


class Softmax(_OfRows):
    """Probabilities from scores: exp(x) / sum of exp(x) along each row of x (n, classes).

    With `axis` along that axis of x (n, ...), where 0 would be the batch: 1 is the channels of images, -1 the last one.
    At the end of a model, `fit` and `evaluate` join it with `CrossEntropy` and compute both from the logits.
    """

    def describe(self, describer: Describer, x: Value) -> Value:
        return self.described(describer, x, op.Softmax)

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.softmax(x, axis=self.axis)


class LogSoftmax(_OfRows):
    """The logarithm of `Softmax`, without its overflow: x - log of the sum of exp(x) along each row of x (n, classes).

    `axis` as there. `CrossEntropy` after it gives what it gives without it.
    """

    def describe(self, describer: Describer, x: Value) -> Value:
        return self.described(describer, x, op.LogSoftmax)

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.log_softmax(x, axis=self.axis)
