"""A small process beside rank 0, which sees what rank died first and says so.

MPICH kills all ranks as soon as one has died, often before another could speak; this process isn't one of its own. It
runs this file as a program, without minidl, and ends with rank 0.
"""

import contextlib
import os
import select
import socket
import struct
import subprocess
import sys

ALIVE, WAITING, LEFT, END, FAILED = range(5)
"""What a rank says: it computes, it waits in an exchange, its program is over; all programs are; it ends all ranks."""

MESSAGE = struct.Struct("!BQ")
"""One of these, and how many exchanges the rank has come to."""

DIED = "died: it was killed, or crashed"


class Witness:
    """The process, of rank 0; it is ready. connections: {name of a rank: its connection's file number}.

    Raises OSError where there can't be one.
    """

    def __init__(self, name: str, connections: dict[str, int]) -> None:
        named = [word for other, number in connections.items() for word in (other, str(number))]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, name, *named],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=list(connections.values()),
            start_new_session=True,
        )
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            if not pipe.read(1):
                raise OSError("the witness doesn't run")

    def dismiss(self) -> None:
        """Let it end without a word."""
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(OSError, ValueError):  # it has ended; another thread has closed the pipe
                pipe.write(b".")
                pipe.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)

    def let_go(self) -> None:
        """Of a forked child: it must not keep the pipe of its parent open."""
        if self._process.stdin is not None:
            self._process.stdin.close()


def can_be() -> bool:
    """Whether the system tells in what order connections were closed."""
    return hasattr(select, "epoll") and bool(sys.executable)


def tell(message: str) -> None:
    """Print a line in one piece, though other threads and ranks print too."""
    with contextlib.suppress(OSError):  # the launcher, which reads it, may be gone
        os.write(2, f"minidl: {message}, which ends all ranks\n".encode(errors="replace"))


def first_to_die(names: dict[int, str]) -> str | None:
    """The name of the one whose file is closed first; None as soon as a byte comes by file 0."""
    with select.epoll() as waiting:
        for number in names:
            waiting.register(number, select.EPOLLRDHUP if number else select.EPOLLIN)
        os.write(1, b".")
        os.close(1)
        events = waiting.poll()  # in the order in which they came
    if any(number == 0 and event & select.EPOLLIN for number, event in events) and os.read(0, 1):
        return None
    number = events[0][0]
    return None if number and _has_failed(number) else names[number]


def _has_failed(number: int) -> bool:
    """Whether the rank's last message is that it ends all, which rank 0, if it is stopped, hasn't read."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(number)) as connection:
        unread = connection.recv(1 << 20, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        return len(unread) >= MESSAGE.size and MESSAGE.unpack(unread[-MESSAGE.size :])[0] == FAILED
    return False


if __name__ == "__main__":
    words = sys.argv[1:]
    found = first_to_die({0: words[0], **dict(zip(map(int, words[2::2]), words[1::2], strict=True))})
    if found is not None:
        tell(f"{found} {DIED}")
