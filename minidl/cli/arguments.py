"""A parser whose errors are one line with a hint, and the kinds of numbers that the options take."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from minidl.cli.messages import UsageError
from minidl.display.streams import write
from minidl.errors import did_you_mean


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError, takes no abbreviations and guesses what was meant by an unknown word.

    `epilog` are example command lines.
    """

    def __init__(self, prog: str, description: str, epilog: str, **options: Any) -> None:
        examples = "\n".join(f"  {line}" for line in epilog.splitlines())
        super().__init__(
            prog=prog,
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **options,
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")

    def _print_message(self, message: str, file: Any = None) -> None:
        write(sys.stderr if file is None else file, message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; an argument that nothing takes is an error here already, where the options it may mean are known."""
        parsed, extra = super().parse_known_args(args, namespace)
        if extra and extra[0].startswith("-"):
            option = extra[0].partition("=")[0]
            self.error(f"unknown option {option}; {did_you_mean(option, self._option_string_actions)}")
        if extra:
            self.error(f"unexpected argument {extra[0]!r}")
        return parsed, extra

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, f"invalid choice {value!r}; {did_you_mean(value, action.choices)}")


def choice(parser: argparse.ArgumentParser, option: str, names: Sequence[str], help: str, **options: Any) -> None:
    """Add an option that takes one of `names`."""
    parser.add_argument(option, choices=list(names), metavar=f"{{{','.join(names)}}}", help=help, **options)


def whole_number(minimum: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number of at least `minimum`."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = minimum - 1
        if number < minimum:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {minimum}, got {text!r}")
        return number

    return convert


def positive_number(text: str) -> float:
    """The type of an argument that is a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def shape(text: str) -> tuple[int, ...]:
    """The type of an argument that is a shape, sizes with x between them."""
    try:
        found = tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        found = (0,)
    if min(found) < 1:
        raise argparse.ArgumentTypeError(f"expected a shape such as 3x224x224, got {text!r}")
    return found


def size(text: str) -> int | list[int]:
    """The type of an argument that is a size in pixels: a whole number, or height and width as HxW."""
    try:
        found = [int(part) for part in text.lower().split("x")]
    except ValueError:
        found = []
    if not 1 <= len(found) <= 2 or min(found) < 1:
        raise argparse.ArgumentTypeError(f"expected a size such as 64, or height and width as 48x64, got {text!r}")
    return found[0] if len(found) == 1 else found
