"""Kernels that other processes compile: they're in the cache then; and whatever goes wrong, it goes on here."""

import os
import subprocess
import sys
import threading

import pytest

pytest.importorskip("numba")
from minidl.backends.compiled.activation import softmax
from minidl.backends.compiled.codegen import ahead, kernel_cache
from minidl.backends.compiled.codegen.jit import Kernel
from minidl.process import threads

pytestmark = pytest.mark.compiled


def copied(memory, ints, job, task, scratch):
    """A kernel that no helper knows."""
    memory[job + 1] = memory[job]


@pytest.fixture
def kernel(monkeypatch):
    """One that isn't known as a kernel of this process for longer than a test."""
    monkeypatch.setattr(Kernel, "every", [*Kernel.every])
    return Kernel(copied)


@pytest.fixture
def wanted(tmp_path, monkeypatch, kernel):
    """Two kernels that an empty cache lacks, and two cores; helpers are over when the test is."""
    folder = tmp_path / f"{kernel_cache.PREFIX}now"
    monkeypatch.setattr(kernel_cache, "folders", lambda: [folder])
    monkeypatch.setattr(threads, "num_threads", lambda: 2)
    monkeypatch.setattr(ahead, "_works", True)
    ahead._wanted.clear()
    ahead.want([kernel, Kernel(copied, None)], "f")
    assert len(ahead._wanted) == 2
    yield [each for each, _ in ahead._wanted]
    ahead._end()
    finish()
    assert not ahead._processes


def finish():
    for helper in [*ahead._helpers]:
        helper.join(30)
        assert not helper.is_alive()


def starts(monkeypatch, program):
    """Let helpers be processes that run this program; a list of them."""
    started = []

    def start():
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-c", program], bufsize=0, stdin=pipe, stdout=pipe)
        started.append(process)
        return process

    monkeypatch.setattr(ahead, "_started", start)
    return started


ANSWERS = "import sys\nfor line in sys.stdin: print({!r}, flush=True)"


def test_a_helper_is_given_all_that_is_wanted_the_last_first(wanted, monkeypatch):
    started, names, file_name = starts(monkeypatch, ANSWERS.format("unknown")), [], Kernel.file_name
    monkeypatch.setattr(Kernel, "file_name", lambda self, dtype: names.append(self) or file_name(self, dtype))
    ahead.begin()
    finish()
    assert names == wanted[::-1]
    assert not ahead._wanted
    assert [process.poll() is None for process in started] == [False]
    assert ahead._works


@pytest.mark.parametrize(
    "program",
    ["", "raise SystemExit(1)", ANSWERS.format("lost"), ANSWERS.format("what?"), "input(); import os; os.abort()"],
    ids=["ends", "fails", "keeps nothing", "babbles", "dies"],
)
def test_a_helper_that_does_not_work_is_the_last(wanted, monkeypatch, program):
    started = starts(monkeypatch, program)
    ahead.begin()
    finish()
    for each in wanted:
        ahead.claim(each, "f")  # waits for nobody
    assert len(started) == 1
    assert started[0].returncode is not None
    assert not ahead._taken
    ahead.want(wanted, "f")
    ahead.begin()
    assert not ahead._helpers


def test_where_none_can_be_started_it_goes_on(wanted, monkeypatch):
    def fail():
        raise OSError("no more processes")

    monkeypatch.setattr(ahead, "_started", fail)
    ahead.begin()
    finish()
    assert not ahead._works
    assert len(ahead._wanted) == 2


def test_one_that_hangs_is_waited_for_no_longer_than_patience(wanted, monkeypatch):
    (started,) = [starts(monkeypatch, "import time; time.sleep(600)")]
    monkeypatch.setattr(ahead, "PATIENCE", 0.2)
    ahead.begin()
    while not ahead._taken:
        threading.Event().wait(0.01)
    ahead.claim(wanted[-1], "f")
    assert ahead._taken
    ahead._end()
    finish()
    assert started[0].returncode is not None


CONDITIONS = {
    "one thread": lambda patch: patch.setattr(threads, "num_threads", lambda: 1),
    "a cache that can't be written": lambda patch: patch.setattr(kernel_cache, "can_be_written", lambda: False),
    "another program's interpreter": lambda patch: patch.setattr(sys, "executable", "/opt/studio/studio"),
    "no interpreter": lambda patch: patch.setattr(sys, "executable", None),
    "one kernel": lambda patch: ahead._wanted.popitem(),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_there_are_no_helpers_with(wanted, monkeypatch, name):
    monkeypatch.setattr(ahead, "_started", lambda: pytest.fail("nothing may be started"))
    CONDITIONS[name](monkeypatch)
    ahead.begin()
    assert not ahead._helpers


def test_the_helper_answers_and_ends_with_its_input(tmp_path, monkeypatch):
    """As a process: what it says of a kernel that it knows and of one that it doesn't."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    name = softmax._softmax.file_name("f")
    with ahead._started() as process:
        answer, _ = process.communicate(f"f {name}\nf no.kernel-1234.nbc\n".encode(), timeout=120)
    assert answer.split(b"\n") == [b"kept", b"unknown", b""]
    assert process.returncode == 0
    assert [path.name for path in tmp_path.rglob(f"*{kernel_cache.SUFFIX}")] == [name]


def run(program, folder):
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(folder), MINIDL_BACKEND="compiled")
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert not done.stderr
    return done.stdout.split()


SOFTMAX = """
import numpy as np
from minidl import backends, functional as F
from minidl.process import threads
threads.set_num_threads({threads})
x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
told = set()
with backends.compiling(told.add):
    F.relu(x)
    from minidl.backends.compiled.activation import softmax
    from minidl.backends.compiled.codegen import ahead
    ahead.want([softmax._softmax, softmax._softmax_backward, softmax._log_softmax_backward], "f")
    y, pullback = F.softmax(x)
    for helper in [*ahead._helpers]:
        helper.join()
    told.clear()
    dx = pullback(x)
print(len(told) > 0, y.tobytes().hex(), dx.tobytes().hex(), len(ahead._helpers), len(ahead._processes))
"""


def test_a_kernel_that_a_helper_compiled_is_read_and_gives_the_same_bits(tmp_path):
    alone, together = (run(SOFTMAX.format(threads=count), tmp_path / str(count)) for count in (1, 2))
    assert (alone[0], together[0]) == ("True", "False")
    assert alone[1:] == together[1:]
    assert together[3:] == ["0", "0"]


FORK = """
import os, subprocess, sys
import minidl.backends.compiled
from minidl.backends.compiled.codegen import ahead
pipe = subprocess.PIPE
process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], bufsize=0, stdin=pipe, stdout=pipe)
ahead._processes.append(process)
ahead._wanted[None, "f"] = ahead._taken[None, "f"] = None
child = os.fork()
if not child:
    state = ahead._wanted, ahead._taken, ahead._processes, ahead._helpers
    os._exit(any(state) or not process.stdin.closed or not process.stdout.closed)
print(os.waitpid(child, 0)[1], process.poll())
process.communicate()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_leaves_helpers_to_its_parent(tmp_path):
    assert run(FORK, tmp_path) == ["0", "None"]


END = """
import minidl.backends.compiled
from minidl.backends.compiled.activation import softmax
from minidl.backends.compiled.codegen import ahead
from minidl.process import threads
threads.set_num_threads(2)
ahead.want([softmax._softmax, softmax._softmax_backward], "f")
ahead.begin()
while not ahead._processes:
    pass
print(ahead._processes[0].pid)
"""


@pytest.mark.skipif(not hasattr(os, "kill"), reason="no signals")
def test_no_helper_outlives_its_process(tmp_path):
    (pid,) = run(END, tmp_path)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
