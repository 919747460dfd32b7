"""Modules as descriptions and steps, and how to have them run one by one instead."""

import numpy as np

from minidl.description.fuse import fused
from minidl.description.graph import Describer, Value
from minidl.description.operators import Input
from minidl.engine.networks import Networks
from minidl.engine.steps import Part, Steps, cut


def describe(module, *shapes, purpose="training", batch_size=5):
    """The description of a built module for samples of these shapes, by default its own."""
    describer = Describer(purpose, batch_size=batch_size)
    inputs = [describer.input(shape) for shape in shapes or (module.input_shape,)]
    described = describer.call_in_pass(module, *inputs)
    return describer.described(inputs, [described] if isinstance(described, Value) else described)


def prepared(module, *shapes, purpose="training", batch_size=5, dtype=np.float32):
    """The steps of a module; the backend in use has to be one that prepares networks."""
    description = describe(module, *shapes, purpose=purpose, batch_size=batch_size)
    return Steps(description, batch_size, np.dtype(dtype), keeps=purpose != "inference")


def groups(module, *shapes, purpose="training"):
    """For each step the name of the last module of each pass, or of the module that runs by itself."""
    description = describe(module, *shapes, purpose=purpose)
    found = []
    for step in cut(description):
        if isinstance(step, Part):
            nodes = fused(step.description, keeps=purpose != "inference").nodes
            found.append([node.name for node in nodes if not isinstance(node.operator, Input)])
        else:
            found.append(description.nodes[step].name)
    return found


def is_one_network(module, *shapes, purpose="training"):
    """Whether a module is a single step that a backend prepares."""
    steps = cut(describe(module, *shapes, purpose=purpose))
    return len(steps) == 1 and isinstance(steps[0], Part)


def run_one_by_one(monkeypatch):
    """Let every module run by itself, as with a backend that prepares nothing."""
    monkeypatch.setattr(Networks, "_take", lambda *_: None)
