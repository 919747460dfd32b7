"""The errors are ValueErrors, and an unknown word gets a hint."""

import inspect

import pytest

from minidl import errors
from minidl.errors import KeywordHints, check_keywords, did_you_mean, keyword_hints
from minidl.errors.synonyms import SYNONYMS


@pytest.mark.parametrize("name", ["ShapeError", "DTypeError", "FormatError", "NotBuiltError", "StateError"])
def test_each_error_is_a_value_error_of_the_public_face(name):
    import minidl

    error = getattr(errors, name)
    assert issubclass(error, ValueError)
    assert getattr(minidl, name) is error


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("strides", ["stride", "padding"], "did you mean stride?"),
        ("pading", ["stride", "padding"], "did you mean padding?"),
        ("learning_rate", ["parameters", "lr"], "did you mean lr?"),
        ("learning_rate", ["stride", "padding"], "known: stride, padding"),
        ("out_features", ["units", "bias"], "did you mean units?"),
        ("activation", ["units"], "did you mean a layer of its own, such as ReLU(), after this one?"),
        ("zzz", ["stride", "padding"], "known: stride, padding"),
        ("zzz", (name for name in ["stride", "padding"]), "known: stride, padding"),
        ("zzz", [], "it takes none"),
        ("input_dim", ["units"], "did you mean nothing (it is inferred when the model is built)?"),
        ("input_dim", ["vocabulary_size", "features"], "did you mean vocabulary_size?"),
        ("num_embeddings", ["vocabulary_size", "features"], "did you mean vocabulary_size?"),
    ],
)
def test_hints(word, known, hint):
    assert did_you_mean(word, known) == hint


@pytest.mark.parametrize("word", sorted(SYNONYMS))
def test_each_synonym_leads_somewhere(word):
    """To an argument of ours if the function has it, and to an explanation in any case."""
    known = ["bias", "dilation", "filters", "lr", "parameters", "rate", "seed", "stride", "units", "weight_init"]
    known += ["alpha", "class_weight", "clip_norm", "clip_value", "delta", "eps", "gamma", "groups", "min_lr"]
    known += ["glorot_normal", "glorot_uniform", "he_normal", "he_uniform"]
    known += ["initial_accumulator_value", "multiplier", "norm", "period", "step_size", "steps"]
    known += ["axes", "features", "interpolation", "pool_size", "shape", "size", "factor"]
    known += ["classes", "width", "trainable", "average", "class_names", "ignore_index", "function", "folder", "opset"]
    known += ["epochs", "learning_rate", "optimizer", "low", "high", "weights"]
    assert did_you_mean(word, known) == f"did you mean {SYNONYMS[word]}?"
    assert word not in known or word in ("lr", "learning_rate")  # an estimator's are scikit-learn's names


def test_keywords_that_a_function_takes_pass():
    def function(x, /, filters, *, stride=1):
        raise AssertionError

    check_keywords("Conv2D", function, ["filters", "stride"])
    check_keywords("Conv2D", lambda **anything: None, ["filters", "strides"])
    with pytest.raises(TypeError, match=r"^Conv2D: unknown argument 'strides'; did you mean stride\?$"):
        check_keywords("Conv2D", function, ["filters", "strides"])
    with pytest.raises(TypeError, match="unknown argument 'x'"):
        check_keywords("Conv2D", function, ["x"])


def test_a_hinting_function_is_the_function_otherwise():
    @keyword_hints
    def slide(size, *, stride=1):
        """Slide."""
        return size, stride

    assert slide(3, stride=2) == (3, 2)
    assert slide(3) == (3, 1)
    assert (slide.__name__, slide.__doc__) == ("slide", "Slide.")
    assert str(inspect.signature(slide)) == "(size, *, stride=1)"
    with pytest.raises(TypeError, match=r"^slide: unknown argument 'strides'; did you mean stride\?$"):
        slide(3, strides=2)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'size'"):
        slide()


def test_a_hinting_constructor_names_its_class():
    class Window(KeywordHints):
        def __init__(self, size, *, stride=1):
            self.values = size, stride

    class Wide(Window):
        pass

    class Deep(Window):
        def __init__(self, depth, **options):
            super().__init__(3, **options)
            self.depth = depth

    assert Window(3, stride=2).values == (3, 2)
    assert str(inspect.signature(Window)) == "(size, *, stride=1)"
    with pytest.raises(TypeError, match=r"^Window: unknown argument 'strides'; did you mean stride\?$"):
        Window(3, strides=2)
    with pytest.raises(TypeError, match=r"^Wide: unknown argument 'strides'; did you mean stride\?$"):
        Wide(3, strides=2)
    assert Deep(1, stride=5).values == (3, 5)
    with pytest.raises(TypeError, match=r"unknown argument 'strides'; did you mean stride\?$"):
        Deep(1, strides=5)
