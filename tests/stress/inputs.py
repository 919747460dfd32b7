"""Hostile inputs: saved files of every kind, changed at random, the same for the same number."""

import gzip
import io
import json
import re
import tarfile
import zipfile

import numpy as np

import minidl as ml

NUMBERS = [
    b"0", b"1", b"-1", b"2", b"true", b"false", b"null", b"0.5", b"-0.0", b"1e-320", b"1e308", b"1e999", b"NaN",
    b"Infinity", b"-Infinity", b"255", b"65536", b"2147483647", b"2147483648", b"9223372036854775807",
    b"9223372036854775808", b"1" + b"0" * 400, b'"x"', b'""', b"[]", b"{}", b"[1, 2]", b'"%b"' % (b"x" * 2000),
]  # fmt: skip
"""What stands in the place of another number, word or text."""

WORDS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1", b"\1\0\0\0", b"\0\1\0\0"]
TOKEN = re.compile(rb'"[^"\\]*"|-?\d+(?:\.\d+)?(?:e-?\d+)?|true|false|null|True|False|NaN')


def changed(content, rng, others=()):
    """The content after one to three changes of bytes."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place, end = sorted((rng.randrange(len(content) + 1), rng.randrange(len(content) + 1)))
        kind = rng.randrange(8)
        if kind == 0:
            del content[place:]
        elif kind == 1 and others:
            other = rng.choice(others)
            content[place:end] = other[place:end]
        elif kind == 2:
            del content[place : place + rng.randrange(1, 9)]
        elif kind == 3:
            content[place:place] = content[place : min(end, place + 64)]
        elif kind == 4:
            content[place : place + 4] = rng.choice(WORDS)
        elif kind == 5 and place < len(content):
            content[place] = rng.randrange(256)
        elif place < len(content):
            content[place] ^= 1 << rng.randrange(8)
    return bytes(content)


def retold(text, rng):
    """The text with one or two of its numbers, words or texts exchanged: for others of its own, or unlikely ones."""
    for _ in range(rng.choice((1, 1, 2))):
        tokens = list(TOKEN.finditer(text))
        if not tokens:
            return text
        token = rng.choice(tokens)
        new = rng.choice(NUMBERS) if rng.random() < 0.7 else rng.choice(tokens)[0]
        text = text[: token.start()] + new + text[token.end() :]
    return text


def header_retold(content, rng):
    """A .npy or IDX file with numbers of its header exchanged."""
    cut = min(len(content), 128)
    return (
        retold(content[:cut], rng) + content[cut:]
        if rng.random() < 0.5
        else changed(content[:cut], rng) + content[cut:]
    )


def archive(members):
    """An .npz file of these contents by name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def members(path):
    """The contents of an .npz file by name."""
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def array_file(array):
    """A .npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def idx_file(array):
    """An IDX file of bytes."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def told(metadata):
    """Metadata as a member of an archive."""
    return array_file(np.frombuffer(metadata, np.uint8))


def tar_file(contents):
    """A gzipped tar archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as file:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def models():
    """Small models, which have a layer of most kinds between them."""
    rows = [
        [ml.Conv2D(4, 3, padding=1, stride=1), ml.BatchNorm2D(), ml.LeakyReLU(), ml.MaxPool2D(2, padding=1)],
        [ml.Normalization(0.5, 0.25), ml.DepthwiseConv2D(3, padding="same"), ml.ConvTranspose2D(2, 2, stride=2)],
        [ml.Residual([ml.Conv2D(1, 1), ml.GroupNorm(1, eps=0.1)]), ml.Concatenate([[], [ml.UpSample2D(1)]])],
        [ml.Reshape((1, 16)), ml.Conv1D(2, 3, dilation=2), ml.MaxPool1D(2), ml.LayerNorm(), ml.Softplus(1.0)],
        [ml.ZeroPad2D(((0, 1), (1, 0))), ml.AveragePool2D(3, stride=1, padding=1), ml.AdaptiveAveragePool2D((2, 2))],
    ]
    ends = [[ml.Dropout(0.25, seed=3), ml.Flatten(), ml.Dense(3, weight_init="constant(0.1)")] for _ in rows]
    return [ml.Sequential(row + end, input_shape=(1, 4, 4), seed=0) for row, end in zip(rows, ends, strict=True)]


def pictures():
    """A PNG, a JPEG and a BMP file, by their suffixes."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    found = {}
    for kind, mode in (("png", "RGB"), ("jpeg", "RGB"), ("bmp", "P"), ("gif", "P")):
        stream = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(stream, kind)
        found[kind] = stream.getvalue()
    return found


def history():
    """A history as `minidl train` writes it."""
    return json.dumps(
        {"loss": [1.5, 0.25, None], "accuracy": [0.5, 0.75, 1.0], "matrix": [[[1, 0], [0, 1]]] * 3}
    ).encode()


def gzipped(content):
    """Compressed, without a time."""
    return gzip.compress(content, mtime=0)
