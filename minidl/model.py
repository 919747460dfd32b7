"""Models: modules that train, predict, describe and save themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import architecture, checkpoint, locks, shapes, training
from minidl.errors import FormatError, NotBuiltError, ShapeError, keyword_hints
from minidl.history import History
from minidl.interrupts import uninterrupted
from minidl.layers import LAYERS
from minidl.layers.container import Chain
from minidl.module import Module, flatten_parameters
from minidl.typing import Array, Backward, Shape, StrPath

if TYPE_CHECKING:
    from numpy.random import Generator

_building = locks.lock("building")
_DTYPES = {name: np.dtype(name) for name in ("float32", "float64")}


class Model(Module):
    """A Module with the training loop's functions as methods: the base of networks of one's own classes."""

    input_shape: Shape | None = None

    def fit(self, x: Any, y: Any, **options: Any) -> History:
        """Train: see `minidl.training.fit`."""
        return training.fit(self, x, y, **options)

    def evaluate(self, x: Any, y: Any, **options: Any) -> dict[str, Any]:
        """Loss and metrics: see `minidl.training.evaluate`."""
        return training.evaluate(self, x, y, **options)

    def predict(self, x: Any, **options: Any) -> Array:
        """What the last layer gives: see `minidl.training.predict`."""
        return training.predict(self, x, **options)

    @keyword_hints
    def summary(self, *, timings: bool = False, batch_size: int = 64, expand: bool = False) -> None:
        """Print a table: layers, output shapes, parameters, multiply-accumulate operations (MACs) and memory.

        Memory is that of each output for one sample. With `timings` there are the microseconds of the forward and the
        backward pass on a batch of `batch_size`, of each layer by itself and of the whole. `expand` shows the layers
        inside of Residual and the like. `minidl.summary.summarize` has the same as numbers.
        """
        if self.input_shape is None:
            raise NotBuiltError("a summary needs shapes: give the model input_shape=(c, h, w), or call it once first")
        from minidl.summary import summarize  # here, so that a program without tables starts sooner

        print(summarize(self, self.input_shape, timings=timings, batch_size=batch_size, expand=expand).text())

    def _repr_html_(self) -> str | None:
        """What notebooks show: the table, and the model as code; None, and so the code alone, before it's built."""
        if self.input_shape is None:
            return None
        from minidl.summary import summarize

        return summarize(self, self.input_shape).html()

    def save_weights(self, path: StrPath) -> None:
        """Write the `state_dict` to an .npz file, whole or not at all."""
        checkpoint.save_arrays(path, self.state_dict())

    def load_weights(self, path: StrPath) -> None:
        """Read the `state_dict` from an .npz file. Raises FormatError, or StateError where it doesn't fit."""
        self.load_state_dict(checkpoint.load_arrays(path)[0])


class Sequential(Chain, Model):
    """Layers one after the other: the model that most networks are.

    With `input_shape`, (c, h, w) or (features,), it is built at once, and else by its first call. Its first parameters
    are a function of `seed`. `dtype` is float32 or float64. Raises ShapeError where layers don't fit one another.
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
        self.seed = seed
        self.dtype = np.dtype(dtype).name if isinstance(dtype, type | np.dtype) else dtype
        self.input_shape = None
        if self.dtype not in _DTYPES:
            raise ValueError(f"dtype: expected float32 or float64, got {dtype!r}")
        if input_shape is not None:
            self.build(_check_input_shape(input_shape), np.random.default_rng(seed))

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        _set_dtype(self, self.dtype)
        unbuilt = [array for _, array in self.named_state() if not array.is_built]
        try:
            super().build(input_shape, rng)
        except BaseException:  # so that the next attempt, with another shape, starts afresh
            for array in unbuilt:
                array.forget()
            raise
        with uninterrupted():  # half moved, parameters have values of no meaning
            flatten_parameters(self, self.dtype)
            self.input_shape = input_shape

    def __call__(self, x: Array) -> Array:
        """Inference: y alone. Floats of another dtype are converted to the model's; raises ShapeError, DTypeError."""
        self.ensure_built(x)
        usual = type(x) is np.ndarray and x.dtype is _DTYPES[self.dtype]
        return super().__call__(x if usual else training.as_input(x, self))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self.ensure_built(x)
        return super().forward(x, train=train)

    def ensure_built(self, x: Array) -> None:
        """Build for these samples, if there was no `input_shape` and this is the first call."""
        if self.input_shape is None:
            locks.give_way()
            with _building:
                if self.input_shape is None:
                    self.build(np.shape(x)[1:], np.random.default_rng(self.seed))

    def save(self, path: StrPath) -> None:
        """Write architecture and parameters to an .npz file, whole or not at all; `load` reads it.

        Raises NotBuiltError, and TypeError for layers that aren't minidl's, or are used twice: `save_weights` writes
        their values alone.
        """
        described = self.description()
        checkpoint.save_arrays(path, self.state_dict(), metadata={"format": FORMAT, "model": described})

    def description(self) -> dict[str, Any]:
        """The architecture as the data that `save` writes; raises the same."""
        if self.input_shape is None:
            raise NotBuiltError(
                "a model is saved with its weights: build it first, with input_shape=(c, h, w) or a call"
            )
        if len(list(self._walk(""))) != len(list(self.named_state())):
            raise TypeError(
                "a file can't say that a layer is used twice: use save_weights, and build the model in code"
            )
        return architecture.describe(self, _TABLE)


FORMAT = "minidl-model-1"
_TABLE: dict[str, type[Module]] = {layer.__name__: layer for layer in LAYERS} | {"Sequential": Sequential}


def load(path: StrPath) -> Sequential:
    """The model that `save` wrote: nothing in the file is run, only the layers' names and arguments are looked up.

    Raises FormatError, which names the file, for anything that isn't such a file.
    """
    arrays, metadata = checkpoint.load_arrays(path)
    if metadata.get("format") != FORMAT:
        raise FormatError(f"{path}: not a model that minidl saved (format {metadata.get('format')!r})")
    try:
        model, input_shape = _unbuilt(metadata.get("model"))
        _adopt(model, arrays)
        model.build(_check_input_shape(input_shape), np.random.default_rng(0))
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from None
    except RecursionError:
        raise FormatError(f"{path}: its description is nested too deeply") from None
    return model


def _unbuilt(description: Any) -> tuple[Sequential, Any]:
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

    model = architecture.construct(defer(description), _TABLE)
    if not isinstance(model, Sequential):
        raise FormatError(f"expected a Sequential model, got {type(model).__name__}")
    return model, input_shapes[-1]


def _adopt(model: Sequential, arrays: dict[str, Any]) -> None:
    parameters = dict(model.named_state())
    if set(parameters) != set(arrays):
        wrong = sorted(set(parameters) ^ set(arrays))
        raise FormatError(f"its arrays aren't its layers' parameters: {', '.join(wrong)}")
    for name, parameter in parameters.items():
        if not np.issubdtype(arrays[name].dtype, np.floating):
            raise FormatError(f"{name}: expected floats, got {arrays[name].dtype}")
        parameter.value = arrays[name]


def _set_dtype(module: Module, dtype: str) -> None:
    """Give models inside of this one its dtype: their parameters become part of its buffers."""
    if isinstance(module, Sequential):
        module.dtype = dtype
    for _, child in module.children():
        _set_dtype(child, dtype)


def _check_input_shape(input_shape: Any) -> Shape:
    if not isinstance(input_shape, Sequence) or isinstance(input_shape, str) or not input_shape:
        raise ShapeError(f"input_shape: expected (c, h, w) or (features,), got {input_shape!r}")
    return tuple(shapes.count(size, "input_shape") for size in input_shape)
