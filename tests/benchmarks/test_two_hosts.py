"""Two hosts on one machine: what carries packets between them, and, where root may, two ranks that have a network."""

import os
import socket
import subprocess
import sys
import time
from collections import deque

import pytest

from benchmarks import ranks, two_hosts

linux = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")


@linux
def test_packets_arrive_late_and_in_order():
    ends, hosts = zip(*(socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)), strict=True)
    for end in ends:
        end.setblocking(False)
    delay, waiting = 0.05, deque()
    numbers = [end.fileno() for end in ends]
    first, second = hosts
    try:
        for k in range(5):
            first.send(bytes([k]) * 10)
        second.send(b"back")
        begin = time.monotonic()
        two_hosts.turn(numbers, delay, waiting)
        assert [end for _, end, _ in waiting] == [numbers[1]] * 5 + [numbers[0]]
        while waiting:
            two_hosts.turn(numbers, delay, waiting)
        assert time.monotonic() - begin >= delay
        assert [second.recv(100) for _ in range(5)] == [bytes([k]) * 10 for k in range(5)]
        assert first.recv(100) == b"back"
    finally:
        for each in (*hosts, *ends):
            each.close()


@linux
def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(two_hosts.os, "geteuid", lambda: 1000)
    assert two_hosts.obstacle() == "namespaces are Linux's, and root's to make"
    monkeypatch.setattr(two_hosts.os, "geteuid", lambda: 0)
    monkeypatch.setattr(two_hosts, "_tool", lambda name: None)
    assert two_hosts.obstacle() == "not installed: ip, tc (iproute2)"
    with pytest.raises(SystemExit):
        two_hosts.main(["mpiexec", "-n", "2", "true"])


_PLACE = """
import socket, subprocess
from mpi4py import MPI
shown = subprocess.run(["ip", "-o", "-4", "address"], capture_output=True, text=True, check=True).stdout
own = [word for word in shown.split() if word.startswith("10.77.")]
print(MPI.COMM_WORLD.allgather(own), flush=True) if MPI.COMM_WORLD.rank == 0 else MPI.COMM_WORLD.allgather(own)
"""
_obstacle = ranks.obstacle() or two_hosts.obstacle()


@pytest.mark.skipif(_obstacle is not None, reason=str(_obstacle))
def test_a_rank_on_each_host(tmp_path):
    try:
        stack = two_hosts.two_hosts(two_hosts.Link("1gbit", 1e-4))
        mpiexec = stack.__enter__()
    except RuntimeError as error:
        pytest.skip(f"this machine makes no namespaces: {error}")
    try:
        command = [*mpiexec, "-n", "2", sys.executable, "-c", _PLACE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    finally:
        stack.__exit__(None, None, None)
    assert done.stdout.strip() == "[['10.77.0.1/24'], ['10.77.0.2/24']]", done.stderr
    named = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert f"ml{os.getpid()}-" not in named
