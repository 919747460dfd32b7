"""A model on its way to other processes: bytes that become a `Predictor` once in each of them."""

import collections
import contextlib
import hashlib
import io
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from minidl import backends
from minidl.display import quantity
from minidl.model import SavedModel
from minidl.model_files import load
from minidl.module import Module
from minidl.predictor import Predictor
from minidl.process.exact import is_exact, set_exact
from minidl.process.importing import imported
from minidl.process.threads import limited

KEPT = 4
"""Models that a process keeps ready, the last ones used."""


class Settings(NamedTuple):
    """What an image's bits depend on besides the model."""

    version: str
    backend: str
    exact: bool


class SentPredictor:
    """`sent(block)` is `model.predict(block)`, in whichever process it's called.

    It holds bytes: the file that `save` writes or, for modules that no file can name, a pickle by cloudpickle. A
    process makes a `Predictor` of them when it first needs it, and keeps it for all that are equal. Blocks are computed
    `batch_size` samples at a time by `threads` threads each. The backend and `set_exact` are those where it was made.
    """

    def __init__(self, model: Module | Predictor, *, batch_size: int, threads: int) -> None:
        predictor = model if isinstance(model, Predictor) else Predictor(model)  # which refuses what can't predict
        self.batch_size, self.threads = batch_size, threads
        self.settings = Settings(_version(), backends.choice()[0], is_exact())
        self.data, self.is_file = _packed(predictor)
        self.digest = hashlib.blake2b(self.data, digest_size=16).hexdigest()

    def __call__(self, samples: Any) -> Any:
        """What the model gives for samples (n, ...), or a tuple or dict of them. Raises as the model does.

        Raises RuntimeError where another version of minidl is at work than where the model comes from.
        """
        with _process.settled(self.settings), limited(self.threads):
            return _kept(self).predict(samples, batch_size=self.batch_size, verbose=0)

    def predictor(self) -> Predictor:
        """A new Predictor of these bytes."""
        if not self.is_file:
            predictor: Predictor = imported("pickle").loads(self.data)
            return predictor
        return Predictor(load(io.BytesIO(self.data)))

    def __sizeof__(self) -> int:
        """The bytes that it takes, by which Dask knows when a worker's memory is full."""
        return len(self.data)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """What is equal for equal models, from which Dask makes the names of tasks."""
        return self.digest, *self.settings, self.batch_size, self.threads

    def __repr__(self) -> str:
        """How much is sent."""
        return f"SentPredictor({quantity.memory(len(self.data))})"


def _packed(predictor: Predictor) -> tuple[bytes, bool]:
    """The bytes of a model, and whether they are those of a file."""
    model = predictor._model
    if isinstance(model, SavedModel):
        file = io.BytesIO()
        with contextlib.suppress(TypeError, ValueError):  # of what files can't name or hold
            model.save(file)
            return file.getvalue(), True
    return imported("cloudpickle").dumps(predictor), False


def _version() -> str:
    version: str = imported("minidl").__version__
    return version


_models: collections.OrderedDict[str, Predictor] = collections.OrderedDict()
_making = threading.Lock()


def _kept(sent: SentPredictor) -> Predictor:
    """The Predictor of this process, made by one thread while others wait."""
    with _making:
        found = _models.pop(sent.digest, None)
        _models[sent.digest] = found = found or sent.predictor()
        while len(_models) > KEPT:
            _models.popitem(last=False)
        return found


class _Process:
    """The settings of this process: blocks that need others than those that are computed wait for the end of these."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._running = 0
        self._settings: Settings | None = None
        self._before = contextlib.ExitStack()

    @contextlib.contextmanager
    def settled(self, wanted: Settings) -> Iterator[None]:
        """Compute with these settings. Raises RuntimeError for those of another version."""
        if wanted.version != _version():
            raise RuntimeError(
                f"the model was sent by minidl {wanted.version}, and this worker has {_version()}, whose results may "
                "differ: install the same version everywhere"
            )
        with self._change:
            self._change.wait_for(lambda: not self._running or self._settings == wanted)
            if not self._running:
                self._change_to(wanted)
            self._running += 1
        try:
            yield
        finally:
            with self._change:
                self._running -= 1
                if not self._running:
                    self._before.close()
                    self._change.notify_all()

    def _change_to(self, wanted: Settings) -> None:
        with contextlib.ExitStack() as stack:
            if backends.choice()[0] != wanted.backend:
                stack.enter_context(backends.use_backend(wanted.backend))
            if is_exact() != wanted.exact:
                stack.enter_context(set_exact(wanted.exact))
            self._before = stack.pop_all()
        self._settings = wanted


_process = _Process()
