"""The trained weights that the ready models have, a line each, which `python -m benchmarks.weights NAME` prints."""

from collections.abc import Callable
from typing import Any, NamedTuple

from minidl.model import Sequential
from minidl.process.importing import imported
from minidl.typing import Shape


class Weights(NamedTuple):
    """A file of weights: what they were trained on, how it is known, and what it reaches.

    `data` names the data set in `minidl.datasets`. `sha256` and `size`, in bytes, are those of `file`, which lies in
    the package or else is a file of a release. `accuracy` is the share of the data set's test images that are right.
    """

    data: str
    file: str
    sha256: str
    size: int
    accuracy: float
    is_packaged: bool = True


NETWORKS = ("lenet", "cnn", "resnet20", "mobilenet")
"""Those that take weights."""

WEIGHTS: dict[str, Weights] = {
    "lenet:fashion-mnist": Weights(
        "fashion-mnist",
        "lenet-fashion-mnist.npz",
        "6e3f3ea3f90a5f5db9c03f4810b512c9a47ed0aa765a3c33a64a5531fc75f4de",
        128_016,
        0.9078,
    ),
    "cnn:fashion-mnist": Weights(
        "fashion-mnist",
        "cnn-fashion-mnist.npz",
        "9e81647035934a151b52fb9efe93257f858d6ad2bb409de64254352c35b1cbd8",
        103_476,
        0.9268,
    ),
    "resnet20:fashion-mnist": Weights(
        "fashion-mnist",
        "resnet20-fashion-mnist.npz",
        "311e6900a29238fe5c26dea07a9849b64b703d59965fa1449060189c0cb070c6",
        590_598,
        0.9415,
    ),
    "mobilenet:fashion-mnist": Weights(
        "fashion-mnist",
        "mobilenet-fashion-mnist.npz",
        "91e48a175b9f22ae100e618bf58d1006e75f6c79a116349c4fd004c8349bc4ea",
        507_670,
        0.9064,
    ),
    # Trained and measured on copies of the images as JPEG files, which have lost detail.
    "resnet20:cifar-10": Weights(
        "cifar10",
        "resnet20-cifar-10.npz",
        "f453f943d87c822b558e6d14dd658864a7e131d8452a36dae5df2a3cad5df395",
        591_159,
        0.8889,
    ),
}
"""By their names, the network's before a colon, as the command line takes them."""


def find(network: str, weights: Any) -> Weights:
    """The weights of that name of a network. Raises ValueError, which says which there are."""
    found = WEIGHTS.get(f"{network}:{weights}")
    if found is None:
        raise ValueError(f"{network}: there are no weights {weights!r}; there are {', '.join(WEIGHTS)}")
    return found


def trained(model: Sequential, network: str, weights: str | None) -> Sequential:
    """The model with these weights, if any: see `zoo.with_weights`, which is loaded for them alone."""
    if weights is None:
        return model
    with_weights: Callable[..., Sequential] = imported("minidl.models.zoo").with_weights
    return with_weights(model, network, weights)


def input_shape_of(network: str, weights: str | None, usual: Shape) -> Shape:
    """(c, h, w) of the images that the weights are for; without weights the `usual` one. Raises as `find`."""
    if weights is None:
        return usual
    shape: Shape = imported("minidl.datasets.catalogue").KNOWN[find(network, weights).data].shape
    return shape
