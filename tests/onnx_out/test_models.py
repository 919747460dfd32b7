"""The zoo's models, U-Net and random graphs, as whatever runs ONNX files computes them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minidl as ml
from tests.graph.conftest import arrays
from tests.graph.test_random_graphs import SIZE, graphs
from tests.onnx_out.drawn import image_graphs
from tests.onnx_out.runs import RUNTIMES, check

FAST = [name for name in RUNTIMES if name != "reference"] or ["reference"]


def trained(model, seed=0):
    """The model with statistics and biases as a training leaves them."""
    rng = np.random.default_rng(seed)
    for name, array in model.named_state():
        if name.endswith("running_var"):
            array.value = rng.uniform(0.5, 2, array.value.shape).astype(np.float32)
        elif name.endswith(("running_mean", "bias")):
            array.value = rng.uniform(-0.5, 0.5, array.value.shape).astype(np.float32)
    return model


@pytest.mark.parametrize("name", ml.models.MODELS)
@pytest.mark.parametrize("fold", [False, True])
def test_the_zoo(name, fold):
    small = {"input_shape": ml.models.CIFAR, "classes": 10} if name == "resnet18" else {}
    model = trained(ml.models.MODELS[name](seed=0, **small))
    proto = check(model, *arrays((2, *model.input_shape)), runtimes=FAST, fold=fold)
    operators = {node.op_type for node in proto.graph.node}
    has_norms = any(name.endswith("running_var") for name, _ in model.named_state())
    assert ("BatchNormalization" in operators) == (has_norms and not fold)


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("dynamic_size", [False, True])
def test_unet(fold, dynamic_size):
    model = trained(ml.models.unet(seed=0))
    x = arrays((2, 3, 32, 32))[0]
    proto = check(model, x, runtimes=FAST, fold=fold, dynamic_size=dynamic_size)
    assert {node.name for node in proto.graph.node} >= {"up0", "merge1_a", "logits", "skip2"}
    assert "down0_a.weight" in {tensor.name for tensor in proto.graph.initializer}


@settings(deadline=None, max_examples=25)
@given(graphs())
def test_random_graphs_of_vectors(graph):
    check(graph, *arrays(*[(3, SIZE)] * len(graph.input_names)))


@settings(deadline=None, max_examples=40)
@given(image_graphs(), st.booleans())
def test_random_graphs_of_images(graph, fold):
    check(trained(graph), *arrays(*[(2, *shape) for shape in graph.input_shapes]), runtimes=FAST, fold=fold)
