"""`minidl data`: the data sets that minidl knows, listed, fetched, verified and shown."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from minidl.cli import pictures
from minidl.cli.arguments import Parser, choice, whole_number
from minidl.cli.folder import looked_at
from minidl.cli.messages import UsageError, printable, say
from minidl.cli.run import json_text
from minidl.datasets.catalogue import KNOWN, Known, fetch, verify
from minidl.datasets.locate import find
from minidl.display import quantity, streams
from minidl.display.installed import is_installed
from minidl.errors import FormatError, did_you_mean

HELP = "List known data sets, download one, verify its files, or show its images."

EXAMPLES = """\
minidl data list
minidl data fetch mnist                         # to the user's cache, verified
minidl data fetch mnist --from https://example.org/mirror/mnist/
minidl data verify fashion-mnist
minidl data show fashion-mnist-10k --out clothes.png
minidl data show fashion-mnist-10k --text
minidl data show photos                         # a folder of pictures: classes, sizes, damaged files, duplicates
"""

SIDE = 32
"""Pixels that a folder's pictures are shown by, down and across."""

ACTIONS = {
    "list": "List known data sets: number of images, classes, size, and where they are on this machine.",
    "fetch": "Download a data set to the user's cache, unless it's on this machine.",
    "verify": "Compare each file of a data set with its known checksum.",
    "show": "Show the first images of each class in a window or a PNG (needs matplotlib), or as characters. For a "
    "folder of pictures, also print what is in it.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the four actions and the arguments of each."""
    actions = parser.add_subparsers(
        dest="action", metavar="action", title="actions", required=True, parser_class=Parser
    )
    parsers = {}
    for action, description in ACTIONS.items():
        examples = "\n".join(line for line in EXAMPLES.splitlines() if line.startswith(f"minidl data {action}"))
        added = actions.add_parser(
            action, prog=f"minidl data {action}", description=description, epilog=examples, help=description
        )
        if action == "show":
            added.add_argument("name", metavar="NAME", help=f"one of {', '.join(KNOWN)}, or a folder")
        elif action != "list":
            added.add_argument("name", metavar="NAME", choices=list(KNOWN), help=f"one of {', '.join(KNOWN)}")
        parsers[action] = added
    for action in ("list", "verify", "show"):
        of = " (folders only)" if action == "show" else ""
        parsers[action].add_argument("--json", action="store_true", help=f"print a JSON object{of}")
    parsers["fetch"].add_argument(
        "--from", dest="address", metavar="ADDRESS", help="download the files from this mirror instead"
    )
    parsers["fetch"].add_argument("--again", action="store_true", help="download again, even if it's on this machine")
    parsers["verify"].add_argument(
        "--folder", metavar="FOLDER", help="folder of the files (default: the first place that has all of them)"
    )
    choice(parsers["show"], "--split", ["train", "test"], "which images (default: %(default)s)", default="train")
    parsers["show"].add_argument(
        "--count", type=whole_number(1), metavar="N", help="images per class (default: 10, or as many as fit in a line)"
    )
    parsers["show"].add_argument("--out", metavar="FILE.png", help="write a PNG instead of opening a window")
    parsers["show"].add_argument("--text", action="store_true", help="print the images as characters")


def run(arguments: argparse.Namespace) -> None:
    """Do one of the four."""
    {"list": _list, "fetch": _fetch, "verify": _verify, "show": _show}[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> None:
    described = {name: _described(known) for name, known in KNOWN.items()}
    if arguments.json:
        say(json_text(described, indent=2))
        return
    lines = [("name", "train", "test", "image", "classes", "size", "on this machine")]
    for name, it in described.items():
        image = " x ".join(map(str, it["shape"]))
        where = printable(it["folder"]) if it["folder"] else f"no: minidl data fetch {name}"
        counts = (f"{it['train']:,}", f"{it['test']:,}")
        lines.append((name, *counts, image, str(len(it["class_names"])), quantity.size(it["bytes"]), where))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(w) if 0 < i < 6 else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ]
        say("  ".join(cells).rstrip())


def _described(known: Known) -> dict[str, Any]:
    place = find(known.collection())
    return {
        "train": known.train,
        "test": known.test,
        "shape": list(known.shape),
        "class_names": list(known.class_names),
        "bytes": known.size,
        "folder": None if place is None else str(place),
    }


def _fetch(arguments: argparse.Namespace) -> None:
    address = arguments.address
    if address is not None and not address.startswith(("http://", "https://")):
        raise UsageError(f"argument --from: expected an address that begins with https:// or http://, got {address!r}")
    known = KNOWN[arguments.name]
    try:
        folder, is_new = fetch(known, address=address, again=arguments.again)
    except ImportError as error:
        raise ImportError(f'downloads need pooch ({error}): pip install "minidl[data]"') from error
    if is_new:
        say(f"{arguments.name}: downloaded and verified, in {printable(str(folder))}")
    else:
        say(f"{arguments.name}: already in {printable(str(folder))} (`minidl data verify` checks its files)")


def _verify(arguments: argparse.Namespace) -> None:
    try:
        checked = verify(KNOWN[arguments.name], None if arguments.folder is None else Path(arguments.folder))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}; `minidl data fetch {arguments.name}` downloads it") from None
    damaged = [str(path) for path, trouble in checked.items() if trouble is not None]
    if arguments.json:
        files = {str(path): {"ok": trouble is None, "trouble": trouble} for path, trouble in checked.items()}
        say(json_text({"name": arguments.name, "ok": not damaged, "files": files}, indent=2))
    else:
        for path, trouble in checked.items():
            state = "ok" if trouble is None else "damaged" if path.exists() else "missing"
            say(f"{state:<7}  {printable(f'{path}: {trouble}' if state == 'damaged' else str(path))}")
    if damaged:
        raise FormatError(f"damaged: {', '.join(damaged)}; `minidl data fetch {arguments.name} --again` replaces it")


def _show(arguments: argparse.Namespace) -> None:
    if arguments.out is not None:
        pictures.check_out(arguments.out)
    name = arguments.name
    if name not in KNOWN and not os.path.isdir(name):
        raise UsageError(f"argument NAME: {name!r} is neither a folder nor a data set; {did_you_mean(name, KNOWN)}")
    if name in KNOWN:
        if arguments.json:
            raise UsageError(
                "argument --json: only for folders of pictures; for known data sets use `minidl data list --json`"
            )
        part = KNOWN[arguments.name].load()[0 if arguments.split == "train" else 1]
        title = f"{arguments.name}, {arguments.split}"
    else:
        found = looked_at(Path(arguments.name))
        say(json_text(found.described(), indent=2) if arguments.json else found.text())
        if arguments.json or (arguments.out is None and not arguments.text and not streams.is_terminal(sys.stdout)):
            return
        part = found.first_of_each(arguments.count or 10, SIDE)
        title = Path(arguments.name).name
    if arguments.out is not None and not arguments.text:
        pictures.save(part, arguments.count or 10, title, arguments.out)
        say(f"written to {printable(arguments.out)}")
        return
    if arguments.text or not (is_installed("matplotlib") and pictures.show(part, arguments.count or 10, title)):
        columns = streams.columns(sys.stdout) or 80
        say(pictures.as_text(part, columns, arguments.count, color=pictures.has_color(sys.stdout)))
