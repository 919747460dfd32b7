"""Starts the service: uvicorn's workers, a process each, on one socket whose connections answer at once."""

import argparse
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess


def main() -> None:
    """Listen, and let workers answer until a signal ends them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes that answer (default: %(default)s)")
    options = parser.parse_args()
    config = uvicorn.Config("service:app", **vars(options), limit_concurrency=64)  # so that the queue stays short
    Multiprocess(config, sockets=[listening(config)]).run()


def listening(config: uvicorn.Config) -> socket.socket:
    """The socket that the workers share, with TCP_NODELAY, which the connections it accepts inherit.

    Without it an answer of two packets waits until the client acknowledges the first, 40 ms on Linux. asyncio sets the
    option on sockets of IPPROTO_TCP; the one that uvicorn makes for several workers is of protocol 0.
    """
    shared = config.bind_socket()
    shared.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return shared


if __name__ == "__main__":
    main()
