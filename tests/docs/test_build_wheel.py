"""The wheel is what the project's own build makes, under the name that the page asks for."""

import zipfile

import pytest

from docs.build_wheel import WheelError, build

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "small"
version = "1.0"
"""

BACKEND = """
import zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name, about = "small-1.0-py3-none-any.whl", "small-1.0.dist-info"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as archive:
        archive.writestr("small.py", "x = 1\\n")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\\nName: small\\nVersion: 1.0\\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{about}/RECORD", "")
    return name
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "backend.py").write_text(BACKEND)
    return tmp_path


def test_it_is_what_the_project_builds(project):
    target = project / "pages" / "_static" / "minidl.whl"
    build(target, project)
    assert zipfile.ZipFile(target).read("small.py") == b"x = 1\n"


def test_what_fails_says_why_and_writes_nothing(project):
    (project / "backend.py").write_text("raise ImportError('no such backend')")
    with pytest.raises(WheelError, match="no such backend"):
        build(project / "minidl.whl", project)
    assert not (project / "minidl.whl").exists()
