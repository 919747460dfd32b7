"""The arguments that name a model: a run, a file, or a network of `minidl.models`."""

import argparse
import os

from minidl.cli.arguments import shape
from minidl.cli.messages import UsageError
from minidl.cli.run import check_no_shape, load_run
from minidl.errors import did_you_mean
from minidl.model import SavedModel
from minidl.models import MODELS, WEIGHTS, zoo
from minidl.typing import Shape

FILE = "a model file (.npz, .safetensors or .onnx)"
TRAINED = f"a trained model that comes with minidl ({', '.join(WEIGHTS)})"


def add_run_argument(parser: argparse.ArgumentParser) -> None:
    """Add RUN."""
    parser.add_argument("run", metavar="RUN", help=f"the folder of a run, {FILE}, or {TRAINED}")
    _add_shape(parser)


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Add RUN-OR-MODEL."""
    parser.add_argument(
        "model",
        metavar="RUN-OR-MODEL",
        help=f"the folder of a run, {FILE}, or a name: {', '.join([*MODELS, *WEIGHTS])}",
    )
    _add_shape(parser)


def _add_shape(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input-shape",
        type=shape,
        metavar="CxHxW",
        help="image shape, if an ONNX file leaves it open (default: 224 x 224)",
    )


def find_model(name: str, input_shape: Shape | None = None) -> SavedModel:
    """Build or load it; a name goes before a folder of the same name, which is then ./name."""
    if name in MODELS:
        check_no_shape(name, input_shape)
        return MODELS[name](seed=0)
    if zoo.named(name) is not None or os.path.exists(name):
        return load_run(name, input_shape)[0]
    raise UsageError(f"there is no folder, file or model {name!r}; {did_you_mean(name, MODELS)}")
