"""The table of a model that isn't built: its layers, what is known of them, and how it is built."""

from collections.abc import Iterator

from minidl.display import quantity
from minidl.layers.branches import Branches
from minidl.layers.container import Chain, Residual
from minidl.module import Module

SHAPES = (("2D", "(c, h, w), such as (3, 32, 32)"), ("1D", "(c, length), such as (1, 100)"))
"""What a sample is for a layer whose class ends so."""


def unbuilt_table(model: Module, *, expand: bool = False) -> str:
    """Names and parameters of the layers as text, "?" for what the shape of a sample tells, and how to build it."""
    rows = [*_rows(model, "", 0, expand), (type(model).__name__, _count(model))]
    cells = [("layer", "output shape", "parameters")]
    cells += [(name, "?", "?" if count is None else quantity.count(count)) for name, count in rows]
    cells[-1] = (cells[-1][0], "", cells[-1][2])
    widths = [max(len(row[place]) for row in cells) for place in range(3)]
    lines = [f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}" for name, shape, count in cells]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], f"Not built yet. {_how(model)}"])


def _how(model: Module) -> str:
    if not isinstance(model, Chain):
        return f"A {type(model).__name__} tells its shapes when it has an input_shape: self.input_shape = (c, h, w)."
    first = _first(model)
    if first is not None and first.takes_integers:
        shape = "(length,), such as (100,)"
    else:
        name = type(first).__name__
        shape = next((shape for end, shape in SHAPES if name.endswith(end)), "(c, h, w) or (features,)")
        shape = "(features,), such as (64,)" if name == "Dense" else shape
    return f"Give the shape of a sample, {shape}: Sequential([...], input_shape=...). Or call it: model(x)."


def _first(module: Module) -> Module | None:
    """The first layer inside that is made of no others."""
    while True:
        child = next(module.children(), None)
        if child is None:
            return module
        module = child[1]


def _rows(module: Module, path: str, depth: int, expand: bool) -> Iterator[tuple[str, int | None]]:
    for name, layer in module.children():
        yield f"{' ' * 2 * depth}{path}{name} {type(layer).__name__}", _count(layer)
        if expand and isinstance(layer, Chain | Residual | Branches):
            yield from _rows(layer, f"{path}{name}.", depth + 1, True)


def _count(module: Module) -> int | None:
    """The parameters of a module; None where the shape of a sample tells how many."""
    parameters = [parameter for _, parameter in module.named_parameters()]
    return sum(each.value.size for each in parameters) if all(each.is_built for each in parameters) else None
