"""The command line: a parser for each subcommand, which then calls the library."""

import argparse
from collections.abc import Sequence
from typing import Protocol

import minidl
from minidl.cli import bench, data, evaluate, explain, export, info, predict, report, summary, train, warmup
from minidl.cli.arguments import Parser


class Command(Protocol):
    """What a subcommand's file defines; its name on the command line is the file's."""

    HELP: str
    """One sentence."""

    EXAMPLES: str
    """Command lines and comments that `--help` ends with."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> None: ...


COMMANDS: dict[str, Command] = {
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "explain": explain,
    "summary": summary,
    "report": report,
    "export": export,
    "data": data,
    "info": info,
    "warmup": warmup,
    "bench": bench,
}

EXAMPLES = """\
minidl train --out runs/first     # LeNet on the 10,000 images that come with minidl
minidl evaluate runs/first
minidl summary runs/first
"""


def parser() -> Parser:
    """The parser of the whole command line; the parsed arguments have `command`, None where it was left out."""
    whole = Parser("minidl", "Train and use small convolutional networks.", EXAMPLES)
    whole.add_argument("--version", action="version", version=f"minidl {minidl.__version__}")
    subparsers = whole.add_subparsers(dest="command", metavar="command", title="commands")
    for name, command in COMMANDS.items():
        command.add_arguments(
            subparsers.add_parser(
                name, prog=f"minidl {name}", description=command.HELP, epilog=command.EXAMPLES, help=command.HELP
            )
        )
    return whole


def run(argv: Sequence[str] | None = None) -> int:
    """Parse `argv` and run the subcommand; return the exit code, 0, also after `--help` and `--version`.

    Raises UsageError for arguments that don't parse, and whatever the library raises.
    """
    whole = parser()
    try:
        arguments = whole.parse_args(argv)
    except SystemExit as end:  # of --help and --version; errors of parsing are UsageErrors
        return int(end.code or 0)
    if arguments.command is None:
        whole.error(f"a command is missing: {', '.join(COMMANDS)}")
    COMMANDS[arguments.command].run(arguments)
    return 0
