"""Two hosts and a network between them, on this one machine: network namespaces, for Linux and root.

A packet that leaves one of them waits for its turn by the link's rate (`tc`'s tbf, in the kernel) and then for the
link's delay, here: so that a kernel without netem does.

    python -m benchmarks.two_hosts --rate 100mbit --delay 1e-3 mpiexec -n 2 python -m mpi4py train.py
"""

import argparse
import contextlib
import itertools
import os
import select
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from benchmarks.ranks import mpiexec

ADDRESSES = ("10.77.0.1", "10.77.0.2")
MTU = 9000
"""Bytes of a packet: jumbo frames, so that a packet every 72 us fills 1 Gbit/s."""
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
_BATCH = 64
_numbers = itertools.count()


class Link(NamedTuple):
    """What a network gives: bits per second, as tc writes them, and the seconds of one way."""

    rate: str
    delay: float


LINKS = {"1 Gbit/s, 0.1 ms": Link("1gbit", 1e-4), "100 Mbit/s, 1 ms": Link("100mbit", 1e-3)}


def obstacle() -> str | None:
    """Why there can't be two hosts here, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "namespaces are Linux's, and root's to make"
    absent = [tool for tool in ("ip", "tc") if _tool(tool) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (iproute2)"
    return None if os.access("/dev/net/tun", os.W_OK) else "there is no /dev/net/tun"


def _tool(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def _run(*words: str) -> None:
    done = subprocess.run([_tool(words[0]) or words[0], *words[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")


@contextlib.contextmanager
def two_hosts(link: Link) -> Iterator[list[str]]:
    """Within the block there are two hosts; gives the words that run mpiexec from the first, a rank on each in turn.

    Commands are run by MPICH's mpiexec. Raises RuntimeError where a namespace can't be made.
    """
    ends: list[int] = []
    number = next(_numbers)
    names = [f"ml{os.getpid()}-{number}{letter}" for letter in "ab"]  # of devices, too: 15 letters at most
    carrier = None
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        try:
            for name, address in zip(names, ADDRESSES, strict=True):
                _run("ip", "netns", "add", name)
                ends.append(_attach(name))
                inside = ("ip", "-n", name)
                _run("ip", "link", "set", name, "netns", name)
                _run(*inside, "address", "add", f"{address}/24", "dev", name)
                _run(*inside, "link", "set", name, "mtu", str(MTU), "txqueuelen", "10000", "up")
                _run(*inside, "link", "set", "lo", "up")
                shaped = ("tbf", "rate", link.rate, "burst", "32kb", "latency", "1s")
                _run("ip", "netns", "exec", name, _tool("tc") or "tc", "qdisc", "add", "dev", name, "root", *shaped)
            carrier = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.two_hosts", "--carry", *map(str, ends), "--delay", str(link.delay)],
                pass_fds=ends,
                cwd=Path(__file__).parents[1],
            )
            yield ["ip", "netns", "exec", names[0], "env", *_VARIABLES, *_on_both(Path(folder), names)]
        finally:
            if carrier is not None:
                carrier.terminate()
                carrier.wait()
            for end in ends:
                os.close(end)
            for name in names:
                with contextlib.suppress(RuntimeError):
                    _run("ip", "netns", "delete", name)


_VARIABLES = ("FI_PROVIDER=tcp", "MPIR_CVAR_CH4_NETMOD=ofi")


def _on_both(folder: Path, names: Sequence[str]) -> list[str]:
    """MPICH's mpiexec and options, with a program in the place of ssh that enters a host's namespace."""
    script = folder / "enter"
    cases = "\n".join(f"  {address}) name={name};;" for name, address in zip(names, ADDRESSES, strict=True))
    enter = f'exec "{_tool("ip")}" netns exec "$name" sh -c "$*"'
    skip = 'while [ "${1#-}" != "$1" ]; do shift; done'
    script.write_text(f'#!/bin/sh\n{skip}\ncase "$1" in\n{cases}\nesac\nshift\n{enter}\n', encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    hosts = ("-hosts", ",".join(ADDRESSES), "-ppn", "1", "-localhost", ADDRESSES[0])
    return [mpiexec() or "mpiexec", *hosts, "-launcher", "ssh", "-launcher-exec", str(script)]


def _attach(name: str) -> int:
    """A new TUN device: what is sent to it can be read here, and what is written here arrives there."""
    import fcntl  # here, as Windows has none

    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return end


def carry(ends: Sequence[int], delay: float) -> NoReturn:
    """Take packets from each of two ends to the other, `delay` seconds after they came, as long as it's let."""
    with contextlib.suppress(OSError):  # where ranks never sleep, a packet must not wait for a processor
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    waiting: deque[tuple[float, int, bytes]] = deque()
    while True:
        turn(ends, delay, waiting)


def turn(ends: Sequence[int], delay: float, waiting: deque[tuple[float, int, bytes]]) -> None:
    """Take in what comes until the first packet's time, and hand on those, (when, to which end, packet), that are due.

    Without any it waits for one.
    """
    timeout = max(waiting[0][0] - time.monotonic(), 0) if waiting else None
    for end in select.select(ends, [], [], timeout)[0]:
        with contextlib.suppress(BlockingIOError):
            for _ in range(_BATCH):
                packet = os.read(end, 65536)
                waiting.append((time.monotonic() + delay, ends[1 - ends.index(end)], packet))
    while waiting and waiting[0][0] <= time.monotonic():
        _, end, packet = waiting.popleft()
        with contextlib.suppress(OSError):  # the host is gone
            os.write(end, packet)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of mpiexec on two hosts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", default="1gbit", help="bits per second, as tc writes them (default %(default)s)")
    parser.add_argument("--delay", type=float, default=1e-4, help="seconds of one way (default %(default)s)")
    parser.add_argument("--carry", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="mpiexec, its options and a program")
    options = parser.parse_args(arguments)
    if options.carry:
        carry(options.carry, options.delay)
    reason = obstacle()
    if reason or options.command[:1] != ["mpiexec"]:
        parser.error(reason or "expected a command of mpiexec")
    with two_hosts(Link(options.rate, options.delay)) as on_both:
        return subprocess.run([*on_both, *options.command[1:]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
