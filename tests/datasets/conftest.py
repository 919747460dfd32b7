import functools
import gc
import gzip
import hashlib
import http.server
import struct
import threading
import types

import numpy as np
import pytest

from minidl.datasets import cifar, digits, fashion, locate


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """No test sees the user's home, cache, data or proxy, nor reaches the original server."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MINIDL_DATA", raising=False)
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(fashion, "ORIGINAL_ADDRESS", "http://127.0.0.1:9/")
    monkeypatch.setattr(digits, "ADDRESS", "http://127.0.0.1:9/")
    monkeypatch.setattr(cifar, "ADDRESS", "http://127.0.0.1:9/")
    monkeypatch.setattr(locate, "SYSTEM_FOLDER", tmp_path / "system")


@pytest.fixture
def tiny(monkeypatch):
    """Four small IDX files in the place of Fashion-MNIST's: three training images and two test images."""
    rng = np.random.default_rng(0)
    contents = {}
    for part, count in (("train", 3), ("t10k", 2)):
        pixels = rng.integers(0, 256, (count, 28, 28), np.uint8)
        contents[f"{part}-images-idx3-ubyte"] = struct.pack(">4I", 0x803, count, 28, 28) + pixels.tobytes()
        contents[f"{part}-labels-idx1-ubyte"] = struct.pack(">2I", 0x801, count) + bytes(range(9, 9 - count, -1))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(fashion, "DIGESTS", digests)
    return contents


@pytest.fixture
def put():
    """Write contents to a folder, gzipped by default."""

    def put(folder, contents, *, zipped=True):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / (f"{name}.gz" if zipped else name)).write_bytes(gzip.compress(content) if zipped else content)
        return folder

    return put


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        self.server.requested.append(self.path)


@pytest.fixture
def serve():
    """Serve a folder on the loopback address: the server's folder, address, the paths asked for, and stop()."""
    running = []

    def serve(folder):
        served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        served.requested = []
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def stop():
            served.shutdown()
            served.server_close()
            thread.join()

        running.append((thread, stop))
        address = f"http://127.0.0.1:{served.server_port}/"
        return types.SimpleNamespace(folder=folder, address=address, requested=served.requested, stop=stop)

    yield serve
    for thread, stop in running:
        if thread.is_alive():
            stop()
    gc.collect()  # a connection left open warns when it is collected: here, not in some later test
