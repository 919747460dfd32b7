"""The numbers of one step of each optimizer, as its kernels on every backend take them."""

from typing import NamedTuple


class SGDStep(NamedTuple):
    """SGD: momentum counts only where there is a velocity, which takes `share` of a gradient."""

    lr: float
    momentum: float = 0
    nesterov: bool = False
    weight_decay: float = 0
    share: float = 1


class AdamStep(NamedTuple):
    """Adam and AdamW: step_size and second_scale undo the moments' start at zero.

    `weight_decay` adds to the gradient, as in Adam; `shrink` multiplies the values, as in AdamW.
    """

    beta1: float
    beta2: float
    eps: float
    step_size: float
    second_scale: float
    weight_decay: float = 0
    shrink: float = 1


class RMSPropStep(NamedTuple):
    """RMSProp: centered where there is a mean of the gradients, with momentum where there is a velocity."""

    lr: float
    alpha: float
    eps: float
    momentum: float = 0
    weight_decay: float = 0


class AdagradStep(NamedTuple):
    """Adagrad: step_size is the learning rate after its decay."""

    step_size: float
    eps: float
    weight_decay: float = 0


class LionStep(NamedTuple):
    """Lion: `shrink` multiplies the values, which is its weight decay."""

    lr: float
    beta1: float
    beta2: float
    shrink: float = 1
