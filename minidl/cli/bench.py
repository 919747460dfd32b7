"""`minidl bench`: the benchmark suite, which stands beside the package in a clone of the sources."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import minidl
from minidl.cli.messages import UsageError, say

HELP = "Check and time minidl against installed frameworks; needs a clone, like python -m benchmarks."

EXAMPLES = """\
minidl bench --quick
minidl bench training inference
minidl bench training --quick --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the suites' names and the options that the suite takes."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="suites to run (default: those that take minutes)")
    parser.add_argument("--quick", action="store_true", help="run a small part of each, with few repeats")
    parser.add_argument("--out", metavar="DIR", help="folder for JSON and PNG files")
    parser.add_argument(
        "--json", action="store_true", help="print a JSON array of the suites' results; tables go to stderr"
    )


def run(arguments: argparse.Namespace) -> None:
    """Run it in a process of its own; raises UsageError where there is no suite, or it ends with an error."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(minidl.__file__)))
    if not os.path.exists(os.path.join(root, "benchmarks", "__main__.py")):
        raise UsageError("the benchmark suite isn't part of the installed package: run it in a clone of the sources")
    command = [sys.executable, "-m", "benchmarks", *arguments.names, *(["--quick"] if arguments.quick else [])]
    out = Path(root, "benchmarks", "results") if arguments.out is None else Path(arguments.out).absolute()
    command += [] if arguments.out is None else ["--out", str(out)]
    before = _written(out)
    if subprocess.run(command, cwd=root, check=False, stdout=sys.stderr if arguments.json else None).returncode:
        raise UsageError("the benchmark suite ended with an error")
    if arguments.json:
        new = [path for path, written in _written(out).items() if before.get(path) != written]
        say(json.dumps([json.loads(path.read_bytes()) for path in new]))


def _written(folder: Path) -> dict[Path, int]:
    """When each JSON file of the folder was written."""
    return {path: path.stat().st_mtime_ns for path in sorted(folder.glob("*.json"))}
