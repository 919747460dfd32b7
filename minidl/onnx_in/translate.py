"""An ONNX graph as steps of layers: constants are computed, and each operator's rule says which layers it is."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minidl import layers
from minidl import shapes as geometry
from minidl.errors import FormatError
from minidl.layers.constant import Constant
from minidl.layers.reshape import Flatten, Reshape
from minidl.module import Module
from minidl.onnx_in import constants
from minidl.onnx_in.proto import Entry, File, Operation
from minidl.onnx_in.step import OpenReshape, Step
from minidl.onnx_in.values import Known, NoBatchError, Tensor, UnsettledError, Value, Worlds
from minidl.typing import Shape

OWN = "minidl"
"""What calls itself so in a file is minidl."""


class Translation:
    """The steps made so far, and the values by their names in the file."""

    def __init__(self, file: File, worlds: Worlds, rules: dict[str, Any], memory: constants.Memory) -> None:
        self.steps: list[Step] = []
        self._tensors: list[Tensor] = []
        self.values: dict[str, Value] = {}
        self.memory = memory
        self.is_own = file.producer == OWN
        """Whether minidl wrote the file, and what comes of it should be what it was written from, bit for bit."""
        self.dtype = file.dtype
        self._rules = rules
        self._unmade: dict[str, Operation] = {}
        self._name = self._module = ""
        self.kind = ""
        """Of a file that minidl wrote, the class of the module whose operator is translated."""
        self._count = len(next(iter(worlds.shapes.values())))
        for name, array in file.constants.items():
            self.values[name] = Known((array,) * self._count)
        for entry in file.inputs:
            self._enter(entry, worlds)
        for node in file.operations:
            self._translate(node)
        self.outputs = [self._output(name) for name in file.outputs]

    def _enter(self, entry: Entry, worlds: Worlds) -> None:
        self.values[entry.name] = self._value(None, (), worlds.shapes[entry.name], worlds.has_batch, entry.name)

    def _output(self, name: str) -> int:
        if name not in self.values:
            raise self._not_there(name, None)
        self._name = name
        tensor = self.tensor(self.values[name])
        if tensor.is_number and tensor.samples[0]:
            tensor = self.add(layers.Squeeze(1), tensor, has_batch=True)
        number = tensor.number
        if self.steps[number].layer is not None:
            self.steps[number].name = name
        return number

    def _translate(self, node: Operation) -> None:
        inputs: list[Value | None] = []
        for name in node.inputs:
            if name and name not in self.values:
                raise self._not_there(name, node)
            inputs.append(self.values[name] if name else None)
        while inputs and inputs[-1] is None:
            inputs.pop()
        output = next(filter(None, node.outputs), "")
        self._name = node.name if node.name and output.startswith(node.name) else output
        self._module, self.kind = node.name.partition("/")[0], node.documentation if self.is_own else ""
        with _located(node):
            if node.operator in constants.EVALUATORS and all(not isinstance(each, Tensor) for each in inputs):
                given: Any = self._evaluated(node, inputs)
            else:
                given = self._rules[node.operator](self, node, *inputs)
                node.check_heeded()
        outputs = given if type(given) is tuple else (given,)
        for name, value in zip(node.outputs, outputs, strict=False):
            self.values[name] = value
        self._unmade.update(dict.fromkeys(node.outputs[len(outputs) :], node))

    def _not_there(self, name: str, reader: Operation | None) -> FormatError:
        if name in self._unmade:
            return self._unmade[name].error(f"minidl doesn't give its output {name!r}")
        if reader is None:
            return FormatError(f"output {name}: nothing gives it")
        return reader.error(f"reads {name!r}, which nothing before it gives")

    def _evaluated(self, node: Operation, inputs: Sequence[Any]) -> Any:
        """What NumPy makes of arrays, once where they're the same in all worlds."""
        is_fixed = all(each is None or all(array is each.arrays[0] for array in each.arrays) for each in inputs)
        worlds = range(1 if is_fixed else self._count)
        results = [
            constants.evaluate(node, [None if each is None else each.arrays[i] for each in inputs], self.memory)
            for i in worlds
        ] * (self._count if is_fixed else 1)
        if isinstance(results[0], tuple):
            return tuple(Known(arrays) for arrays in zip(*results, strict=True))
        return Known(tuple(results))

    def same(self, array: Any) -> Known:
        """An array that is the same in all worlds."""
        return Known((np.asarray(array),) * self._count)

    def settled(self, numbers: set[int]) -> int:
        """The one number that there is. Raises UnsettledError where it depends on sizes."""
        if len(numbers) != 1:
            raise UnsettledError("it depends on the sizes that the network is given")
        return int(next(iter(numbers)))

    def known(self, arrays: Sequence[Any]) -> Known:
        """An array for each world."""
        return Known(tuple(map(np.asarray, arrays)))

    def add(self, made: Module, *inputs: Tensor, has_batch: bool | None = None, **arrays: Any) -> Tensor:
        """What a layer gives for these tensors. `arrays` are its parameters, as floats."""
        taken = list(zip(*(each.samples for each in inputs), strict=True))
        samples = [made.output_shape(shapes[0] if len(inputs) == 1 else shapes) for shapes in taken]
        has_batch = inputs[0].has_batch if has_batch is None else has_batch
        batches = self.batches(inputs)
        given = [(*batch, *sample) if has_batch else sample for batch, sample in zip(batches, samples, strict=True)]
        parameters = {name: array for name, array in arrays.items() if array is not None}
        return self._value(made, inputs, tuple(given), has_batch, self._name, parameters)

    def _value(
        self, made: Any, inputs: Sequence[Tensor], given: Any, has_batch: bool, name: str, arrays: Any = None
    ) -> Tensor:
        has_batch = has_batch and len(given[0]) > 0
        shapes = tuple(map(tuple, given))
        samples = tuple(shape[1:] for shape in shapes) if has_batch else shapes
        self.steps.append(Step(made, [each.number for each in inputs], samples, name, arrays))
        self.steps[-1].module, self.steps[-1].kind = self._module, self.kind
        self._tensors.append(Tensor(len(self.steps) - 1, shapes, has_batch, samples))
        return self._tensors[-1]

    def beneath(self, tensors: Sequence[Tensor]) -> tuple[list[Tensor], tuple[int, ...]] | None:
        """(what they are transposes of, the order of axes), where all are images or volumes in one order.

        An operator that doesn't care about the order of axes is then done before the transpose, which may meet another
        one that takes it back: so graphs of images with channels last become those of minidl's images.
        """
        orders = {self._order(each) for each in tensors}
        if len(orders) != 1 or None in orders:
            return None
        (order,) = orders
        assert order is not None
        return [self._tensors[self.steps[each.number].inputs[0]] for each in tensors], order

    def _order(self, tensor: Tensor) -> tuple[int, ...] | None:
        """The order of axes in which a tensor is a transpose of images that have a batch."""
        made: Any = self.steps[tensor.number].layer
        is_whole = tensor == self._tensors[tensor.number] and tensor.has_batch and tensor.rank > 3
        return tuple(made.axes) if is_whole and type(made).__name__ == "Transpose" else None

    def on_top(self, tensor: Tensor, order: tuple[int, ...]) -> Tensor:
        """The tensor with its axes in this order."""
        return self.add(layers.Transpose(order), tensor)

    def batches(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        """(n,) in each world. Raises NoBatchError where inputs have batches of several sizes."""
        found = {each.batches for each in inputs if each.has_batch}
        if len(found) > 1:
            raise NoBatchError("its inputs have batches of several sizes")
        return found.pop() if found else ((1,),) * self._count

    def fixed(self, value: Value | None, what: str = "an input") -> Any:
        """The array of a value that is the same in all worlds, None for None. Raises FormatError and UnsettledError."""
        if value is None:
            return None
        if isinstance(value, Tensor):
            raise FormatError(f"{what} depends on what the network is given; expected a constant")
        if not value.is_fixed:
            raise UnsettledError(f"{what} depends on the sizes that the network is given")
        return value.arrays[0]

    def floats(self, value: Value | None, what: str = "an input") -> Any:
        """The array as floats of the network, not copied where it is that already."""
        array = self.fixed(value, what)
        if array is None:
            return None
        return array.astype(self.dtype, copy=False)

    def numbers(self, value: Value | None, what: str = "an input") -> list[int] | None:
        """The array as a list of ints."""
        array = self.fixed(value, what)
        return None if array is None else [int(number) for number in np.ravel(array)]

    def tensor(self, value: Value | None) -> Tensor:
        """The tensor, or one that gives a constant for each sample, whatever the network is given."""
        if value is None:
            raise FormatError("an input is missing")
        if isinstance(value, Tensor):
            return value
        arrays = value.arrays
        batches = {len(array) if array.ndim else 0 for array in arrays}
        if not value.is_fixed and len(batches) > 1:  # as many as the batch has, which are all alike
            if any((array != array[:1]).any() for array in arrays):
                raise UnsettledError("layers or outputs take what depends on the sizes that the network is given")
            made = self.constant(self.fixed(self.known([array[0] for array in arrays])))
            return self.of_each(made, tuple((len(array),) for array in arrays))
        return self.constant(self.fixed(value))

    def constant(self, array: Any, *, trainable: bool = False) -> Tensor:
        """The tensor that is this array for each sample. Its layer reads the first input, which is there anyway."""
        given = np.asarray(array, self.dtype)
        first = self.steps[0].samples
        anchor = Tensor(0, first, False, first)
        sized = given.reshape(given.shape or (1,))
        y = self.add(Constant(shape=sized.shape, trainable=trainable), anchor, has_batch=False, weight=sized)
        return y._replace(shapes=(given.shape,) * self._count)

    def of_each(self, tensor: Tensor, batches: tuple[Shape, ...]) -> Tensor:
        """A tensor without a batch as what each sample of batches has."""
        shapes = tuple((*batch, *shape) for batch, shape in zip(batches, tensor.shapes, strict=True))
        return tensor._replace(shapes=shapes, has_batch=True)

    def batched(self, value: Value | None) -> Tensor:
        """The tensor with the batch as its first axis. Raises NoBatchError where it has none."""
        tensor = self.tensor(value)
        if tensor.has_batch:
            return tensor
        if not tensor.rank or any(shape[0] != 1 for shape in tensor.shapes):
            raise NoBatchError(f"expected a batch along the first axis, got {geometry.show(tensor.shapes[0])}")
        return self._reinterpreted(tensor, [shape[1:] for shape in tensor.shapes], has_batch=True)

    def unbatched(self, value: Value | None) -> Tensor:
        """The tensor as what belongs to one sample. Raises NoBatchError unless its batch is fixed, and of one."""
        tensor = self.tensor(value)
        if not tensor.has_batch:
            return tensor
        if any(shape[0] != 1 for shape in tensor.shapes):
            raise NoBatchError("it works along the first axis, which is the batch's")
        return self._reinterpreted(tensor, tensor.shapes, has_batch=False)

    def _reinterpreted(self, tensor: Tensor, samples: Sequence[Shape], *, has_batch: bool) -> Tensor:
        """The tensor with a leading axis of 1 that counts as the batch's, or as a sample's."""
        return self.reshape(tensor, samples, has_batch=has_batch)

    def along(self, tensor: Tensor, axis: int) -> tuple[Tensor, int]:
        """(tensor, axis as minidl counts it) for one of ONNX's axes. Raises NoBatchError and FormatError."""
        if not -tensor.rank <= axis < tensor.rank:
            raise FormatError(f"expected one of {tensor.rank} axes, got {axis}")
        axis %= tensor.rank
        if tensor.has_batch and axis == 0:
            tensor = self.unbatched(tensor)
        return tensor, axis + (not tensor.has_batch)

    def reshape(
        self, tensor: Tensor, samples: Sequence[Shape], *, has_batch: bool | None = None, raw: Sequence[int] = ()
    ) -> Tensor:
        """The tensor with samples of these shapes, one for each world. `raw` is the target that the file has.

        Where no target with one -1 says it for all sizes, it's an `OpenReshape`.
        """
        has_batch = tensor.has_batch if has_batch is None else has_batch
        samples = [tuple(map(int, each)) for each in samples]
        target: list[int] = []
        for i in range(len(samples[0])):
            sizes = {each[i] for each in samples}
            keeps = all(i < len(old) and old[i] == new[i] for old, new in zip(tensor.samples, samples, strict=True))
            is_open = i < len(raw) and raw[i] == -1
            target.append(
                0 if keeps and (len(sizes) > 1 or is_open) else -1 if is_open else min(sizes) if len(sizes) == 1 else -1
            )
        leads = self.batches([tensor])
        shapes = tuple((*lead, *each) if has_batch else each for lead, each in zip(leads, samples, strict=True))
        if not samples[0]:  # a single number, for which samples have an axis
            y = tensor if tensor.samples[0] == (1,) else self.add(Flatten(), tensor)
            return y._replace(shapes=shapes, has_batch=has_batch)
        if tuple(samples) == tensor.samples:
            return tensor._replace(shapes=shapes, has_batch=has_batch)
        if target.count(-1) > 1:
            moved = self._with_ones(tensor, samples)
            if moved is not None:
                return moved._replace(shapes=shapes, has_batch=has_batch)
            made: Module = OpenReshape(dict(zip(tensor.samples, samples, strict=True)))
        else:
            made = Flatten() if len(target) == 1 else Reshape(tuple(target))
        return self.add(made, tensor, has_batch=has_batch)

    def _with_ones(self, tensor: Tensor, samples: Sequence[Shape]) -> Tensor | None:
        """The tensor with axes of length 1 taken away and put in, where nothing else is to be done."""
        pairs = list(zip(tensor.samples, samples, strict=True))
        old, new = len(tensor.samples[0]), len(samples[0])
        gone: list[int] = []
        come: list[int] = []
        i = j = 0
        while i < old or j < new:
            if i < old and j < new and all(a[i] == b[j] for a, b in pairs):
                i, j = i + 1, j + 1
            elif i < old and all(a[i] == 1 for a, _ in pairs):
                gone, i = [i, *gone], i + 1
            elif j < new and all(b[j] == 1 for _, b in pairs):
                come, j = [*come, j], j + 1
            else:
                return None
        for axis in gone:
            tensor = self.add(layers.Squeeze(axis + 1), tensor, has_batch=True)
        for axis in come:
            tensor = self.add(layers.Unsqueeze(axis + 1), tensor, has_batch=True)
        return tensor

    def sized(self, tensor: Tensor, axes: int) -> Tensor:
        """The tensor with axes of 1 in front, so that its samples have this many; ONNX's shapes stay."""
        short = axes - len(tensor.samples[0])
        if short <= 0:
            return tensor
        y = self.reshape(tensor, [(1,) * short + shape for shape in tensor.samples])
        return y._replace(shapes=tensor.shapes)

    def target(self, value: Value) -> list[list[int]]:
        """A shape for each world, from a constant or one that depends on sizes."""
        if isinstance(value, Tensor):
            raise FormatError("its shape depends on the numbers that the network is given")
        return [[int(size) for size in np.ravel(array)] for array in value.arrays]


@contextlib.contextmanager
def _located(node: Operation) -> Iterator[None]:
    """Let errors say which operation they come from; whatever else a rule raises on a strange file is one of those."""
    try:
        yield
    except FormatError as error:
        if str(error).startswith(node.kind):
            raise
        raise type(error)(str(node.error(str(error)))) from None
    except ImportError:
        raise
    except Exception as error:  # layers raise ShapeError, ValueError, TypeError; rules IndexError and more
        raise node.error(f"{error}" or type(error).__name__) from None
