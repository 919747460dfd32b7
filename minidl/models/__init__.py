"""Networks ready to train, most of them for small images, a file for each family.

Each takes the shape of one image, `input_shape` (c, h, w), the number of `classes`, and the `seed` that decides the
first weights. All but `unet`, which gives a class for each pixel, give one for each image. `weights` names trained
ones, with which the model has `preprocessing` as well; `WEIGHTS` has all there are, such as "lenet:fashion-mnist".
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from minidl.errors import missing_name
from minidl.model import Sequential
from minidl.models.mobile import mobilenet
from minidl.models.plain import CIFAR, FASHION, IMAGENET, cnn, lenet, tutorial, vgg
from minidl.models.registry import WEIGHTS
from minidl.models.residual import resnet18, resnet20
from minidl.models.unet import unet

MODELS: dict[str, Callable[..., Sequential]] = {
    "tutorial": tutorial,
    "lenet": lenet,
    "cnn": cnn,
    "vgg": vgg,
    "resnet20": resnet20,
    "resnet18": resnet18,
    "mobilenet": mobilenet,
}
"""Those that tell the class of an image, by the names that the command line takes."""

__all__ = [
    "CIFAR",
    "FASHION",
    "IMAGENET",
    "MODELS",
    "WEIGHTS",
    "cnn",
    "lenet",
    "mobilenet",
    "resnet18",
    "resnet20",
    "tutorial",
    "unet",
    "vgg",
]


if not TYPE_CHECKING:

    def __getattr__(name):
        raise missing_name(__name__, name, __all__)
