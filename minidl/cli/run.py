"""The folder of a run: a model, how it was trained and how that went, each file written whole or not at all."""

import contextlib
import errno
import itertools
import json
import math
import os
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidl.cli.choices import DATA
from minidl.cli.claim import claimed
from minidl.cli.messages import UsageError
from minidl.cli.toml import read_toml, toml_text
from minidl.errors import FormatError, did_you_mean
from minidl.model import SavedModel
from minidl.model_files import load
from minidl.models import zoo
from minidl.saving.atomic import write_atomically
from minidl.saving.kinds import SAVED_MODEL, kind_of_folder, refusal
from minidl.typing import Shape


@dataclass(frozen=True)
class Run:
    """The paths of a run's files."""

    folder: Path

    @property
    def model(self) -> Path:
        """The model as of the last whole epoch: see `minidl.load`."""
        return self.folder / "model.npz"

    @property
    def config(self) -> Path:
        """All that the result depends on, as `--config` takes it, and in `versions` what it was made with."""
        return self.folder / "config.toml"

    @property
    def training(self) -> Path:
        """All that going on needs, as of the last whole epoch: see `minidl.load_training`."""
        return self.folder / "training.npz"

    @property
    def history_csv(self) -> Path:
        """A line for each epoch, counted from 0: see `minidl.CSVLogger`."""
        return self.folder / "history.csv"

    @property
    def history_json(self) -> Path:
        """The same, as a list for each column, once training has ended."""
        return self.folder / "history.json"

    @property
    def snapshots(self) -> Path:
        """What the network showed of a few pictures as it learned: see `minidl.explain.Snapshots`."""
        return self.folder / "snapshots.npz"

    @property
    def tensorboard(self) -> Path:
        """What `--tensorboard` has written: see `minidl.TensorBoard`."""
        return self.folder / "tensorboard"

    def files(self) -> tuple[Path, ...]:
        """All of them, whether they are there or not."""
        return self.model, self.config, self.training, self.history_csv, self.history_json, self.snapshots


@contextlib.contextmanager
def new_run(out: str | None, model_name: str) -> Iterator[Run]:
    """Give a Run in the folder `out`, or in a new one in `runs`, which is made before the block runs, and claimed.

    If the block raises before there is a model, the folder is left as it was. Raises UsageError if a run is there
    already or another process is training there, and OSError if the folder can't be made or written to.
    """
    run, is_new = _new_folder(out, model_name)
    with contextlib.ExitStack() as after, claimed(run.folder):
        _check_free(run)  # again: another process may have trained between the first look and the claim
        try:
            yield run
        except BaseException:
            if not run.model.exists():
                with contextlib.suppress(OSError):
                    run.config.unlink(missing_ok=True)
                    run.snapshots.unlink(missing_ok=True)
                after.callback(_remove_empty, run.folder if is_new else None)
            raise


def _remove_empty(folder: Path | None) -> None:
    if folder is not None:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _new_folder(out: str | None, model_name: str) -> tuple[Run, bool]:
    """The Run in an existing folder or a new one, and whether it's new."""
    if out is None:
        name = Path("runs", f"{model_name}-{time.strftime('%Y%m%d-%H%M%S')}")
        for number in range(1, 1000):
            folder = name if number == 1 else name.with_name(f"{name.name}-{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir(parents=True)
                return Run(folder), True
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(name))

    run = Run(Path(out))
    _check_free(run)
    is_new = not run.folder.exists()
    run.folder.mkdir(parents=True, exist_ok=True)
    if not os.access(run.folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), out)
    return run, is_new


def _check_free(run: Run) -> None:
    """Raise UsageError if a file of a run is there."""
    there = next((path for path in run.files() if os.path.lexists(path)), None)
    if there is not None:
        raise UsageError(f"argument --out: {run.folder} already holds a run ({there.name}); name another folder")


def load_run(path: str, input_shape: Shape | None = None) -> tuple[SavedModel, dict[str, Any]]:
    """The model and the configuration of a run's folder, or the model of a file and {}: see `minidl.load`.

    Of "NETWORK:WEIGHTS" that of `minidl.models`, and what it was trained on. Raises FileNotFoundError, UsageError where
    there's another thing than such a folder or file, and FormatError, naming the file, for a damaged one.
    """
    if (weights := zoo.named(path)) is not None:
        check_no_shape(path, input_shape)
        return load(zoo.content(weights)), {"data": weights.data}
    run = Run(Path(path))
    if not run.folder.is_dir():
        return load(regular_file(path), input_shape=input_shape), {}
    check_no_shape(path, input_shape)
    if not run.model.exists():
        if (kind := kind_of_folder(path)) is SAVED_MODEL:
            raise refusal(path, kind)
        raise UsageError(f"{path} isn't the folder of a run: there is no {run.model.name} in it")
    model = load(regular_file(run.model))
    return model, read_config(run.config) if run.config.exists() else {}


def check_no_shape(name: str, input_shape: Shape | None) -> None:
    """Raise UsageError for a shape of a model that has one."""
    if input_shape is not None:
        raise UsageError(f"argument --input-shape: only for ONNX files, and {name} isn't one")


def old_run(path: str) -> Run:
    """The Run in a folder that `minidl train` made. Raises UsageError, and FileNotFoundError if there is none."""
    run = Run(Path(path))
    if not run.folder.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if not run.config.exists():
        raise UsageError(f"{path} isn't the folder of a run: there is no {run.config.name} in it")
    regular_file(run.config)
    return run


@contextlib.contextmanager
def resumed_run(path: str) -> Iterator[Run]:
    """Give the Run in a folder that `minidl train` made, claimed while the block runs.

    Raises UsageError where another process is training there, and where the state to go on from is missing, unless the
    process that wrote the run was killed in its first epoch.
    """
    run = old_run(path)
    with claimed(run.folder) as was_killed:
        if not run.training.exists() and run.model.exists() and not (was_killed and _epochs_written(run) <= 1):
            raise UsageError(
                f"{run.folder} has no {run.training.name} to resume from, and its model would be lost; for a new "
                f"run like it: minidl train --config {shlex.quote(str(run.config))} --out FOLDER"
            )
        yield run


def _epochs_written(run: Run) -> int:
    """The lines of the history, without its heading."""
    with contextlib.suppress(FileNotFoundError), open(run.history_csv, "rb") as file:
        return max(0, sum(1 for _ in itertools.islice(file, 3)) - 1)
    return 0


def read_config(path: Path) -> dict[str, Any]:
    """The configuration that `minidl train` wrote, with its data set's name or table. Raises FormatError."""
    config = read_toml(regular_file(path))
    data = config.get("data")
    if not isinstance(data, str | dict) or (isinstance(data, dict) and not isinstance(data.get("path"), str)):
        raise FormatError(f'{path}: not the configuration of a run: expected data = "name", or a path')
    if isinstance(data, str) and data not in DATA:
        raise FormatError(f"{path}: unknown data set {data!r}; {did_you_mean(data, DATA)}")
    return config


def write_config(path: Path, config: dict[str, Any]) -> None:
    """Write a configuration as TOML."""
    with write_atomically(path) as file:
        file.write(toml_text(config).encode())


def regular_file(path: str | Path) -> Path:
    """The path, if a file of known size is there; a pipe or a device could go on for ever."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
    if not path.is_file():
        raise UsageError(f"{path}: not a regular file")
    return path


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON."""
    with write_atomically(path) as file:
        file.write((json_text(value, indent=2) + "\n").encode())


def json_text(value: Any, *, indent: int | None = None) -> str:
    """A value as JSON; NaN and the infinities, for which it has no words, become null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
