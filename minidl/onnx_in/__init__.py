"""ONNX files become graphs of minidl's layers.

A file is read (`proto`), its operators are checked (`missing`), each becomes layers by a rule (`rules`) while constants
are computed (`constants`), what exporters spell out becomes the layer it stands for (`simplify`), and a Graph is built.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minidl.errors import FormatError, keyword_hints
from minidl.errors.warned import warn
from minidl.model import Graph
from minidl.onnx_in import missing, proto
from minidl.onnx_in.build import COMPUTED, build, preprocessing_of
from minidl.onnx_in.constants import Memory
from minidl.onnx_in.rules import RULES
from minidl.onnx_in.simplify import simplify
from minidl.onnx_in.simplify.steps import Steps
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import DEFAULT_SIZE, NoBatchError, UnsettledError, worlds_of
from minidl.saving.budget import USUAL, Budget
from minidl.saving.files import shown
from minidl.saving.npz import shortened
from minidl.shapes import count
from minidl.typing import FileOrPath, Shape

__all__ = ["load_onnx"]

InputShape = Sequence[int] | Mapping[str, Sequence[int]] | None


@keyword_hints
def load_onnx(path: FileOrPath, *, input_shape: InputShape = None, budget: Budget = USUAL) -> Graph:
    """The network of an ONNX file as a Graph, which trains, saves and predicts as any other.

    It computes in float32, or in float64 where that's what it's given; weights are converted. The first axis of inputs
    is the batch, whatever size the file says; where that can't be, as in a file that takes a single image (h, w, 3),
    all of an input is one sample. `input_shape`, of a sample or by the names of inputs, is the size that a file leaves
    open, else images are 224 high and wide; the network takes others, too, unless the file computes with their size,
    which is warned of. Several outputs come as a dict by their names.

    Raises FormatError, which names the file, for anything that isn't ONNX's, with every operator that minidl hasn't;
    and for what takes more than `budget` allows: see `Budget`. Raises ImportError without the package `onnx`.
    """
    try:
        file = proto.read(path, budget)
        missing.check(file)
        steps, model = _translated(file, input_shape, budget)
        del steps
    except FormatError as error:
        raise FormatError(f"{shown(path)}: {shortened(str(error)) if len(str(error)) > 4000 else error}") from None
    except RecursionError:
        raise FormatError(f"{shown(path)}: it is nested too deeply") from None
    return model


def _translated(file: proto.File, input_shape: InputShape, budget: Budget) -> tuple[Steps, Graph]:
    """The steps of a file and their graph, by the first of the ways to take its axes that fits."""
    if not file.inputs:
        raise FormatError("it has no inputs")
    given, channels = _given(file, input_shape), _channels(file)
    problem: FormatError | None = None
    for has_batch, varied in ((True, True), (True, False), (False, True), (False, False)):
        if not has_batch and not all(
            entry.sizes is None or isinstance((*entry.sizes, 1)[0], int) for entry in file.inputs
        ):
            continue
        worlds = worlds_of(file.inputs, given, channels, varied=varied, has_batch=has_batch)
        try:
            translation = Translation(file, worlds, RULES, Memory(_allowed(file, budget)))
            steps = Steps(translation.steps, translation.outputs)
            simplify(steps, exactly=translation.is_own)
            model = build(file, steps, budget)
        except (UnsettledError, NoBatchError) as error:
            problem = problem or error
            continue
        if problem is not None and not varied and worlds.guessed and isinstance(problem, UnsettledError):
            warn(
                f"{', '.join(sorted(set(worlds.guessed)))}: assumed to be {DEFAULT_SIZE} high and wide, since the file "
                "computes with the size of images; input_shape=(...) sets another"
            )
        return steps, model
    assert problem is not None
    raise problem


def _allowed(file: proto.File, budget: Budget) -> int:
    """How many values a file may compute."""
    return min(budget.expansion * file.size + COMPUTED, budget.arrays) // 4


def _given(file: proto.File, input_shape: InputShape) -> dict[str, Shape]:
    """The shapes that a caller wants, by the names of inputs."""
    names = [entry.name for entry in file.inputs]
    if input_shape is None:
        return _pictures(file)
    if isinstance(input_shape, Mapping):
        if unknown := [name for name in input_shape if name not in names]:
            raise ValueError(f"input_shape: unknown input {unknown[0]!r}; expected {', '.join(names)}")
        return {name: _sample(shape) for name, shape in input_shape.items()}
    if len(names) > 1:
        raise ValueError(f"input_shape: expected a dict of shapes, for {', '.join(names)}")
    return {names[0]: _sample(input_shape)}


def _pictures(file: proto.File) -> dict[str, Shape]:
    """The size of pictures that a file of minidl's own tells of, for an input (n, c, h, w) that leaves it open."""
    preprocessing = preprocessing_of(file)
    match file.inputs:
        case [proto.Entry(name, (_, int(channels), height, width))] if preprocessing is not None:
            if not isinstance(height, int) and not isinstance(width, int):
                return {name: (channels, *preprocessing.size)}
    return {}


def _sample(shape: Sequence[int]) -> Shape:
    """The shape of a sample that a caller wants."""
    if isinstance(shape, str) or not isinstance(shape, Sequence | np.ndarray):
        raise TypeError(f"input_shape: expected sizes such as (3, 224, 224), got {shape!r}")
    return tuple(count(size, "input_shape") for size in shape)


def _channels(file: proto.File) -> dict[str, int]:
    """How many channels the first convolution of an input takes."""
    found: dict[str, Any] = {}
    for node in file.operations:
        if node.operator == "Conv" and len(node.inputs) > 1 and node.inputs[1] in file.constants:
            weight, groups = file.constants[node.inputs[1]], node.attributes.get("group", 1)
            if weight.ndim > 2 and isinstance(groups, int):
                found.setdefault(node.inputs[0], weight.shape[1] * groups)
    return found
