"""Batches from an iterable, such as a generator or a loader: checked one by one, and begun again where that can be."""

import itertools
from collections.abc import Generator, Iterator, Mapping, Sequence, Set
from typing import Any

from minidl import shapes
from minidl.arraylike import is_data_set
from minidl.errors import ShapeError
from minidl.module import Module
from minidl.nested import length, output_names
from minidl.training.arguments import weights_of
from minidl.training.data import pair_of, with_weights
from minidl.training.output_arguments import weights_by_output
from minidl.training.samples import as_input

ARRAY_LIKE = ("__array__", "shape", "nnz", "iloc")
_END = object()


def is_source(x: Any) -> bool:
    """Whether x gives batches: an iterator, an iterable but an array or a list, or a function that makes one."""
    if isinstance(x, str | bytes | Mapping | Set | Module) or is_data_set(x):
        return False
    if any(hasattr(x, each) for each in ARRAY_LIKE):
        return False
    if hasattr(x, "__next__") or (callable(x) and not _is_iterable(x)):
        return True
    return _is_iterable(x) and not (hasattr(x, "__len__") and hasattr(x, "__getitem__"))


def begun(given: Any, argument: str = "x") -> Iterator[Any]:
    """The batches, from the first one on. Raises TypeError where a function makes something else."""
    made = given if _is_iterable(given) else given()
    if not _is_iterable(made):
        raise TypeError(f"{argument}: expected an iterable of batches, got {made!r}")
    return iter(made) if hasattr(made, "__iter__") else made


def _is_iterable(x: Any) -> bool:
    return not isinstance(x, type) and (hasattr(x, "__iter__") or hasattr(x, "__next__"))


class Source:
    """Batches (x, y) or (x, y, sample_weight), checked and converted for a module.

    `steps` is how many of them make an epoch; None where all do. With `steps` the iterable is gone on with, and begun
    again when it is over, unless `anew` begins every epoch with its first batch. An iterator can't be begun again.
    `argument` is what the source is called in errors, and `steps_argument` the steps.
    """

    def __init__(
        self,
        given: Any,
        module: Module,
        *,
        argument: str = "x",
        steps: int | None = None,
        steps_argument: str = "steps_per_epoch",
        anew: bool = False,
        class_weight: Any = None,
    ) -> None:
        if isinstance(class_weight, str):
            raise ValueError(f"class_weight: {class_weight!r} needs all labels at once; give {{class: weight}}")
        self.steps = None if steps is None else shapes.count(steps, steps_argument)
        self.given, self.module, self.anew, self.class_weight = given, module, anew, class_weight
        self.argument, self.steps_argument = argument, steps_argument
        self.is_iterator = hasattr(given, "__next__")
        self.taken = 0
        self._items: Iterator[Any] | None = None
        self._ahead: list[tuple[Any, tuple[Any, ...]]] = []

    @property
    def known_steps(self) -> int | None:
        """How many batches an epoch has, if that is known before its end."""
        if self.steps is not None:
            return self.steps
        try:
            return len(self.given) or None
        except TypeError:
            return None

    def check_passes(self, passes: int) -> None:
        """Raise ValueError where an iterator, which ends once, would have to begin again."""
        if self.is_iterator and self.steps is None and passes > 1:
            raise ValueError(
                f"{self.argument}: a {type(self.given).__name__} can be read only once, but there are {passes} "
                f"epochs: give a function that makes one, or {self.steps_argument}, how many each epoch takes"
            )

    def first(self) -> tuple[Any, tuple[Any, ...]]:
        """The first batch, which the first epoch still has. Raises ShapeError where there is none."""
        if not self.begin():
            raise ShapeError(f"{self.argument}: expected batches, got none from {self.given!r}")
        return self._ahead[0]

    def begin(self) -> bool:
        """Whether there is a batch for one more epoch."""
        if not self._ahead:
            if not self.is_iterator and (self.steps is None or self.anew):
                self._items = None
            self._ahead += [batch] if (batch := self._next()) is not None else []
        return bool(self._ahead)

    def batches(self) -> Generator[tuple[Any, tuple[Any, ...]], None, None]:
        """(inputs, (targets,)) or (inputs, (targets, weights)) of each batch of an epoch that has begun."""
        for _ in itertools.count() if self.steps is None else range(self.steps):
            if (batch := self._next()) is None:
                return
            yield batch

    def _next(self) -> tuple[Any, tuple[Any, ...]] | None:
        if self._ahead:
            return self._ahead.pop()
        goes_on = self.steps is not None and not (self.is_iterator or self.anew)
        for _ in range(2 if goes_on and self._items is not None else 1):
            if self._items is None:
                self._items = begun(self.given, self.argument)
            item = next(self._items, _END)
            if item is not _END:
                self.taken += 1
                return self._checked(item)
            if goes_on:
                self._items = None
        return None

    def _checked(self, item: Any) -> tuple[Any, tuple[Any, ...]]:
        where, names = f"{self.argument}: batch {self.taken}", output_names(self.module)
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            got = f"{len(item)} things" if isinstance(item, tuple | list) else f"a {type(item).__name__}"
            raise TypeError(f"{where}: expected (x, y) or (x, y, sample_weight), got {got}")
        try:
            x, y = pair_of(item[0], item[1], self.module)
            weights = weights_of_batch(y, item[2] if len(item) == 3 else None, self.class_weight, names)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{where}: {error}") from None
        if not length(x):
            raise ShapeError(f"{where}: expected at least one sample, got none")
        self.module.ensure_built(x)
        return as_input(x, self.module), with_weights(y, weights)


def weights_of_batch(y: Any, sample_weight: Any, class_weight: Any, names: Sequence[str]) -> Any:
    """The weights of a batch's samples, of several outputs a tuple; those of a single one may all be 0."""
    if len(names) < 2 and not isinstance(sample_weight, Mapping):
        return weights_of(y, sample_weight, class_weight, of_batch=True)
    return weights_by_output(y, sample_weight, class_weight, names)


def inputs_of(item: Any) -> Any:
    """The samples of a batch to predict: of (x, y) and (x, y, sample_weight), as in Keras, the first."""
    is_pair = isinstance(item, tuple) or (isinstance(item, list) and bool(item) and hasattr(item[0], "shape"))
    return item[0] if is_pair and 1 <= len(item) <= 3 else item


def refuse(given: Mapping[str, Any], why: str) -> None:
    """Raise ValueError for the first of these arguments that isn't as by default."""
    for name, value in given.items():
        if value is not None and value is not False and not (isinstance(value, int | float) and value == 0):
            raise ValueError(f"{name}: {why}")
