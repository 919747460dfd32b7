"""The page of minidl in the browser, served as the documentation's build would, with Pyodide from npm's package.

Two environment variables name where it comes from: PYODIDE_FOLDER, the folder of the npm package pyodide 0.27.7, and
PYODIDE_NUMPY, the folder with NumPy's wheel for it. Without them, or without a browser, these tests are skipped.
"""

import http.server
import io
import os
import re
import threading
import zipfile
from functools import partial
from pathlib import Path

import pytest

from tests.explain.conftest import browser as chromium  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>minidl in the browser</title>
<link rel="icon" href="data:,"><style>body {{ background: var(--color-background-primary) }} {theme}</style></head>
<body><main><h1>minidl in the browser</h1><h2>Try it</h2>{part}</main></body>
</html>
"""


def wheel() -> bytes:
    """What the page unpacks, without a build: the package alone."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted((ROOT / "minidl").rglob("*")):
            if path.is_file() and path.suffix not in (".pyc", ".nbi", ".nbc"):
                archive.write(path, path.relative_to(ROOT))
    return file.getvalue()


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves what `made` has in memory, else the files of the first of the `folders` under their prefix."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def __init__(self, *arguments, made, folders):
        self.made, self.folders = made, folders
        super().__init__(*arguments)

    def do_GET(self):
        if self.path not in self.made:
            return super().do_GET()
        body = self.made[self.path]
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path.endswith(".html") else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return self.wfile.write(body)

    def translate_path(self, path):
        path = path.partition("?")[0]
        places = [folder / path.removeprefix(prefix) for prefix, folder in self.folders if path.startswith(prefix)]
        return str(next((place for place in places if place.is_file()), DOCS / "nothing"))

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def served():
    """The address of the page's server."""
    package, numpy = os.environ.get("PYODIDE_FOLDER"), os.environ.get("PYODIDE_NUMPY")
    if not package or not numpy:
        pytest.skip(
            "needs PYODIDE_FOLDER, the folder of the npm package pyodide, and PYODIDE_NUMPY, that of NumPy's wheel"
        )
    part = (DOCS / "browser.html").read_text("utf-8")
    part, found = re.subn('data-pyodide="[^"]*"', 'data-pyodide="pyodide/"', part)
    assert found == 1
    made = {"/browser.html": PAGE.format(part=part, theme="").encode(), "/_static/minidl.whl": wheel()}
    folders = [("/pyodide/", Path(package)), ("/pyodide/", Path(numpy)), ("/_static/", DOCS / "_static")]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, made=made, folders=folders))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
