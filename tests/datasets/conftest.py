import gzip
import hashlib
import struct

import numpy as np
import pytest

from minidl.datasets import fashion, locate


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
