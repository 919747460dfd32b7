"""What the stress tests share: their command line, and children whose ends they look at."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def main(run, *, count, seconds, only=()):
    """Run a stress test as its options say, print what it tells, and end with 1 where an assertion failed.

    Of one that has parts, `only` are their names.
    """
    parser = argparse.ArgumentParser(description=run.__doc__)
    parser.add_argument("--count", type=int, default=count, help="how many times (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=seconds, help="for how long at most (default: %(default)s)")
    if only:
        parser.add_argument("--only", choices=only, help="a single one of them")
    arguments = vars(parser.parse_args())
    print(run(**arguments))


def child(program, *arguments, timeout=300):
    """(exit code, what it printed) of a program in an interpreter of its own; a crash shows where it was."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONFAULTHANDLER="1")
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    return done.returncode, done.stdout
