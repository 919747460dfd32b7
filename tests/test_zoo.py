"""Trained weights: what the files in the package reach, where a release's come from, and what is refused."""

import hashlib
import http.server
import io
import sys
import tarfile
import threading
import types
from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl.datasets import locate
from minidl.datasets.catalogue import KNOWN
from minidl.models import MODELS, WEIGHTS, registry, zoo
from minidl.models.registry import Weights

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "models.md"
COPIES = Path(__file__).resolve().parents[2] / "shared" / "cifar10" / "cifar10-jpeg.tar.gz"

names = pytest.mark.parametrize("name", list(WEIGHTS))


def trained(name, **options):
    network, _, weights = name.partition(":")
    return MODELS[network](weights=weights, **options)


def test_there_are_weights_and_they_are_light():
    assert set(WEIGHTS) == {*(f"{network}:fashion-mnist" for network in registry.NETWORKS), "resnet20:cifar-10"}
    assert set(registry.NETWORKS) < set(MODELS)
    files = {weights.file: weights.size for weights in WEIGHTS.values() if weights.is_packaged}
    assert {path.name: path.stat().st_size for path in zoo.PACKAGED.iterdir()} == files
    assert sum(files.values()) < 3_000_000


@names
def test_the_file_reaches_the_accuracy_that_is_told(name, tmp_path):
    """On the images it is told of; without Fashion-MNIST's on some it was trained on, of which it gets more right."""
    told, known = WEIGHTS[name], KNOWN[WEIGHTS[name].data]
    assert f"| `{name}` | {told.accuracy * 100:.2f} % |" in DOCUMENT.read_text("utf-8")
    if told.data == "cifar10":
        is_there, test = True, jpeg_copies(tmp_path)
    else:
        is_there = locate.find(known.collection()) is not None
        test = (known.load if is_there else ml.datasets.fashion_mnist_10k)()[1]
    reached = (trained(name).predict(test.images, verbose=0).argmax(axis=1) == test.labels).mean()
    assert reached == pytest.approx(told.accuracy, abs=3e-4) if is_there else reached > told.accuracy


def jpeg_copies(folder):
    """CIFAR-10's test images as the JPEG files that the accuracy is told of."""
    pytest.importorskip("PIL", reason="needs the extra `data`")
    if not COPIES.exists():
        pytest.skip("needs copies of CIFAR-10 as JPEG files, which aren't on this machine")
    with tarfile.open(COPIES) as archive:
        tests = [member for member in archive if member.name.startswith("test/")]
        archive.extractall(folder, tests, filter="data")
    return ml.datasets.from_folder(folder / "test", size=32)


@names
def test_the_model_is_one_of_32_bits_and_knows_its_classes(name):
    model, known = trained(name, seed=3), KNOWN[WEIGHTS[name].data]
    assert {array.value.dtype for _, array in model.named_state()} == {np.dtype(np.float32)}
    channels, *size = known.shape
    assert (model.input_shape, model.preprocessing.size) == (known.shape, tuple(size))
    assert (model.preprocessing.class_names, model.preprocessing.grey) == (known.class_names, channels == 1)
    with np.load(zoo.content(WEIGHTS[name])) as file:
        assert {file[key].dtype for key in file.files if file[key].ndim > 1} == {np.dtype(np.float16)}
        for key, array in model.state_dict().items():
            np.testing.assert_array_equal(array, file[key].astype(np.float32))


def test_a_saved_model_keeps_all_of_it(tmp_path):
    model = ml.models.lenet(weights="fashion-mnist")
    model.save(tmp_path / "model.npz")
    again = ml.load(tmp_path / "model.npz")
    x = np.random.default_rng(0).random((4, 1, 28, 28), np.float32)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.preprocessing == model.preprocessing


@pytest.mark.parametrize("network", registry.NETWORKS)
@pytest.mark.parametrize("weights", ["imagenet", True, ""])
def test_unknown_weights(network, weights):
    with pytest.raises(
        ValueError, match=f"{network}: there are no weights {weights!r}; there are lenet:fashion-mnist, "
    ):
        MODELS[network](weights=weights)
    with pytest.raises(TypeError, match="unknown argument 'pretrained'; did you mean weights"):
        MODELS[network](pretrained=True)


@pytest.mark.parametrize("options", [{"classes": 3}, {"input_shape": (3, 32, 32)}])
def test_weights_of_another_network(options):
    wanted = (
        r"lenet: the weights 'fashion-mnist' are for images \(1, 28, 28\), 10 classes .* `minidl train --init lenet:f"
    )
    with pytest.raises(ValueError, match=wanted):
        ml.models.lenet(weights="fashion-mnist", **options)


@pytest.fixture
def release(monkeypatch, tmp_path):
    """Weights that are a file of a release, "resnet20:letters", and a server that has it: change `content` at will."""
    model = ml.models.resnet20(input_shape=(1, 28, 28), seed=5)
    content = io.BytesIO()
    model.save(content)
    served = types.SimpleNamespace(content=content.getvalue(), model=model, asked=[], length=None)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            served.asked.append(self.path)
            self.send_response(200 if served.content else 404)
            self.send_header("Content-Length", str(served.length or len(served.content)))
            self.end_headers()
            self.wfile.write(served.content)

        def log_message(self, *arguments):
            pass

    digest = hashlib.sha256(served.content).hexdigest()
    weights = Weights("fashion-mnist", "letters.npz", digest, len(served.content), 0.5, is_packaged=False)
    monkeypatch.setitem(registry.WEIGHTS, "resnet20:letters", weights)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    served.cache = tmp_path / "cache" / "minidl"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    monkeypatch.setenv("MINIDL_ZOO", f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


def left(release):
    return [path for path in release.cache.rglob("*") if path.is_file()]


def test_a_release_is_downloaded_once(release):
    pytest.importorskip("pooch", reason="needs the extra `zoo`")
    for _ in range(2):
        model = ml.models.resnet20(weights="letters")
        assert model.input_shape == (1, 28, 28)
        for key, array in release.model.state_dict().items():
            np.testing.assert_array_equal(model.state_dict()[key], array)
    assert release.asked == ["/v1/letters.npz"]
    assert left(release) == [release.cache / "zoo" / "letters.npz"]


def flipped(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    ("damage", "error", "match"),
    [
        (flipped, ml.FormatError, r"/v1/letters.npz: not the original file: the SHA-256 of its content is"),
        (
            lambda content: content[:500],
            ml.FormatError,
            r"/v1/letters.npz: not the original file: it has 500 of [\d,]+",
        ),
        (lambda content: content + b"more", ml.FormatError, "/v1/letters.npz: not the original file: the SHA-256"),
        (
            lambda content: b"",
            FileNotFoundError,
            r"letters.npz: the download from http.*/v1/letters.npz failed \(.*404",
        ),
    ],
    ids=["hash", "half", "longer", "404"],
)
def test_of_a_wrong_file_nothing_is_kept(release, damage, error, match):
    pytest.importorskip("pooch", reason="needs the extra `zoo`")
    whole, release.content = release.content, damage(release.content)
    with pytest.raises(error, match=match):
        ml.models.resnet20(weights="letters")
    assert left(release) == []
    release.content = whole
    assert ml.models.resnet20(weights="letters").input_shape == (1, 28, 28)


def test_of_a_download_that_breaks_off_nothing_is_kept(release):
    pytest.importorskip("pooch", reason="needs the extra `zoo`")
    release.length, release.content = len(release.content), release.content[:5000]
    with pytest.raises((FileNotFoundError, ml.FormatError), match=r"/v1/letters\.npz"):
        ml.models.resnet20(weights="letters")
    assert left(release) == []


def test_without_a_network(release, monkeypatch):
    pytest.importorskip("pooch", reason="needs the extra `zoo`")
    monkeypatch.setenv("MINIDL_ZOO", "http://127.0.0.1:9/")
    with pytest.raises(
        FileNotFoundError, match=r"the download from http://127.0.0.1:9/letters.npz failed .*MINIDL_ZOO"
    ):
        ml.models.resnet20(weights="letters")
    assert left(release) == []


def test_without_an_address(release, monkeypatch):
    monkeypatch.delenv("MINIDL_ZOO")
    with pytest.raises(
        FileNotFoundError, match=r"letters.npz: these weights come from a release; put the file there, or s"
    ):
        ml.models.resnet20(weights="letters")
    (release.cache / "zoo").mkdir(parents=True)
    (release.cache / "zoo" / "letters.npz").write_bytes(release.content)
    assert ml.models.resnet20(weights="letters").input_shape == (1, 28, 28)
    (release.cache / "zoo" / "letters.npz").write_bytes(flipped(release.content))
    with pytest.raises(ml.FormatError, match=r"zoo.letters.npz: not the original file"):
        ml.models.resnet20(weights="letters")


def test_without_pooch(release, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r'downloading weights needs pooch .*: pip install "minidl\[zoo\]"'):
        ml.models.resnet20(weights="letters")
    assert left(release) == []
