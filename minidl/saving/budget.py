"""What files from elsewhere may take: limits that are checked before memory or time is spent."""

from minidl import shapes
from minidl.display import code
from minidl.errors import FormatError, KeywordHints

SLACK = 2**20
"""Bytes that a file may take whatever its size."""

LARGE_SAMPLE = 1000
"""A model's pass may take this many times the bytes of its sample, whatever the budget."""


class Budget(KeywordHints):
    """Limits on what a file may take; a file that exceeds them raises a FormatError before any work.

    `arrays`: bytes of all its arrays, in memory, or of a model's sample. `expansion`: how many times larger than the
    file these may be. For models, `activations`: bytes that a pass of one sample takes, with every layer's output and
    padded input; `operations` of that pass (multiply-accumulates, or values read by windows); number of `layers`, and
    `depth` of their nesting. `activations` may be at least a thousand times a sample's bytes, and `operations` a
    million times. Raises ValueError for limits that aren't ints above 0.
    """

    def __init__(
        self,
        *,
        arrays: int = 8 * 2**30,
        expansion: int = 100,
        activations: int = 2**27,
        operations: int = 10**12,
        layers: int = 10_000,
        depth: int = 50,
    ) -> None:
        self.arrays = shapes.count(arrays, "arrays")
        self.expansion = shapes.count(expansion, "expansion")
        self.activations = shapes.count(activations, "activations")
        self.operations = shapes.count(operations, "operations")
        self.layers = shapes.count(layers, "layers")
        self.depth = shapes.count(depth, "depth")

    def __repr__(self) -> str:
        return code.call(self, vars(self))

    def check_arrays(self, size: int, stored: int, *, slack: int = SLACK) -> None:
        """Raise FormatError for a content of `size` bytes, of files that are `stored` bytes long."""
        if size > self.expansion * stored + slack:
            raise FormatError(
                f"{stored} bytes that expand to {size}, more than {self.expansion} times as many; "
                "budget=Budget(expansion=...) allows more"
            )
        if size > self.arrays:
            raise FormatError(
                f"{size} bytes of arrays, more than the {self.arrays} allowed; budget=Budget(arrays=...) allows more"
            )

    def check_model(self, *, layers: int, depth: int) -> None:
        """Raise FormatError for a model with too many layers, or nested too deep."""
        if depth > self.depth:
            raise FormatError(f"modules are nested more than {self.depth} deep; budget=Budget(depth=...) allows more")
        if layers > self.layers:
            raise FormatError(
                f"{layers} layers, more than the {self.layers} allowed; budget=Budget(layers=...) allows more"
            )

    def check_pass(self, *, sample: int, activations: int, operations: int) -> None:
        """Raise FormatError for a model that takes so much for each sample of `sample` bytes."""
        if sample > self.arrays:
            hint = f"more than the {self.arrays} allowed; budget=Budget(arrays=...) allows more"
            raise FormatError(f"a sample of {sample} bytes, {hint}")
        for name, value, unit, most in (
            ("activations", activations, "bytes", max(self.activations, LARGE_SAMPLE * sample)),
            ("operations", operations, "operations", max(self.operations, LARGE_SAMPLE**2 * sample)),
        ):
            if value > most:
                raise FormatError(
                    f"a pass of one sample takes {value} {unit}, more than the {most} allowed; "
                    f"budget=Budget({name}=...) allows more"
                )


USUAL = Budget()
"""The limits where a caller sets none."""
