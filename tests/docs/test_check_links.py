"""Broken links of built pages are found, whole ones pass."""

import subprocess
import sys

import pytest

from docs import check_links


def site(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")
    return folder


def test_whole_links_pass(tmp_path):
    (tmp_path / "picture.svg").write_text("<svg/>")
    root = site(
        tmp_path,
        index='<h1 id="top">.</h1><a href="other.html#here">.</a><img src="picture.svg"><a href="#top">.</a>'
        '<a href="https://example.org/a?b=c#d">.</a><img src="data:image/png;base64,AA=="><a href=".">.</a>',
        other='<a name="here" href="index.html">.</a>',
    )
    assert check_links.problems(root) == ([], ["https://example.org/a?b=c#d"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<a href="gone.html">.</a>', "'gone.html': isn't there"),
        ('<img src="gone.png">', "'gone.png': isn't there"),
        ('<a href="other.html#gone">.</a>', "'other.html#gone': has no anchor 'gone'"),
        ('<a href="#gone">.</a>', "'#gone': has no anchor 'gone'"),
        ('<a href="../up.html">.</a>', "'../up.html': leads out of the pages"),
        ('<a href="http://example.org">.</a>', "'http://example.org': expected https or mailto"),
        ('<a href="https://nowhere/x">.</a>', "'https://nowhere/x': has no host"),
        ('<a href="https://example.org/a b">.</a>', "'https://example.org/a b': has a space in it"),
    ],
)
def test_broken_links_are_named(tmp_path, body, said):
    root = site(tmp_path, index=body, other="")
    assert check_links.problems(root)[0] == [f"index.html: {said}"]


def test_command_ends_with_an_error(tmp_path):
    command = [sys.executable, check_links.__file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no pages" in done.stderr
    site(tmp_path, index='<a href="gone.html">.</a><a href="https://example.org">.</a>')
    done = subprocess.run([*command, "--list"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == "https://example.org\n"
    assert done.stderr == "index.html: 'gone.html': isn't there\n"
