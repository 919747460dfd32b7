"""A snapshot of a trained network, which is only there to predict."""

import math
from typing import Any

from minidl import shapes
from minidl.display import quantity
from minidl.engine.frozen import networks_of, snapshot
from minidl.errors import NotBuiltError, keyword_hints
from minidl.module import Module
from minidl.process.importing import imported


class Predictor:
    """Fast predictions with a model as it is now: `predictor(x)` is `model(x)`, bit for bit, in less time.

    It copies the model's weights, then folds normalizations into them, packs and transforms them once; `model(x)` does
    so in every call, since weights may have changed. Later changes to the model don't affect it. Many threads may call
    it at once, and it can be pickled and copied. Raises TypeError for anything but a module, and NotBuiltError for one
    whose parameters have no values yet.
    """

    def __init__(self, model: Module) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"model: expected a model or another module, got {type(model).__name__}")
        if not all(array.is_built for _, array in model.named_state()):
            raise NotBuiltError("model: its parameters have no values yet: call it on one batch first")
        self._model = snapshot(model)

    def __call__(self, x: Any) -> Any:
        """What the model gives for samples x (n, ...), or a tuple or dict of them, at inference.

        Raises ShapeError and DTypeError as the model does.
        """
        return self._model(x)

    def predict(self, x: Any, *, batch_size: int = 256, verbose: int | str = "auto") -> Any:
        """The same, `batch_size` samples at a time: see `minidl.predict`."""
        return imported("minidl.training.loop").predict(self._model, x, batch_size=batch_size, verbose=verbose)

    @keyword_hints
    def classify(
        self, source: Any, *, top: int | None = None, max_pixels: int | None = None
    ) -> list[tuple[str, float]]:
        """(name, probability) of each class, or the `top` most probable, for a picture: see `SavedModel.classify`."""
        from minidl.classify import classified  # which programs without pictures needn't load

        return classified(self._model, self._model, source, top=top, max_pixels=max_pixels)

    @property
    def preprocessing(self) -> Any:
        """The model's, or None."""
        return getattr(self._model, "preprocessing", None)

    @property
    def input_shape(self) -> Any:
        """The model's, or None."""
        return getattr(self._model, "input_shape", None)

    @property
    def nbytes(self) -> int:
        """The bytes that it holds: weights, what was made of them, and activations for the shapes that it has seen."""
        weights = sum(array.value.nbytes for _, array in self._model.named_state())
        return weights + sum(networks.nbytes for networks in networks_of(self._model))

    def __repr__(self) -> str:
        """What it is a snapshot of, and its size."""
        parameters = sum(math.prod(array.value.shape) for array in self._model.parameters())
        given = "" if self.input_shape is None else f", input_shape={shapes.show(self.input_shape)}"
        kind = type(self._model).__name__
        return f"Predictor({kind}{given}, {quantity.count(parameters)} parameters, {quantity.memory(self.nbytes)})"
