"""`minidl report`: a run as a page."""

import argparse
import importlib.util
from pathlib import Path
from typing import Any

from minidl.cli import computing
from minidl.cli.arguments import whole_number
from minidl.cli.messages import printable, say
from minidl.cli.named import add_run_argument
from minidl.cli.pages import page_path
from minidl.cli.run import Run, json_text, load_run, regular_file
from minidl.cli.tested import add_data_argument, tested

HELP = "Write a run as one HTML page: curves, confusion matrix, worst mistakes, filters, layers and their times."

EXAMPLES = """\
minidl report runs/first                              # writes runs/first/report.html
minidl report runs/first --open
minidl report lenet.npz --data fashion-mnist-10k --out lenet.html      # a model in a file (or .onnx)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `report`."""
    add_run_argument(parser)
    add_data_argument(parser)
    parser.add_argument("--out", metavar="FILE", help="where to write (default: report.html in the run's folder)")
    parser.add_argument("--title", metavar="TEXT", help="the page's headline (default: the name of the run)")
    parser.add_argument("--open", action="store_true", help="show the page in the browser")
    parser.add_argument("--no-timings", action="store_true", help="don't measure how long each layer takes")
    parser.add_argument(
        "--batch-size",
        type=whole_number(1),
        default=64,
        metavar="N",
        help="images at a time when measuring (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    computing.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Load, evaluate, draw and write."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError('a report needs matplotlib: pip install "minidl[plot]"')
    from minidl import report  # here, so that other commands start sooner

    with computing.computing(arguments):
        model, config = load_run(arguments.run, arguments.input_shape)
        run = Run(Path(arguments.run))
        out = page_path(arguments.run, arguments.out, "report.html")
        histories = [path for path in (run.history_json, run.history_csv) if run.folder.is_dir() and path.exists()]
        data, split, test, _ = tested(arguments.run, config, arguments.data, model)
        options: dict[str, Any] = {"timings": not arguments.no_timings, "batch_size": arguments.batch_size}
        report.write_report(
            out,
            model,
            images=test.images,
            labels=test.labels,
            class_names=test.class_names,
            paths=test.paths,
            history=regular_file(histories[0]) if histories else None,
            config=config,
            title=arguments.title or f"{Path(arguments.run).resolve().stem}, tested on {data}",
            **options,
        )
    if arguments.json:
        say(json_text({"report": str(out), "data": data, "split": split, "images": len(test)}))
    else:
        say(f"written to {printable(str(out))}")
    if arguments.open:
        import webbrowser

        webbrowser.open(out.resolve().as_uri())
