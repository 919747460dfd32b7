"""A model's last layer and its loss as one, of the logits: shorter, and exact where a probability rounds to 0 or 1."""

from collections.abc import Callable
from typing import Any

from minidl import functional as F
from minidl.layers.activation import Sigmoid, Softmax
from minidl.layers.container import without_softmax
from minidl.losses.loss import AnswerLoss, ClassLoss
from minidl.module import Module
from minidl.typing import Array

_PAIRS: tuple[tuple[type[ClassLoss] | type[AnswerLoss], type[Module], Callable[[Array], Array]], ...] = (
    (ClassLoss, Softmax, lambda logits: F.softmax(logits, axis=1)[0]),
    (AnswerLoss, Sigmoid, lambda logits: F.sigmoid(logits)[0]),
)


def joined(module: Module, loss: Any) -> tuple[Module, Any, Callable[[Array], Array] | None]:
    """(the module less its last layer, the loss of logits, what the layer makes of them) where the two are a pair.

    A Softmax and a loss of classes are one, and so are a Sigmoid and a loss of yes and no. Else (module, loss, None).
    """
    for kind, layer, finish in _PAIRS:
        if isinstance(loss, kind):
            body = without_softmax(module, kinds=(layer,))
            if body is not None:
                return body, loss.with_logits(), finish
    return module, loss, None


def gives_probabilities(module: Module) -> bool:
    """Whether it ends in Softmax or Sigmoid."""
    return without_softmax(module, kinds=(Softmax, Sigmoid)) is not None
