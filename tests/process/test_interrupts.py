import signal
import threading

import pytest

from minidl.process.interrupts import uninterrupted

pytestmark = pytest.mark.skipif("not hasattr(__import__('signal'), 'SIGUSR1')", reason="needs signals of its own")


@pytest.fixture
def handled():
    """Signals that were handled, by a handler of SIGUSR1 and another of SIGUSR2, which raises."""
    seen = []

    def note(number, frame):
        seen.append(number)

    def fail(number, frame):
        seen.append(number)
        raise InterruptedError

    before = {signal.SIGUSR1: signal.signal(signal.SIGUSR1, note), signal.SIGUSR2: signal.signal(signal.SIGUSR2, fail)}
    yield seen
    for number, handler in before.items():
        signal.signal(number, handler)


SENT = []


def send(*signals, error=None):
    """Send signals in a block that they can't interrupt, and perhaps raise an error there."""
    with uninterrupted():
        for number in signals:
            signal.raise_signal(number)
        SENT.append(signals)
        if error is not None:
            raise error


def test_signals_wait_for_the_end_of_the_block(handled):
    handlers = signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGUSR2)
    signals = signal.SIGUSR2, signal.SIGUSR1
    with pytest.raises(InterruptedError):
        send(*signals)
    assert SENT[-1] == signals  # all of it was done
    assert sorted(handled) == sorted(signals)  # each once, also where another raises
    assert (signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGUSR2)) == handlers


def test_ctrl_c_waits():
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)
    assert SENT[-1] == (signal.SIGINT,)


def test_blocks_within_blocks(handled):
    with uninterrupted():
        with uninterrupted():
            signal.raise_signal(signal.SIGUSR1)
        assert not handled
    assert handled == [signal.SIGUSR1]


def test_an_error_in_the_block_is_seen(handled):
    with pytest.raises(ZeroDivisionError):
        send(signal.SIGUSR1, error=ZeroDivisionError())
    assert handled == [signal.SIGUSR1]


def test_a_handler_that_was_set_in_the_block_stays(handled):
    with uninterrupted():
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN


def test_what_is_left_of_a_block_passes_signals_on(handled):
    """As where another signal's handler raises while they are set back."""
    handler = signal.getsignal(signal.SIGUSR1)
    with uninterrupted() as block:
        pass
    signal.signal(signal.SIGUSR1, block._take)
    signal.raise_signal(signal.SIGUSR1)
    assert handled == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) is handler


def test_other_threads_leave_signals_alone(handled):
    handlers = []

    def work():
        with uninterrupted():
            handlers.append(signal.getsignal(signal.SIGUSR1))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGUSR1)]


def test_a_signal_before_the_block_leaves_no_other_waiting(handled, monkeypatch):
    install = signal.signal

    def interrupted(number, handler):
        before = install(number, handler)
        if number == signal.SIGUSR1:  # replaced, while the one that comes now isn't
            signal.raise_signal(signal.SIGUSR2)
        return before

    monkeypatch.setattr(signal, "signal", interrupted)
    with pytest.raises(InterruptedError), uninterrupted():
        raise AssertionError("the block began")
    monkeypatch.undo()
    signal.raise_signal(signal.SIGUSR1)
    assert handled == [signal.SIGUSR2, signal.SIGUSR1]
