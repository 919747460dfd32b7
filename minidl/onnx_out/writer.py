"""The nodes and constants of an ONNX graph, as rules add them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minidl.process.importing import imported
from minidl.typing import Shape


def onnx_package() -> Any:
    """The package `onnx`. Raises ImportError, which says how to install it."""
    try:
        return imported("onnx")
    except ImportError as error:
        raise ImportError(f'ONNX files need onnx ({error}): pip install "minidl[onnx]"') from error


class Call(NamedTuple):
    """An operator of a description, as its rule sees it."""

    operator: Any
    """The record; of a layer that doesn't describe itself, the layer."""
    inputs: tuple[str, ...]
    """The names of the values that it reads."""
    shapes: tuple[Shape, ...]
    """The shape of one sample of each."""
    shape: Shape
    """The shape of one sample of what it gives."""
    varies: bool = False
    """Whether any of these depends on the size of the images, which isn't fixed."""

    @property
    def x(self) -> str:
        """The only value that it reads."""
        (name,) = self.inputs
        return name


class Writer:
    """Collects nodes and constants; every name is given once."""

    def __init__(self, opset: int, parameters: Mapping[int, str]) -> None:
        """`parameters` has the dotted names of arrays by their `id`."""
        self.opset = opset
        self.path = ""
        """Of the module whose operators are written: nodes are named after it."""
        self.kind = ""
        """The module's class, which nodes have as their documentation."""
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._titles: dict[str, str] = {}  # of nodes, by the values that they give
        self.renamed: dict[str, str] = {}
        """Names that values have in the end, by those that they were given first."""
        self._parameters = parameters
        self._known: dict[Any, str] = {}
        self._kept: list[Any] = []  # so that no other array gets the id of one that is known
        self._used: set[str] = set()
        self._helper = imported("onnx.helper")
        self._from_array = imported("onnx.numpy_helper").from_array

    def fresh(self, name: str) -> str:
        """The name, or the first one like it that isn't taken."""
        found, number = name, 1
        while found in self._used:
            found, number = f"{name}_{number}", number + 1
        self._used.add(found)
        return found

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output, whose name is returned. Attributes that are None are left out."""
        name = self.fresh(f"{self.path}/{operator}")
        given = {key: value for key, value in attributes.items() if value is not None}
        made = self._helper.make_node(operator, list(inputs), [name], name=name, doc_string=self.kind or None, **given)
        self.nodes.append(made)
        return name

    def floats(self, x: str) -> str:
        """A value in float32."""
        return self.add("Cast", x, to=imported("onnx").TensorProto.FLOAT)

    def is_parameter(self, value: Any) -> bool:
        """Whether an array is the model's own, and not one that a description made up."""
        return id(value) in self._parameters

    def array(self, value: Any, name: str = "constant") -> str:
        """A constant in float32: a parameter under its own name, once, or another array under the module's."""
        known = self._known.get(id(value))
        if known is None:
            own = self._parameters.get(id(value), f"{self.path}.{name}")
            known = self._constant(np.asarray(value, np.float32), self.fresh(own))
            self._known[id(value)] = known
            self._kept.append(value)
        return known

    def number(self, value: float) -> str:
        """A constant without axes in float32, once for the whole graph."""
        return self._once(np.float32(value), f"number_{np.float32(value)}")

    def ints(self, *values: int) -> str:
        """A row of int64, such as a shape or axes, once for the whole graph."""
        return self._once(np.array(values, np.int64), f"ints_{'_'.join(map(str, values))}")

    def _once(self, value: Any, name: str) -> str:
        if name not in self._known:
            self._known[name] = self._constant(np.asarray(value), self.fresh(name))
        return self._known[name]

    def _constant(self, value: Any, name: str) -> str:
        self.constants.append(self._from_array(np.ascontiguousarray(value), name))
        return name

    def rename(self, value: str, name: str) -> None:
        """Let a value have this name in the file, and its node, at first, that of the module."""
        self._titles.setdefault(value, self.path)
        self.renamed[value] = name

    def finished(self) -> list[Any]:
        """The nodes, with values under their final names."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [self.renamed.get(name, name) for name in names]
            node.name = self._titles.get(node.name, node.name)
        return self.nodes


Rule: TypeAlias = Callable[[Writer, Call], str]
"""Writes the nodes of an operator; returns the name of the value that they give."""
