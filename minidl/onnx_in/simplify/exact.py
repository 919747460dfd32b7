"""What minidl wrote comes back as the layers that it was, to the bit: its nodes are named after their modules."""

from minidl.layers.rescaling import Rescaling
from minidl.onnx_in.simplify import activations, moves, norms
from minidl.onnx_in.simplify.steps import Steps


def restore(steps: Steps) -> None:
    """Let one layer do what several steps of one module do, and what changes no bit."""
    steps.drop_unread()  # transposes that weren't needed, after all, would count as readers
    steps.within_modules = True
    activations.recognize(steps)
    norms.recognize(steps)
    steps.within_modules = False
    for i in steps.present():
        _rescaling(steps, i)
    moves.merge(steps)


def _rescaling(steps: Steps, i: int) -> None:
    """A product and a sum that are one layer."""
    numbers = steps.formula(i)
    before = None if numbers is None else steps.formula(steps.before(i))
    if numbers is None or before is None or numbers[0] != 1 or before[1] or steps[i].kind != "Rescaling":
        return
    if steps[steps.before(i)].module == steps[i].module and steps.is_private(steps.before(i)):
        steps.replace(i, Rescaling(before[0], numbers[1]), steps[steps.before(i)].inputs)
