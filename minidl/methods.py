"""The base class of models: a module that has the functions of training, evaluation and files as methods."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidl.display import streams
from minidl.errors import NotBuiltError, keyword_hints
from minidl.module import Module
from minidl.process.importing import imported
from minidl.saving import arrays
from minidl.saving.budget import USUAL, Budget
from minidl.saving.matching import By, check_by
from minidl.typing import Array, FileOrPath, Shape

if TYPE_CHECKING:
    from minidl.augment import Augment
    from minidl.callbacks import Callback
    from minidl.distributed.communicator import Communicator
    from minidl.optim import Optimizer
    from minidl.schedules import Schedule
    from minidl.training.history import History
    from minidl.training.objective import Losses, Metrics


def _called(function: str, options: dict[str, Any]) -> Any:
    """What a function of training gives for a method's arguments: loaded by its first call, and not with minidl."""
    place, name = function.rsplit(".", 1)
    return getattr(imported(f"minidl.training.{place}"), name)(options.pop("self"), **options)


class Model(Module):
    """A Module with `fit`, `evaluate` and `predict` as methods: the base class of your own networks."""

    input_shape: Shape | None = None

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name == "history":  # and not a property, so that a subclass may have an attribute of this name
                return imported("minidl.training.history").kept_history(self)
            return super().__getattr__(name)

    else:
        history: History | None
        """What the last `fit` saw, epoch by epoch, also one that was interrupted; None before the first."""

    @keyword_hints
    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        loss: "Losses",
        optimizer: "Optimizer",
        epochs: int = 1,
        initial_epoch: int = 0,
        batch_size: int | None = None,
        steps_per_epoch: int | None = None,
        drop_last: bool = False,
        validation_data: Any = None,
        validation_split: float = 0.0,
        validation_freq: int = 1,
        validation_steps: int | None = None,
        shuffle: bool | None = None,
        sample_weight: Any = None,
        class_weight: Mapping[Any, Any] | Sequence[float] | Array | str | None = None,
        loss_weights: Mapping[str, float] | Sequence[float] | None = None,
        schedule: "Schedule | None" = None,
        metrics: "Metrics" = (),
        weighted_metrics: "Metrics" = (),
        callbacks: "Sequence[Callback]" = (),
        augment: "Augment | None" = None,
        prefetch: int | None = None,
        seed: int | None = None,
        verbose: int | str = "auto",
        distributed: "Communicator | None" = None,
    ) -> "History":
        """Train on samples x (n, ...) and targets y, on a Dataset, or on an iterable of batches: see `minidl.fit`."""
        history: History = _called("loop.fit", locals())
        return history

    @keyword_hints
    def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        loss: "Losses",
        loss_weights: Mapping[str, float] | Sequence[float] | None = None,
        metrics: "Metrics" = (),
        weighted_metrics: "Metrics" = (),
        sample_weight: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        verbose: int | str = "auto",
    ) -> dict[str, Any]:
        """{"loss": mean loss, and each metric's name: its value}: see `minidl.evaluate`."""
        results: dict[str, Any] = _called("loop.evaluate", locals())
        return results

    @keyword_hints
    def predict(
        self, x: Any, *, batch_size: int | None = None, steps: int | None = None, verbose: int | str = "auto"
    ) -> Any:
        """The model's outputs for samples x (n, ...), computed a batch at a time: see `minidl.predict`."""
        return _called("loop.predict", locals())

    @keyword_hints
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        *,
        loss: "Losses",
        optimizer: "Optimizer",
        sample_weight: Any = None,
        class_weight: Any = None,
        loss_weights: Mapping[str, float] | Sequence[float] | None = None,
        metrics: "Metrics" = (),
    ) -> dict[str, Any]:
        """One step on these samples and targets, and their loss and metrics: see `minidl.train_on_batch`."""
        results: dict[str, Any] = _called("step.train_on_batch", locals())
        return results

    @keyword_hints
    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        *,
        loss: "Losses",
        sample_weight: Any = None,
        loss_weights: Mapping[str, float] | Sequence[float] | None = None,
        metrics: "Metrics" = (),
    ) -> dict[str, Any]:
        """The loss and metrics of these samples and targets, without a step: see `minidl.test_on_batch`."""
        results: dict[str, Any] = _called("evaluation.test_on_batch", locals())
        return results

    @keyword_hints
    def summary(self, *, timings: bool = False, batch_size: int = 64, expand: bool = False) -> None:
        """Print a table: layers, output shapes, parameters, multiply-accumulate operations (MACs) and memory.

        Memory is that of each output for one sample. If layers are frozen, it says so, and how many parameters are
        trained. `timings` adds the times of the forward and the backward pass on a batch of `batch_size`, for each
        layer alone and for the whole model. `expand` shows the layers inside Residual and other blocks. For a model
        that isn't built, it lists only the layers, and says how to build it; `timings` then raises NotBuiltError.
        `minidl.summary.table.summarize` returns the same as numbers.
        """
        # Imported here, so that a program without tables starts sooner.
        if self.input_shape is None:
            if timings:
                raise NotBuiltError("timings need shapes: give the model input_shape=(c, h, w), or call it once first")
            from minidl.summary.unbuilt import unbuilt_table

            text = unbuilt_table(self, expand=expand)
        else:
            from minidl.summary.table import summarize

            text = summarize(self, self.input_shape, timings=timings, batch_size=batch_size, expand=expand).text()
        streams.write(sys.stdout, f"{text}\n")

    def _repr_html_(self) -> str | None:
        """What notebooks show: a drawing, the table, the code; None, and so the code alone, before it's built."""
        if self.input_shape is None:
            return None
        from minidl.drawing.svg import drawing
        from minidl.summary.table import summarize

        return summarize(self, self.input_shape).html(drawing(self, self.input_shape))

    def save_weights(self, path: FileOrPath) -> None:
        """Write the `state_dict` to an .npz or a .safetensors file, whole or not at all: see `minidl.save_arrays`."""
        arrays.save_arrays(path, self.state_dict())

    @keyword_hints
    def load_weights(self, path: FileOrPath, *, by: By = "name", prefix: str = "", budget: Budget = USUAL) -> None:
        """Read the `state_dict` from a file of any kind that `minidl.load_arrays` reads: .npz, safetensors, PyTorch's.

        `by` and `prefix` are those of `load_state_dict`. Raises FormatError, or StateError where it doesn't fit.
        """
        check_by(by)
        self.load_state_dict(arrays.load_arrays(path, budget=budget), by=by, prefix=prefix)
