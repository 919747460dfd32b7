"""The base class of layers that are a formula of one number."""

from minidl import functional as F
from minidl.description.graph import Describer, Value
from minidl.layers.operation import Operation


class Formula(Operation):
    """An activation that is a formula of one number, for arrays of any shape."""

    def formula(self) -> tuple[str, tuple[float, ...]]:
        """(name, settings) for a backend that prepares a network."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define formula()")

    def describe(self, describer: Describer, x: Value) -> Value:
        name, settings = self.formula()
        self.check_settings(name, settings)
        return describer.add(F.formula(name, *settings), x, shape=x.shape)

    def check_settings(self, name: str, settings: tuple[float, ...]) -> None:
        """Raise ValueError for arguments that have been changed to what the constructor refuses."""
        for setting in settings:
            F.check_number(name, setting)
