"""python -m benchmarks [NAMES...] [--quick] [--networks A,B] [--batches N,M] [--peers A,B] [--out DIR]."""

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import suites, timing
from benchmarks.crew import REQUIREMENTS
from benchmarks.networks import NETWORKS


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    told = "\n".join(f"  {name:<18} {suites.summary(name)}" for name in suites.NAMES)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Check, then time minidl beside the frameworks that are installed (benchmarks/requirements.txt).",
        epilog=f"suites:\n{told}\n\nwithout names: {', '.join(suites.DEFAULT)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="the suites to run, in this order")
    parser.add_argument("--quick", action="store_true", help="a small part of each, with few repeats: a smoke test")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder for JSON and PNG")
    parser.add_argument("--repeats", type=int, help=f"rounds of a comparison (default {timing.Settings.rounds})")
    networks, peers = ", ".join(NETWORKS), ", ".join(name for name in REQUIREMENTS if name != "minidl")
    parser.add_argument("--networks", type=_words, default=(), metavar="A,B", help=f"only some of {networks}")
    parser.add_argument("--batches", type=_numbers, default=(), metavar="N,M", help="these instead of the usual ones")
    parser.add_argument("--peers", type=_words, default=(), metavar="A,B", help=f"only some of {peers}")
    parser.add_argument("--models", default="", metavar="DIR", help="the folder of ONNX files for onnx_files")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in suites.NAMES]
    if unknown:
        parser.error(f"unknown suite {unknown[0]!r}: choose from {', '.join(suites.NAMES)}")
    for option, known in (("networks", NETWORKS), ("peers", REQUIREMENTS)):
        unknown = [name for name in getattr(options, option) if name not in known]
        if unknown:
            parser.error(f"--{option}: unknown {unknown[0]!r}: choose from {', '.join(known)}")
    if options.repeats is not None and options.repeats < 1:
        parser.error("--repeats: expected at least 1")
    return options


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(map(int, _words(text)))
    if not numbers or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"expected numbers of at least 1, got {text!r}")
    return numbers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suites, print their tables, save their results; 1 where a check failed."""
    options = parse(arguments)
    settings = dataclasses.replace(
        timing.QUICK if options.quick else timing.Settings(),
        networks=options.networks,
        batches=options.batches,
        contestants=options.peers,
        models=options.models,
    )
    if options.repeats is not None:
        settings = dataclasses.replace(settings, rounds=options.repeats)

    from benchmarks import chart, machine
    from benchmarks.check import CheckError
    from benchmarks.crew import Crew
    from benchmarks.worker import WorkerError

    described = machine.describe()
    print(machine.text(described), flush=True)
    for name in options.names or suites.DEFAULT:
        start = time.perf_counter()
        print(f"\n== {name}: {suites.summary(name)}", flush=True)
        try:
            with Crew() as crew:
                report = suites.load(name).run(crew, settings)
        except CheckError as error:
            print(f"check failed, nothing is timed: {error}", file=sys.stderr)
            return 1
        except WorkerError as error:
            print(f"{name} stopped: {error}", file=sys.stderr)
            return 1
        drawn = chart.save(report, options.out)
        saved = report.save(options.out, described, dataclasses.asdict(settings))
        print(f"\n{report.text()}\n\n{time.perf_counter() - start:.0f} s; saved {saved}{f' and {drawn}' * bool(drawn)}")
    return 0


def restart_undistorted() -> None:
    """Start anew, once, where the environment makes OpenBLAS run another processor's kernels."""
    from benchmarks.machine import without_distortion

    environment = without_distortion(os.environ)
    if environment is not None:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


if __name__ == "__main__":
    restart_undistorted()
    sys.exit(main())
