"""Hints: what an unknown argument or name may have meant."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message: the known word that `word` may have meant, or all of them."""
    from minidl.errors.synonyms import SYNONYMS  # for mistakes alone: a program without them starts sooner

    known = list(known)
    if "vocabulary_size" in known and word in ("input_dim", "num_embeddings"):  # Keras's word means other things, too
        return "did you mean vocabulary_size?"
    synonym = SYNONYMS.get(word)
    if synonym is not None and (synonym in known or " " in synonym):
        return f"did you mean {synonym}?"
    import difflib

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
    name, code = function.__name__, inspect.unwrap(function).__code__
    known = {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}

    @functools.wraps(function)
    def hinted(*args: P.args, **kwargs: P.kwargs) -> R:
        if not kwargs.keys() <= known:  # which is quick to tell
            check_keywords(name, function, kwargs)
        return function(*args, **kwargs)

    return hinted


def missing_name(module: str, name: str, known: Iterable[str]) -> AttributeError:
    """The error for a name that a module hasn't, with a hint at what it's called here."""
    message = f"module {module!r} has no attribute {name!r}"
    if not name.startswith("_"):
        from minidl.errors.names import NAMES

        hint = NAMES.get(name) or _respelled(name, known)
        if hint:
            message += f"; {hint}" if " " in hint else f"; did you mean {hint}?"
    return AttributeError(message, name=name)


def missing_attribute(thing: Any, name: str) -> Any:
    """What to do where an object hasn't an attribute: raise AttributeError with a hint, if one is known."""
    kind = type(thing)
    if hasattr(kind, name):  # a property, in which another attribute is missing: say which
        return object.__getattribute__(thing, name)
    message = f"{kind.__name__!r} object has no attribute {name!r}"
    if not name.startswith("_"):
        from minidl.errors.names import ATTRIBUTES

        tables = (ATTRIBUTES.get(base.__name__, {}) for base in kind.__mro__)
        hint = next((table[name] for table in tables if name in table), None)
        if hint is not None:
            message += f"; {hint}" if " " in hint else f"; did you mean {hint}?"
    raise AttributeError(message, name=name, obj=thing)


def _respelled(name: str, known: Iterable[str]) -> str | None:
    """The known name that is the same but for capitals and underscores, or else close to it."""
    import difflib

    plain = {each.replace("_", "").lower(): each for each in known}
    word = name.replace("_", "").lower()
    close = [word] if word in plain else difflib.get_close_matches(word, plain, n=1, cutoff=0.7)
    return plain[close[0]] if close else None


class AttributeHints:
    """A base class whose objects meet an unknown attribute with a hint."""

    __slots__ = ()

    if not TYPE_CHECKING:  # for which any attribute would be one

        def __getattr__(self, name):
            return missing_attribute(self, name)


class KeywordHints(AttributeHints):
    """A base class whose subclasses' constructors meet an unknown keyword argument with a hint.

    So do their instances an attribute that is set and that nothing reads, if the class is minidl's own. Subclasses from
    elsewhere take any.
    """

    _is_minidl_s = True
    _settled: frozenset[str] = frozenset()
    """Attributes that count when an object is made, and can't be changed afterwards."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Wrap the constructor that the subclass defines, if it does."""
        super().__init_subclass__(**kwargs)
        cls._is_minidl_s = cls.__module__.startswith("minidl.")
        if "__init__" in vars(cls):
            cls.__init__ = _hinting_constructor(cls.__init__)  # type: ignore[method-assign]

    if not TYPE_CHECKING:  # which would take any name for granted

        def __setattr__(self, name, value):
            """Refuse an attribute that nothing reads, or that is read no more."""
            is_made = "_is_made" in vars(self) or type(self).__init__ is object.__init__
            if self._is_minidl_s and is_made and (name not in vars(self) or name in self._settled):
                _check_attribute(self, name)
            object.__setattr__(self, name, value)


def _hinting_constructor(constructor: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(constructor)
    def hinted(self: object, *args: Any, **kwargs: Any) -> None:
        check_keywords(type(self).__name__, constructor, kwargs)
        constructor(self, *args, **kwargs)
        if type(self).__init__ is hinted:  # and not that of a base class
            vars(self)["_is_made"] = True

    return hinted


def _check_attribute(thing: Any, name: str) -> None:
    """Raise AttributeError where setting an attribute that an object hasn't, or one that is settled, has no effect.

    Names that begin with an underscore are free, and those that its class has or declares.
    """
    kind = type(thing)
    if name in thing._settled:
        raise AttributeError(f"{kind.__name__}: {name!r} can't be changed after construction; make a new one")
    if name.startswith("_") or hasattr(kind, name):
        return
    declared = {each for base in kind.__mro__ for each in inspect.get_annotations(base)}
    if name not in declared:
        properties = [each for each in dir(kind) if getattr(getattr(kind, each), "fset", None) is not None]
        known = [each for each in (*vars(thing), *properties) if not each.startswith("_")]
        raise AttributeError(f"{kind.__name__}: no attribute {name!r}; {did_you_mean(name, known)}")
