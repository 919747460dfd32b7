import gzip
import hashlib
import io
import sys
import tarfile

import numpy as np
import pytest

from minidl.datasets import cifar, cifar10, read_cifar10
from minidl.errors import FormatError

NAME = "cifar-10-binary.tar.gz"


def records(count, seed):
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.integers(0, 10, (count, 1), np.uint8), rng.integers(0, 256, (count, 3072), np.uint8)], axis=1
    )


def archive(contents):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def files(monkeypatch):
    """Six files of two images each, by their names in the archive; the test file comes first in it."""
    monkeypatch.setattr(cifar, "RECORDS", 2)
    names = [cifar.TEST_FILE, "cifar-10-batches-bin/readme.html", *cifar.TRAIN_FILES]
    return {name: records(2, seed).tobytes() if name.endswith(".bin") else b"<html>" for seed, name in enumerate(names)}


@pytest.fixture
def place(monkeypatch, tmp_path):
    """Write an archive to a folder, as the original one."""

    def place(content, folder="here"):
        monkeypatch.setattr(cifar, "DIGESTS", {NAME: hashlib.sha256(content).hexdigest()})
        path = tmp_path / folder / NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path.parent

    return place


def test_values(files, place):
    train, test = cifar10(place(archive(files)))
    for data, names in ((train, cifar.TRAIN_FILES), (test, [cifar.TEST_FILE])):
        content = np.frombuffer(b"".join(files[name] for name in names), np.uint8).reshape(-1, 3073)
        assert data.labels.tolist() == content[:, 0].tolist()
        assert data.images.shape == (len(content), 3, 32, 32)
        for n, c, i, j in [(0, 0, 0, 0), (1, 2, 31, 5), (1, 1, 7, 30)]:
            byte = content[n, 1 + 1024 * c + 32 * i + j]
            assert data.images[n, c, i, j] == np.float32(byte / 255)
    assert (len(train), len(test)) == (10, 2)
    assert ", ".join(train.class_names) == "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck"


def test_it_is_downloaded_and_cached(files, place, serve, tmp_path, monkeypatch):
    pytest.importorskip("pooch", reason="needs the extra `data`")
    server = serve(place(archive(files), "served"))
    monkeypatch.setattr(cifar, "ADDRESS", server.address)
    labels = cifar10()[0].labels.tolist()
    assert [path for path in server.requested if NAME in path] == [f"/{NAME}"]
    server.stop()
    assert cifar10()[0].labels.tolist() == labels
    assert [path.name for path in (tmp_path / "cache" / "minidl" / "cifar-10").iterdir()] == [NAME]


def test_another_archive_is_refused_and_not_cached(files, place, serve, tmp_path, monkeypatch):
    pytest.importorskip("pooch", reason="needs the extra `data`")
    folder = place(archive(files), "served")
    (folder / NAME).write_bytes(archive(files | {cifar.TEST_FILE: records(2, 99).tobytes()}))
    with pytest.raises(FormatError, match=f"served/{NAME}: not the original file: the SHA-256"):
        cifar10(folder)
    server = serve(folder)
    monkeypatch.setattr(cifar, "ADDRESS", server.address)
    with pytest.raises(FormatError, match=f"{server.address}{NAME}: not the original file"):
        cifar10()
    assert not list((tmp_path / "cache" / "minidl").iterdir())


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda whole: whole[: len(whole) // 2], "not a gzipped tar archive, or damaged"),
        (lambda whole: b"<html>", "not a gzipped tar archive, or damaged"),
        (lambda whole: gzip.compress(b"no archive"), "not a gzipped tar archive, or damaged"),
        (lambda whole: archive({}), r"it lacks .*data_batch_1.bin, .*test_batch.bin, of 6146 bytes each"),
        (lambda whole: archive({name: bytes(3073) for name in cifar.TRAIN_FILES}), "it lacks"),
        (
            lambda whole: archive(dict.fromkeys((*cifar.TRAIN_FILES, cifar.TEST_FILE), b"\x0a" * 6146)),
            "labels from 0 to",
        ),
    ],
)
def test_an_archive_that_is_damaged(files, place, damage, match):
    folder = place(damage(archive(files)))
    with pytest.raises(FormatError, match=match) as caught:
        cifar10(folder)
    assert str(caught.value).startswith(f"{folder / NAME}: ")


def test_a_link_in_the_archive_leads_nowhere(files, place, tmp_path):
    (tmp_path / "secret").write_bytes(records(2, 5).tobytes())
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name in (*cifar.TRAIN_FILES, cifar.TEST_FILE):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
            tar.addfile(member)
    with pytest.raises(FormatError, match="it lacks"):
        cifar10(place(stream.getvalue()))


def test_too_long_a_file_is_not_read(files, place, monkeypatch):
    folder = place(archive(files))
    (folder / "file.bin").write_bytes(bytes(3073))
    monkeypatch.setattr(cifar, "LONGEST_FILE", 100)
    with pytest.raises(FormatError, match="bytes, more than the 100 allowed here"):
        cifar10(folder)
    with pytest.raises(FormatError, match="3073 bytes, more than the 100 allowed here"):
        read_cifar10(folder / "file.bin")


def test_one_file_of_the_format(tmp_path):
    content = records(5, 0)
    path = tmp_path / "data_batch_7.bin"
    path.write_bytes(content.tobytes())
    data = read_cifar10(path)
    np.testing.assert_array_equal(data.images.reshape(5, -1), content[:, 1:] / np.float32(255))
    assert data.labels.tolist() == content[:, 0].tolist()
    for broken, match in ((b"", "got 0 bytes"), (bytes(3074), "got 3074 bytes"), (b"\x0b" + bytes(3072), "got 11")):
        path.write_bytes(broken)
        with pytest.raises(FormatError, match=match) as caught:
            read_cifar10(path)
        assert str(caught.value).startswith(f"{path}: ")


def test_what_helps_where_there_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(FileNotFoundError, match="CIFAR-10 is in none of") as caught:
        cifar10()
    assert f"a folder that holds {NAME})" in str(caught.value)
    with pytest.raises(FileNotFoundError, match=rf"hasn't got {NAME}$"):
        cifar10("/nowhere")
