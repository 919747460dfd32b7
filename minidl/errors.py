"""The errors that minidl raises on purpose, and the hints that go with them."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class ShapeError(ValueError):
    """An array's shape doesn't fit the operator or layer that received it."""


class DTypeError(ValueError):
    """An array's element type doesn't fit: not floating point, or two types mixed."""


class FormatError(ValueError):
    """A file isn't what it should be: truncated, damaged, hostile or of another kind."""


class NotBuiltError(ValueError):
    """Parameters were asked for before the model knew its input shape."""


class StateError(ValueError):
    """A `state_dict` has missing, unexpected or mis-shaped entries."""


# What other frameworks call our arguments, where spelling alone doesn't lead to our name.
SYNONYMS = {
    "inplace": "nothing (no layer writes to what it is given)",
    "activation": "a layer of its own, such as ReLU(), after this one",
    "channels": "filters",
    "he": "he_normal",
    "in_channels": "nothing (it is inferred when the model is built)",
    "in_features": "nothing (it is inferred when the model is built)",
    "input_dim": "nothing (it is inferred when the model is built)",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
    "kernel_initializer": "weight_init",
    "T_0": "period",
    "T_max": "period",
    "T_mult": "multiplier",
    "amsgrad": "nothing (it isn't offered)",
    "beta": "delta",
    "beta_1": "betas, both of them,",
    "beta_2": "betas, both of them,",
    "clipnorm": "clip_norm",
    "clipvalue": "clip_value",
    "decay_rate": "gamma",
    "decay_steps": "step_size",
    "epsilon": "eps",
    "eta_min": "min_lr",
    "global_clipnorm": "clip_norm",
    "initial_accumulator": "initial_accumulator_value",
    "label_weights": "class_weight",
    "learning_rate": "lr",
    "max_norm": "norm",
    "param_groups": "groups",
    "rho": "alpha",
    "total_iters": "steps",
    "weight": "class_weight",
    "out_channels": "filters",
    "out_features": "units",
    "p": "rate",
    "params": "parameters",
    "random_state": "seed",
    "use_bias": "bias",
    "xavier_normal": "glorot_normal",
    "xavier_uniform": "glorot_uniform",
    "dilation_rate": "dilation",
    "strides": "stride",
    "align_corners": "nothing (corners are never aligned)",
    "depthwise_initializer": "weight_init",
    "dims": "axes",
    "embedding_dim": "features",
    "embeddings_initializer": "weight_init",
    "kernel_size": "pool_size",
    "mode": "interpolation",
    "output_dim": "features",
    "pointwise_initializer": "weight_init",
    "scale_factor": "size",
    "target_shape": "shape",
    "ceil_mode": "nothing (windows that don't fit are left out)",
    "divisor_override": "nothing (it isn't offered)",
    "affine": "nothing (there are always a weight and a bias)",
    "axis": "nothing (the axes are fixed; a Permute layer moves them)",
    "elementwise_affine": "nothing (there are always a weight and a bias)",
    "normalized_shape": "nothing (it is a sample's shape)",
    "num_channels": "nothing (it is inferred when the model is built)",
    "num_features": "nothing (it is inferred when the model is built)",
    "num_groups": "groups",
    "track_running_stats": "nothing (running statistics are always kept)",
    "width_multiplier": "width",
    "nb_classes": "classes",
    "num_classes": "classes",
    "pretrained": "nothing (models come without trained weights)",
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message: the known word that `word` may have meant, or all of them."""
    known = list(known)
    if "vocabulary_size" in known and word in ("input_dim", "num_embeddings"):  # Keras's word means other things, too
        return "did you mean vocabulary_size?"
    synonym = SYNONYMS.get(word)
    if synonym is not None and (synonym in known or " " in synonym):
        return f"did you mean {synonym}?"
    import difflib  # for mistakes alone: a program without them starts sooner

    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(known)}" if known else "it takes none"


def check_keywords(name: str, function: Callable[..., Any], keywords: Iterable[str]) -> None:
    """Raise a TypeError with a hint if `function` doesn't take one of these keyword arguments."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "self"]
    for keyword in keywords:
        if keyword not in known:
            raise TypeError(f"{name}: unknown argument {keyword!r}; {did_you_mean(keyword, known)}")


def keyword_hints(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that an unknown keyword argument draws a hint."""
    name = function.__name__

    @functools.wraps(function)
    def hinted(*args: P.args, **kwargs: P.kwargs) -> R:
        check_keywords(name, function, kwargs)
        return function(*args, **kwargs)

    return hinted


class KeywordHints:
    """A base class whose subclasses' constructors meet an unknown keyword argument with a hint."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Wrap the constructor that the subclass defines, if it does."""
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _hinting_constructor(cls.__name__, cls.__init__)  # type: ignore[method-assign]


def _hinting_constructor(name: str, constructor: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(constructor)
    def hinted(self: object, *args: Any, **kwargs: Any) -> None:
        check_keywords(name, constructor, kwargs)
        constructor(self, *args, **kwargs)

    return hinted
