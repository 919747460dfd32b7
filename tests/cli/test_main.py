import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import minidl
from minidl import cli
from minidl.__main__ import main
from minidl.cli.interrupt import Ending
from minidl.cli.messages import printable

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(minidl.__file__).parents[1]), "PYTHONUNBUFFERED": ""}
MODULE = [sys.executable, "-m", "minidl"]
QUICK = ["train", "--model", "tutorial", "--backend", "vectorized"]
full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and terminals")


def start(*arguments, **options):
    return subprocess.Popen([*map(str, arguments)], env=ENVIRONMENT, stderr=subprocess.PIPE, **options)


def test_version(command):
    assert command("--version").out == f"minidl {minidl.__version__}\n"
    assert command("--version").code == 0


@pytest.mark.parametrize("name", [None, *cli.COMMANDS])
def test_help_ends_with_examples_that_parse(command, name):
    result = command(*filter(None, [name]), "--help")
    assert (result.code, result.err) == (0, "")
    examples = result.out.partition("\nexamples:\n")[2].splitlines()
    assert examples
    for example in examples:
        program, *arguments = example.partition("#")[0].strip().removeprefix("mpiexec -n 4 ").split()
        assert program == "minidl"
        assert cli.parser().parse_args(arguments).command in cli.COMMANDS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), f"a command is missing: {', '.join(cli.COMMANDS)} (see minidl --help)"),
        (("trian",), "argument command: invalid choice 'trian'; did you mean train? (see minidl --help)"),
        (("--vresion",), "unknown option --vresion; did you mean --version?"),
    ],
)
def test_bad_commands(fails, arguments, message):
    assert message in fails(*arguments)


def raise_in_summary(monkeypatch, error):
    def run(arguments):
        raise error

    monkeypatch.setattr(cli.summary, "run", run)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "error: [Errno 28] No space left on device"),
        (FileNotFoundError(2, "No such file or directory", "x"), "error: x: No such file or directory"),
        (MemoryError(), "error: not enough memory"),
        (ImportError("no numba"), "error: no numba"),
    ],
)
def test_errors_are_one_line(fails, monkeypatch, error, message):
    raise_in_summary(monkeypatch, error)
    assert fails("summary", "lenet") == f"minidl: {message}\n"


def test_a_bug_is_not_hidden(command, monkeypatch):
    raise_in_summary(monkeypatch, AttributeError("oops"))
    with pytest.raises(AttributeError, match="oops"):
        command("summary", "lenet")


def test_an_interrupt(command, monkeypatch, tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(minidl.datasets.fashion, "fashion_mnist_10k", interrupt)
    result = command("train", "--out", tmp_path / "run")
    assert (result.code, result.out, result.err) == (130, "", "minidl: interrupted\n")
    assert not any(tmp_path.iterdir())


def test_a_closed_pipe_is_nobodys_fault(monkeypatch, capsys):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    with contextlib.redirect_stdout(Closed()):
        assert main(["summary", "lenet"]) == 141
    assert capsys.readouterr().err == ""


def test_a_text_becomes_one_harmless_line():
    assert printable("one:\n  two\n\n  three\x1b[0m\a") == r"one: two; three\x1b[0m\x07"
    assert printable("caf\u00e9 \udcff") == "caf\u00e9 \\udcff"


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--epochs", "0"]])
def test_numba_is_not_waited_for(arguments):
    code = f"import sys; from minidl.__main__ import main; main({arguments}); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True).returncode == 0


def test_as_a_module(tmp_path):
    done = subprocess.run([*MODULE, "summary", "lenet"], env=ENVIRONMENT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "61,706" in done.stdout
    failed = subprocess.run([*MODULE, "summary", "lenett"], env=ENVIRONMENT, capture_output=True, text=True)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.count("\n") == 1


@posix
def test_a_reader_that_leaves(tmp_path):
    process = start(*MODULE, *QUICK, "--epochs", "100000", "--out", tmp_path / "run", stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141


@full
@pytest.mark.parametrize("arguments", [["summary", "lenet"], ["--help"]])
def test_a_full_disk_is_told_once(arguments):
    with open("/dev/full", "w") as device:
        process = start(*MODULE, *arguments, stdout=device)
    assert process.communicate()[1] == b"minidl: error: standard output: No space left on device\n"
    assert process.returncode == 2


def read_terminal(descriptor):
    written = b""
    with contextlib.suppress(OSError):  # how Linux says that the other side is closed
        while part := os.read(descriptor, 4096):
            written += part
    return written.decode()


@posix
def test_on_a_terminal_the_line_of_an_epoch_is_redrawn_in_place(tmp_path):
    terminal, their_side = os.openpty()
    arguments = [*QUICK, "--epochs", "2", "--out", tmp_path / "run"]
    process = start(*MODULE, *arguments, stdout=their_side)
    os.close(their_side)
    written = read_terminal(terminal)
    os.close(terminal)
    assert process.communicate()[1] == b""
    assert process.returncode == 0

    first, *epochs, accuracy, saved, end = written.split("\r\n")
    assert first.startswith("tutorial on fashion-mnist-10k: 4,500 images to train on, 500 to validate with")
    assert len(epochs) == 2
    for number, line in enumerate(epochs, start=1):
        nothing, *drawn = line.replace("\x1b[K", "").split("\r")
        assert nothing == ""
        drawn = [text for text in drawn if text.strip()]  # tqdm wipes with spaces
        assert len(drawn) > 1
        assert all(text.startswith(f"epoch {number}/2  ") for text in drawn)
        assert all(re.search(r"[]|] +\d+/71 ", text) for text in drawn[:-1])
        assert "val_accuracy" in drawn[-1]
    assert accuracy.startswith("test accuracy 0.")
    assert (saved, end) == (f"saved to {tmp_path / 'run'}", "")


IMPORTED = """
import os, runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == "minidl.functional":
            os.kill(os.getpid(), {number})

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt())
sys.argv = [{program!r}]
from minidl.__main__ import main
main()
"""


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_is_imported(number):
    done = subprocess.run([sys.executable, "-c", IMPORTED.format(number=int(number), program="/usr/bin/minidl")],
                          env=ENVIRONMENT, capture_output=True, text=True)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "minidl: interrupted\n")


@posix
def test_a_program_that_imports_minidl_has_its_own_signals():
    done = subprocess.run([sys.executable, "-c", IMPORTED.format(number=int(signal.SIGINT), program="program.py")],
                          env=ENVIRONMENT, capture_output=True, text=True)  # fmt: skip
    assert done.stderr.endswith("\nKeyboardInterrupt\n")


def test_an_import_that_fails_because_it_was_interrupted(monkeypatch, capsys):
    """Modules in C that are interrupted as they begin raise other errors instead."""

    def run(argv):
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise SystemError("initialization failed") from None

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.setattr(cli, "run", run)
    monkeypatch.setattr(Ending, "raised", None)
    monkeypatch.setattr(Ending, "_pause_ends", 0.0)
    try:
        assert main() == 143
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    assert capsys.readouterr().err == "minidl: interrupted\n"


@full
@pytest.mark.parametrize("arguments", [["summary", "lenett"], ["--nonsense"], [*QUICK, "--json", "--out", "{}/run"]])
def test_errors_that_cannot_be_told(tmp_path, arguments):
    arguments = [argument.format(tmp_path) for argument in arguments]
    with open("/dev/full", "w") as device:
        done = subprocess.run([*MODULE, *arguments], env=ENVIRONMENT, stderr=device, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (2, b"")
    assert not any(tmp_path.iterdir())


@full
def test_a_log_on_a_full_disk_is_told_before_training(tmp_path):
    with open("/dev/full", "w") as device:
        process = start(*MODULE, *QUICK, "--out", tmp_path / "run", stdout=device)
    assert process.communicate()[1] == b"minidl: error: standard output: No space left on device\n"
    assert process.returncode == 2
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("arguments", [["summary", "lenet"], ["data", "list"], ["info"], ["train", "--help"]])
def test_any_encoding_will_do(monkeypatch, encoding, arguments):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(arguments) == 0
    assert stream.buffer.getvalue().decode(encoding).count("\n") > 4


class Tee:
    """All that some programs put in the place of stdout."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


@pytest.mark.parametrize(
    "arguments",
    [["summary", "lenet"], ["info"], ["data", "list"], ["data", "show", "fashion-mnist-10k", "--text"], ["--help"],
     ["train", "--model", "tutorial", "--epochs", "1", "--out", "{}/run"], ["trian"], ["warmup", "tutorial"]],
)  # fmt: skip
def test_a_stand_in_for_stdout_that_only_writes(monkeypatch, tmp_path, arguments):
    out, err = Tee(), Tee()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    code = main([argument.format(tmp_path) for argument in arguments])
    assert code == (2 if arguments == ["trian"] else 0)
    assert (out.text.count("\n") > 0, err.text.count("\n")) == (code == 0, int(code > 0))


@pytest.mark.parametrize("stream", ["none", "closed"])
def test_without_a_stdout_the_work_is_done(monkeypatch, tmp_path, stream):
    nowhere = io.StringIO() if stream == "closed" else None
    if nowhere is not None:
        nowhere.close()
    monkeypatch.setattr(sys, "stdout", nowhere)
    monkeypatch.setattr(sys, "stderr", nowhere)
    assert main(["train", "--model", "tutorial", "--epochs", "1", "--out", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "history.json").exists()
    assert main(["--help"]) == 0
    assert main(["--nonsense"]) == 2
