import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from minidl.datasets import catalogue, fashion
from minidl.errors import FormatError

KNOWN = catalogue.KNOWN


def test_what_is_listed_is_what_is_in_the_packaged_set():
    known = KNOWN["fashion-mnist-10k"]
    train, test = known.load()
    assert (len(train), len(test)) == (known.train, known.test)
    assert train.images.shape[1:] == known.shape
    assert train.class_names == known.class_names
    folder = Path(known.collection().packaged_in)
    assert sum((folder / f"{name}.gz").stat().st_size for name in fashion.PACKAGED_DIGESTS) == known.size


def test_names_of_classes_and_shapes_are_those_of_the_loaders():
    assert {name: (known.shape, len(known.class_names)) for name, known in KNOWN.items()} == {
        "fashion-mnist-10k": ((1, 28, 28), 10),
        "fashion-mnist": ((1, 28, 28), 10),
        "mnist": ((1, 28, 28), 10),
        "cifar10": ((3, 32, 32), 10),
    }
    assert KNOWN["cifar10"].class_names[3] == "cat"


@pytest.fixture
def known(tiny):
    return KNOWN["fashion-mnist"]


def test_verify_looks_where_loading_does_first(known, tiny, put, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"^Fashion-MNIST is in none of .*system"):
        catalogue.verify(known)
    system = put(tmp_path / "system" / "fashion-mnist", tiny)
    assert catalogue.verify(known) == {system / f"{name}.gz": None for name in tiny}
    own = put(tmp_path / "own", tiny, zipped=False)
    monkeypatch.setenv("MINIDL_DATA", str(own))
    assert catalogue.verify(known) == {own / name: None for name in tiny}
    assert catalogue.verify(known, system) == {system / f"{name}.gz": None for name in tiny}


def test_verify_tells_what_is_wrong_with_which_file(known, tiny, put, tmp_path):
    folder = put(tmp_path / "somewhere", tiny)
    names = list(tiny)
    (folder / f"{names[0]}.gz").write_bytes(gzip.compress(tiny[names[0]][:-1]))
    (folder / f"{names[1]}.gz").write_bytes(gzip.compress(tiny[names[1]][:-1] + b"\1"))
    (folder / f"{names[2]}.gz").unlink()
    found = list(catalogue.verify(known, folder).items())
    assert [path.name for path, _ in found] == [f"{name}.gz" for name in names]
    truncated, other, missing, fine = [trouble for _, trouble in found]
    assert truncated.startswith("truncated")
    assert hashlib.sha256(tiny[names[1]]).hexdigest() in other
    assert missing == "No such file or directory"
    assert fine is None
    with pytest.raises(FileNotFoundError, match="empty"):
        catalogue.verify(known, tmp_path / "empty")


def test_verify_finds_a_part_of_a_set(known, tiny, put, tmp_path):
    name = next(iter(tiny))
    cache = put(tmp_path / "cache" / "minidl" / "fashion-mnist", {name: tiny[name]})
    found = catalogue.verify(known)
    assert found.pop(cache / f"{name}.gz") is None
    assert len(found) == 3
    assert all(found.values())


def test_fetch(known, tiny, put, serve, tmp_path):
    pytest.importorskip("pooch", reason="needs the extra `data`")
    served = serve(put(tmp_path / "served", tiny))
    cache = tmp_path / "cache" / "minidl" / "fashion-mnist"
    address = served.address.rstrip("/")  # a slash at its end isn't needed
    assert catalogue.fetch(known, address=address) == (cache, True)
    assert set(catalogue.verify(known).values()) == {None}
    np.testing.assert_array_equal(known.load()[0].labels, [9, 8, 7])
    count = len(served.requested)
    assert catalogue.fetch(known, address=address) == (cache, False)
    assert len(served.requested) == count
    first = next(iter(tiny))
    (cache / f"{first}.gz").write_bytes(b"damaged")
    assert catalogue.fetch(known, address=address, again=True) == (cache, True)
    assert set(catalogue.verify(known).values()) == {None}
    (served.folder / f"{first}.gz").write_bytes(b"damaged")
    with pytest.raises(FormatError, match=r"^http://127\.0\.0\.1.*gz: "):
        catalogue.fetch(known, address=address, again=True)
    assert set(catalogue.verify(known).values()) == {None}  # what was there stays


def test_what_is_packaged_is_never_downloaded():
    known = KNOWN["fashion-mnist-10k"]
    assert catalogue.fetch(known, again=True) == (Path(fashion.PACKAGED_FOLDER), False)
    assert set(catalogue.verify(known).values()) == {None}
