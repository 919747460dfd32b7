"""Operators as plain records. They know nothing of backends, but which operators can be computed in one pass."""

from typing import Any, NamedTuple, Protocol, Self, TypeAlias, TypeGuard, runtime_checkable

from minidl.description.arithmetic import Arithmetic as Arithmetic
from minidl.description.arithmetic import Constant as Constant
from minidl.description.arithmetic import PReLU as PReLU
from minidl.description.arithmetic import Where as Where
from minidl.description.moving import ArgMax as ArgMax
from minidl.description.moving import Expand as Expand
from minidl.description.moving import Gather as Gather
from minidl.description.moving import Pad as Pad
from minidl.description.moving import PadAxis as PadAxis
from minidl.description.moving import Rearrange as Rearrange
from minidl.description.moving import Reduce as Reduce
from minidl.description.moving import Reshape as Reshape
from minidl.description.moving import Resize as Resize
from minidl.description.moving import Slice as Slice
from minidl.description.moving import Transpose as Transpose
from minidl.description.param import Param as Param
from minidl.typing import Array, Border, Pair


class ConvGeometry(NamedTuple):
    """Where the windows of a convolution lie, and how many groups of channels it has."""

    stride: Pair
    padding: Border
    dilation: Pair
    groups: int


class Input(NamedTuple):
    """What comes from outside."""


class Opaque(NamedTuple):
    """A module that doesn't describe itself: its `forward` is run."""

    module: Any


class Identity(NamedTuple):
    """What it reads. The gradients of its readers are added to one another before those of what is read beside it."""


class ReLU(NamedTuple):
    """max(x, 0)."""


class Elementwise(NamedTuple):
    """An activation that is a formula of one number."""

    name: str
    """The backend's formula; "gelu_tanh" for GELU with approximate="tanh"."""
    settings: tuple[float, ...]
    """Its arguments, in their order."""
    keeps_y: bool
    """Whether backward needs y, which the next operator may keep as well; else x."""


class MaxPool(NamedTuple):
    """The windows of a max-pooling."""

    pool_size: Pair
    stride: Pair
    padding: Border
    dilation: Pair = (1, 1)


class AveragePool(NamedTuple):
    """The windows of an average-pooling."""

    pool_size: Pair
    stride: Pair
    padding: Border
    count_include_pad: bool
    uncounted: Pair = (0, 0)
    """Rows at the bottom and columns at the right of the padding that make windows whole, and never count."""


class AdaptiveAveragePool(NamedTuple):
    """Average-pooling to a size; to vectors (n, c), whose size is (1, 1)."""

    output_size: Pair
    to_vectors: bool = False


class Add(NamedTuple):
    """The sum of its inputs, in their order."""


class Multiply(NamedTuple):
    """The product of its inputs, in their order; one that is 1 long along an axis is repeated along it."""


class Concat(NamedTuple):
    """Its inputs, stacked along the channels."""


class Softmax(NamedTuple):
    """Softmax along an axis of a batch: of the rows of (n, classes) along the last."""

    axis: int = -1


class LogSoftmax(NamedTuple):
    """The logarithm of softmax along an axis."""

    axis: int = -1


class ZeroPad(NamedTuple):
    """Images in a border of zeros."""

    padding: Border


class UpSample(NamedTuple):
    """Images made larger by whole factors."""

    factors: Pair
    interpolation: str


class Masks(Protocol):
    """Draws dropout's masks by their number."""

    def next_pass(self) -> tuple[int, int]:
        """(key, number of the pass)."""
        ...


class Dropout(NamedTuple):
    """Dropout in training, of single values or of whole channels."""

    rate: float
    masks: Masks
    by_channel: bool = False


class Normalize(NamedTuple):
    """Batch normalization by running statistics: weight, bias, mean and variance are (c,)."""

    weight: Param
    bias: Param
    mean: Array
    variance: Array
    eps: float
    relu: bool = False

    def fused(self, after: "Operator", *, keeps: bool) -> Self | None:
        """With the ReLU after it, in inference."""
        return self._replace(relu=True) if isinstance(after, ReLU) and not (self.relu or keeps) else None


class GroupNorm(NamedTuple):
    """Each of `groups` groups of a sample's channels normalized."""

    weight: Param
    bias: Param
    groups: int
    eps: float
    by_value: bool = False
    """Whether weight and bias are of a sample's shape, and not (c,)."""


class ResponseNorm(NamedTuple):
    """Local response normalization across channels."""

    size: int
    alpha: float
    beta: float
    k: float


class MatMul(NamedTuple):
    """The matrix products of two inputs, sample by sample."""


Activation: TypeAlias = ReLU | Elementwise


def _can_follow(after: "Operator", *, keeps: bool) -> "TypeGuard[Activation]":
    """Whether it's an activation that can be applied in place; if backward follows, it must need y alone."""
    return isinstance(after, ReLU) or (isinstance(after, Elementwise) and (after.keeps_y or not keeps))


class Epilogue(NamedTuple):
    """What follows in the same pass: a normalization, the sum with the next input, an activation, a max-pooling."""

    normalization: Normalize | None = None
    adds: bool = False
    activation: Activation | None = None
    pool: MaxPool | None = None

    def fused(self, after: "Operator", *, keeps: bool) -> "Epilogue | None":
        """With one more operator, if it may come next; where backward follows, an activation that keeps y alone.

        Behind a max-pooling that one must be a ReLU, whose gradient is known from the pooled y.
        """
        if self.pool is not None:
            return None
        if isinstance(after, MaxPool):
            fits = isinstance(self.activation, ReLU) or not (keeps or self.activation is None)
            fits = fits and after.dilation == (1, 1)
            return self._replace(pool=after) if fits else None
        if self.activation is not None:
            return None
        if _can_follow(after, keeps=keeps):
            return self._replace(activation=after)
        if keeps or self.adds:
            return None
        if isinstance(after, Add):
            return self._replace(adds=True)
        if isinstance(after, Normalize) and not after.relu and self.normalization is None:
            return self._replace(normalization=after)
        return None


NOTHING = Epilogue()


class Conv(NamedTuple):
    """A convolution by weights (out, in / groups, kh, kw)."""

    weight: Param
    bias: Param | None
    geometry: ConvGeometry
    epilogue: Epilogue = NOTHING
    folds: bool = True
    """Whether a normalization goes into its weights, which rounds differently from a pass of its own."""

    def fused(self, after: "Operator", *, keeps: bool) -> Self | None:
        """With what its epilogue can take."""
        epilogue = self.epilogue.fused(after, keeps=keeps)
        return None if epilogue is None else self._replace(epilogue=epilogue)


class ConvTranspose(NamedTuple):
    """A transposed convolution by weights (in, out / groups, kh, kw), to images of `size`."""

    weight: Param
    bias: Param | None
    geometry: ConvGeometry
    size: Pair


class Dense(NamedTuple):
    """A dense layer, perhaps with an activation."""

    weight: Param
    bias: Param | None
    activation: Activation | None = None

    def fused(self, after: "Operator", *, keeps: bool) -> Self | None:
        """With the activation after it."""
        if self.activation is None and _can_follow(after, keeps=keeps):
            return self._replace(activation=after)
        return None


class BatchNorm(NamedTuple):
    """A batch normalization in training, whose running statistics move."""

    weight: Param
    bias: Param
    running_mean: Array
    running_variance: Array
    momentum: float
    eps: float
    epilogue: Epilogue = NOTHING

    def fused(self, after: "Operator", *, keeps: bool) -> Self | None:
        """With a sum and a ReLU, or a ReLU and a max-pooling."""
        if isinstance(after, Add):
            return self._replace(epilogue=Epilogue(adds=True)) if self.epilogue == NOTHING else None
        epilogue = None if isinstance(after, Elementwise) else self.epilogue.fused(after, keeps=True)
        if epilogue is None or (epilogue.adds and epilogue.pool is not None):
            return None
        return self._replace(epilogue=epilogue)


Operator: TypeAlias = (
    Input
    | Identity
    | Opaque
    | Conv
    | ConvTranspose
    | Dense
    | BatchNorm
    | Normalize
    | GroupNorm
    | ResponseNorm
    | MatMul
    | MaxPool
    | AveragePool
    | AdaptiveAveragePool
    | ReLU
    | Elementwise
    | PReLU
    | Softmax
    | LogSoftmax
    | Reshape
    | Transpose
    | Rearrange
    | Slice
    | Expand
    | Reduce
    | ArgMax
    | PadAxis
    | Gather
    | Resize
    | Pad
    | ZeroPad
    | UpSample
    | Dropout
    | Add
    | Multiply
    | Arithmetic
    | Where
    | Constant
    | Concat
)


@runtime_checkable
class Fusible(Protocol):
    """An operator that can take others into its pass."""

    def fused(self, after: Operator, *, keeps: bool) -> Any:
        """The operator that does both, or None; `keeps` where a backward pass follows."""
        ...


def is_trained(operator: Operator) -> bool:
    """Whether it has a parameter that is trained."""
    params = (getattr(operator, name, None) for name in ("weight", "bias"))
    return any(isinstance(param, Param) and param.grad is not None for param in params)
