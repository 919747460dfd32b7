"""JAX: one jitted function for a whole step or a whole network, images (n, h, w, c)."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks import channels_last
from benchmarks.contestants import CHECKED_STEPS, TIMED_RATE, checked_rate
from benchmarks.graph import IMAGES, Layer, size_of
from benchmarks.worker import Job

POOLS = ("reduce_window", "reshape")
"""Two ways to write pooling: which is faster depends on what is differentiated."""
_BETAS, _EPS = (0.9, 0.999), 1e-8


def parameters_of(layers: list[Layer]) -> list[dict[str, Any]]:
    """What is trained, layer by layer."""
    return [
        {name: jnp.asarray(layer[name]) for name in ("weight", "bias") if layer.get(name) is not None}
        for layer in layers
    ]


def statistics_of(layers: list[Layer]) -> list[dict[str, Any]]:
    """The running statistics of batch normalization, layer by layer."""
    return [
        {name: jnp.asarray(layer[name]) for name in ("running_mean", "running_var") if name in layer}
        for layer in layers
    ]


def apply(layers: list[Layer], parameters: Any, statistics: Any, x: Any, *, train: bool, pool: str) -> tuple[Any, Any]:
    """(scores, new running statistics)."""
    found, updated = {IMAGES: x}, []
    for i, (layer, values, running) in enumerate(zip(layers, parameters, statistics, strict=True)):
        kind = layer["kind"]
        x, *others = (found[source] for source in layer["inputs"])
        if kind == "Conv":
            x = lax.conv_general_dilated(
                x,
                values["weight"],
                layer["stride"],
                [(side, side) for side in layer["padding"]],
                rhs_dilation=layer["dilation"],
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
                feature_group_count=layer["groups"],
            )
            x = x + values["bias"] if "bias" in values else x
        elif kind == "ConvTranspose":
            # Its filters are (kh, kw, out, in), those of the convolution that it turns back.
            how = {"dimension_numbers": ("NHWC", "HWIO", "NHWC"), "transpose_kernel": True}
            x = lax.conv_transpose(x, values["weight"], layer["stride"], "VALID", **how)
            x = x + values["bias"] if "bias" in values else x
        elif kind == "Dense":
            x = x @ values["weight"]
            x = x + values["bias"] if "bias" in values else x
        elif kind == "ReLU":
            x = jax.nn.relu(x)
        elif kind == "MaxPool":
            x = _max_pool(x, layer, pool)
        elif kind == "Flatten":
            x = x.reshape(len(x), -1)
        elif kind == "Softmax":
            x = jax.nn.softmax(x, axis=1)
        elif kind == "BatchNorm":
            x, running = _batch_norm(x, layer, values, running, train)
        elif kind == "GlobalAveragePool":
            x = x.mean((1, 2))
        elif kind == "Add":
            x = x + others[0]
        elif kind == "Concat":
            x = jnp.concatenate([x, *others], axis=-1)
        else:
            raise NotImplementedError(f"{kind} has no counterpart here")
        found[i] = x
        updated.append(running)
    return x, updated


def _max_pool(x: Any, layer: Layer, pool: str) -> Any:
    (height, width), padding = layer["pool_size"], layer["padding"]
    if pool == "reshape" and layer["stride"] == (height, width) and padding == (0, 0):
        n, h, w, c = x.shape
        x = x[:, : h // height * height, : w // width * width]
        return x.reshape(n, h // height, height, w // width, width, c).max((2, 4))
    sides = ((0, 0), *((side, side) for side in padding), (0, 0))
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, height, width, 1), (1, *layer["stride"], 1), sides)


def _batch_norm(x: Any, layer: Layer, values: Any, running: Any, train: bool) -> tuple[Any, Any]:
    if train:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        count, share = x.size // x.shape[-1], layer["momentum"]
        running = {
            "running_mean": (1 - share) * running["running_mean"] + share * mean,
            "running_var": (1 - share) * running["running_var"] + share * variance * (count / (count - 1)),
        }
    else:
        mean, variance = running["running_mean"], running["running_var"]
    scale = values["weight"] * lax.rsqrt(variance + layer["eps"])
    return (x - mean) * scale + values["bias"], running


def training(layers: list[Layer], images: Any, labels: Any, *, pool: str) -> Job:
    """A whole step: forward, cross-entropy, backward, Adam, in one jitted function that reuses its buffers."""
    converted = channels_last.convert(layers)
    x, y = jnp.asarray(np.ascontiguousarray(images.transpose(0, 2, 3, 1))), jnp.asarray(labels)

    def loss_of(parameters: Any, statistics: Any, x: Any, y: Any) -> tuple[Any, Any]:
        logits, statistics = apply(converted, parameters, statistics, x, train=True, pool=pool)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], axis=-1)
        return -chosen.mean(), statistics

    differentiate = jax.value_and_grad(loss_of, has_aux=True)

    def start() -> Any:
        parameters = parameters_of(converted)
        zeros = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
        return parameters, statistics_of(converted), *zeros, jnp.zeros((), jnp.float32)

    def step(rate: float, state: Any, x: Any, y: Any) -> tuple[Any, Any]:
        parameters, statistics, first, second, steps = state
        (loss, statistics), gradients = differentiate(parameters, statistics, x, y)
        steps = steps + 1
        first = jax.tree.map(lambda m, g: _BETAS[0] * m + (1 - _BETAS[0]) * g, first, gradients)
        second = jax.tree.map(lambda v, g: _BETAS[1] * v + (1 - _BETAS[1]) * g * g, second, gradients)
        step_size, scale = rate / (1 - _BETAS[0] ** steps), lax.rsqrt(1 - _BETAS[1] ** steps)
        parameters = jax.tree.map(
            lambda w, m, v: w - step_size * m / (jnp.sqrt(v) * scale + _EPS), parameters, first, second
        )
        return loss, (parameters, statistics, first, second, steps)

    def jitted(rate: float) -> Any:
        return jax.jit(functools.partial(step, rate), donate_argnums=0)

    _, gradients = jax.jit(differentiate)(parameters_of(converted), statistics_of(converted), x, y)
    outcome: dict[str, Any] = channels_last.gradients_back(
        layers, [layer[name] for layer in gradients for name in ("weight", "bias") if name in layer]
    )
    checked, state, losses = jitted(checked_rate(size_of(layers))), start(), []
    for _ in range(CHECKED_STEPS):
        loss, state = checked(state, x, y)
        losses.append(float(loss))
    timed, holder = jitted(TIMED_RATE), [start()]

    def run() -> None:
        loss, holder[0] = timed(holder[0], x, y)
        loss.block_until_ready()

    return Job(run, {"losses": np.array(losses)} | outcome)


def inference(layers: list[Layer], images: Any, *, pool: str) -> Job:
    """What the last layer gives for a batch, jitted, the parameters as constants."""
    converted = channels_last.convert(layers)
    parameters, statistics = parameters_of(converted), statistics_of(converted)
    x = jnp.asarray(np.ascontiguousarray(images.transpose(0, 2, 3, 1)))
    scores_of = jax.jit(lambda x: apply(converted, parameters, statistics, x, train=False, pool=pool)[0])
    scores = np.asarray(scores_of(x))
    scores = scores.transpose(0, 3, 1, 2) if scores.ndim == 4 else scores
    return Job(lambda: scores_of(x).block_until_ready(), {"scores": scores})
