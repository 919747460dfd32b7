"""A graph as plain data: which vertex reads which, under which names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from minidl.shapes import show
from minidl.typing import Shape

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,199}", re.ASCII)


class Vertex(NamedTuple):
    """One value of a graph: what the layer of this number gives for those inputs, or an input of the graph (None)."""

    name: str
    layer: int | None
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Wiring:
    """The vertices, each after those that it reads; the numbers of those that come in and that go out."""

    vertices: tuple[Vertex, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def find(self, name: str) -> int:
        """The number of the vertex of this name. Raises ValueError, which lists the names, where there is none."""
        for i, vertex in enumerate(self.vertices):
            if vertex.name == name:
                return i
        known = ", ".join(vertex.name for vertex in self.vertices)
        raise ValueError(f"expected the name of a node, got {name!r}; there are {known}")

    def readers(self) -> list[list[int]]:
        """For each vertex, those that read it, in order; twice where one reads it twice."""
        readers: list[list[int]] = [[] for _ in self.vertices]
        for i, vertex in enumerate(self.vertices):
            for read in vertex.inputs:
                readers[read].append(i)
        return readers

    def is_chain(self) -> bool:
        """Whether each vertex reads the one before it, from a single input to a single output."""
        chained = all(vertex.inputs == (() if i == 0 else (i - 1,)) for i, vertex in enumerate(self.vertices))
        return chained and self.outputs == (len(self.vertices) - 1,)

    def up_to(self, output: int) -> tuple["Wiring", list[int]]:
        """(the part that one vertex depends on, which vertices it has); all inputs stay."""
        needed = {output, *self.inputs}
        for i in range(len(self.vertices) - 1, -1, -1):
            if i in needed:
                needed.update(self.vertices[i].inputs)
        kept = sorted(needed)
        place = {old: new for new, old in enumerate(kept)}
        vertices = tuple(
            vertex._replace(inputs=tuple(place[read] for read in vertex.inputs))
            for vertex in (self.vertices[i] for i in kept)
        )
        return Wiring(vertices, tuple(place[i] for i in self.inputs), (place[output],)), kept

    def story(self, i: int, shapes: Sequence[Shape | None]) -> str:
        """How the shapes came about that a vertex reads: a path from an input for each of those."""
        return "; ".join(self._path(read, shapes) for read in self.vertices[i].inputs)

    def _path(self, i: int, shapes: Sequence[Shape | None]) -> str:
        steps = [i]
        while self.vertices[i].inputs:
            i = self.vertices[i].inputs[0]
            steps.append(i)
        told, last = [], None
        for step in reversed(steps):
            shape = shapes[step]
            if shape is not None and (shape != last or step == steps[0]):
                told.append(f"{self.vertices[step].name} {show(shape)}")
                last = shape
        return " -> ".join(told)


def snake_case(name: str) -> str:
    """A class's name as that of a node: MaxPool2D is max_pool2d, ReLU relu."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name).lower()


def numbered(word: str, taken: set[str]) -> str:
    """The word, or word_1, word_2 and so on: the first that isn't taken yet."""
    if word not in taken:
        return word
    i = 1
    while f"{word}_{i}" in taken:
        i += 1
    return f"{word}_{i}"


def check_name(name: object) -> str:
    """A node's name. Raises ValueError unless it can be part of a parameter's name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"name: expected letters, digits, _ and -, beginning with a letter or _, got {name!r}")
    return name
