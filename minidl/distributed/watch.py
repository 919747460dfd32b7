"""Ranks that watch one another: one that dies, stops, or is cut off ends them all, and its name is told.

MPI's own exchanges would wait for it forever. Rank 0 and each other rank send each other a message a second; rank 0
judges all, and they judge rank 0.
"""

import atexit
import contextlib
import faulthandler
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import NoReturn

from minidl.distributed.launcher import launcher, see_it_end
from minidl.distributed.wire import Peer
from minidl.distributed.witness import ALIVE, DIED, END, FAILED, LEFT, WAITING, Witness, can_be, tell

_GRACE = 3.0
"""Seconds that MPI has to end all ranks before this one ends by itself."""


class Watch:
    """A thread that hears of the other ranks, and tells them of this one. `with watch:` marks an exchange.

    timeout: seconds of silence after which a rank is taken for lost; they count only while this process runs, so that
    a laptop that slept doesn't accuse anybody. patience: seconds that ranks may wait in an exchange for another that
    lives; None is forever. abort ends all ranks by MPI.
    """

    def __init__(
        self,
        rank: int,
        name: str,
        peers: list[Peer],
        timeout: float,
        patience: float | None,
        abort: Callable[[], object],
    ) -> None:
        self._rank, self._name, self._peers, self._abort = rank, name, peers, abort
        self._timeout, self._delay = timeout, min(0.1 * rank, 2.0)  # where all miss rank 0, one speaks first
        self._patience = patience
        self._beat = min(1.0, timeout / 5)
        self._state, self._exchanges, self._waited = ALIVE, 0, 0.0
        self._witness: Witness | None = None
        if rank == 0 and can_be():
            with contextlib.suppress(OSError):
                self._witness = Witness(name, {peer.name: peer.connection.fileno() for peer in peers})
        self._over = threading.Event()
        self._woken, self._waking = socket.socketpair()
        self._process, self._parent, self._launcher = os.getpid(), os.getppid(), launcher()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._let_go)
        threading.Thread(target=self._run, name="minidl-watch", daemon=True).start()
        atexit.register(self._leave)

    def __enter__(self) -> None:
        """Begin to wait for the others."""
        self._exchanges += 1
        self._state, self._waited = WAITING, 0.0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._state, self._waited = ALIVE, 0.0
        if isinstance(error, Exception):  # of MPI, which names nobody
            self._await_judgement()

    def _await_judgement(self) -> None:
        """Give the thread the time to end all for a rank that is lost, if it's that why MPI failed."""
        time.sleep(2 * self._beat)
        while any(peer.silent > 2 * self._beat for peer in self._peers) and not self._over.is_set():
            time.sleep(self._beat)

    def tell_failed(self) -> None:
        """Let the others know that this rank ends all, so that they accuse nobody."""
        if self._witness is not None:
            self._witness.dismiss()
        for peer in self._peers:
            peer.say(FAILED, self._exchanges)

    def end(self, message: str) -> NoReturn:
        """Print the message and end all ranks, whatever they are doing."""
        tell(message)
        self.end_quietly()

    def end_quietly(self) -> NoReturn:
        """End all ranks, whatever they are doing; why has been printed."""
        self.tell_failed()
        self._end()

    def _end(self) -> NoReturn:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            see_it_end(self._launcher)
            time.sleep(0.1)  # for the others to hear of it, and for what is printed
            faulthandler.dump_traceback_later(_GRACE, exit=True, file=nowhere)  # needs no GIL, which Abort may hold
            with contextlib.suppress(Exception):
                self._abort()
            os._exit(1)

    def _run(self) -> None:
        with DefaultSelector() as selector:
            for peer in self._peers:
                selector.register(peer.connection, EVENT_READ, peer.hear)
            selector.register(self._woken, EVENT_READ, lambda: self._woken.recv(1))
            before = said = time.monotonic()
            while self._process == os.getpid():
                for key, _ in selector.select(self._beat):
                    key.data()
                now = time.monotonic()
                self._judge(min(now - before, 2 * self._beat))
                before = now
                if self._over.is_set():
                    return
                if now - said >= self._beat:
                    said = now
                    for peer in self._peers:
                        peer.say(self._state, self._exchanges)

    def _judge(self, passed: float) -> None:
        """End all ranks for what can't go well any more. `passed`: the seconds since the last time."""
        if any(peer.state == END for peer in self._peers):
            self._over.set()
            return
        if any(peer.state == FAILED for peer in self._peers):
            self.tell_failed()
            time.sleep(_GRACE)  # who failed says why, and ends all
            self._end()
        if os.getppid() != self._parent:
            tell(
                f"{self._name} has lost its parent, the launcher or its daemon on this host"
            )  # where nobody may read it
            self._end()  # and the others tell that it has died
        for peer in self._peers:
            peer.silent += passed
            peer.waited += passed
            if peer.lost == DIED and self._witness is not None:  # which has said so
                self._end()
            if peer.lost:
                self.end(f"{peer.name} {peer.lost}")
            if peer.silent > self._timeout + self._delay:
                self.end(f"{peer.name} hasn't answered for {self._timeout:.0f} s: it is stopped, or its host cut off")
        if self._rank == 0:
            self._judge_exchanges(passed)

    def _judge_exchanges(self, passed: float) -> None:
        """Rank 0's part: nobody may wait for one that won't come. All programs may be over."""
        states = [(self._state, self._exchanges), *((peer.state, peer.exchanges) for peer in self._peers)]
        if all(state == LEFT for state, _ in states):
            if self._witness is not None:
                self._witness.dismiss()
            for peer in self._peers:
                peer.say(END, self._exchanges)
            self._over.set()
            return
        furthest = max((count for state, count in states if state == WAITING), default=0)
        self._waited += passed
        waited = [(self._name, self._waited), *((peer.name, peer.waited) for peer in self._peers)]
        for (state, count), (name, seconds) in zip(states, waited, strict=True):
            if count < furthest and state == LEFT:
                self.end(f"{name} has ended its program, while others wait for it in an exchange")
            if count < furthest and self._patience is not None and seconds > self._patience:
                self.end(f"{name} hasn't come to exchange {furthest} for {self._patience:g} s, for which others wait")

    def _leave(self) -> None:
        """At the program's end: stay until all programs have ended, as MPI's own end would, but watched."""
        if self._process != os.getpid():
            return
        if hasattr(sys, "last_value") and not hasattr(sys, "ps1"):  # an exception has ended it
            self.end(f"an exception has ended {self._name}")
        self._state = LEFT
        for peer in self._peers:
            peer.say(LEFT, self._exchanges)
        self._waking.send(b".")
        self._over.wait()

    def _let_go(self) -> None:
        """A forked child has neither the thread nor anything to say; its copies of connections must not keep them."""
        for peer in self._peers:
            peer.connection.close()
        if self._witness is not None:
            self._witness.let_go()
