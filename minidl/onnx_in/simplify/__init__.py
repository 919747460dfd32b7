"""Steps made fewer: what exporters spell out becomes the layer that it stands for."""

from minidl.onnx_in.simplify import activations, affine, exact, moves, norms
from minidl.onnx_in.simplify.steps import Steps

PASSES = (
    *(moves.merge, activations.recognize, affine.fold, activations.recognize, norms.recognize),
    *(affine.fold, affine.fold_forwards, moves.merge),
)
"""In turn; those that come twice find more after the others."""


def simplify(steps: Steps, *, exactly: bool = False) -> None:
    """Make the steps fewer, in place, perhaps without changing a bit. Those that nothing reads any more are gone."""
    if exactly:
        exact.restore(steps)
    else:
        for each in PASSES:
            each(steps)
    steps.drop_unread()
