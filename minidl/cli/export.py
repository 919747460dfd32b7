"""`minidl export`: the model of a run as a file for others: ONNX, safetensors or .npz."""

import argparse
import os
from pathlib import Path
from typing import Any

from minidl.cli.arguments import whole_number
from minidl.cli.messages import UsageError, printable, say
from minidl.cli.named import add_model_argument, find_model
from minidl.cli.run import json_text
from minidl.saving.arrays import MODELS, suffix_of
from minidl.saving.atomic import check_writable

HELP = "Write a model to a file: .onnx for ONNX Runtime, browsers and phones, .safetensors, or .npz."

EXAMPLES = """\
minidl export runs/first lenet.onnx
minidl export runs/first lenet.onnx --fold        # normalizations are folded into convolutions
minidl export runs/first lenet.safetensors
minidl export model.onnx model.npz                # convert an ONNX model to minidl's format
"""

FLAGS = {
    "fold": "fold batch normalizations into the weights before them",
    "dynamic_size": "leave the size of images open",
    "takes_bytes": "take bytes, if the model begins with Rescaling",
}
"""Options of `Model.save` for ONNX files that are on or off."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    add_model_argument(parser)
    parser.add_argument(
        "out", metavar="FILE", help=f"the file to write, in the format of its suffix: {', '.join(MODELS)}"
    )
    for flag, words in FLAGS.items():
        parser.add_argument(f"--{flag.replace('_', '-')}", action="store_true", help=f".onnx only: {words}")
    parser.add_argument(
        "--opset", type=whole_number(1), metavar="N", help=".onnx only: version of the operators (default: 17)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Load, write, say where."""
    out = Path(arguments.out)
    options: dict[str, Any] = {flag: True for flag in FLAGS if getattr(arguments, flag)}
    if arguments.opset is not None:
        options["opset"] = arguments.opset
    if suffix_of(out, MODELS) != ".onnx" and options:
        option = next(iter(options)).replace("_", "-")
        raise UsageError(f"argument --{option}: only for .onnx files, and {out} isn't one")
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"argument FILE: {out} isn't a file in an existing folder")
    check_writable(out)
    model = find_model(arguments.model, arguments.input_shape)
    model.save(out, **options)
    size = os.path.getsize(out)
    if arguments.json:
        say(json_text({"model": arguments.model, "file": str(out), "bytes": size}))
    else:
        say(f"written to {printable(str(out))}, {size:,} bytes")
