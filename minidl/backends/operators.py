"""Operators in a row, as plain descriptions that a backend can prepare as one network."""

from typing import NamedTuple, TypeAlias

from minidl.typing import Array, Border, Pair


class Trained(NamedTuple):
    """A parameter's value, and the gradient that backward adds to, or None for one that isn't trained."""

    value: Array
    grad: Array | None


class Pool(NamedTuple):
    """The windows of a max-pooling."""

    pool_size: Pair
    stride: Pair
    padding: Border


class Average(NamedTuple):
    """The windows of an average-pooling."""

    pool_size: Pair
    stride: Pair
    padding: Border
    count_include_pad: bool


class AdaptiveAverage(NamedTuple):
    """Average-pooling to a size; to vectors (n, c), whose size is (1, 1)."""

    output_size: Pair
    to_vectors: bool = False


class Normalization(NamedTuple):
    """A batch normalization by running statistics, each (c,)."""

    weight: Array
    bias: Array
    mean: Array
    variance: Array
    eps: float


class Convolution(NamedTuple):
    """A convolution; then, in inference, a normalization; then perhaps ReLU; then perhaps a max-pooling."""

    weight: Trained
    bias: Trained | None
    stride: Pair
    padding: Border
    dilation: Pair
    groups: int
    normalization: Normalization | None = None
    relu: bool = False
    pool: Pool | None = None


class BatchNormalization(NamedTuple):
    """A batch normalization in training, whose running statistics move; then perhaps ReLU, then a max-pooling."""

    weight: Trained
    bias: Trained
    running_mean: Array
    running_variance: Array
    momentum: float
    eps: float
    relu: bool = False
    pool: Pool | None = None


class Affine(NamedTuple):
    """A dense layer, perhaps with ReLU."""

    weight: Trained
    bias: Trained | None
    relu: bool = False


class Rectification(NamedTuple):
    """ReLU."""


class Flattening(NamedTuple):
    """Each sample as one vector."""


class Exponentials(NamedTuple):
    """Softmax of each row."""


class LogExponentials(NamedTuple):
    """The logarithm of softmax of each row."""


class Elementwise(NamedTuple):
    """An activation that is a formula of one number."""

    name: str
    """The backend's formula; "gelu_tanh" for GELU with approximate="tanh"."""
    settings: tuple[float, ...] = ()
    """Its arguments, in their order."""


Operator: TypeAlias = (
    Convolution
    | BatchNormalization
    | Affine
    | Pool
    | Average
    | AdaptiveAverage
    | Rectification
    | Flattening
    | Exponentials
    | LogExponentials
    | Elementwise
)
