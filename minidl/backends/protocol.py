"""What every backend has: the names and signatures of the operators."""

from __future__ import annotations

from typing import Protocol

from minidl.backends.updates import AdagradStep, AdamStep, LionStep, RMSPropStep, SGDStep
from minidl.description.operators import AveragePool, ConvGeometry, MaxPool
from minidl.typing import AffineGradients, Array, Border, IntArray, Pair


class Backend(Protocol):
    """The functions that each backend module exports; images are (n, c, h, w), shapes have been checked."""

    __name__: str

    def conv2d(self, x: Array, w: Array, b: Array | None, *, geometry: ConvGeometry) -> Array: ...

    def conv2d_backward(
        self,
        dy: Array,
        x: Array,
        w: Array,
        *,
        geometry: ConvGeometry,
        need_dx: bool,
        need_dw: bool,
    ) -> AffineGradients: ...

    def max_pool2d(self, x: Array, *, pool: MaxPool) -> tuple[Array, IntArray]: ...

    def max_pool2d_backward(self, dy: Array, argmax: IntArray, *, size: Pair, pool: MaxPool) -> Array: ...

    def average_pool2d(self, x: Array, *, pool: AveragePool) -> Array: ...

    def average_pool2d_backward(self, dy: Array, *, size: Pair, pool: AveragePool) -> Array: ...

    def adaptive_average_pool2d(self, x: Array, *, output_size: Pair) -> Array: ...

    def adaptive_average_pool2d_backward(self, dy: Array, *, size: Pair) -> Array: ...

    def conv_transpose2d(
        self,
        x: Array,
        w: Array,
        b: Array | None,
        *,
        geometry: ConvGeometry,
        size: Pair,
    ) -> Array: ...

    def conv_transpose2d_backward(
        self,
        dy: Array,
        x: Array,
        w: Array,
        *,
        geometry: ConvGeometry,
        need_dx: bool,
        need_dw: bool,
    ) -> AffineGradients: ...

    def zero_pad2d(self, x: Array, *, padding: Border) -> Array: ...

    def zero_pad2d_backward(self, dy: Array, *, padding: Border) -> Array: ...

    def upsample2d(self, x: Array, *, factors: Pair, interpolation: str) -> Array: ...

    def upsample2d_backward(self, dy: Array, *, factors: Pair, interpolation: str) -> Array: ...

    def reduce(self, name: str, x: Array, *, axes: tuple[int, ...]) -> Array: ...

    def reduce_backward(
        self, name: str, dy: Array, x: Array | None, y: Array | None, *, shape: tuple[int, ...]
    ) -> Array: ...

    def argmax(self, x: Array, *, axis: int) -> Array: ...

    def embedding(self, indices: IntArray, w: Array) -> Array: ...

    def embedding_backward(self, dy: Array, indices: IntArray, *, rows: int) -> Array: ...

    def dense(self, x: Array, w: Array, b: Array | None) -> Array: ...

    def dense_backward(self, dy: Array, x: Array, w: Array, *, need_dx: bool, need_dw: bool) -> AffineGradients: ...

    def elementwise(self, name: str, x: Array, settings: tuple[float, ...] = ()) -> Array: ...

    def elementwise_backward(self, name: str, dy: Array, kept: Array, settings: tuple[float, ...] = ()) -> Array: ...

    def softmax(self, x: Array) -> Array: ...

    def softmax_backward(self, dy: Array, y: Array) -> Array: ...

    def log_softmax(self, x: Array) -> Array: ...

    def log_softmax_backward(self, dy: Array, y: Array) -> Array: ...

    def cross_entropy(self, logits: Array, targets: Array) -> tuple[Array, Array]: ...

    def batch_norm2d(
        self, x: Array, gamma: Array, beta: Array, *, eps: float, running: tuple[Array, Array, float] | None = None
    ) -> tuple[Array, Array, Array]: ...

    def batch_norm2d_backward(
        self, dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, eps: float
    ) -> tuple[Array, Array, Array]: ...

    def scale_shift(self, x: Array, scale: Array, shift: Array) -> Array: ...

    def scale_shift_backward(self, dy: Array, x: Array, scale: Array) -> tuple[Array, Array, Array]: ...

    def group_norm(
        self, x: Array, gamma: Array, beta: Array, *, groups: int, eps: float
    ) -> tuple[Array, Array, Array]: ...

    def group_norm_backward(
        self, dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, groups: int, eps: float
    ) -> tuple[Array, Array, Array]: ...

    def dropout(self, x: Array, *, rate: float, key: int, counter: int) -> Array: ...

    def sgd_step(self, value: Array, grad: Array, velocity: Array | None, settings: SGDStep) -> None: ...

    def adam_step(
        self, value: Array, grad: Array, first: Array, second: Array, largest: Array | None, settings: AdamStep
    ) -> None: ...

    def rmsprop_step(
        self,
        value: Array,
        grad: Array,
        square: Array,
        mean: Array | None,
        velocity: Array | None,
        settings: RMSPropStep,
    ) -> None: ...

    def adagrad_step(self, value: Array, grad: Array, total: Array, settings: AdagradStep) -> None: ...

    def lion_step(self, value: Array, grad: Array, mean: Array, settings: LionStep) -> None: ...

    def crop(self, x: Array, place: IntArray, *, size: Pair) -> Array: ...

    def warp_images(self, x: Array, place: IntArray, *, size: Pair, repeats_edge: bool) -> Array: ...

    def adjust_brightness(self, x: Array, light: Array, *, limits: tuple[float, float]) -> Array: ...

    def erase_images(self, x: Array, corner: IntArray, *, size: Pair) -> Array: ...

    def mix_images(self, x: Array, partner: IntArray, share: Array) -> Array: ...
