"""Rules for activations: formulas of one number, and softmax."""

import math
from collections.abc import Callable

from minidl.onnx_out.writer import Call, Writer


def relu(writer: Writer, call: Call) -> str:
    return writer.add("Relu", call.x)


def prelu(writer: Writer, call: Call) -> str:
    weight = call.operator.weight.value
    shape = (1,) if weight.size == 1 else (-1, *[1] * (len(call.shapes[0]) - 1))
    return writer.add(
        "PRelu", call.x, writer.array(weight if weight.shape == shape else weight.reshape(shape), "weight")
    )


def softmax(writer: Writer, call: Call) -> str:
    """Softmax and LogSoftmax, whose records have ONNX's names."""
    return writer.add(type(call.operator).__name__, call.x, axis=call.operator.axis)


def elementwise(writer: Writer, call: Call) -> str:
    formula = FORMULAS.get(call.operator.name)
    if formula is None:
        raise NotImplementedError(f"the formula {call.operator.name!r} has no rule")
    return formula(writer, call.x, *call.operator.settings)


def _gelu(writer: Writer, x: str) -> str:
    """As PyTorch spells it out where the operator is too new."""
    if writer.opset >= 20:
        return writer.add("Gelu", x)
    inner = writer.add("Erf", writer.add("Div", x, writer.number(math.sqrt(2))))
    product = writer.add("Mul", x, writer.add("Add", inner, writer.number(1)))
    return writer.add("Mul", product, writer.number(0.5))


def _gelu_tanh(writer: Writer, x: str) -> str:
    if writer.opset >= 20:
        return writer.add("Gelu", x, approximate="tanh")
    cube = writer.add("Mul", writer.add("Mul", x, x), x)
    inner = writer.add("Add", x, writer.add("Mul", cube, writer.number(0.044715)))
    bent = writer.add("Tanh", writer.add("Mul", inner, writer.number(math.sqrt(2 / math.pi))))
    half = writer.add("Mul", x, writer.number(0.5))
    return writer.add("Mul", half, writer.add("Add", bent, writer.number(1)))


def _silu(writer: Writer, x: str) -> str:
    return writer.add("Mul", x, writer.add("Sigmoid", x))


def _mish(writer: Writer, x: str) -> str:
    if writer.opset >= 18:
        return writer.add("Mish", x)
    return writer.add("Mul", x, writer.add("Tanh", writer.add("Softplus", x)))


LINEAR = 17.0
"""From here on log(1 + exp(x)) is x in float32."""


def _softplus(writer: Writer, x: str, beta: float, threshold: float) -> str:
    if beta == 1 and threshold >= LINEAR:
        return writer.add("Softplus", x)
    scaled = x if beta == 1 else writer.add("Mul", x, writer.number(beta))
    soft = writer.add("Softplus", scaled)
    soft = soft if beta == 1 else writer.add("Div", soft, writer.number(beta))
    if threshold >= LINEAR:
        return soft
    return writer.add("Where", writer.add("Greater", scaled, writer.number(threshold)), x, soft)


def _rescale(writer: Writer, x: str, scale: float, offset: float) -> str:
    if (scale, offset) == (-1, 0):
        return writer.add("Neg", x)
    scaled = writer.add("Mul", x, writer.number(scale))
    return writer.add("Add", scaled, writer.number(offset)) if offset else scaled


def _clip(writer: Writer, x: str, low: float, high: float) -> str:
    bounds = [writer.number(bound) if math.isfinite(bound) else "" for bound in (low, high)]
    while bounds and not bounds[-1]:
        bounds.pop()
    return writer.add("Clip", x, *bounds)


def _power(writer: Writer, x: str, exponent: float) -> str:
    return writer.add("Pow", x, writer.number(exponent))


def _square(writer: Writer, x: str) -> str:
    return _power(writer, x, 2)


def _cube(writer: Writer, x: str) -> str:
    return _power(writer, x, 3)


def _plain(operator: str, *attributes: str) -> Callable[..., str]:
    """An operator of ONNX that computes the formula, its settings under these names."""

    def written(writer: Writer, x: str, *settings: float) -> str:
        return writer.add(operator, x, **dict(zip(attributes, map(float, settings), strict=True)))

    return written


FORMULAS: dict[str, Callable[..., str]] = {
    "abs": _plain("Abs"),
    "clip": _clip,
    "cube": _cube,
    "elu": _plain("Elu", "alpha"),
    "erf": _plain("Erf"),
    "exp": _plain("Exp"),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "hard_sigmoid": _plain("HardSigmoid", "alpha", "beta"),
    "hard_swish": _plain("HardSwish"),
    "leaky_relu": _plain("LeakyRelu", "alpha"),
    "log": _plain("Log"),
    "mish": _mish,
    "power": _power,
    "reciprocal": _plain("Reciprocal"),
    "relu": _plain("Relu"),
    "rescale": _rescale,
    "selu": _plain("Selu"),
    "sigmoid": _plain("Sigmoid"),
    "silu": _silu,
    "softplus": _softplus,
    "sqrt": _plain("Sqrt"),
    "square": _square,
    "tanh": _plain("Tanh"),
}
"""By the names that backends know them by."""
