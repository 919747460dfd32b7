"""A model as a table: layers, output shapes, parameters, multiply-accumulate operations."""

from minidl.layers.container import Chain
from minidl.module import Module
from minidl.shapes import show
from minidl.typing import Shape

Row = tuple[str, str, str, str]


def rows(module: Module, input_shape: Shape) -> list[tuple[str, Shape, int, int]]:
    """(layer, output shape, parameters, MACs) of each layer of a chain, or of the module itself."""
    layers = list(module.children()) if isinstance(module, Chain) else [("", module)]
    table, shape = [], input_shape
    for name, layer in layers:
        macs, shape = layer.macs(shape), layer.output_shape(shape)
        parameters = sum(parameter.value.size for parameter in layer.parameters())
        table.append((f"{name} {type(layer).__name__}".strip(), shape, parameters, macs))
    return table


def table(module: Module, input_shape: Shape) -> str:
    """The table as text, with totals; a layer that's used twice counts once in the parameters' total."""
    body: list[Row] = [
        (name, show(("n", *shape)), f"{parameters:,}", f"{macs:,}")
        for name, shape, parameters, macs in rows(module, input_shape)
    ]
    parameters = sum(parameter.value.size for parameter in module.parameters())
    head: Row = ("layer", "output shape", "parameters", "MACs")
    first: Row = ("input", show(("n", *input_shape)), "", "")
    total: Row = (type(module).__name__, "", f"{parameters:,}", f"{module.macs(input_shape):,}")
    widths = [max(len(row[i]) for row in (head, first, total, *body)) for i in range(4)]
    rule = "-" * (sum(widths) + 6)
    lines = [_line(head, widths), rule, *(_line(row, widths) for row in (first, *body)), rule, _line(total, widths)]
    return "\n".join(lines)


def _line(row: Row, widths: list[int]) -> str:
    name, shape, parameters, macs = row
    return f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {parameters:>{widths[2]}}  {macs:>{widths[3]}}"
