"""Models: modules that train, predict, describe and save themselves."""

import contextlib
import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from minidl import shapes
from minidl.errors import FormatError, NotBuiltError, ShapeError, keyword_hints
from minidl.errors.warned import warn
from minidl.graph.arrays import converted
from minidl.graph.code import code_of
from minidl.graph.description import arguments_of, wiring_of
from minidl.graph.ends import nodes_of
from minidl.graph.network import Network, calls, one_or_all
from minidl.graph.node import Node
from minidl.layers import LAYERS
from minidl.layers.container import Chain
from minidl.layers.cost import cost
from minidl.methods import Model
from minidl.module import Module, flatten_parameters, move_together
from minidl.numeric import entropy_of
from minidl.process import locks
from minidl.process.importing import imported
from minidl.process.interrupts import uninterrupted
from minidl.saving import architecture, files
from minidl.saving.arrays import MODELS, save_arrays, suffix_of
from minidl.saving.budget import USUAL, Budget
from minidl.training.samples import as_input, channels_first, layout_hint
from minidl.typing import Array, Backward, FileOrPath, Shape

if TYPE_CHECKING:
    from numpy.random import Generator

    from minidl.datasets.preprocessing import Preprocessing

_building = locks.lock("building")


def random_part() -> Any:
    """NumPy's part for random numbers, which it loads late: a fork waits for that, too."""
    return imported("numpy.random")


_DTYPES = {name: np.dtype(name) for name in ("float32", "float64")}


class SavedModel(Model):
    """A model with a seed and a dtype, that is made of minidl's modules and so can be saved.

    Its `preprocessing`, a `datasets.Preprocessing` or None, says what its classes are called and how pictures are read
    for it. `fit` takes it over from a Dataset of pictures, and files keep it.
    """

    preprocessing: "Preprocessing | None" = None

    _settled = frozenset({"dtype", "input_shape"})

    def _settle(self, seed: int | None, dtype: Any) -> None:
        """Take these. Raises for what is no seed, and ValueError for another dtype."""
        self.seed = seed
        self.dtype = np.dtype(dtype).name if isinstance(dtype, type | np.dtype) else dtype
        self.input_shape = None
        random_part()
        if seed is not None:
            entropy_of(seed)  # which refuses what is no seed
        if self.dtype not in _DTYPES:
            raise ValueError(f"dtype: expected float32 or float64, got {dtype!r}")

    def _with_hint(self, error: ShapeError, x: Any) -> ShapeError:
        hint = ""
        with contextlib.suppress(ValueError):  # of several arrays that make no single one
            hint = layout_hint(np.shape(x), self.input_shape)
        is_told = hint in str(error) or "; a single" in str(error)
        return error if is_told else ShapeError(f"{error}{hint}")

    @keyword_hints
    def save(
        self,
        path: FileOrPath,
        *,
        budget: Budget = USUAL,
        opset: int | None = None,
        ir_version: int | None = None,
        fold: bool = False,
        dynamic_size: bool = False,
        takes_bytes: bool = False,
    ) -> None:
        """Write architecture and parameters to a file, whole or not at all; `load` with this budget reads it.

        The suffix decides the format: `.npz`; `.safetensors`, with `pip install "minidl[safetensors]"`; or `.onnx`,
        with `pip install "minidl[onnx]"`. `path` may be a file open in binary mode, as in `save_arrays`.

        For .onnx only: `opset`, the version of its operators, by default 17, at least 14, and `ir_version`, that of the
        format; `fold` folds batch normalizations into the weights before them, `dynamic_size` leaves the size of images
        open, and `takes_bytes` makes images uint8 if the model begins with Rescaling. The batch size is open, nodes and
        constants are named after layers and parameters, and the file keeps `preprocessing`.

        Raises FormatError for another suffix; NotBuiltError; TypeError for layers that aren't minidl's, or that a
        Sequential uses twice; and ValueError for what `load` would refuse, such as modules that lie too deep in one
        another. `save_weights` writes their values alone.
        """
        given = {"opset": opset, "ir_version": ir_version}
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        flags = {"fold": fold, "dynamic_size": dynamic_size, "takes_bytes": takes_bytes}
        options |= {name: True for name, value in flags.items() if value}
        if suffix_of(path, MODELS) == ".onnx":
            imported("minidl.onnx_out").save_onnx(self, path, **options)
            return
        if options:
            raise ValueError(f"{', '.join(options)}: only for .onnx files, got {files.shown(path)}")
        described = self.description(budget=budget)
        metadata: dict[str, Any] = {"format": FORMAT, "model": described}
        if self.preprocessing is not None:
            metadata["preprocessing"] = self.preprocessing.as_dict()
        save_arrays(path, self.state_dict(), metadata=metadata)

    @keyword_hints
    def classify(
        self, source: Any, *, top: int | None = None, max_pixels: int | None = None
    ) -> list[tuple[str, float]]:
        """(name, probability) of each class, or of the `top` most probable, for a picture: the most probable first.

        The picture is a path, its bytes, or an open file, and read as those of the training were. Raises ValueError
        for a model without `preprocessing`, ShapeError for one that gives other scores than (n, classes), and the
        errors of `read_image`.
        """
        from minidl.classify import classified

        return classified(self, self, source, top=top, max_pixels=max_pixels)

    def description(self, *, budget: Budget = USUAL) -> dict[str, Any]:
        """The architecture as the data that `save` writes; raises the same."""
        if self.input_shape is None:
            raise NotBuiltError(
                "a model is saved with its weights: build it first, with input_shape=(c, h, w) or a call"
            )
        if len(list(self._walk(""))) != len(list(self.named_state())):
            raise TypeError(
                "a file can't say that a layer is used twice: use save_weights, and build the model in code; or make a "
                "Graph, whose layers may be shared"
            )
        try:
            described = architecture.describe(self, TABLE, budget=budget)
            unbuilt(described, budget)
            check_cost(self, budget)
            budget.check_arrays(sum(array.value.nbytes for _, array in self.named_state()), sys.maxsize)
        except FormatError as error:
            raise ValueError(f"a file of this model couldn't be loaded: {error}") from None
        return described


class Sequential(Chain, SavedModel):
    """A chain of layers: the right model for most networks.

    With `input_shape`, (c, h, w), (features,) or, for single indices, (), it is built at once, otherwise by its first
    call. `seed` determines the initial parameters. `dtype` is float32 or float64. Raises ShapeError if the layers don't
    fit together.
    """

    def __init__(
        self,
        layers: Sequence[Module],
        *,
        input_shape: Sequence[int] | None = None,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(layers)
        self._settle(seed, dtype)
        if input_shape is not None:
            self._build_first(check_input_shape(input_shape, self))

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        _set_dtype(self, self.dtype)
        unbuilt = [array for _, array in self.named_state() if not array.is_built]
        try:
            super().build(input_shape, rng)
        except BaseException as error:  # so that the next attempt, with another shape, starts afresh
            for array in unbuilt:
                array.forget()
            if isinstance(error, ShapeError) and (first := channels_first(input_shape)):
                raise ShapeError(f"{error}; channels come first: input_shape={shapes.show(first)}") from None
            raise
        dtypes = {array.value.dtype for _, array in self.named_state()}
        with uninterrupted():  # half moved, parameters have values of no meaning
            if unbuilt or self.input_shape is None or dtypes - {_DTYPES[self.dtype]}:  # else it's been moved before
                flatten_parameters(self, self.dtype)
            vars(self)["input_shape"] = input_shape

    describe = Chain.describe

    def infer(self, x: Array) -> Array:
        """Inference: y alone. Floats of another dtype are converted to the model's; raises ShapeError, DTypeError."""
        self.ensure_built(x)
        usual = type(x) is np.ndarray and x.dtype == _DTYPES[self.dtype]  # not `is`: arrays from pickles have their own
        try:
            return super().infer(x if usual else as_input(x, self))
        except ShapeError as error:
            raise self._with_hint(error, x) from None

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self.ensure_built(x)
        try:
            return super().forward(x, train=train)
        except ShapeError as error:
            raise self._with_hint(error, x) from None

    def ensure_built(self, x: Array) -> None:
        """Build for these samples, if there was no `input_shape` and this is the first call."""
        if self.input_shape is None:
            locks.give_way()
            with _building:
                if self.input_shape is None:
                    self._build_first(np.shape(x)[1:])

    def _build_first(self, input_shape: Shape) -> None:
        self.build(input_shape, random_part().default_rng(self.seed))
        first = channels_first(input_shape)
        if first and input_shape[0] == input_shape[1] and hasattr(next(iter(self.layers), None), "kernel_size"):
            warn(
                f"samples {shapes.show(input_shape)} are taken for {input_shape[0]} channels of {input_shape[1]} x "
                f"{input_shape[2]} pixels; if channels come last, use input_shape={shapes.show(first)} and "
                "x.transpose(0, 3, 1, 2)"
            )


class Graph(Network, SavedModel):
    """The model between nodes: `inputs` is an `Input` or a list of them, `outputs` a node, a list, or a dict by name.

    A layer that is called on several nodes shares its parameters between them. Nodes without a name are named after
    their layer's class, in lower case and numbered; a parameter after its layer's first node and its own name. The
    layers are built at once, and `seed` determines their initial parameters; layers that are built already, such as
    another graph's, stay as they are and are shared. `dtype` is float32 or float64. Raises TypeError for anything but
    nodes; ShapeError, with the shapes that led there, if a layer doesn't fit its inputs; and ValueError for a duplicate
    name, a cycle, an input that no output depends on, and an output that depends on an input which isn't among
    `inputs`.
    """

    def __init__(
        self,
        inputs: Node | Sequence[Node],
        outputs: Node | Sequence[Node] | Mapping[str, Node],
        *,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        ends = nodes_of(inputs, outputs)
        super().__init__(ends.wiring, ends.layers, input_shapes=ends.input_shapes, output_names=ends.output_names)
        self._settle(seed, dtype)
        for name, array in self.named_state():
            if array.is_built and array.value.dtype != self.dtype:
                raise ValueError(f"dtype: expected {array.value.dtype}, which {name} has already, got {self.dtype}")
        self.build(one_or_all(self.input_shapes), random_part().default_rng(seed))
        self._nodes = ends.keep_names()

    @classmethod
    def from_arguments(cls, *, seed: Any = None, dtype: Any = "float32", **wiring: Any) -> Self:
        """The graph, not built yet, of what `arguments` gave. Raises FormatError for anything else."""
        graph = cls.__new__(cls)
        made, layers, input_shapes, output_names = wiring_of(wiring | {"seed": seed, "dtype": dtype})
        Network.__init__(graph, made, layers, input_shapes=input_shapes, output_names=output_names)
        graph._settle(seed, dtype)
        vars(graph)["_is_made"] = True
        return graph

    def arguments(self) -> dict[str, Any]:
        return arguments_of(self) | {"seed": self.seed, "dtype": self.dtype}

    def build(self, input_shape: Any, rng: "Generator") -> None:
        _set_dtype(self, self.dtype)
        unbuilt = [array for _, array in self.named_state() if not array.is_built]
        try:
            super().build(input_shape, rng)
        except BaseException:
            for array in unbuilt:
                array.forget()
            raise
        with uninterrupted():
            move_together(unbuilt, self.dtype)  # the others belong to another model, too
            vars(self)["input_shape"] = input_shape

    describe = Network.describe

    def infer(self, x: Any) -> Any:
        """Inference: y alone. Floats of another dtype are converted to the graph's; raises ShapeError, DTypeError."""
        try:
            return super().infer(converted(self, x, _DTYPES[self.dtype]))
        except ShapeError as error:
            raise self._with_hint(error, x) if len(self.input_names) == 1 else error from None

    def __repr__(self) -> str:
        """The lines of code that make an equal one."""
        options = {"seed": self.seed, "dtype": self.dtype}
        return code_of(self, {name: value for name, value in options.items() if value not in (None, "float32")})


FORMAT = "minidl-model-1"
"""What the metadata of a file with a model says."""

TABLE: dict[str, type[Module]] = {layer.__name__: layer for layer in LAYERS} | {
    "Sequential": Sequential,
    "Graph": Graph,
}
"""What a saved model may name."""


def unbuilt(description: Any, budget: Budget) -> tuple[Sequential | Graph, Any]:
    """The described model and its input shape, not built yet, so that no size in the file takes memory."""
    input_shapes = []

    def defer(node: Any) -> Any:
        if isinstance(node, list):
            return [defer(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = {key: defer(value) for key, value in node.items()}
        if node.get("layer") == "Sequential" and isinstance(node.get("arguments"), dict):
            input_shapes.append(node["arguments"].pop("input_shape", None))
        return node

    model = architecture.construct(defer(description), TABLE, budget=budget)
    budget.check_model(layers=calls(model), depth=0)
    if isinstance(model, Graph):
        return model, None
    if not isinstance(model, Sequential):
        raise FormatError(f"expected a Sequential or a Graph, got {type(model).__name__}")
    return model, input_shapes[-1]


def check_cost(model: SavedModel, budget: Budget) -> None:
    """Raise FormatError where a pass of it takes more than the budget allows."""
    shape: Any = model.input_shape
    one, size = cost(model, shape), np.dtype(model.dtype).itemsize
    inputs = sum(map(math.prod, model.input_shapes)) if isinstance(model, Graph) else math.prod(shape)
    budget.check_pass(sample=size * inputs, activations=size * one.values, operations=one.operations)


def _set_dtype(module: Module, dtype: str) -> None:
    """Give models inside of this one its dtype: their parameters become part of its buffers."""
    if isinstance(module, SavedModel):
        vars(module)["dtype"] = dtype
    for _, child in module.children():
        _set_dtype(child, dtype)


def check_input_shape(input_shape: Any, model: Sequential) -> Shape:
    """The shape of a sample, as a tuple. Raises ShapeError for what isn't one."""
    is_shape = isinstance(input_shape, Sequence) and not isinstance(input_shape, str)
    if not is_shape or not (input_shape or model.takes_integers):  # a single index has no axes
        raise ShapeError(f"input_shape: expected (c, h, w) or (features,), got {input_shape!r}")
    return tuple(shapes.count(size, "input_shape") for size in input_shape)
