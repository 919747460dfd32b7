"""Connections between ranks, and what rank 0 makes of what the others say, without MPI."""

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from minidl.distributed import watch, wire, witness
from minidl.distributed.launcher import is_launched, launcher
from minidl.distributed.watch import Watch
from minidl.distributed.wire import Peer
from minidl.distributed.witness import ALIVE, DIED, END, FAILED, LEFT, WAITING

NAMES = ["rank 0 of 3 (a, pid 1)", "rank 1 of 3 (a, pid 2)", "rank 2 of 3 (b, pid 3)"]


def pair(rank=1):
    """A peer as rank 0 has it, and the same connection as the other rank has it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = socket.create_connection(listener.getsockname())
        here, _ = listener.accept()
    return Peer(rank, NAMES[rank], here), Peer(0, NAMES[0], there)


def connected(ranks, disturb=lambda share: None):
    """What `connect` gives in each of so many ranks, which are threads."""
    barrier, boxes = threading.Barrier(ranks, timeout=60), [None] * ranks

    def one(rank):
        def share(value):
            if rank == 0:
                boxes[0] = value
                disturb(value)
            barrier.wait()
            value = boxes[0]
            barrier.wait()
            return value

        def gather(value):
            boxes[rank] = value
            barrier.wait()
            values = list(boxes)
            barrier.wait()
            return values

        return wire.connect(rank, NAMES[:ranks], share, gather)

    with ThreadPoolExecutor(ranks) as pool:
        return [each.result() for each in [pool.submit(one, rank) for rank in range(ranks)]]


def close(*found):
    for peers in found:
        for peer in peers:
            peer.connection.close()


def test_rank_0_is_connected_with_each_other_rank():
    found = connected(3)
    assert [[peer.rank for peer in peers] for peers in found] == [[1, 2], [0], [0]]
    found[2][0].say(WAITING, 7)
    hear_until(found[0][1], WAITING)
    assert (found[0][1].exchanges, found[0][0].state) == (7, ALIVE)
    close(*found)


def test_strangers_are_no_ranks():
    strangers = []

    def disturb(shared):
        _, port, _ = shared
        for said in (b"", b"GET / HTTP/1.0\r\n\r\n" + bytes(40), bytes([0, 0, 0, 1]) + bytes(32)):
            strangers.append(socket.create_connection(("127.0.0.1", port)))
            with contextlib.suppress(OSError):  # it may have been refused already
                strangers[-1].sendall(said)
                strangers[-1].shutdown(socket.SHUT_WR)

    found = connected(2, disturb)
    assert [[peer.rank for peer in peers] for peers in found] == [[1], [0]]
    found[1][0].say(LEFT, 1)
    hear_until(found[0][0], LEFT)
    close(*found)
    for stranger in strangers:
        stranger.close()


def test_a_rank_that_reaches_none_of_the_addresses(monkeypatch):
    monkeypatch.setattr(wire, "own_addresses", list)
    assert connected(2) == [[], []]


def test_addresses_of_the_host_itself_come_last():
    found = wire.own_addresses()
    assert found[-2:] in (["127.0.0.1", "::1"], ["::1", "127.0.0.1"]) or found[-1].startswith("127.")
    assert len(set(found)) == len(found)


def hear_until(peer, state):
    peer.connection.setblocking(True)
    peer.connection.settimeout(30)
    while peer.state != state:
        peer.hear()


def test_a_message_may_come_in_pieces():
    here, there = pair()
    packed = witness.MESSAGE.pack(WAITING, 300)
    for piece in (packed[:4], packed[4:] + packed[:2]):
        there.connection.setblocking(True)
        there.connection.sendall(piece)
        here.connection.settimeout(30)
        here.hear()
    assert (here.state, here.exchanges) == (WAITING, 300)
    close([here, there])


def test_a_closed_connection_is_a_rank_that_died():
    here, there = pair()
    there.connection.close()
    here.connection.settimeout(30)
    here.hear()
    assert here.lost == DIED
    close([here])


class Ended(Exception):  # noqa: N818
    """In place of the end of all processes."""


@pytest.fixture
def judge(monkeypatch):
    """Rank 0's watch of two others, without its thread; `end` raises."""

    def end(self, message):
        raise Ended(message)

    monkeypatch.setattr(watch, "can_be", lambda: False)
    monkeypatch.setattr(Watch, "_run", lambda self: None)
    monkeypatch.setattr(Watch, "end", end)
    pairs = [pair(1), pair(2)]
    made = Watch(0, NAMES[0], [here for here, _ in pairs], 10.0, 60.0, lambda: None)
    atexit.unregister(made._leave)
    yield made, [there for _, there in pairs]
    close(*pairs)


def heard(made, others, *said):
    for peer, there, (state, exchanges) in zip(made._peers, others, said, strict=True):
        there.say(state, exchanges)
        peer.connection.settimeout(30)
        peer.hear()


def test_silence_ends_all_and_talk_does_not(judge):
    made, others = judge
    for _ in range(100):
        made._judge(2.0)
        heard(made, others, (ALIVE, 0), (ALIVE, 0))
    for _ in range(5):
        made._judge(2.0)
        others[0].say(ALIVE, 0)
        made._peers[0].hear()
    with pytest.raises(Ended, match=r"rank 2 of 3 \(b, pid 3\) hasn't answered for 10 s"):
        made._judge(2.0)


def test_one_that_has_left_while_others_wait(judge):
    made, others = judge
    heard(made, others, (LEFT, 3), (WAITING, 3))
    made._judge(0.1)  # it came to this one, and the others will be done with it
    heard(made, others, (LEFT, 3), (WAITING, 4))
    with pytest.raises(Ended, match=r"rank 1 of 3 \(a, pid 2\) has ended its program, while others wait"):
        made._judge(0.1)


def test_patience_ends_where_one_lets_the_others_wait(judge):
    made, others = judge
    with made:
        for _ in range(11):
            heard(made, others, (ALIVE, 0), (WAITING, 1))
            made._judge(5.0)
        heard(made, others, (ALIVE, 0), (WAITING, 1))
        made._judge(5.0)
        with pytest.raises(Ended, match=r"rank 1 of 3 .* hasn't come to exchange 1 for 60 s"):
            made._judge(5.0)


def test_an_orphan_ends_all(judge, monkeypatch, capfd):
    made, _ = judge
    monkeypatch.setattr(Watch, "_end", lambda self: (_ for _ in ()).throw(Ended))
    made._judge(0.1)
    monkeypatch.setattr(os, "getppid", lambda: 1)
    with pytest.raises(Ended):
        made._judge(0.1)
    assert capfd.readouterr().err.startswith("minidl: rank 0 of 3 (a, pid 1) has lost its parent")


def test_all_programs_end_together(judge):
    made, others = judge
    heard(made, others, (LEFT, 2), (ALIVE, 2))
    made._judge(0.1)
    made._state, made._exchanges = LEFT, 2
    assert not made._over.is_set()
    heard(made, others, (LEFT, 2), (LEFT, 2))
    made._judge(0.1)
    assert made._over.is_set()
    hear_until(others[0], END)


def test_one_that_says_why_is_left_to_end_all(judge, monkeypatch):
    made, others = judge
    ended = []
    monkeypatch.setattr(watch, "_GRACE", 0)
    monkeypatch.setattr(Watch, "_end", lambda self: ended.append("all"))
    heard(made, others, (FAILED, 2), (ALIVE, 2))
    made._judge(0.1)
    assert ended == ["all"]
    hear_until(others[1], FAILED)


@pytest.mark.skipif(not witness.can_be(), reason="needs Linux's epoll")
@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_witness_names_the_first_to_die(first):
    (one, there_1), (two, there_2) = pair(1), pair(2)
    program = subprocess.Popen(
        [sys.executable, witness.__file__, NAMES[0]]
        + [word for peer in (one, two) for word in (peer.name, str(peer.connection.fileno()))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[one.connection.fileno(), two.connection.fileno()],
    )
    assert program.stdout.read(1) == b"."
    ends = [program.stdin, there_1.connection, there_2.connection]
    for end in (ends[first], *ends):
        end.close()
    program.stdin = None
    _, told = program.communicate(timeout=60)
    assert told.decode() == f"minidl: {NAMES[first]} {DIED}, which ends all ranks\n"
    close([one, two])


@pytest.mark.skipif(not witness.can_be(), reason="needs Linux's epoll")
def test_a_witness_that_is_dismissed_or_knows_better_is_silent(capfd):
    here, there = pair()
    dismissed = witness.Witness(NAMES[0], {here.name: here.connection.fileno()})
    dismissed.dismiss()
    dismissed.dismiss()
    assert dismissed._process.returncode == 0
    other = witness.Witness(NAMES[0], {here.name: here.connection.fileno()})
    there.say(ALIVE, 1)
    there.say(FAILED, 1)
    there.connection.close()
    assert other._process.wait(60) == 0
    other.dismiss()
    assert capfd.readouterr().err == ""
    close([here])


def test_no_launcher_has_started_the_tests(monkeypatch):
    for name in ("PMI_RANK", "PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE", "MPI_LOCALNRANKS"):
        monkeypatch.delenv(name, raising=False)
    assert not is_launched()
    monkeypatch.setenv("PMI_RANK", "0")
    assert is_launched()
    assert launcher() != os.getpid()
