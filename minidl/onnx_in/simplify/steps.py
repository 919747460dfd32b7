"""Steps as a graph that can be changed: who reads what, and what stands in the place of what."""

from collections.abc import Iterator
from typing import Any, TypeVar

from minidl.layers.rescaling import Rescaling
from minidl.module import Module
from minidl.onnx_in.step import Step

M = TypeVar("M", bound=Module)


class Steps:
    """The steps by their numbers, None for those that are gone, and the numbers of the outputs."""

    def __init__(self, steps: list[Step], outputs: list[int]) -> None:
        self.all: list[Step | None] = list(steps)
        self.outputs = list(outputs)
        self.within_modules = False
        """Whether a step takes the place of others only if all are of one module that minidl wrote."""
        self.readers: list[list[int]] = [[] for _ in steps]
        for i, step in enumerate(steps):
            for read in step.inputs:
                self.readers[read].append(i)

    def __getitem__(self, i: int) -> Step:
        step = self.all[i]
        assert step is not None
        return step

    def present(self) -> Iterator[int]:
        """The numbers of the steps that are there, in order; those that go meanwhile are left out."""
        return (i for i in range(len(self.all)) if self.all[i] is not None)

    def is_private(self, i: int) -> bool:
        """Whether a single step reads it, once, and it isn't an output."""
        return len(self.readers[i]) == 1 and i not in self.outputs

    def layer(self, i: int, kind: type[M]) -> M | None:
        """The step's layer if it's of this class."""
        made = self[i].layer
        return made if type(made) is kind else None

    def named(self, i: int, name: str) -> Any:
        """The step's layer if its class has this name."""
        made = self[i].layer
        return made if type(made).__name__ == name else None

    def before(self, i: int) -> int:
        """The number of the step that a step of one input reads."""
        return self[i].inputs[0]

    def take_place(self, old: int, new: int) -> None:
        """Let all that reads `old` read `new`, and so the outputs; what only `old` read is gone."""
        for reader in self.readers[old]:
            step = self[reader]
            step.inputs = [new if read == old else read for read in step.inputs]
        self.readers[new] += self.readers[old]
        self.readers[old] = []
        if old in self.outputs:
            self[new].name = self[old].name
        self.outputs = [new if each == old else each for each in self.outputs]
        self.drop(old)

    def drop(self, i: int) -> None:
        """Take away a step that nothing reads, and those that nothing else reads."""
        waiting = [i]
        while waiting:
            each = waiting.pop()
            step = self.all[each]
            if step is None or step.layer is None or self.readers[each] or each in self.outputs:
                continue
            self.all[each] = None
            for read in step.inputs:
                self.readers[read].remove(each)
                waiting.append(read)

    def replace(self, i: int, made: Module, inputs: list[int], arrays: dict[str, Any] | None = None) -> None:
        """Let another layer of other inputs give what step `i` does."""
        if self.within_modules and not self._is_one_module(i, inputs):
            return
        step = self[i]
        old, step.inputs = step.inputs, list(inputs)
        step.layer, step.arrays = made, arrays or {}
        for read in inputs:
            self.readers[read].append(i)
        for read in old:
            self.readers[read].remove(i)
        for read in old:
            self.drop(read)

    def _is_one_module(self, i: int, inputs: list[int]) -> bool:
        """Whether all steps from these on to step `i` are of its module."""
        waiting = list(self[i].inputs)
        while waiting:
            each = waiting.pop()
            if each not in inputs:
                if self[each].layer is None or self[each].module != self[i].module:
                    return False
                waiting += self[each].inputs
        return True

    def drop_unread(self) -> None:
        """Take away all that no output depends on, but the inputs."""
        for i in reversed(range(len(self.all))):
            if self.all[i] is not None:
                self.drop(i)

    def formula(self, i: int) -> tuple[float, float] | None:
        """(scale, offset) of a step that rescales."""
        made = self.layer(i, Rescaling)
        return None if made is None else (made.scale, made.offset)
