"""All stress tests, each in a process of its own, two at a time: `make stress`."""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
MINUTES = 20


class Part(NamedTuple):
    """A module of this folder, how often it tries, if time doesn't say so, and its seconds of MINUTES at most."""

    name: str
    count: int | None
    seconds: int


# The longest first, so that both rows end at about the same time.
PARTS = (
    Part("fuzz", 1_000_000, 900),
    Part("interrupts", 10_000, 300),
    Part("exits", 200, 300),
    Part("threads", None, 180),
    Part("kills", 1000, 200),
    Part("races", None, 120),
    Part("forks", 500, 120),
)
GRACE = 300
"""Seconds beyond its own that a part may take to compile and to end, before it counts as one that hangs."""

RUNNING: list[subprocess.Popen] = []


def outcome(part, scale, folder=Path(__file__).parent):
    """(row of the table, whether it passed, its output)."""
    began = time.monotonic()
    seconds = part.seconds * scale
    arguments, asked = ["-m", f"tests.stress.{part.name}", "--seconds", str(seconds)], f"{seconds:.0f} s"
    if part.count is not None:
        count = max(1, int(part.count * min(scale, 1)))
        arguments, asked = [*arguments, "--count", str(count)], f"{count:,}"
    if not (folder / f"{part.name}.py").exists():
        return (part.name, asked, "", "1: there is no such part"), False, "0"
    # In a group of its own, so that what it started ends with it.
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    RUNNING.append(process)
    try:
        output, _ = process.communicate(timeout=seconds + GRACE)
        failure = "" if process.returncode == 0 else f"1: exit code {process.returncode}"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        failure = "1: it hangs"
    RUNNING.remove(process)
    said = "" if failure or not output.strip() else output.strip().splitlines()[-1]
    done = re.search(r"\d+", said)
    took = f"{time.monotonic() - began:.0f} s"
    row = part.name, asked, f"{int(done[0]):,}" if done else "", failure or "0", took
    return row, not failure, output if failure or said.isdigit() else said


def main(arguments=None):
    """Run the parts and print the table; the exit code is 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="which; by default all")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for how long in all (default: %(default)s)")
    options = parser.parse_args(arguments)
    unknown = set(options.parts) - {part.name for part in PARTS}
    if unknown:
        parser.error(f"unknown {', '.join(sorted(unknown))}; known: {', '.join(part.name for part in PARTS)}")
    parts = [part for part in PARTS if not options.parts or part.name in options.parts]
    with ThreadPoolExecutor(2) as pool:
        try:
            results = list(pool.map(lambda part: outcome(part, options.minutes / MINUTES), parts))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(RUNNING):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    rows = [("part", "asked", "done", "failures", "took"), *(row for row, _, _ in results)]
    for row in rows:
        print(f"{row[0]:<12}{row[1]:>16}  {row[2]:>16}  {row[3]:<24}{row[-1] if len(row) > 4 else ''}".rstrip())
    for row, _, said in results:
        if not said.strip().isdigit():
            print(f"\n{row[0]}:\n{said.strip()[-5000:]}")
    return 0 if all(passed for _, passed, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
