"""`minidl summary`: a model as a table."""

import argparse

from minidl import summary
from minidl.cli.named import add_model_argument, find_model
from minidl.cli.run import json_text

HELP = "Print a model's layers, output shapes, parameters and multiply-accumulate operations (MACs)."

EXAMPLES = """\
minidl summary lenet
minidl summary runs/first --json
minidl summary lenet.npz         # a model that Model.save wrote
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `summary`."""
    add_model_argument(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Build or load, and print."""
    model = find_model(arguments.model)
    if not arguments.json:
        model.summary()
        return
    assert model.input_shape is not None  # whoever finds it builds it
    layers = [
        {"layer": name, "output_shape": shape, "parameters": parameters, "macs": macs}
        for name, shape, parameters, macs in summary.rows(model, model.input_shape)
    ]
    total = {
        "parameters": sum(parameter.value.size for parameter in model.parameters()),
        "macs": model.macs(model.input_shape),
    }
    print(json_text({"model": arguments.model, "input_shape": model.input_shape, **total, "layers": layers}))
