"""Bars: what they show, when, and where; on a pseudo-terminal with tqdm and without, and in a pipe."""

import io
import itertools
import os
import re
import struct
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

import minidl
from minidl.display import progress, quantity
from minidl.display.progress import Bar, can_draw, numbers, working

ROOT = Path(minidl.__file__).resolve().parent.parent


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when a test says so; and bars are our own line."""
    clock = Clock()
    monkeypatch.setattr(progress.time, "perf_counter", clock)
    monkeypatch.setattr(progress, "_tqdm", lambda stream: None)
    monkeypatch.setenv("TERM", "xterm")
    return clock


def drawn(stream):
    return stream.getvalue().split("\r\x1b[K")[1:]


def test_speed_and_time_left_are_those_since_the_first_part(clock):
    stream = io.StringIO()
    bar = Bar(10, "work", stream=stream, live=True, samples=320)
    for done, now in ((1, 160.0), (2, 161.0), (6, 163.0), (10, 165.0)):  # the first part took a minute
        clock.now = now
        bar.update(done, f"text {done}")
    assert drawn(stream) == [
        "work  [==                      ]  1/10  text 1",
        "work  [====                    ]  2/10  text 2  32 samples/s  8 s left",
        "work  [==============          ]  6/10  text 6  53 samples/s  2 s left",
        "work  [========================] 10/10  text 10  58 samples/s",
    ]


def test_it_is_drawn_ten_times_a_second_at_most(clock):
    stream, asked = io.StringIO(), itertools.count()
    bar = Bar(1000, "work", stream=stream, live=True)
    for done in range(1000):
        clock.now = 100 + done / 1000
        bar.update(done, lambda: f"text {next(asked)}")
    assert 9 <= len(drawn(stream)) <= 10
    assert next(asked) == len(drawn(stream))  # no text is made for nothing


def test_kernels_are_named_and_counted_and_do_not_count_as_work(clock):
    stream = io.StringIO()
    bar = Bar(4, "work", stream=stream, live=True, samples=32)
    for kernel in ("conv", "conv", "pool"):
        bar.compiling(kernel)
        clock.now += 10
    bar.update(1)
    clock.now += 2
    bar.update(3)
    assert drawn(stream) == [
        "work  [                        ] 0/4  kernel 1: conv",
        "work  [                        ] 0/4  kernel 1: conv",
        "work  [                        ] 0/4  kernel 2: pool",
        "work  [======                  ] 1/4",
        "work  [==================      ] 3/4  8 samples/s  1 s left",
    ]
    silent = Bar(4, "work", stream=stream, live=False)
    silent.compiling("conv")
    assert len(drawn(stream)) == 5


def test_short_work_draws_nothing(clock):
    stream = io.StringIO()
    with Bar(10, "work", stream=stream, live=True, delay=0.5) as bar:
        for done in range(10):
            clock.now += 0.04
            bar.update(done)
            bar.draw(done)
    assert stream.getvalue() == ""


def test_it_goes_away_but_for_an_interrupted_one_which_ends_its_line(clock):
    stream = io.StringIO()
    with Bar(4, "work", stream=stream, live=True) as bar:
        bar.update(3)
    bar.close()
    assert drawn(stream)[-1] == ""
    stream = io.StringIO()

    def interrupted():
        with Bar(4, "work", stream=stream, live=True) as bar:
            bar.update(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stream.getvalue().endswith("3/4\n")


def test_an_unknown_total(clock):
    stream = io.StringIO()
    bar = Bar(0, "file", stream=stream, live=True, unit="", show=quantity.size)
    bar.update(1_000_000)
    clock.now += 2
    bar.update(5_000_000)
    assert drawn(stream) == ["file  1.00 MB", "file  5.00 MB  2.00 MB/s"]


@pytest.mark.parametrize("columns", [0, 20, 40, 60, 200])
def test_a_line_fits_in_the_terminal(clock, monkeypatch, columns):
    monkeypatch.setattr(progress, "columns", lambda stream: columns)
    stream = io.StringIO()
    Bar(100, "some work", stream=stream, live=True).update(40, "loss 0.1234")
    (line,) = drawn(stream)
    assert len(line) < (columns or 80)
    assert ("[" in line) == (columns not in (20, 40))
    assert line.startswith("some work  ")


def test_where_bars_are_drawn(clock, monkeypatch):
    assert can_draw(Terminal())
    assert not can_draw(io.StringIO())
    assert not can_draw(None)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(can_draw(Terminal())))
    thread.start()
    thread.join()
    assert answers == [False]
    monkeypatch.setenv("TERM", "dumb")
    assert not can_draw(Terminal())


@pytest.mark.parametrize("missing", ["", "ipywidgets", "tqdm"])
def test_a_notebook_needs_widgets(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", types.ModuleType("ipykernel.zmqshell"))
    monkeypatch.setattr(progress, "is_installed", lambda name: name != missing)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert can_draw(sys.stdout) == (not missing)
    assert not can_draw(io.StringIO())  # a file of the user's
    imported = []

    def fake(name):
        imported.append(name)
        return types.SimpleNamespace(tqdm=object)

    monkeypatch.setattr(progress.importlib, "import_module", fake)
    progress._tqdm(sys.stdout)
    assert imported == {"": ["tqdm.auto"], "ipywidgets": ["tqdm.std"], "tqdm": []}[missing]


def test_lines_of_work(clock, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Terminal())
    for verbose in (0, 1, 2, "auto"):
        with working("predict", 8, verbose) as bar:
            clock.now += 1
            bar.update(4)
            bar.result = "loss 0.5"
        assert capsys.readouterr().out == ("predict  1.00 s  8 samples/s  loss 0.5\n" if verbose in (1, 2) else "")
        assert ("4/8" in sys.stderr.getvalue()) == (verbose in (1, "auto"))
        monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(RuntimeError, match="on purpose"), working("predict", 8, 1):
        raise RuntimeError("on purpose")
    assert capsys.readouterr().out == ""


def test_logs_that_are_numbers():
    assert numbers({"loss": 0.25, "confusion": [[1, 2], [3, 4]], "accuracy": 1}) == "loss 0.2500  accuracy 1.0000"


def test_tqdm_draws_our_numbers(monkeypatch):
    pytest.importorskip("tqdm", reason="needs the extra `progress`")
    threads = threading.active_count()
    stream = io.StringIO()
    bar = Bar(4, "epoch {1}", stream=stream, live=True)
    bar.draw(1, "loss 0.25")
    bar.draw(3, "a {brace}")
    assert threading.active_count() == threads
    bar.close()
    lines = [line.rstrip() for line in stream.getvalue().split("\r") if line.strip()]
    assert lines[0].startswith("epoch {1}  |")
    assert lines[0].endswith("| 1/4  loss 0.25")
    assert lines[-1].endswith("| 3/4  a {brace}")
    assert stream.getvalue().endswith("\r")
    bar.draw(3)
    bar.close(keep=True)
    assert stream.getvalue().endswith("3/4\n")


def test_importing_minidl_does_not_import_tqdm(run_python):
    program = (
        "import sys, minidl; print([name for name in sys.modules if 'tqdm' in name or 'importlib.metadata' in name])"
    )
    assert run_python(program).stdout.strip() == "[]"


PROGRAM = """
import sys
if {hidden}:
    sys.modules["tqdm"] = None
import numpy as np
import minidl as ml
from minidl.display import progress
progress.DELAY_SECONDS = progress.REDRAW_SECONDS = 0.0
ml.use_backend("vectorized")
model = ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0)
x, y = np.ones((40, 3), np.float32), np.arange(40) % 2
model.fit(x, y, loss=ml.CrossEntropy(), optimizer=ml.SGD(model.parameters(), lr=0.1), epochs=2, batch_size=10)
model.evaluate(x, y, loss=ml.CrossEntropy(), batch_size=10)
model.predict(x, batch_size=10)
class Interrupt(ml.Callback):
    def on_train_batch_end(self, batch, logs):
        if batch == 2:
            raise KeyboardInterrupt
try:
    model.fit(x, y, loss=ml.CrossEntropy(), optimizer=ml.SGD(model.parameters(), lr=0.1), batch_size=10,
              callbacks=[Interrupt()])
except KeyboardInterrupt:
    print("interrupted")
"""


def on_a_terminal(program, columns):
    """What a program writes to a pseudo-terminal."""
    fcntl, pty, termios = (
        pytest.importorskip(name, reason="no pseudo-terminals") for name in ("fcntl", "pty", "termios")
    )
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("4H", 24 if columns else 0, columns, 0, 0))
    environment = dict(os.environ, PYTHONPATH=str(ROOT), TERM="xterm")
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=side, stdout=side, stderr=side, env=environment, cwd=ROOT
    )
    os.close(side)
    written = b""
    try:
        while part := os.read(main, 1 << 16):
            written += part
    except OSError:  # how Linux says that nobody has the terminal open any more
        pass
    finally:
        os.close(main)
    assert process.wait() == 0, written
    return written.decode()


@pytest.mark.parametrize("columns", [100, 0])  # 0: it doesn't know
@pytest.mark.parametrize("hidden", [False, True], ids=["tqdm", "own"])
def test_on_a_terminal(hidden, columns):
    if not hidden:
        pytest.importorskip("tqdm", reason="needs the extra `progress`")
    lines = on_a_terminal(PROGRAM.format(hidden=hidden), columns).split("\r\n")
    first, second, interrupted, said = lines[0], lines[1], lines[-3], lines[-2]
    for epoch, line in enumerate((first, second), 1):
        for batch in range(1, 5):
            assert f"{batch}/4  loss 0." in line
        assert re.match(rf"epoch {epoch}/2  [\d.]+ m?s  ", line.rpartition("\r")[2].removeprefix("\x1b[K"))
    assert ("[======                  ] 1/4" in first) == hidden
    assert ("%|" in first or "█" in first) == (not hidden)
    assert "evaluate  " in interrupted  # drawn, and drawn over by what came next
    assert "predict  " in interrupted
    assert "samples/s" in interrupted
    left = interrupted.rpartition("\r")[2].removeprefix("\x1b[K")
    assert left.startswith("epoch 1/1  ")
    assert "2/4  loss 0." in left
    assert said == "interrupted"


@pytest.mark.parametrize("hidden", [False, True], ids=["tqdm", "own"])
def test_in_a_pipe(run_python, hidden):
    done = run_python(PROGRAM.format(hidden=hidden))
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == ["epoch 1/2", "epoch 2/2", "interrupted"]
    assert done.stderr == ""
    assert "\r" not in done.stdout
    assert "\x1b" not in done.stdout
