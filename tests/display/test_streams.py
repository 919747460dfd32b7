"""Whatever stdout is, what minidl writes gets there as well as it can, and never fails for its characters."""

import errno
import io
import sys

import numpy as np
import pytest

import minidl as ml
from minidl.display import progress, streams
from minidl.display.streams import encodable, is_terminal, legible, write
from minidl.summary import table

TEXT = "µs \N{LATIN SMALL LETTER E WITH ACUTE} \N{RIGHTWARDS ARROW} \udce9"


class Tee:
    """What programs put in stdout's place: it writes, and that is all."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


class AsciiTee(Tee):
    def write(self, text):
        text.encode("ascii")
        super().write(text)


class Quarrelsome(Tee):
    """One whose every answer fails."""

    encoding = 8
    isatty = flush = fileno = None


class Failing(Tee):
    def isatty(self):
        raise RuntimeError("not asked before")

    fileno = isatty


def encoded(encoding, errors="strict"):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors)


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "µs é → \\udce9"),
        ("latin-1", "µs é \\u2192 \\udce9"),
        ("cp1252", "µs é \\u2192 \\udce9"),
        ("ascii", "us \\xe9 \\u2192 \\udce9"),
        ("utf-16", "µs é → \\udce9"),
    ],
)
def test_characters_that_a_stream_has_not_are_escaped(encoding, expected):
    stream = encoded(encoding)
    write(stream, TEXT)
    assert stream.buffer.getvalue().decode(encoding) == expected
    assert encodable(TEXT, stream) == expected


@pytest.mark.parametrize(("encoding", "expected"), [("latin-1", "µs é"), ("ascii", "us \\xe9")])
def test_characters_that_it_has_stay(encoding, expected):
    stream = encoded(encoding)
    write(stream, TEXT[:4])
    assert stream.buffer.getvalue().decode(encoding) == expected


def test_a_stream_that_replaces_by_itself_is_left_to():
    stream = encoded("ascii", "replace")
    write(stream, TEXT)
    assert stream.buffer.getvalue() == b"?s ? ? ?"


@pytest.mark.parametrize("kind", [Tee, Quarrelsome])
def test_an_object_that_only_writes(kind):
    stream = kind()
    write(stream, TEXT)
    assert stream.text == TEXT
    assert not is_terminal(stream)
    assert streams.columns(stream) is None


def test_one_that_fails_in_other_ways_is_no_terminal():
    assert not is_terminal(Failing())
    assert not progress.can_draw(Failing())


def test_one_without_an_encoding_that_refuses_gets_ascii():
    stream = AsciiTee()
    write(stream, TEXT)
    assert stream.text == "us \\xe9 \\u2192 \\udce9"


def test_where_there_is_none_or_it_is_closed_nothing_is_written():
    for stream in (None, closed()):
        write(stream, "x")
        assert not is_terminal(stream)
        assert not progress.can_draw(stream)


def test_a_full_device_has_a_name(monkeypatch):
    class Full(io.StringIO):
        def flush(self):
            raise OSError(errno.ENOSPC, "No space left on device")

    for name, words in (("stdout", "standard output"), ("stderr", "standard error")):
        monkeypatch.setattr(sys, name, Full())
        with pytest.raises(OSError, match=words):
            write(getattr(sys, name), "x")


def test_a_mistake_of_the_callers_is_told():
    with pytest.raises(AttributeError):
        streams.write(type("NoStream", (), {"closed": False})(), "x")


def test_legible():
    assert legible("caf\N{LATIN SMALL LETTER E WITH ACUTE}") == "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    assert legible("caf\udce9") == "caf\\udce9"


STREAMS = {
    "tee": Tee,
    "ascii tee": AsciiTee,
    "quarrelsome": Quarrelsome,
    "failing": Failing,
    "none": lambda: None,
    "closed": closed,
    "cp1252": lambda: encoded("cp1252"),
    "ascii": lambda: encoded("ascii"),
}


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("verbose", ["auto", 1])
def test_a_whole_training_writes_to_it(monkeypatch, kind, verbose):
    stream = STREAMS[kind]()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", STREAMS[kind]())
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0.0)
    monkeypatch.setattr(
        table, "time_module", lambda module, x, need_dx: (2e-6, 1e-3, module.forward(x, train=False)[0])
    )
    with ml.use_backend("vectorized"):
        model = ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0)
        x, y = np.ones((8, 3), np.float32), np.arange(8) % 2
        options = {"loss": ml.CrossEntropy(), "verbose": verbose}
        model.fit(x, y, optimizer=ml.SGD(model.parameters(), lr=0.1), validation_data=(x, y), **options)
        model.evaluate(x, y, **options)
        model.predict(x, verbose=verbose)
        model.summary(timings=True)
        ml.warm_up(model, (3,), verbose=verbose)
        bars = [ml.ProgressBar(stream=stream, live=True)]
        model.fit(x, y, optimizer=ml.SGD(model.parameters(), lr=0.1), **options | {"verbose": 0}, callbacks=bars)
    text = getattr(stream, "text", None)
    if kind in ("cp1252", "ascii"):
        text = stream.buffer.getvalue().decode(kind)
        assert ("2.00 µs" if kind == "cp1252" else "2.00 us") in text
    if text is not None:
        assert "epoch 1/1" in text
        assert "Dense" in text
        assert ("evaluate  " in text) == (verbose == 1)


@pytest.mark.parametrize("hidden", [False, True], ids=["tqdm", "own"])
def test_bars_on_a_stream_of_few_characters(monkeypatch, hidden):
    if hidden:
        monkeypatch.setattr(progress, "is_installed", lambda name: False)
    stream = encoded("ascii")
    with progress.Bar(4, "caf\N{LATIN SMALL LETTER E WITH ACUTE}", stream=stream, live=True) as bar:
        bar.draw(2, "\N{RIGHTWARDS ARROW}")
        text = stream.buffer.getvalue().decode("ascii")
    assert "caf\\xe9" in text
    assert "\\u2192" in text
