"""The service in examples/service, as it is started: two workers, pictures in, the model's own answers out."""

import contextlib
import http.client
import importlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import minidl as ml

Image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")
if importlib.util.find_spec("fastapi") is None or importlib.util.find_spec("uvicorn") is None:
    pytest.skip("needs fastapi and uvicorn", allow_module_level=True)

EXAMPLE = Path(__file__).parents[2] / "examples" / "service"
PICTURES = 500
MOST_BYTES = 100_000


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of three classes of JPEGs: stripes across, down, and none."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("photos")
    for name in ("across", "down", "plain"):
        (root / name).mkdir()
        for i in range(12):
            height, width = rng.integers(40, 90, 2)
            y, x = np.mgrid[:height, :width]
            stripes = {"across": y // 6 % 2, "down": x // 6 % 2, "plain": 0 * x}[name]
            pixels = 60 * rng.random((height, width, 3)) + 180 * stripes[:, :, None]
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{i}.jpg")
    return root


@pytest.fixture(scope="module")
def model(photos, tmp_path_factory):
    with ml.use_backend("vectorized"):
        data = ml.datasets.from_folder(photos, size=24)
        model = ml.models.tutorial(input_shape=(3, 24, 24), classes=3, seed=0)
        optimizer = ml.Adam(model.parameters(), lr=3e-3)
        model.fit(data, loss=ml.CrossEntropy(), optimizer=optimizer, epochs=15, batch_size=8, seed=0, verbose=0)
        path = tmp_path_factory.mktemp("model") / "model.npz"
        model.save(path)
        yield path, model


@pytest.fixture(scope="module")
def port(model):
    """Of the service, once its two workers answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    settings = {"SERVICE_MODEL": str(model[0]), "SERVICE_MOST_BYTES": str(MOST_BYTES), "MINIDL_BACKEND": "vectorized"}
    command = [sys.executable, str(EXAMPLE / "serve.py"), "--port", str(number), "--workers", "2"]
    root = str(Path(ml.__file__).parents[1])
    environment = os.environ | settings | {"PYTHONPATH": root}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                if request(number, "GET", "/health")[0] == 200:
                    break
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until, "it doesn't answer"
            time.sleep(0.2)
        yield number
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def request(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_every_answer_is_the_models_own(port, photos, model):
    files = sorted(photos.rglob("*.jpg"))
    expected = {file: model[1].classify(file) for file in files}
    asked = [files[i % len(files)] for i in range(PICTURES)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda file: request(port, "POST", "/classify", file.read_bytes()), asked))
    for file, (status, answer) in zip(asked, answers, strict=True):
        assert status == 200
        assert answer["name"] == expected[file][0][0]
        assert list(answer["probabilities"]) == [name for name, _ in expected[file]]
        np.testing.assert_allclose([*answer["probabilities"].values()], [p for _, p in expected[file]], rtol=1e-4)
    right = sum(answer["name"] == file.parent.name for file, (_, answer) in zip(asked, answers, strict=True))
    assert right >= 0.95 * PICTURES


def test_one_connection_that_is_kept_serves_all(port, photos, model):
    files = sorted(photos.rglob("*.jpg"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        for file in files:
            connection.request("POST", "/classify", file.read_bytes())
            answer = json.loads(connection.getresponse().read())
            assert answer["name"] == model[1].classify(file)[0][0]
        assert connection.sock is not None  # neither side has closed it


def test_connections_answer_without_waiting_for_acknowledgements(monkeypatch):
    import uvicorn

    monkeypatch.syspath_prepend(EXAMPLE)
    serve = importlib.import_module("serve")
    with serve.listening(uvicorn.Config("service:app", port=0)) as shared:
        shared.listen()
        with socket.create_connection(shared.getsockname()), shared.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_health(port):
    assert request(port, "GET", "/health") == (200, {"status": "ok", "classes": ["across", "down", "plain"]})


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "expected a picture"),
        (b"text", 415, "not a picture"),
        (b"\xff\xd8\xff\xe0 and no more", 415, "damaged"),
        (bytes(MOST_BYTES + 1), 413, "at most 100,000 bytes"),
    ],
)
def test_what_is_refused(port, body, status, detail):
    found, answer = request(port, "POST", "/classify", body)
    assert found == status
    assert detail in answer["detail"]
