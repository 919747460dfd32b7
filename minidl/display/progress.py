"""A bar over a total with a text beside it: tqdm's where it is installed, else a line of our own, or nothing at all."""

import contextlib
import importlib
import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

import numpy as np

from minidl.display import quantity
from minidl.display.installed import is_installed
from minidl.display.streams import columns, encodable, is_terminal, write

REDRAW_SECONDS = 0.1
"""A bar is redrawn at most ten times a second: nobody would see more."""

DELAY_SECONDS = 0.5
"""Work that is done sooner flashes no bar."""

WIDTH = 24
"""Characters of our own bar, on a line that has room for them."""


def can_draw(stream: TextIO | None) -> bool:
    """Whether a bar can be drawn on this stream: a terminal, or a notebook that has tqdm and the widgets for it.

    Only for the main thread: two bars would draw over each other.
    """
    if stream is None or threading.current_thread() is not threading.main_thread():
        return False
    return _has_widgets(stream) or (is_terminal(stream) and os.environ.get("TERM") != "dumb")


def check_verbose(verbose: int | str) -> None:
    """Raise ValueError unless it is 0, 1, 2 or "auto"."""
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f'verbose: expected 0, 1, 2 or "auto", got {verbose!r}')


def numbers(logs: Mapping[str, Any]) -> str:
    """The logs that are single numbers, beside their names."""
    return "  ".join(f"{name} {float(value):.4f}" for name, value in logs.items() if np.ndim(value) == 0)


def plain(count: float) -> str:
    """A count, for people."""
    return f"{count:,.0f}"


class Bar:
    """How much of `total` is done, drawn on `stream` (stderr) as long as the work goes on, with time left and speed.

    It vanishes when it's closed, and stays, with a new line after it, when the block that it's used for raises. `live`
    says whether it is drawn at all: if not given, where `can_draw` says so. `samples` is what all of `total` amounts to
    where it isn't counted in `unit`, as batches are of samples; without a unit, speed and time left mean nothing. A
    total of 0 isn't known. Nothing is drawn in the first `delay` seconds.
    """

    def __init__(
        self,
        total: int,
        title: str,
        *,
        stream: TextIO | None = None,
        live: bool | None = None,
        delay: float = 0.0,
        samples: int | None = None,
        unit: str | None = "samples",
        show: Callable[[float], str] = plain,
    ) -> None:
        self.total, self.title, self.unit, self.show = total, title, unit, show
        self.samples = total if samples is None else samples
        self.stream = sys.stderr if stream is None else stream
        self.live = can_draw(self.stream) if live is None else live
        self.start = time.perf_counter()
        self._begin = self._due = self.start + delay
        self._first: tuple[int, float] | None = None
        self._drawer: _Drawer | None = None
        self._done = 0
        self._kernels: set[str] = set()
        self.result = ""

    def update(self, done: int, text: str | Callable[[], str] = "") -> None:
        """So much is done by now; it's drawn, and the text asked for, if it's time for that."""
        if not self.live:
            return
        now = time.perf_counter()
        if self._first is None:
            self._first = done, now
        if now >= self._due:
            self._draw(done, text if isinstance(text, str) else text(), now)

    def draw(self, done: int, text: str = "") -> None:
        """The same, at once, but for the delay at the start."""
        now = time.perf_counter()
        if self.live and now >= self._begin:
            self._draw(done, text, now)

    def compiling(self, kernel: str) -> None:
        """A kernel is being compiled, while no more gets done."""
        self._kernels.add(kernel)
        now = time.perf_counter()
        if self.live and now >= self._due:
            self._draw(self._done, f"kernel {len(self._kernels)}: {kernel}", now)

    def _draw(self, done: int, text: str, now: float) -> None:
        self._due = now + REDRAW_SECONDS
        self._done = done
        whole = self.show(self.total)
        counts = f"{self.show(done):>{len(whole)}}/{whole}" if self.total else self.show(done)
        right = "  ".join(part for part in (counts, text, self._pace(done, now)) if part)
        if self._drawer is None:
            tqdm = _tqdm(self.stream)
            self._drawer = _Line(self.stream) if tqdm is None else _Tqdm(tqdm, self.stream, self.total)
        self._drawer.draw(self.title, min(done / self.total, 1.0) if self.total else None, right)

    def summary(self, text: str = "") -> str:
        """A line for the end: the time that it took, the speed, and a text."""
        seconds = time.perf_counter() - self.start
        took = quantity.seconds(seconds) if seconds < 59.95 else quantity.clock(seconds)
        return "  ".join(part for part in (self.title, took, self._speed(self.samples, seconds), text) if part)

    def close(self, *, keep: bool = False) -> None:
        """Take it away, or leave it as it is and go to the next line. It may be closed more than once."""
        drawer, self._drawer = self._drawer, None
        if drawer is not None:
            drawer.close(keep)

    def _pace(self, done: int, now: float) -> str:
        """Speed and time left, by what came after the first part: kernels may have been compiled for that one."""
        first, then = (done, now) if self._first is None else self._first
        if self.unit is None or done <= first or now <= then:
            return ""
        speed = self._speed(self.samples / self.total * (done - first) if self.total else done - first, now - then)
        left = (now - then) / (done - first) * (self.total - done)
        return f"{speed}  {quantity.clock(left)} left" if left > 0 else speed

    def _speed(self, samples: float, seconds: float) -> str:
        if self.unit is None:
            return ""
        return f"{self.show(samples / max(seconds, 1e-9))}{' ' * bool(self.unit)}{self.unit}/s"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(keep=kind is not None)


@contextlib.contextmanager
def working(title: str, total: int, verbose: int | str, *, unit: str | None = "samples") -> Iterator[Bar]:
    """A bar on stderr while the block runs, where it takes half a second, and at its end a line on stdout.

    `verbose`: 0 is silent, "auto" has the bar alone, 2 the line alone, 1 both. The block may give the bar a `result`,
    which is part of the line.
    """
    with Bar(total, title, live=None if verbose in (1, "auto") else False, delay=DELAY_SECONDS, unit=unit) as bar:
        yield bar
    if verbose in (1, 2):
        write(sys.stdout, f"{bar.summary(bar.result)}\n")


class _Drawer(Protocol):
    def draw(self, title: str, share: float | None, text: str) -> None: ...

    def close(self, keep: bool) -> None: ...


class _Line:
    """One line of a terminal, redrawn each time, and never longer than it is wide."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def draw(self, title: str, share: float | None, text: str) -> None:
        wide = columns(self.stream)
        # The last character of a line would begin a new one.
        room = sys.maxsize if wide is None else (wide or 80) - 1
        line = f"{title}  {text}"
        width = min(WIDTH, room - len(line) - 4)
        if share is not None and width >= WIDTH // 4:
            line = f"{title}  [{'=' * int(width * share):<{width}}] {text}"
        write(self.stream, f"\r\x1b[K{line[:room]}")

    def close(self, keep: bool) -> None:
        write(self.stream, "\n" if keep else "\r\x1b[K")


class _Tqdm:
    """tqdm's bar, on a terminal or as a notebook's widget; the numbers beside it are ours."""

    def __init__(self, tqdm: Callable[..., Any], stream: TextIO, total: int) -> None:
        self.tqdm, self.stream, self.is_known = tqdm, stream, total > 0
        self.bar: Any = None

    def draw(self, title: str, share: float | None, text: str) -> None:
        title, text = (encodable(part, self.stream).replace("{", "{{").replace("}", "}}") for part in (title, text))
        layout = f"{title}  |{{bar}}| {text}" if self.is_known else f"{title}  {text}"
        if self.bar is None:
            total = 1.0 if self.is_known else None
            width = {"ncols": 79, "nrows": 24} if columns(self.stream) == 0 else {"dynamic_ncols": True}
            self.bar = self.tqdm(
                total=total, initial=share or 0.0, bar_format=layout, file=self.stream, leave=False, **width
            )
        else:
            self.bar.n, self.bar.bar_format = share or 0.0, layout
            self.bar.refresh()

    def close(self, keep: bool) -> None:
        if not keep and self.is_known:
            self.bar.n = 1.0  # in a notebook, a bar that isn't full stays, in red
        self.bar.leave = keep
        self.bar.close()


def _has_widgets(stream: TextIO) -> bool:
    """Whether the stream is a notebook's, with what tqdm needs there; without, it would warn."""
    return (
        "ipykernel.zmqshell" in sys.modules
        and stream in (sys.stdout, sys.stderr)
        and all(is_installed(name) for name in ("tqdm", "ipywidgets"))
    )


def _tqdm(stream: TextIO) -> Callable[..., Any] | None:
    """The class tqdm, for a notebook's widgets or for terminals, without its own thread; None if it isn't installed."""
    if not (is_installed("tqdm") and isinstance(stream, io.TextIOBase)):  # of stand-ins it expects too much
        return None
    module = importlib.import_module("tqdm.auto" if _has_widgets(stream) else "tqdm.std")
    # The thread would look after bars that are drawn too seldom; and forking with threads draws a warning.
    return type("tqdm", (module.tqdm,), {"monitor_interval": 0})
