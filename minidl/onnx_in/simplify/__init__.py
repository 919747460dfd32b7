"""Steps made fewer: what exporters spell out becomes the layer that it stands for."""

from minidl.onnx_in.simplify import activations, affine, moves, norms
from minidl.onnx_in.simplify.steps import Steps

PASSES = (
    *(moves.merge, activations.recognize, affine.fold, activations.recognize, norms.recognize),
    *(affine.fold, affine.fold_forwards, moves.merge),
)
"""In turn; those that come twice find more after the others."""

EXACT = (moves.merge, norms.recognize)
"""Those that change no bit."""


def simplify(steps: Steps, *, exactly: bool = False) -> None:
    """Make the steps fewer, in place, perhaps without changing a bit. Those that nothing reads any more are gone."""
    for each in EXACT if exactly else PASSES:
        each(steps)
    steps.drop_unread()
