import numpy as np
import pytest

import minidl
from benchmarks import graph, networks

names = pytest.mark.parametrize("name", [name for name in networks.NETWORKS if name != "resnet18-224"])


@names
def test_a_description_holds_every_parameter_of_the_network(name):
    model = networks.build(name)
    layers = graph.describe(model)
    described = [layers[i][what] for i, what in graph.gradients_of(layers)]
    values = [parameter.value for parameter in model.parameters()]
    assert len(described) == len(values)
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(described, values, strict=True))
    assert graph.size_of(layers) == sum(value.size for value in values)
    assert layers[0]["input_shape"] == model.input_shape
    assert layers[-1]["shape"] == model.output_shape(model.input_shape)
    assert all(source < i for i, layer in enumerate(layers) for source in layer["inputs"])


@names
def test_a_pass_takes_two_operations_for_each_multiply_accumulate(name):
    model = networks.build(name)
    assert graph.flops(graph.describe(model), training=False) == 2 * model.macs(model.input_shape)


def test_training_takes_three_times_as_many_but_for_the_images_gradient():
    image = minidl.Input((2, 4, 4))
    y = minidl.Conv2D(3, 3, padding=1)(image)
    model = minidl.Graph(image, minidl.Dense(5)(minidl.Flatten()(minidl.ConvTranspose2D(2, 2, stride=2)(y))), seed=0)
    first, second, third = 16 * 3 * 2 * 9, 16 * 3 * 2 * 4, 128 * 5
    assert graph.flops(graph.describe(model), training=True) == 2 * (2 * first + 3 * second + 3 * third)


def test_who_reads_what():
    image = minidl.Input((3, 8, 8))
    y = minidl.Conv2D(3, 3, padding=1)(image)
    layers = graph.describe(minidl.Graph(image, minidl.ReLU()(minidl.Residual([minidl.Conv2D(3, 1)])(y)), seed=0))
    assert [(layer["kind"], layer["inputs"]) for layer in layers] == [
        ("Conv", (graph.IMAGES,)),
        ("Conv", (0,)),
        ("Add", (1, 0)),
        ("ReLU", (2,)),
    ]


class OfOnesOwn(minidl.ReLU):
    """Doesn't describe itself, since it redefines something."""

    def operator(self, x):
        return 2 * x, None


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        (minidl.GELU(), r"1 \(GELU\): its Elementwise has no counterpart"),
        (OfOnesOwn(), r"1 \(OfOnesOwn\): its Opaque has no counterpart"),
        (minidl.AdaptiveAveragePool2D(2), "its AdaptiveAveragePool has no counterpart"),
        (minidl.Reshape((3, 16, 4)), "its Reshape has no counterpart"),
        (minidl.Conv2D(2, 2, padding="same"), "differs at the two ends of an axis"),
        (minidl.ConvTranspose2D(2, 3, padding=1), "a transposed convolution with padding"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_peer_has_is_refused(layer, what):
    model = minidl.Sequential([minidl.ReLU(), layer], input_shape=(3, 8, 8), seed=0)
    with pytest.raises(NotImplementedError, match=what):
        graph.describe(model)


def test_labels_of_maps_are_maps():
    images, labels = networks.samples(networks.build("unet"), 3)
    assert images.shape == (3, 3, 64, 64)
    assert labels.shape == (3, 64, 64)
    assert set(np.unique(labels)) == {0, 1}
