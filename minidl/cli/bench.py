"""`minidl bench`: the benchmark suite, which stands beside the package in a clone of the sources."""

import argparse
import os
import subprocess
import sys

import minidl
from minidl.cli.messages import UsageError

HELP = "Check, then time minidl beside the frameworks that are installed: python -m benchmarks, from a clone."

EXAMPLES = """\
minidl bench --quick
minidl bench training inference
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the suites' names and the options that the suite takes."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="the suites to run (default: those that take minutes)")
    parser.add_argument("--quick", action="store_true", help="a small part of each, with few repeats")
    parser.add_argument("--out", metavar="DIR", help="folder for JSON and PNG")


def run(arguments: argparse.Namespace) -> None:
    """Run it in a process of its own; raises UsageError where there is no suite, or it ends with an error."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(minidl.__file__)))
    if not os.path.exists(os.path.join(root, "benchmarks", "__main__.py")):
        raise UsageError("the benchmark suite isn't part of the installed package: run it in a clone of the sources")
    command = [sys.executable, "-m", "benchmarks", *arguments.names, *(["--quick"] if arguments.quick else [])]
    if arguments.out is not None:
        command += ["--out", os.path.abspath(arguments.out)]
    if subprocess.run(command, cwd=root, check=False).returncode:
        raise UsageError("the benchmark suite ended with an error")
