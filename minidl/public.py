"""What minidl offers under its own name besides the layers: what a program needs that has a model predict."""

from minidl import functional, initializers
from minidl.backends import backend_name, use_backend
from minidl.errors import DTypeError, FormatError, NotBuiltError, ShapeError, StateError
from minidl.graph.node import Input
from minidl.methods import Model
from minidl.model import Graph, Sequential
from minidl.model_files import load
from minidl.module import Module, Parameter
from minidl.predictor import Predictor
from minidl.process.exact import is_exact, set_exact
from minidl.process.memory import memory_limit, set_memory_limit
from minidl.process.threads import num_threads, set_num_threads
from minidl.saving.arrays import Arrays, load_arrays, save_arrays
from minidl.saving.budget import Budget

__all__ = [
    "Arrays",
    "Budget",
    "DTypeError",
    "FormatError",
    "Graph",
    "Input",
    "Model",
    "Module",
    "NotBuiltError",
    "Parameter",
    "Predictor",
    "Sequential",
    "ShapeError",
    "StateError",
    "backend_name",
    "functional",
    "initializers",
    "is_exact",
    "load",
    "load_arrays",
    "memory_limit",
    "num_threads",
    "save_arrays",
    "set_exact",
    "set_memory_limit",
    "set_num_threads",
    "use_backend",
]
