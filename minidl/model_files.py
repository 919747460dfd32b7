"""The models of files: what `save` wrote, or ONNX."""

from typing import Any

import numpy as np

from minidl.errors import FormatError, keyword_hints
from minidl.graph.network import one_or_all
from minidl.model import (
    FORMAT,
    Graph,
    SavedModel,
    Sequential,
    check_cost,
    check_input_shape,
    random_part,
    unbuilt,
)
from minidl.module import flatten_parameters
from minidl.process.importing import imported
from minidl.saving import files, kinds, npz
from minidl.saving.arrays import Arrays, identified, load_arrays
from minidl.saving.budget import USUAL, Budget
from minidl.typing import FileOrPath


@keyword_hints
def load(path: FileOrPath, *, input_shape: Any = None, budget: Budget = USUAL) -> Sequential | Graph:
    """Load a model from a file: one that `save` wrote, or any ONNX model.

    ONNX files need `pip install "minidl[onnx]"`, .safetensors files the extra `safetensors`. `input_shape` is for ONNX
    files that leave the size of images open. Nothing in a file is run; only layers' names and arguments are looked up.
    `path` may be a file open in binary mode, such as an io.BytesIO, which is read to its end. Raises FormatError, which
    names the file, for any other kind of file, saying what it is; for an ONNX model with operators that minidl lacks,
    listing all of them; and for a model that exceeds `budget`: see `Budget`.
    """
    kind, source = identified(path)
    if kind is kinds.ONNX:
        loaded: Graph = imported("minidl.onnx_in").load_onnx(source, input_shape=input_shape, budget=budget)
        return loaded
    if input_shape is not None:
        raise ValueError(f"input_shape: only for ONNX models; {files.shown(path)} is {kind.words}")
    if kind is kinds.TORCH:
        help = "it has arrays without a network: build one, then model.load_weights(path)"
        raise kinds.refusal(files.shown(path), kind, help)
    return _of_arrays(load_arrays(source, budget=budget), files.shown(path), budget)


def _of_arrays(arrays: Arrays, shown: str, budget: Budget) -> Sequential | Graph:
    """The model whose parameters and, in the metadata, architecture these are."""
    metadata = arrays.metadata
    if metadata.get("format") != FORMAT:
        told = metadata.get("format")
        form = "" if told is None else f" (format {npz.shortened(repr(told))})"
        raise FormatError(
            f"{shown}: not a model that minidl saved{form}; it has arrays without a network: build one, then "
            "model.load_weights(path); load_arrays reads them as they are"
        )
    try:
        model, input_shape = unbuilt(metadata.get("model"), budget)
        _adopt(model, arrays)
        if isinstance(model, Sequential):
            model.build(check_input_shape(input_shape, model), random_part().default_rng(0))
        else:
            flatten_parameters(model, model.dtype)  # of one dtype, whichever the file has
            model.build(one_or_all(model.input_shapes), random_part().default_rng(0))
        check_cost(model, budget)
        if metadata.get("preprocessing") is not None:
            model.preprocessing = imported("minidl.datasets.preprocessing").Preprocessing.from_dict(
                metadata["preprocessing"]
            )
    except ValueError as error:
        raise FormatError(f"{shown}: {npz.shortened(str(error))}") from None
    except RecursionError:
        raise FormatError(f"{shown}: its description is nested too deeply") from None
    return model


def _adopt(model: SavedModel, arrays: dict[str, Any]) -> None:
    parameters = dict(model.named_state())
    if set(parameters) != set(arrays):
        wrong = sorted(set(parameters) ^ set(arrays))
        raise FormatError(f"its arrays aren't its layers' parameters: {', '.join(wrong)}")
    for name, parameter in parameters.items():
        if not np.issubdtype(arrays[name].dtype, np.floating):
            raise FormatError(f"{name}: expected floats, got {arrays[name].dtype}")
        if problem := parameter.problem(arrays[name]):
            raise FormatError(f"{name}: {problem}")
        parameter.value = arrays[name]
