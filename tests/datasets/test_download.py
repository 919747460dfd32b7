import gzip
import io
import logging
import os
import re
import sys
import time

import pytest

from minidl.datasets import download, fashion, fashion_mnist
from minidl.display import progress, quantity
from minidl.errors import FormatError
from minidl.saving import atomic

pytest.importorskip("pooch", reason="needs the extra `data`")


@pytest.fixture
def server(tiny, put, serve, tmp_path, monkeypatch):
    """The original server, here: its folder, the paths asked for, and stop()."""
    served = serve(put(tmp_path / "served", tiny))
    monkeypatch.setattr(fashion, "ORIGINAL_ADDRESS", served.address)
    return served


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "minidl"


def left_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_download_is_cached_and_the_server_is_not_needed_again(server, cache, tiny, capfd, caplog):
    with caplog.at_level(logging.INFO, logger="pooch"):
        train, test = fashion_mnist()
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name == "pooch"]
    assert train.labels.tolist() == [9, 8, 7]
    assert test.labels.tolist() == [9, 8]
    assert sum(path.endswith(".gz") for path in server.requested) == 4
    assert left_in(cache) == ["fashion-mnist", *sorted(f"fashion-mnist/{name}.gz" for name in tiny)]
    for name, content in tiny.items():
        assert gzip.decompress((cache / "fashion-mnist" / f"{name}.gz").read_bytes()) == content
    server.stop()
    again, _ = fashion_mnist()
    assert again.images.tobytes() == train.images.tobytes()


def test_what_a_killed_download_has_left_is_swept(server, cache):
    for name, age in (
        (".fashion-mnist-old", 2 * atomic.OLD),
        (".fashion-mnist-new", 0),
        (".mnist-old", 2 * atomic.OLD),
    ):
        (cache / name).mkdir(parents=True)
        (cache / name / "part.gz").write_bytes(b"half")
        os.utime(cache / name, (time.time() - age, time.time() - age))
    fashion_mnist()
    assert sorted(path.name for path in cache.iterdir()) == [".fashion-mnist-new", ".mnist-old", "fashion-mnist"]


def test_an_incomplete_cache_is_completed(server, cache, tiny, put):
    put(cache / "fashion-mnist", {"train-images-idx3-ubyte": b"old"})
    assert fashion_mnist()[0].labels.tolist() == [9, 8, 7]
    assert len(left_in(cache / "fashion-mnist")) == len(tiny)


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda stored: gzip.compress(gzip.decompress(stored)[:-1] + b"\7"), "not the original file: the SHA-256"),
        (lambda stored: gzip.compress(gzip.decompress(stored)[:-1]), "truncated"),
        (lambda stored: gzip.compress(gzip.decompress(stored) + b"\0"), "trailing bytes"),
        (lambda stored: stored[: len(stored) // 2], "damaged or cut short"),
        (lambda stored: b"<html>Log in to the hotel's network</html>", "magic number"),
    ],
    ids=["hash", "truncated", "trailing", "half", "html"],
)
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_nothing_is_cached_unless_all_files_are_the_originals(server, cache, name, damage, match):
    path = server.folder / f"{name}.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match=match) as caught:
        fashion_mnist()
    assert str(caught.value).startswith(f"{fashion.ORIGINAL_ADDRESS}{name}.gz: ")
    assert left_in(cache) == []


def assert_helpful(caught):
    assert isinstance(caught.value.__cause__, OSError)
    for remedy in ('pip install "minidl[data]"', "apt-get install dataset-fashion-mnist", "MINIDL_DATA=folder"):
        assert remedy in str(caught.value)
    assert fashion.ORIGINAL_ADDRESS in str(caught.value)


def test_a_server_that_is_gone(server, cache):
    server.stop()
    with pytest.raises(FileNotFoundError, match=r"the download from .* failed") as caught:
        fashion_mnist()
    assert_helpful(caught)
    assert left_in(cache) == []


def test_a_server_that_lacks_a_file(server, cache):
    (server.folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="404") as caught:
        fashion_mnist()
    assert_helpful(caught)
    assert left_in(cache) == []


def test_a_server_that_never_ends(server, cache, monkeypatch):
    monkeypatch.setattr(download, "LONGEST_FILE", 100)
    with pytest.raises(FileNotFoundError, match="the server sent more than 100 bytes") as caught:
        fashion_mnist()
    assert_helpful(caught)
    assert left_in(cache) == []


def test_an_address_that_is_none(tiny, cache, monkeypatch):
    monkeypatch.setattr(fashion, "ORIGINAL_ADDRESS", "http://[nonsense/")
    with pytest.raises(FileNotFoundError, match="nonsense") as caught:
        fashion_mnist()
    assert_helpful(caught)


def test_a_cache_that_cannot_be_made(server, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(FileNotFoundError, match=r"the download from .* failed") as caught:
        fashion_mnist()
    assert_helpful(caught)


@pytest.mark.parametrize("on_terminal", [True, False])
def test_a_progress_bar_only_on_a_terminal(server, monkeypatch, on_terminal):
    class Stream(io.StringIO):
        def isatty(self):
            return on_terminal

    monkeypatch.setattr(sys, "stderr", Stream())
    monkeypatch.setattr(download, "DELAY_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_tqdm", lambda stream: None)
    fashion_mnist()
    drawn = sys.stderr.getvalue()
    if not on_terminal:
        assert drawn == ""
        return
    for path in server.folder.iterdir():  # all of a small file comes at once
        size = quantity.size(path.stat().st_size)
        assert f"{path.name}  [{'=' * 24}] {size}/{size}" in drawn
    assert drawn.endswith("\r\x1b[K")


def test_what_pooch_tells_is_drawn(monkeypatch):
    monkeypatch.setattr(progress, "_tqdm", lambda stream: None)
    stream = io.StringIO()
    bar = progress.Bar(0, "file", stream=stream, live=True, unit="", show=quantity.size)
    told = download.DownloadBar(bar)
    for total, counts in ((0, (1_000_000,)), (4_000_000, (2_000_000, 3_000_000))):
        told.total = total
        for count in counts:
            bar._due = 0.0
            told.update(count)
    shown = stream.getvalue().replace("\r", "\n").replace("\x1b[K", "")
    assert [re.search(r"[\d.]+ MB(/[\d.]+ MB)?(?!/s)", line)[0] for line in shown.split("\n") if "MB" in line] == [
        "1.00 MB", "3.00 MB/4.00 MB", "4.00 MB/4.00 MB"]  # fmt: skip
