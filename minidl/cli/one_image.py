"""The models that commands can feed with images: those of one input and one output."""

from minidl.cli.messages import UsageError
from minidl.model import Graph, SavedModel


def check_one_image(name: str, model: SavedModel) -> None:
    """Raise UsageError for a graph of several inputs or outputs, which a file of images alone doesn't feed."""
    if isinstance(model, Graph) and (len(model.input_names) > 1 or len(model.output_names) > 1 or model.names_outputs):
        raise UsageError(
            f"{name} is a graph of inputs {', '.join(model.input_names)} and outputs {', '.join(model.output_names)}; "
            "this command takes models of one input and one output, which is no dict"
        )
