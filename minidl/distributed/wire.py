"""Connections between rank 0 and each other rank, by which they know of one another that they live.

They are plain TCP, beside MPI: what MPI does about a peer that has fallen silent is wait.
"""

import contextlib
import hashlib
import hmac
import secrets
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from minidl.distributed.witness import ALIVE, DIED, MESSAGE

_RANK = struct.Struct("!I")
_DIGEST = hashlib.sha256().digest_size
_SECONDS = 3.0
"""How long an address may take to answer."""


class Peer:
    """The other end of a connection: what it said last, and for how long it has been silent."""

    def __init__(self, rank: int, name: str, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        self.rank, self.name, self.connection = rank, name, connection
        self.state, self.exchanges = ALIVE, 0
        self.silent = self.waited = 0.0
        self.lost = ""
        self._received = b""

    def say(self, state: int, exchanges: int) -> None:
        """Send a message; where that fails, note why."""
        try:
            self.connection.send(MESSAGE.pack(state, exchanges))
        except BlockingIOError:  # it doesn't read; its silence tells
            pass
        except OSError as error:
            self._lose(error)

    def hear(self) -> None:
        """Take what has come, or note that nothing will come any more."""
        try:
            received = self.connection.recv(4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not received:
            self.lost = self.lost or DIED
        self.silent = 0.0
        self._received += received
        while len(self._received) >= MESSAGE.size:
            state, exchanges = MESSAGE.unpack_from(self._received)
            self._received = self._received[MESSAGE.size :]
            if (state, exchanges) != (self.state, self.exchanges):
                self.waited = 0.0
            self.state, self.exchanges = state, exchanges

    def _lose(self, error: OSError) -> None:
        gone = isinstance(error, ConnectionError)
        self.lost = self.lost or (DIED if gone else f"can't be reached: {error}")


def connect(rank: int, names: list[str], share: Callable[[Any], Any], gather: Callable[[Any], list[Any]]) -> list[Peer]:
    """Connections of rank 0 to all others that can reach it, and theirs to rank 0: none for one that can't.

    `share` gives rank 0's value to all ranks, `gather` all ranks' values to each. Rank 0 listens meanwhile on all its
    addresses, and takes those that know a random token.
    """
    if rank:
        addresses, port, token = share(None)
        connection = _reach(addresses, port, token, rank)
        gather(connection is not None)
        return [] if connection is None else [Peer(0, names[0], connection)]
    token, found = secrets.token_bytes(32), dict[int, socket.socket]()
    with _listening() as listener:
        accepting = threading.Thread(target=_accept, args=(listener, token, len(names), found), daemon=True)
        accepting.start()
        share((own_addresses(), listener.getsockname()[1], token))
        reached = gather(True)
        if all(reached):
            accepting.join(_SECONDS)
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        accepting.join(_SECONDS)
    return [Peer(other, names[other], found[other]) for other in sorted(found)]


def _listening() -> socket.socket:
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
    return socket.create_server(("", 0), backlog=1024)


def _accept(listener: socket.socket, token: bytes, ranks: int, found: dict[int, socket.socket]) -> None:
    """Take connections until all ranks have come or the listener is closed."""
    while len(found) < ranks - 1:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        try:
            connection.settimeout(_SECONDS)
            connection.sendall(_proof(token, 0))
            (rank,) = _RANK.unpack(_read(connection, _RANK.size))
            if not 0 < rank < ranks or not hmac.compare_digest(_read(connection, _DIGEST), _proof(token, rank)):
                raise ConnectionError("not one of the ranks")
            found[rank] = connection
        except OSError:
            connection.close()


def _reach(addresses: list[str], port: int, token: bytes, rank: int) -> socket.socket | None:
    """A connection to rank 0 by the first of its addresses where it is rank 0 that answers."""
    for address in addresses:
        try:
            connection = socket.create_connection((address, port), timeout=_SECONDS)
        except OSError:
            continue
        try:
            if hmac.compare_digest(_read(connection, _DIGEST), _proof(token, 0)):
                connection.sendall(_RANK.pack(rank) + _proof(token, rank))
                return connection
        except OSError:
            pass
        connection.close()
    return None


def _proof(token: bytes, rank: int) -> bytes:
    return hmac.digest(token, b"minidl rank %d" % rank, "sha256")


def _read(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        more = connection.recv(size - len(received))
        if not more:
            raise ConnectionError("closed")
        received += more
    return received


def own_addresses() -> list[str]:
    """Addresses of this host, those that other hosts may reach first."""
    found = [_address_of(name) for _, name in _interfaces()]
    with contextlib.suppress(OSError):
        found += [str(each[4][0]) for each in socket.getaddrinfo(socket.gethostname(), None)]
    found += ["127.0.0.1", "::1"]
    return sorted(
        dict.fromkeys(each for each in found if each), key=lambda each: each.startswith("127.") or each == "::1"
    )


def _interfaces() -> list[tuple[int, str]]:
    with contextlib.suppress(OSError, AttributeError):
        return socket.if_nameindex()
    return []


def _address_of(interface: str) -> str:
    """Its IPv4 address, where the system tells it (Linux: SIOCGIFADDR, netdevice(7))."""
    try:
        import fcntl

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            answer = fcntl.ioctl(asking.fileno(), 0x8915, struct.pack("256s", interface.encode()[:15]))
        return socket.inet_ntoa(answer[20:24])
    except (ImportError, OSError):
        return ""
