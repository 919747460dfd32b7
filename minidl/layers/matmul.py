"""Matrix products of two inputs."""

from collections.abc import Sequence

from minidl import functional as F
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.errors import ShapeError
from minidl.functional.matmul import matmul_pullback
from minidl.layers.branches import Branches, Pullback
from minidl.shapes import arrange
from minidl.typing import Array, Shape

__all__ = ["MatMul"]


class MatMul(Branches):
    """The matrix product, sample by sample, of two branches, or without branches of two inputs.

    Samples are (..., m, k) and (..., k, p), and y is (..., m, p), as from NumPy's matmul and ONNX's MatMul: axes before
    the last two broadcast.
    """

    def joined_shape(self, parts: Sequence[Shape], *, of: str = "branches") -> Shape:
        if len(parts) != 2:
            raise ShapeError(f"expected two {of}, got {len(parts)}")
        return arrange.product(*parts)

    def describe(self, describer: Describer, *inputs: Value) -> Value:
        parts = self.described_parts(describer, *inputs)
        return describer.add(op.MatMul(), *parts, shape=self.joined_shape([part.shape for part in parts]))

    def join(self, parts: Sequence[Array]) -> Array:
        return F.matmul(*parts)[0]

    def pullback(self, parts: Sequence[Array]) -> Pullback:
        of_product = matmul_pullback(*parts)
        return lambda dy: list(of_product(dy))
